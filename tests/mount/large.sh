# Listings of 10,000 names: complete, without doubles, the same again from the cache.
. "$SOURCE/tests/mount/lib.sh"
n=${BLOCKS:-10000}
"$MKSTORE" "$s" "$n" >/dev/null || exit 99
mount_store
t=$m/bench/t
now() { date +%s%N; }
for d in _b data; do
  a=$(now)
  ls -f "$t/$d" >names.1
  b=$(now)
  ls -f "$t/$d" >names.2
  c=$(now)
  ls -l "$t/$d" >long.1
  e=$(now)
  ls -l "$t/$d" >long.2
  f=$(now)
  echo "$d: ls -f $(((b - a) / 1000000)) ms, again $(((c - b) / 1000000)), ls -l $(((e - c) / 1000000)), again $(((f - e) / 1000000))"
  same "$(wc -l <names.1)" "$((n + 2))"
  same "$(sort -u names.1 | wc -l)" "$((n + 2))"
  ok cmp names.1 names.2
  ok cmp long.1 long.2
  same "$(wc -l <long.1)" "$((n + 1))"
done
same "$(ls "$t/_sg" | wc -l)" "$(((n + 999) / 1000))"
same "$(find "$t/data" -type f -links 2 | wc -l)" "$n"
# a listing that is interrupted and goes on finds every name once
same "$(python3 -c '
import os, sys
seen = []
with os.scandir(sys.argv[1]) as d:
    for i, e in enumerate(d):
        seen.append(e.name)
        if i % 1000 == 0: os.listdir(sys.argv[2])
print(len(set(seen)), len(seen))' "$t/data" "$t/_b")" "$n $n"
finish
