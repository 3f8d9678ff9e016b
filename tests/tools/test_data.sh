# Import, history, show, stat, fsck: on small Parquet files.
. "$(dirname "$0")/check.sh"
ok bough init store

prints '^imported 1 file into s.t: 3 rows, [0-9]+ bytes, snapshot [0-9a-f]{12}$' \
  bough import s.t "$data/a.parquet" -m first --author alice
json '.[0] | .rows == 3 and .rows_added == 3 and .operation == "append" and .message == "first"
  and .author == "alice" and .head and .refs == ["main"] and (.snapshot | length == 32)' \
  bough log s.t --json
first=$(bough log s.t --json | jq -r '.[0].snapshot')

# branch and tag of data
prints "^created branch s.t/dev at ${first:0:12}: 3 rows" bough branch create s.t/dev
prints "^created tag s.t/v1 at ${first:0:12}: 3 rows" bough tag create s.t/v1
json ".head == \"$first\" and .base == .head and .rows == 3 and .blocks == 1 and .bytes > 0" \
  bough branch show s.t/dev --json
json '.type == "tag" and .ref == "v1"' bough tag show s.t/v1 --json
refuses 1 "^hint: use 'bough tag drop'" bough branch drop s.t/v1
refuses 1 "^hint: use 'bough branch show'" bough tag show s.t/dev

# import into the branch; main stays
json '.rows == 2 and .files == 1 and .imported == "s.t/dev" and (.snapshot | length == 32)' \
  bough import s.t/dev "$data/b.parquet" --json
json '.rows == 5 and .blocks == 2 and .snapshots == 2' bough branch show s.t/dev --json
json '.rows == 3' bough show s.t --json
refuses 1 "tag" bough import s.t/v1 "$data/b.parquet"
refuses 1 "^hint: did you mean 'dev'" bough import s.t/dve "$data/b.parquet"

# bad files change nothing
refuses 1 "other.parquet" bough import s.t "$data/other.parquet"
refuses 1 "broken.parquet" bough import s.t "$data/broken.parquet"
refuses 1 "cannot read 'none.parquet'" bough import s.t none.parquet
refuses 1 "broken.parquet" bough import s.t "$data/b.parquet" "$data/broken.parquet"
json 'length == 1' bough log s.t --json
prints 'hold no rows' bough import s.t "$data/empty.parquet"
json '.snapshot == null' bough import s.t "$data/empty.parquet" --json

# folders: sorted, recursive, without markers and temporary files; equal names take their folders
mkdir -p in/y=1/m=1 in/y=1/m=2 in/_tmp in/.hidden nothing
cp "$data/a.parquet" in/y=1/m=1/part.parquet
cp "$data/b.parquet" in/y=1/m=2/part.PARQUET
cp "$data/b.parquet" in/y=1/m=2/part.parquet
cp "$data/broken.parquet" in/_tmp/x.parquet
cp "$data/broken.parquet" in/.hidden/x.parquet
cp "$data/broken.parquet" in/tmp_x.parquet
cp "$data/broken.parquet" in/_x.parquet
touch in/_SUCCESS
json '.files == 3 and .rows == 7' bough import p.t in/ --json
refuses 1 "no \*.parquet file" bough import p.t nothing
ln -s ../in in/loop
refuses 1 "leads back into itself" bough import p.t in
rm in/loop
segment=$(bough show "$(bough show p.t --json | jq -r .head)" | jq -r '.segments[0][0]' |
  grep -oE '[0-9a-f]{32}')
same "$(bough show "$segment" | jq -r '.blocks[].bough_name' | sort | paste -sd' ')" \
  "part.PARQUET y=1-m=1-part.parquet y=1-m=2-part.parquet"

# objects by name, digits, prefix
second=$(bough log s.t/dev --json | jq -r '.[0].snapshot')
for name in "$second" "h${second}_v4.mpk" "h$second"; do
  json ".summary.row_count == 5 and .snapshot_id == \"$second\" and .prev_snapshot_id[0] == \"$first\"" \
    bough show "$name"
done
json '(.blocks | length > 0) and .summary.row_count == 7' bough show "$segment"
refuses 1 "fits several objects" bough show "${second:0:4}"
refuses 1 "no snapshot or segment" bough show ffffffff
refuses 1 "no snapshot or segment" bough show "${second:0:31}$(echo "${second:31}" | tr 0-9a-f 1-9a-f0)"
refuses 1 "no snapshot or segment" bough show 00000000000000000000000000000000
refuses 1 "is a block" bough show "h${second}_v2.parquet"

# files, ours and Databend's: no store is needed
bough show "$second" >shown
refuses 1 "is a Parquet file" bough -s nowhere show "$data/a.parquet"
refuses 1 "cannot read './none'" bough show ./none
refuses 1 "'/' is a folder" bough show /
head -c 100 /dev/zero >zeros
refuses 1 "^bough: cannot show './zeros': format version 0 is not supported" bough show ./zeros
samples=$here/../samples
json '.summary.row_count == 15000000 and (.segments | length) == 1' \
  bough -s nowhere show "$samples/legacy/c_sn_v4.mpk"
json '(.blocks | length) == 20 and .summary.row_count == 15000000' \
  bough -s nowhere show "$samples/legacy/c_seg_v4.mpk"

# moments
json ".[0].snapshot == \"$first\" and length == 1" bough log "s.t/dev@${first}" --json
json ".at == \"$first\" and .rows == 3" bough show "s.t/dev@$first" --json
json ".head == \"$first\"" bough branch create s.t/old --from dev --at "${first:0:12}" --json
when=$(bough log s.t/dev --json | jq -r '.[1].time')
json ".head == \"$first\"" bough tag create s.t/then --from s.t/dev --at "$when" --json
refuses 1 "moment" bough log s.t@yesterday
refuses 1 "no snapshot" bough log s.t@-30d
json 'length == 2 and .[0].rows_added == 2 and .[1].rows_added == 3' bough log s.t/dev --json
json 'length == 1 and .[0].rows == 5' bough log s.t/dev -n 1 --json
json 'length == 0' bough log s.t/dev -n 0 --json
json 'length == 2' bough log s.t/dev --all --json
prints 'main, old, then|old' bough log s.t
lacks ' $' bough log s.t/dev
lacks ' $' bough table list
json '.[0].refs | contains(["main", "v1", "old", "then"])' bough log s.t --json

# drop says how to get it back, and that works
restore=$(bough branch drop s.t/old --json | jq -r .restore)
same "$restore" "bough branch undrop s.t/old"
ok $restore
json ".head == \"$first\" and .snapshots == 1" bough branch show s.t/old --json
json '.rows == 5' bough branch show s.t/dev --json
ok bough branch drop s.t/dev
refuses 1 "unknown branch" bough log s.t/dev
ok bough branch undrop s.t/dev --as dev2
json '.rows == 5 and .snapshots == 2' bough branch show s.t/dev2 --json
ok bough branch drop s.t/dev2
prints '^  bough tag undrop s.t/v1$' bough tag drop s.t/v1
json '.errors == 0' bough fsck --json

# reset: back, forward, to another ref's snapshot
ok bough branch undrop s.t/dev2 --as dev
ok bough tag undrop s.t/v1
ok bough branch create s.t/r --from dev
before=$(bough branch show s.t/r --json | jq -r .head)
prints 'branch s.t/r is at .* rows; it was at' bough branch reset s.t/r "$first" --from main
json ".head == \"$first\"" bough branch show s.t/r --json
json ".head == \"$before\" and .before == \"$first\" and .rows == 5" \
  bough branch reset s.t/r "$before" --json
refuses 1 "no snapshot at" bough branch reset s.t/r -- -30d
refuses 1 "is a tag, not a branch" bough branch reset s.t/v1 "$first"
refuses 1 "of another table|unknown" bough branch reset s.t/r "$first" --from none
ok bough branch protect s.t/r
refuses 1 "cannot reset 'r': it is protected" bough branch reset s.t/r "$first" --from main
ok bough branch unprotect s.t/r
head=$(bough log s.t -n 1 --json | jq -r '.[0].snapshot')
ok bough branch reset s.t/main "$first"
json ".rows == 3" bough table show s.t --json
ok bough branch reset s.t/main "$head"
ok bough branch drop s.t/r
ok bough branch drop s.t/dev
ok bough tag drop s.t/v1
json '.errors == 0' bough fsck --json

# schema, sizes, zones
json '[.schema[].name] == ["id", "name"] and .databend.attachable != null' bough show s.t --json
prints '^id +' bough show s.t
json '.blocks >= 4 and .block_bytes > 0 and .metadata_bytes > 0 and .commit > 0' bough stat --json
json '.name == "s.t" and .commits == 2 and .refs == 2' bough stat s.t --json
json '.name == "s.t/old" and .snapshots == 1 and .rows == 3' bough stat s.t/old --json
prints '^bytes of metadata +[0-9.]+[KMG]$' bough stat -h
prints '^created +.*\+05:30$' bough stat --tz +05:30
prints '^created +.*Z$' bough stat --tz UTC
refuses 1 "unknown table" bough stat s.x
prints 'no errors$' bough fsck
prints 'no errors$' bough fsck --full
json '.errors == 0 and .findings == [] and .blocks > 0' bough fsck --full --json

# exported objects: at once without a mount, again where they are missing from the outbox only
json '.refs == 0 and .marker > 0 and .commit >= .marker' bough sync --json
prints '^everything is exported$' bough sync
echo 'publish = commit' >store/bough.conf
ok bough branch create s.t/pub
prints '^everything is exported$' bough sync
echo 'publish = never' >store/bough.conf
refuses 1 "'never' is no value for publish" bough sync
: >store/bough.conf
victim=$(find store/objects -path '*/_sg/*' | sort | head -1)
mv "$victim" victim
prints "segment .*its object .*/_sg/$(basename "$victim") is missing" sh -c "'$BOUGH' fsck --full || true"
cp victim "$victim"
printf x >>"$victim"
prints "segment .*is damaged: other bytes than were exported" sh -c "'$BOUGH' fsck --full || true"
mv -f victim "$victim"
victim=$(find store/objects -path '*/_ss/*' | sort | head -1)
mv "$victim" victim
prints "snapshot .*its object .*/_ss/$(basename "$victim") is missing" sh -c "'$BOUGH' fsck --full || true"
mv victim "$victim"
prints 'no errors$' bough fsck --full

# a lost object is found
victim=$(find store/objects -name '*_v2.parquet' | sort | head -1)
rm "$victim"
bough fsck --full >out 2>err
same "$?" 1
holds "$(basename "$victim" | grep -oE '[0-9a-f]{32}')" out
finish
