# Killed, stopped, unmounted: what a mount leaves and what it does not.
. "$SOURCE/tests/mount/lib.sh"
make_store

daemons() {
  for p in /proc/[0-9]*; do
    [ "$(readlink "$p/exe" 2>/dev/null)" = "$BIN/boughfs" ] &&
      tr '\0' ' ' <"$p/cmdline" | grep -qF " $dir/" && echo "${p#/proc/}"
  done
}
gone() {
  for _ in $(seq 100); do
    [ -z "$(daemons)" ] && return 0
    sleep 0.02
  done
  return 1
}

# kill -9: ENOTCONN at once, and a new mount in less than a second
for i in 1 2 3; do
  mount_store
  (while cat "$t"/data/*.parquet >/dev/null 2>&1; do :; done) &
  reader=$!
  sleep 0.1
  kill -9 $(daemons)
  wait $reader
  errno ENOTCONN list "$m"
  errno ENOTCONN read "$t/data/a.parquet"
  errno ENOTCONN statfs "$m"
  start=$(date +%s%N)
  mount_store
  ok cmp in/a.parquet "$t/data/a.parquet"
  ms=$((($(date +%s%N) - start) / 1000000))
  [ "$ms" -lt 1000 ] || fail "the new mount took $ms ms"
  same "$(grep -c " $m " /proc/self/mountinfo)" 1
  unmount
  gone || fail "the daemon lives on"
done

# SIGTERM: unmounted cleanly, even while a shell works in it
mount_store
(cd "$t/data" && sleep 1) &
worker=$!
sleep 0.1
kill -TERM $(daemons)
gone || fail "SIGTERM was not obeyed"
same "$(grep -c " $m " /proc/self/mountinfo)" 0
wait $worker

# unmounted from outside: the daemon ends, what is mounted underneath stays
mount -t tmpfs below "$m"
mount_store
unmount
gone || fail "the daemon lives on after umount"
same "$(stat -f -c %T "$m")" tmpfs
umount "$m"

# down PATH: bough umount, again where somebody looks at all mounts just then
down() {
  local i
  for i in 1 2 3 4 5; do
    bough umount "$1" >out 2>err && return
    sleep 0.2
  done
  fail "bough umount: $(cat err)"
}

# bough umount; in use it says so
mount_store
exec 5<"$t/data/a.parquet"
bough umount "$m" 2>err && fail "unmounted while in use"
exec 5<&-
down "$m"
[ -z "$(daemons)" ] || fail "the daemon lives on after bough umount"

# what bough umount has unmounted is nobody's: also if its daemon takes a while
for i in $(seq 10); do
  mount_store
  mkdir "$t/_refs/u$i" && rmdir "$t/_refs/u$i"
  down "$m"
  ok store fsck --repair
done
mount_store
kill -STOP $(daemons)
(sleep 0.5; kill -CONT $(daemons)) &
later=$!
down "$m"
ok store fsck --repair
wait $later

# its place among the clients may be another's by the time that bough umount looks again
mkdir -p second
mount_store
kill -STOP $(daemons)
for _ in 1 2 3 4 5; do
  "$BIN/bough" umount "$m" >out 2>err &
  umount=$!
  while kill -0 $umount 2>/dev/null && grep -q " $m " /proc/self/mountinfo; do sleep 0.05; done
  sleep 0.3
  kill -0 $umount 2>/dev/null && break
done
kill -STOP $umount
kill -CONT $(daemons)
gone || fail "the daemon lives on"
boughfs "$s" "$dir/second" || exit 99
kill -CONT $umount
wait $umount || fail "$(cat err)"
down second

# mounted at two paths, only one goes; another mount of the store stays, too
mount_store
boughfs "$s" "$dir/second" || exit 99
down "$m"
same "$(daemons | wc -l)" 2 # and its guard
mount --bind second "$m"
down second
same "$(ls "$m")" sales
down "$m"
[ -z "$(daemons)" ] || fail "the daemon of two paths lives on"

# 20 times up and down: no descriptor, process or slot stays behind
for i in $(seq 20); do
  mount_store
  mkdir "$t/_refs/b$i" || fail mkdir
  unmount
done
gone || fail "daemons live on"
same "$(store branch list --json | grep -c '"b[0-9]*"')" 20
sound
finish
