#!/usr/bin/env bash
# quickstart.sh: from a fresh Debian 12, as root, to a mounted table with a branch that is written to, in
# under three minutes.
# usage: tools/quickstart.sh [FOLDER]     FOLDER (default /tmp/bough-quickstart) is made anew each time.
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
demo=${1:-/tmp/bough-quickstart}
share=/usr/local/share/bough
log=$(mktemp /tmp/bough-quickstart-log.XXXXXX)
began=$SECONDS

say() { printf '\n== %s\n' "$*"; }
# Show a command as one would type it, then run it.
run() { printf '$ %s\n' "$*"; eval "$*"; }
# On a terminal DuckDB asks for its colours, and waits 5 s where nobody answers.
duckdb() { "$share/bin/duckdb" "$@" | cat; }
quietly() {
  local what=$1 from=$SECONDS
  shift
  printf '%-44s' "$what ..."
  if ! "$@" >"$log" 2>&1; then
    printf 'failed\n'
    tail -30 "$log" >&2
    exit 1
  fi
  printf '%3d s\n' $((SECONDS - from))
}

build() {
  cd "$top"
  [ -f build/build.ninja ] || meson setup build
  meson compile -C build bough boughfs bough-reader
}

# A folder of an earlier run is taken away, and nothing else.
clear_demo() {
  if mountpoint -q "$demo/mnt"; then "$top/build/bough" umount "$demo/mnt"; fi
  if [ -e "$demo" ] && [ ! -e "$demo/.quickstart" ]; then
    echo "quickstart: $demo exists and is not from an earlier run: name another folder" >&2
    exit 1
  fi
  rm -rf "$demo"
  mkdir -p "$demo/mnt" "$demo/files"
  touch "$demo/.quickstart"
}

# Half a month per file: 2001-01a.parquet ... 2001-06b.parquet, which also takes the six flights of 1 July.
split() {
  local bounds=(01-01 01-16 02-01 02-16 03-01 03-16 04-01 04-16 05-01 05-16 06-01 06-16 07-02) i name
  for i in {0..11}; do
    name=2001-${bounds[i]%-*}$([ $((i % 2)) = 0 ] && echo a || echo b)
    echo "COPY (FROM '$share/data/flights-3m.parquet'
      WHERE date >= '2001-${bounds[i]}' AND date < '2001-${bounds[i + 1]}')
      TO '$demo/files/$name.parquet' (COMPRESSION zstd);"
  done | "$share/bin/duckdb" -bail
}

[ "$(id -u)" = 0 ] || { echo "quickstart: run it as root: it installs packages and mounts" >&2; exit 1; }
say "Preparing"
quietly "installing packages (tools/deps.sh)" "$top/tools/deps.sh"
quietly "fetching flights data and the duckdb program" "$top/tools/data.sh"
quietly "building into build/" build
clear_demo
quietly "cutting 3,000,000 flights into 12 files" split

export PATH="$top/build:$share/bin:$PATH" BOUGH_STORE="$demo/store" NO_COLOR=1
cd "$demo"

say "A store, and five months of flights in it as one commit"
run bough init store
run bough import us.flights "files/2001-0[1-5]*.parquet" --message "'January to May'"

say "Mounted, a table is a folder of Parquet files"
run bough mount store mnt
run ls mnt/us/flights/data

say "A branch is a folder: nothing is copied"
run 'main=mnt/us/flights dev=mnt/us/flights/_refs/dev'
run 'mkdir $dev'
run bough branch list us.flights

say "June is copied into the branch: each file is a commit when it is closed"
run 'cp files/2001-06*.parquet $dev/data/'
run bough log us.flights/dev

say "rm, mv and ln are commits too; ln brings a file of main back without a copy"
run 'rm $dev/data/2001-01a.parquet'
run 'mv $dev/data/2001-06a.parquet $dev/data/june.parquet'
run 'ln $main/data/2001-01a.parquet $dev/data/'

say "DuckDB writes there as well: the six flights of 1 July go, by a file that replaces one"
run "duckdb -c \"COPY (FROM '\$dev/data/2001-06b.parquet' WHERE date < '2001-07-01')
    TO '\$dev/data/2001-06b.parquet'\""
run bough log us.flights/dev

say "Main has nothing of it"
run bough log us.flights
q="SELECT count(*) AS flights, sum(delay) AS minutes, max(date) AS last FROM"
run "duckdb -csv -c \"$q '\$main/data/*.parquet'\""
run "duckdb -csv -c \"$q '\$dev/data/*.parquet'\""

say "The months they share are the same files: same inode, several links"
run 'ls -li $main/data/2001-05b.parquet $dev/data/2001-05b.parquet'
run 'du -sh $main/data $dev/data'

say "A check of everything"
run bough fsck

say "Done in $((SECONDS - began)) s. The mount stays; go on with:"
cat <<TEXT
  export PATH=$top/build:\$PATH
  cd $demo/mnt/us/flights
  ls -l _refs/dev                 its snapshots, HEAD and data
  rm _refs/dev/data/2001-0*       one step of history, which a reset takes back
  mkdir -m 555 _refs/v1           a tag
  mv _refs/dev _refs/june         rename the branch
  rmdir _refs/june                drop it
  bough show us.flights           head, schema, counts
  bough help                      all commands; man -l $top/tools/man/bough.1
When you are done:
  cd / && bough umount $demo/mnt && rm -rf $demo
TEXT
rm -f "$log"
