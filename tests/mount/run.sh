#!/bin/bash
# run.sh CASE: one case through a real mount, in a folder of its own. 77: it cannot run here.
# A case that takes longer than $CASE_SECONDS is shown with the stacks of all involved, and killed.
set -u
case_file=$1
: "${BIN:?the folder with bough, boughfs}" "${MKSTORE:?}" "${SOURCE:?the source tree}"
export BIN MKSTORE SOURCE
[ -c /dev/fuse ] && [ "$(id -u)" = 0 ] || { echo "needs root and /dev/fuse"; exit 77; }
dir=$(mktemp -d /tmp/bough-mount-XXXXXX)
export dir

stacks() {
  for p in /proc/[0-9]*; do
    line=$({ tr '\0' ' ' <"$p/cmdline"; readlink "$p/cwd"; } 2>/dev/null)
    case $line in *"$dir"*) ;; *) continue ;; esac
    echo "--- ${p#/proc/} $line"
    for t in "$p"/task/*; do
      echo "$(cat "$t/comm" "$t/wchan" 2>/dev/null | tr '\n' ' ')"
      head -8 "$t/stack" 2>/dev/null
    done
  done
}

# Only what this case started: boughfs of a store in its folder, and mounts below it.
clean() {
  for p in /proc/[0-9]*; do
    [ "$(readlink "$p/exe" 2>/dev/null)" = "$BIN/boughfs" ] &&
      tr '\0' ' ' <"$p/cmdline" | grep -qF " $dir/" && kill -9 "${p#/proc/}"
  done
  awk -v d="$dir/" 'index($5, d) == 1 {print $5}' /proc/self/mountinfo | sort -r |
    while read -r m; do umount -l "$m"; done
  rm -rf "$dir"
}
trap clean EXIT

bash "$case_file" &
child=$!
(
  trap 'kill $! 2>/dev/null' TERM
  sleep "${CASE_SECONDS:-100}" </dev/null >/dev/null 2>&1 &
  wait $! || exit 0
  echo "TIMEOUT after ${CASE_SECONDS:-100} s"
  stacks
  cat "$dir"/*/log/boughfs.log 2>/dev/null | tail -20
  kill -9 $child
) &
watch=$!
wait $child
status=$?
kill $watch 2>/dev/null
wait $watch 2>/dev/null
exit $status
