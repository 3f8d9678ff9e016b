# Checks of the command line: source this file. $BOUGH is the program; each test gets an empty folder.
# Each check prints a line only when it fails; finish says how many did and ends the test.

set -u
[ -x "${BOUGH:?the path of bough}" ] || { echo "$BOUGH is not there" >&2; exit 99; }
here=$(cd "$(dirname "${BASH_SOURCE[1]}")" && pwd)
data=$here/data
dir=$(mktemp -d)
trap 'cd /; rm -rf "$dir"' EXIT
cd "$dir" || exit 99
export BOUGH_STORE=$dir/store NO_COLOR=1 TZ=UTC
passed=0
failed=0

bough() { "$BOUGH" "$@"; }

pass() { passed=$((passed + 1)); }
fail() {
  failed=$((failed + 1))
  printf 'FAILED line %s: %s\n' "${BASH_LINENO[1]}" "$*"
  sed 's/^/  out: /' out 2>/dev/null | head -20
  sed 's/^/  err: /' err 2>/dev/null | head -20
}

# ok COMMAND...: exit status 0, nothing on standard error
ok() {
  if "$@" >out 2>err </dev/null && [ ! -s err ]; then pass; else fail "$*"; fi
}

# refuses STATUS PATTERN COMMAND...: this exit status, PATTERN in standard error, what to do about it
# there too, nothing printed
refuses() {
  local want=$1 pattern=$2 got
  shift 2
  "$@" >out 2>err </dev/null
  got=$?
  if [ "$got" = "$want" ] && grep -qE -- "$pattern" err && grep -qE '^(hint|usage): ' err && [ ! -s out ]; then
    pass
  else
    fail "status $got, wanted $want and '$pattern': $*"
  fi
}

# prints PATTERN COMMAND...: exit status 0 and a line that fits
prints() {
  local pattern=$1
  shift
  if "$@" >out 2>err </dev/null && grep -qE -- "$pattern" out; then pass; else fail "wanted '$pattern': $*"; fi
}

# lacks PATTERN COMMAND...: exit status 0 and no line that fits
lacks() {
  local pattern=$1
  shift
  if "$@" >out 2>err </dev/null && ! grep -qE -- "$pattern" out; then pass; else fail "not wanted '$pattern': $*"; fi
}

# json FILTER COMMAND...: exit status 0, JSON for which the jq filter is true
json() {
  local filter=$1
  shift
  if "$@" >out 2>err </dev/null && jq -e "$filter" out >/dev/null 2>>err; then pass; else fail "wanted $filter: $*"; fi
}

# holds PATTERN FILE: a line of the file fits
holds() {
  if grep -qE -- "$1" "$2"; then pass; else fail "wanted '$1' in $2"; fi
}

# same A B: two texts are equal
same() {
  if [ "$1" = "$2" ]; then pass; else fail "'$1' is not '$2'"; fi
}

finish() {
  printf '%d passed, %d failed\n' "$passed" "$failed"
  [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
  exit
}
