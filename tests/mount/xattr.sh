# Attributes: every inode names its store, refs and snapshots tell of themselves.
. "$SOURCE/tests/mount/lib.sh"
make_store
mount_store
mkdir "$t/_refs/dev" && mkdir -m 555 "$t/_refs/v1" || fail mkdir
value() { getfattr -h --absolute-names --only-values -n "user.bough.$1" "$2"; }
find "$m" | while read -r path; do
  [ -L "$path" ] || [ "$(value store "$path")" = "$s" ] || echo "$path"
done >without
same "$(cat without)" ""
same "$(value type "$t") $(value type "$t/_refs/dev") $(value type "$t/_refs/v1")" "table branch tag"
same "$(value rows "$t") $(value rows "$t/_refs/dev")" "6 6"
same "$(value head "$t/_refs/dev")" "$(readlink "$t/_refs/dev/HEAD")"
same "$(value base "$t/_refs/dev")" "$(readlink "$t/_refs/dev/HEAD")"
same "$(value bytes "$t")" "$(cat "$t"/data/* | wc -c)"
same "$(value type "$t/HEAD/../_ss" 2>/dev/null)" ""
same "$(value rows "$t/data/a.parquet")" 3
ok getfattr -d -m - "$t/_ss/$(ls "$t/_ss")"
same "$(value exclusive_bytes "$t/_refs/dev")" 0
write_parquet in/c.parquet 21
ok store import sales.orders/dev in/c.parquet
same "$(value exclusive_bytes "$t/_refs/dev")" "$(wc -c <in/c.parquet)"
same "$(value exclusive_bytes "$t/_refs/v1")" 0
same "$(value holds "$t/_refs/dev")" ""
same "$(getfattr -d "$t/_refs/dev" 2>/dev/null | sed -n 's/^user.bough.\([a-z_]*\)=.*/\1/p' | sort | tr '\n' ' ')" \
  "base bytes created exclusive_bytes head holds id protected rows store type "
(cd "$t/_refs/dev/data" && bough log sales.orders >"$dir/log.out") || fail "bough log inside the mount"
same "$(BOUGH_STORE=$t/data bough db list | grep -c sales)" 1
finish
