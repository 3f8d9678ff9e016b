# After its time a ref is stale inside, also for whoever had everything cached; it can be dropped.
. "$SOURCE/tests/mount/lib.sh"
make_store
mount_store
ok store branch create sales.orders/soon --retain 2s
ls -lR "$t/_refs/soon" >/dev/null && cat "$t/_refs/soon/data/a.parquet" >/dev/null || fail "not readable before"
same "$(getfattr --only-values -n user.bough.type "$t/_refs/soon")" branch
ok getfattr -n user.bough.expire_at "$t/_refs/soon"
cd "$t/_refs/soon/data" || fail cd
errno 0 list .
sleep 2.1
errno ESTALE stat "$t/_refs/soon/data"
errno ESTALE list "$t/_refs/soon"
errno ESTALE list .
errno ESTALE read a.parquet
errno ESTALE readlink "$t/_refs/soon/HEAD"
errno 0 stat "$t/_refs/soon"
errno EEXIST mkdir "$t/_refs/soon"
cd "$dir" || exit 99
errno ESTALE setxattr "$t/_refs/soon" user.bough.retain=7d
errno ESTALE chmod "$t/_refs/soon" 555
refused=$(store branch retain sales.orders/soon 0 2>&1) && fail "expired, but retained"
case $refused in *expired*) ;; *) fail "$refused" ;; esac
ok rmdir "$t/_refs/soon"
ok mkdir "$t/_refs/soon"
ok ls "$t/_refs/soon/data"

# set later, when all is cached already; and taken back
cat "$t/_refs/soon/data/a.parquet" >/dev/null && ls -l "$t/_refs/soon/data" >/dev/null || fail "not readable"
ok mkdir "$t/_refs/kept"
for name in soon kept; do
  ok setfattr -n user.bough.retain -v 2s "$t/_refs/$name"
  ok getfattr -n user.bough.expire_at "$t/_refs/$name"
done
ok setfattr -n user.bough.retain -v 0 "$t/_refs/kept"
same "$(getfattr -d "$t/_refs/kept" 2>/dev/null | grep -c expire_at)" 0
ok setfattr -n user.bough.retain -v 2s "$t/_refs/kept"
ok setfattr -x user.bough.retain "$t/_refs/kept"
sleep 2.1
errno ESTALE stat "$t/_refs/soon/data/a.parquet"
errno ESTALE list "$t/_refs/soon/data"
ok cat "$t/_refs/kept/data/a.parquet"
ok store branch retain sales.orders/kept 7d
ok store branch retain sales.orders/kept 0
errno ENODATA getxattr "$t/_refs/kept" user.bough.expire_at
sound
finish
