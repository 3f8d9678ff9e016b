# What cannot be mounted, and what is said about it.
. "$SOURCE/tests/mount/lib.sh"
make_store
refused() {
  checked=$((checked + 1))
  local want=$1
  shift
  "$BIN/boughfs" "$@" >out 2>err
  [ $? = 1 ] && [ ! -s out ] && grep -qE "$want" err || { fail "$*"; cat err; }
}
refused 'mount point .*none does not exist' "$s" "$dir/none"
refused 'hint: mkdir ' "$s" "$dir/none"
refused 'is no directory' "$s" "$dir/in/a.parquet"
refused "is not empty: it holds '(a|b).parquet'" "$s" "$dir/in"
refused 'none' "$dir/none" "$m"
refused "holds no file 'format'" "$dir/in" "$m"
ln -s "$m" link
refused 'symbolic link' "$s" "$dir/link"
cp -r "$s" newer && sed -i 's/^bough .*/bough 9/' newer/format
refused 'format 9' "$dir/newer" "$m"
ln -s nowhere dangling
refused 'symbolic link' "$s" "$dir/dangling"
without() { # without 'COMMAND': in a mount namespace where it has been run
  unshare -m bash -c 'mount --make-rprivate / && eval "$0" && exec "$1/boughfs" "$2" "$3"' \
    "$1" "$BIN" "$s" "$m" >out 2>err
}
if unshare -m true 2>/dev/null; then
  checked=$((checked + 1))
  without 'mount -t tmpfs none /dev' && fail "mounted without /dev/fuse"
  grep -q '^boughfs: there is no /dev/fuse' err && grep -q '^hint: modprobe fuse' err || fail "$(cat err)"
  checked=$((checked + 1))
  without 'mount -t tmpfs none /dev && mknod /dev/fuse c 10 250' && fail "mounted by another device"
  grep -q '^boughfs: cannot mount at .*: No such device' err || fail "$(cat err)"
fi
same "$(grep -c " $m " /proc/self/mountinfo)" 0
mount_store
refused 'is mounted at .* already' "$s" "$m"
unmount
boughfs >out 2>err
same "$?" 2
boughfs -o nonsense "$s" "$m" >out 2>err
same "$?" 2
boughfs --help >out 2>err
same "$? $(head -c 5 out)" "0 usage"

# options
mount_store -o ro,uid=12,gid=34
same "$(stat -c %u:%g "$t/data/a.parquet")" 12:34
errno EROFS mkdir "$t/_refs/x"
ok cmp in/a.parquet "$t/data/a.parquet"
unmount
mount_store -o allow_other,max_threads=2
chmod 711 "$dir"
same "$(setpriv --reuid 65534 --clear-groups cat "$t/data/a.parquet" | cksum)" "$(cksum <in/a.parquet)"
errno 0 mkdir "$t/_refs/x"
got=$(setpriv --reuid 65534 --clear-groups mkdir "$t/_refs/y" 2>&1)
[[ $got == *"Permission denied"* ]] || fail "another user made a branch: $got"
unmount
mount_store
got=$(setpriv --reuid 65534 --clear-groups ls "$m" 2>&1)
[[ $got == *"Permission denied"* ]] || fail "another user sees the mount: $got"

# a path relative to where we are, with a space, in the foreground
mkdir 'a b'
"$BIN/boughfs" -f store 'a b' 2>fg.log &
pid=$!
for _ in $(seq 100); do [ -e 'a b/sales' ] && break; sleep 0.02; done
ok test -d "a b/sales/orders"
kill -INT $pid
wait $pid
same "$?" 0
grep -q 'is mounted at' fg.log || fail "no log on standard error"
finish
