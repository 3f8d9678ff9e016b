# The tree as ls, find, stat, tar, du see it.
. "$SOURCE/tests/mount/lib.sh"
make_store
write_parquet in/c.parquet 21
mount_store
same "$(ls -A "$m" | tr '\n' ' ')" ".bough sales "
same "$(ls "$t" | tr '\n' ' ')" "HEAD _b _refs _sg _ss data "
same "$(ls "$t/data" | tr '\n' ' ')" "a.parquet b.parquet "
ok cmp in/a.parquet "$t/data/a.parquet"
same "$(stat -c %s "$t/data/a.parquet")" "$(stat -c %s in/a.parquet)"
same "$(stat -c %Y "$t/data/a.parquet")" "$(stat -c %Y in/a.parquet)"

# one inode under all names
same "$(find "$t" -inum "$(inode "$t/data/a.parquet")" | wc -l)" 2
same "$(links "$t/data/a.parquet")" 2
same "$(ls "$t/_b" | wc -l)" 2
snapshot=$(basename "$(readlink "$t/HEAD")")
same "$(readlink "$t/HEAD")" "_ss/$snapshot"
same "$(stat -c %s "$t/HEAD")" "$(readlink "$t/HEAD" | tr -d '\n' | wc -c)"
same "$(cat "$t/HEAD" | wc -c)" "$(stat -c %s "$t/_ss/$snapshot")"
ok store show "$t/HEAD"
for g in "$t"/_sg/*; do
  same "$(cat "$g" | wc -c)" "$(stat -c %s "$g")"
  ok store show "$g"
done

# shared blocks count once
mkdir "$t/_refs/dev" || fail mkdir
one=$(du -s --apparent-size -B1 "$t/data" | cut -f1)
both=$(du -s --apparent-size -B1 "$t/data" "$t/_refs/dev/data" | awk '{n += $1} END {print n}')
same "$both" "$one"
[ "$(du -s -B1 "$t/data" | cut -f1)" -gt 0 ] || fail "du prints 0"
same "$(links "$t/_ss/$snapshot")" 2
same "$(inode "$t/_refs/dev/$snapshot")" "$(inode "$t/_ss/$snapshot")"

# inode numbers outlive the daemon
find "$m" -printf '%i %p\n' | sort >before
unmount
mount_store
find "$m" -printf '%i %p\n' | sort >after
ok cmp before after

ok tar -C "$t" -cf all.tar data _refs
same "$(tar -tf all.tar | grep -c parquet)" 4
if command -v rsync >/dev/null; then
  ok rsync -a "$t/data/" copy/
  same "$(rsync -ai "$t/data/" copy/ | wc -l)" 0
fi
same "$(grep -rl PAR1 "$t/data" | wc -l)" 2
for f in README version stats config errors; do ok cat "$m/.bough/$f"; done
grep -q '^bough_requests_total{op="lookup"} [1-9]' "$m/.bough/stats" || fail "stats do not count"
same "$(ls -A "$m/.bough/trash" | wc -l)" 0
same "$(stat -f -c %S "$m")" "$(stat -f -c %S "$s")"
same "$(df --output=size "$m" | tail -1)" "$(df --output=size "$s" | tail -1)"
sound
finish
