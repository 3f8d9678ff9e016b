# A command's commit is seen at once, by a mount that has everything cached and is busy.
. "$SOURCE/tests/mount/lib.sh"
make_store
mount_store
rounds=${ROUNDS:-100}
mkdir "$dir/go"
readers=
(while [ -d "$dir/go" ]; do ls -lR "$m" >/dev/null 2>&1; done) &
readers="$readers $!"
(while [ -d "$dir/go" ]; do stat "$t/_refs/x" "$t/HEAD" "$t"/_ss/* >/dev/null 2>&1; done) &
readers="$readers $!"
(while [ -d "$dir/go" ]; do find "$t/_refs" >/dev/null 2>&1; done) &
readers="$readers $!"
snapshot=$t/_ss/$(ls "$t/_ss")
for i in $(seq "$rounds"); do
  store branch create sales.orders/x >/dev/null || fail "create $i"
  [ -d "$t/_refs/x/data" ] || fail "round $i: x is not there"
  same "$(links "$snapshot")" 2
  store branch rename sales.orders/x y >/dev/null || fail "rename $i"
  [ ! -e "$t/_refs/x" ] || fail "round $i: x is still there"
  same "$(ls "$t/_refs")" y
  store branch drop sales.orders/y >/dev/null || fail "drop $i"
  [ ! -e "$t/_refs/y" ] || fail "round $i: y is still there"
  same "$(links "$snapshot")" 1
  same "$(ls "$t/_refs")" ""
  [ "$failed" -lt 5 ] || break
done
for i in $(seq 10); do
  write_parquet "in/n$i.parquet" "$((100 * i))"
  head=$(readlink "$t/HEAD")
  store import sales.orders "in/n$i.parquet" >/dev/null || fail "import $i"
  [ "$(readlink "$t/HEAD")" != "$head" ] || fail "import $i: HEAD is old"
  same "$(ls "$t/data" | wc -l) $(ls "$t/_ss" | wc -l) $(ls "$t/_b" | wc -l)" \
    "$((2 + i)) $((1 + i)) $((2 + i))"
  ok cmp "in/n$i.parquet" "$t/data/n$i.parquet"
  ok store show "$t/HEAD"
done
rmdir "$dir/go"
wait $readers
sound
finish
