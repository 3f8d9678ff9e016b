# A file without statistics gets minima and maxima when it is closed, before its commit.
. "$SOURCE/tests/mount/lib.sh"
samples=$SOURCE/tests/samples/parquet
make_store
ok store import sales.plain "$samples/small.parquet"
mount_store
p=$m/sales/plain

# ranges SEGMENT_NUMBER: of column a in a segment, the newest is 0
ranges() {
  local key
  key=$(bough show "$p/HEAD" | jq -r ".segments[$1][0]")
  store show "${key##*/}" | jq -c '[.summary.col_stats["0"] | .min.Number.Int32, .max.Number.Int32, .null_count]'
}

same "$(ranges 0)" "[1,3,1]"
ok cp "$samples/no_stats.parquet" "$p/data/new.parquet"
same "$(ls "$p/data" | tr '\n' ' ')" "new.parquet small.parquet "
same "$(ranges 0)" "[1,3,1]"
same "$(ranges 1)" "[1,3,1]"
ok cmp "$samples/no_stats.parquet" "$p/data/new.parquet"

# over another, and by a rename
ok cp "$samples/old_bounds.parquet" "$p/data/small.parquet"
ok cp "$samples/no_orders.parquet" "$p/data/.tmp"
ok mv "$p/data/.tmp" "$p/data/new.parquet"
same "$(ls "$p/data" | tr '\n' ' ')" "new.parquet small.parquet "
n=$(bough show "$p/HEAD" | jq '.segments | length')
for ((i = 0; i < n; i++)); do same "$(ranges $i)" "[1,3,1]"; done

# what nobody but its owner may read, and what cannot be read at all
ok sh -c 'umask 077; cp "$0" "$1"' "$samples/no_stats.parquet" "$p/data/private.parquet"
same "$(ranges 0)" "[1,3,1]"
cp "$samples/no_stats.parquet" broken.parquet
printf 'XXXXXXXXXXXXXXXXXXXX' | dd of=broken.parquet bs=1 seek=4 conv=notrunc status=none
same "$(store show sales.plain --json | jq .databend.attachable)" true
ok cp broken.parquet "$p/data/broken.parquet"
same "$(store show sales.plain --json | jq -r .databend.reason)" \
  "1 of 4 blocks break a rule of Databend's format, the first is broken.parquet"
same "$(ranges 0)" "[null,null,null]"
ok cmp broken.parquet "$p/data/broken.parquet"
ok rm "$p/data/broken.parquet"
same "$(store show sales.plain --json | jq .databend.attachable)" true
ok bough umount "$m"
sound
finish
