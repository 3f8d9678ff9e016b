# What a user may get wrong, and what a disk may: each refusal says what and why, and changes nothing.
. "$(dirname "$0")/check.sh"
ok bough init store
ok bough import s.t "$data/a.parquet"

# write_parquet PATH COLUMNS: as Python writes a dictionary of them
write_parquet() {
  PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$here/../support python3 -c \
    'import ast, sys, parquet; parquet.write(sys.argv[1], ast.literal_eval(sys.argv[2]))' "$1" "$2"
}
state() { bough log s.t --json --all && find store/objects -type f | sort; }
before=$(state)

# files that are no Parquet files, or not whole, or not of this table
: >zero.parquet
echo hello >text.parquet
head -c 100000 /dev/zero >zeros.parquet
head -c 200 "$data/a.parquet" >cut.parquet
head -c -1 "$data/a.parquet" >less.parquet
{ head -c 100 "$data/a.parquet"; head -c 300 /dev/zero; tail -c 8 "$data/a.parquet"; } >mixed.parquet
write_parquet extra.parquet '{"id": [1], "more": [2]}'
write_parquet foreign.parquet '{"other": [1]}'
refuses 1 "zero.parquet is not a Parquet file: it is empty" bough import s.t zero.parquet
refuses 1 "text.parquet is not a Parquet file: it has only 6 bytes" bough import s.t text.parquet
refuses 1 "zeros.parquet is not a Parquet file" bough import s.t zeros.parquet
refuses 1 "cut.parquet is truncated" bough import s.t cut.parquet
refuses 1 "less.parquet is truncated" bough import s.t less.parquet
refuses 1 "mixed.parquet" bough import s.t mixed.parquet
refuses 1 "extra.parquet: column 'more' .* is not in the table" bough import s.t extra.parquet
refuses 1 "foreign.parquet: column 'other'" bough import s.t "$data/b.parquet" foreign.parquet
refuses 1 "column 'id' is STRING.* wants INT64" bough import s.t "$data/other.parquet"
mkfifo pipe.parquet
refuses 1 "pipe.parquet' is no regular file" bough import s.t pipe.parquet
mkdir none
refuses 1 "no \\*.parquet file in or below 'none'" bough import s.t none
refuses 1 "cannot read 'gone.parquet': No such file" bough import s.t gone.parquet
refuses 2 "^hint: a table is named with its database" bough import s "$data/b.parquet"
refuses 2 "expected db.table" bough import s.t@-1h "$data/b.parquet"
same "$(state)" "$before"
refuses 1 "zero.parquet" bough import new.table zero.parquet
json 'length == 1' bough db list --json
prints 'no errors$' bough fsck --full

# a column that is missing in a file is NULL, and needs no word
write_parquet narrow.parquet '{"id": [7]}'
prints '^imported 1 file into s.t: 1 row, ' bough import s.t narrow.parquet
before=$(state)

# another version's format, a store without its metadata, damaged and foreign metadata
cp -r store other
sed -i 's/^bough .*/bough 9/' other/format
for command in stat fsck "db create x" "import s.t $data/b.parquet"; do
  # shellcheck disable=SC2086
  refuses 1 'has store format 9; .* formats up to 2$' bough -s other $command
done
cp store/format other/format
prints 'no errors$' bough -s other fsck
for metadata in /dev/null "$data/a.parquet" "$BOUGH"; do
  cp "$metadata" other/meta/data.mdb
  for command in stat "db create x" "import s.t $data/b.parquet"; do
    # shellcheck disable=SC2086
    refuses 1 'other/meta/data.mdb is (empty|damaged, or not an LMDB file)' bough -s other $command
  done
  bough -s other fsck >out 2>err
  same "$?" 1
  holds 'other/meta/data.mdb is (empty|damaged)' out
  holds '^bough: the metadata of other are damaged$' err
  cmp -s "$metadata" other/meta/data.mdb
  same "$?" 0
done
rm other/meta/data.mdb
refuses 1 'no metadata here' bough -s other stat
rm -r other/meta
refuses 1 'other/meta/' bough -s other stat
refuses 1 '^hint: bough init nowhere makes one' bough -s nowhere stat
refuses 1 "holds no file 'format'" bough -s "$data" stat
refuses 1 'Not a directory' bough -s zero.parquet stat

# a changed byte of an object is found, and named
victim=$(find store/objects -name '*_v2.parquet' | sort | head -1)
cp "$victim" whole
chmod u+w "$victim"
printf 'X' | dd of="$victim" bs=1 seek=60 conv=notrunc 2>dd.err
prints 'no errors$' bough fsck
bough fsck --full >out 2>err
same "$?" 1
holds "${victim#store/objects/} is damaged: other bytes than were written" out
cat whole >"$victim"
prints 'no errors$' bough fsck --full

# the limit of bough.conf: what was acknowledged is there, and raising it is enough
ok bough init small
echo 'meta_max_size = 100K' >>small/bough.conf
ok bough -s small import s.t "$data/a.parquet"
n=0
while [ "$n" -lt 2000 ] && bough -s small branch create "s.t/b$n" >out 2>err; do n=$((n + 1)); done
refuses 1 'No space left' bough -s small branch create s.t/none
holds '^hint: .*meta_max_size' err
refuses 1 'No space left' bough -s small import s.t "$data/b.parquet"
holds '^hint: .*meta_max_size' err
json "length == $n" bough -s small branch list --json
prints 'no errors$' bough -s small fsck --full
sed -i 's/= 100K/= 10M/' small/bough.conf
ok bough -s small import s.t "$data/b.parquet"
echo 'meta_max_size = much' >>small/bough.conf
refuses 1 "bough.conf:3: 'much' is no value for meta_max_size" bough -s small stat

# users without rights on the store
chmod 755 "$dir"
as() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
if [ "$(id -u)" = 0 ] && as "$BOUGH" version >out 2>&1; then
  for command in stat fsck "db create x" "import s.t $data/b.parquet" "branch create s.t/x"; do
    # shellcheck disable=SC2086
    refuses 1 'Permission denied$' as "$BOUGH" $command
    holds '^hint: .*rights' err
  done
  chmod 700 store
  mkdir theirs && chown 65534:65534 theirs
  ok as "$BOUGH" init theirs
  (umask 077 && cp "$data/a.parquet" mine.parquet)
  refuses 1 'cannot open mine.parquet: Permission denied' as "$BOUGH" -s theirs import s.t mine.parquet
  refuses 1 'cannot open the store .*Permission denied' as "$BOUGH" stat
  refuses 1 'cannot make mine: Permission denied' as "$BOUGH" init mine
fi
same "$(state)" "$before"
finish
