# Objects that were damaged or lost on the disk: what readers see, and what is said about it.
. "$SOURCE/tests/mount/lib.sh"
make_store
objects=$(cd "$s/objects" && find . -name '*_v2.parquet' | sort | sed 's/^..//')
first=${objects%%$'\n'*}
cp "$s/objects/$first" whole
chmod u+w "$s/objects/$first"

# lost: only that file fails, with its reason; the rest of the table is as it was
rm "$s/objects/$first"
mount_store
errno 0 list "$t/data"
errno EIO read "$t/data/a.parquet"
ok cmp in/b.parquet "$t/data/b.parquet"
grep -qF "EIO: its object $first is missing" "$m/.bough/errors" || fail "no reason: $(cat "$m/.bough/errors")"
errno 0 mkdir "$t/_refs/dev"
store fsck --full >out 2>err && fail "fsck --full finds nothing"
grep -qF "$first" out || fail "fsck --full does not name it: $(cat out)"

# put back while mounted, it is read again
cp whole "$s/objects/$first"
ok cmp in/a.parquet "$t/data/a.parquet"
sound
unmount

# shorter than it was: readers meet its end
head -c 100 whole >"$s/objects/$first"
mount_store
same "$(stat -c %s "$t/data/a.parquet")" "$(stat -c %s whole)"
same "$(timeout 10 cat "$t/data/a.parquet" 2>&1 | wc -c)" 100
store fsck --full >out 2>err && fail "fsck --full finds nothing"
grep -qF "$first has 100 bytes" out || fail "fsck --full does not say: $(cat out)"
cp whole "$s/objects/$first"
ok store fsck --full
finish
