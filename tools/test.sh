#!/usr/bin/env bash
# test.sh: everything that must hold: installs what is needed, builds, tests, in four ways.
# usage: tools/test.sh [--long]     --long: the full counts of the reliability tests, hours
# The last line is "N passed, N failed, N skipped" over all runs; exit status 0 if none failed.
set -uo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top" || exit 1
times=1 # as long as a test may take
case "${1-}" in
'') ;;
--long) export BOUGH_TEST_SCALE=full times=20 ;;
*) echo "usage: tools/test.sh [--long]" >&2; exit 2 ;;
esac
export UBSAN_OPTIONS=print_stacktrace=1 PYTHONDONTWRITEBYTECODE=1
passed=0 failed=0 skipped=0

say() { printf '%s  %s\n' "$(date +%H:%M:%S)" "$*"; }

# A step without a log of its own: what it prints is shown only if it fails.
step() {
  local what=$1 log
  shift
  log=$(mktemp)
  say "$what"
  if "$@" >"$log" 2>&1; then
    rm -f "$log"
    return 0
  fi
  grep -E 'error:|warning:|ERROR|FAILED' "$log" | head -30
  tail -20 "$log"
  rm -f "$log"
  say "FAILED: $what"
  failed=$((failed + 1))
  return 1
}

# Adds meson's results in $1 to the counts.
count() {
  local n
  read -r -a n < <(python3 - "$1" <<'PY'
import collections, json, sys
n = collections.Counter(json.loads(line)['result'] for line in open(sys.argv[1]))
good, skip = n['OK'] + n['EXPECTEDFAIL'], n['SKIP']
print(good, sum(n.values()) - good - skip, skip)
PY
  )
  if [ "${#n[@]}" != 3 ]; then
    say "FAILED: no results in $1"
    failed=$((failed + 1))
    return
  fi
  passed=$((passed + n[0])) failed=$((failed + n[1])) skipped=$((skipped + n[2]))
  say "  ${n[0]} passed, ${n[1]} failed, ${n[2]} skipped of these"
}

# build FOLDER [meson setup arguments]
build() {
  local dir=$1
  shift
  if [ ! -f "$dir/build.ninja" ]; then
    step "$dir: configure" meson setup "$dir" "$@" || return 1
  fi
  step "$dir: compile" meson compile -C "$dir"
}

# run FOLDER [meson test arguments]: a test fails by its result in the log, not by meson's status,
# which is that of the whole.
run() {
  local dir=$1 results="$1/meson-logs/testlog.json" out
  shift
  out=$(mktemp)
  rm -f "$results"
  say "$dir: test"
  meson test -C "$dir" --no-rebuild --print-errorlogs "$@" >"$out" 2>&1
  grep -vE '^ *[0-9]+/[0-9]+ .* OK |^ninja|^Full log|^$|^(Ok|Expected Fail|Fail|Unexpected Pass|Skipped|Timeout):' \
    "$out" | tail -200
  rm -f "$out"
  count "$results"
}

if [ "$(id -u)" = 0 ]; then
  step "tools/deps.sh --test" tools/deps.sh --test
else
  say "not root: tools/deps.sh --test must have run, and tests that mount may be skipped"
fi
if build build-test --werror; then run build-test -t "$times"; fi
CC=clang build build-test-clang --werror
if build build-test-asan --buildtype=debug -Db_sanitize=address,undefined -Db_lundef=false; then
  run build-test-asan -t 5 --suite unit --suite contract --suite fuzz
fi
if build build-test-tsan --buildtype=debug -Db_sanitize=thread -Db_lundef=false; then
  run build-test-tsan -t 5 --suite threads
fi
[ "$passed" -gt 0 ] || failed=$((failed + 1))
say "took $((SECONDS / 60)) min $((SECONDS % 60)) s"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
