# Sourced by each case: a store at $s, a mount point at $m, checks that count.
set -u
s=$dir/store m=$dir/mnt
mkdir -p "$m"
cd "$dir" || exit 99
failed=0 checked=0

bough() { "$BIN/bough" "$@"; }
boughfs() { "$BIN/boughfs" "$@"; }
store() { bough -s "$s" "$@"; }

# write_parquet PATH FIRST: three rows
write_parquet() {
  PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$SOURCE/tests/support python3 -c \
    'import sys, parquet; a = int(sys.argv[2]); parquet.write(sys.argv[1], {"id": [a, a + 1, a + 2]})' "$1" "$2"
}

# make_store: sales.orders with a.parquet, b.parquet on main
make_store() {
  mkdir -p in && write_parquet in/a.parquet 1 && write_parquet in/b.parquet 11 || exit 99
  bough init "$s" >/dev/null && store import sales.orders in/a.parquet in/b.parquet >/dev/null || exit 99
  t=$m/sales/orders
}

mount_store() { boughfs "$@" "$s" "$m" || exit 99; }

fail() {
  failed=$((failed + 1))
  echo "FAILED ${BASH_SOURCE[-1]##*/}:${BASH_LINENO[-2]}: $*"
}

ok() {
  checked=$((checked + 1))
  "$@" >out 2>err || { fail "$*"; sed 's/^/  /' err | head -5; }
}

same() {
  checked=$((checked + 1))
  [ "$1" = "$2" ] || fail "'$1' is not '$2'"
}

# errno NAME OPERATION PATH [ARGUMENT]: the operation fails so; "0" means it works.
# One helper process does them all; its current directory is that of the first call.
errno() {
  checked=$((checked + 1))
  local want=$1 got
  shift
  [ -n "${OPS_PID:-}" ] || coproc OPS { exec python3 "$SOURCE/tests/mount/op.py"; }
  printf '%s\n' "$#" "${@//$'\n'/\\n}" >&"${OPS[1]}"
  read -r got <&"${OPS[0]}"
  [ "$got" = "$want" ] || fail "$got, not $want: $*"
}

inode() { stat -c %i "$1"; }
links() { stat -c %h "$1"; }

sound() {
  checked=$((checked + 1))
  store fsck >fsck.out 2>&1 || { fail "fsck"; cat fsck.out; }
}

# Whoever asks for all mounts (df does) is in each for a moment.
unmount() {
  local i
  for i in 1 2 3 4 5; do
    umount "$m" 2>umount.err && return
    sleep 0.2
  done
  fail "$(cat umount.err)"
}

finish() {
  echo "$checked checks, $failed failed"
  [ "$failed" = 0 ] && [ "$checked" -gt 0 ]
  exit
}
