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
ok rmdir "$t/_refs/soon"
ok mkdir "$t/_refs/soon"
ok ls "$t/_refs/soon/data"
sound
finish
