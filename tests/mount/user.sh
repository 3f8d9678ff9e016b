# An ordinary user mounts through fusermount3: no passthrough, everything else.
. "$SOURCE/tests/mount/lib.sh"
command -v fusermount3 >/dev/null && unshare -m true 2>/dev/null || { echo "no fusermount3"; exit 77; }
make_store
chmod 711 "$dir"
chown -R 65534:65534 "$s" "$m"
cat >inside.sh <<'INSIDE'
mount --make-rprivate / && rm -f node && mknod -m 0666 node c 10 229 && mount --bind node /dev/fuse || exit 77
as() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
as "$BIN/boughfs" "$s" "$m" || exit 1
t=$m/sales/orders
as cmp in/a.parquet "$t/data/a.parquet" || echo "reads differ"
as mkdir "$t/_refs/dev" || echo "no branch"
as bash -c 'stat -c %h "$0"/_ss/*' "$t" | grep -qx 2 || echo "links not fresh"
as mkdir -m 555 "$t/_refs/v1" || echo "no tag"
as mkdir "$t/_refs/v1/x" 2>&1 | grep -q 'Permission denied' || echo "a tag is writable"
as rmdir "$t/_refs/dev" || echo "not dropped"
as cat "$m/.bough/stats" | grep -q 'bough_passthrough_opens_total 0' || echo "passthrough for a user?"
grep -q 'by fusermount3: files are read through the daemon' "$s/log/boughfs.log" || echo "not said"
as "$BIN/bough" umount "$m" >/dev/null || echo "not unmounted by its user"
chown 0 "$m"
as "$BIN/boughfs" "$s" "$m" 2>err && echo "mounted where its user may not write"
grep -q '^boughfs: cannot mount at .*: Operation not permitted' err || cat err
INSIDE
export s m
same "$(unshare -m bash inside.sh 2>&1)" ""
sound
finish
