# Two mounts of one store: what one did, the other shows when the call returns.
. "$SOURCE/tests/mount/lib.sh"
make_store
mkdir two
mount_store
boughfs "$s" "$dir/two" || exit 99
t2=$dir/two/sales/orders
for i in $(seq 50); do
  ls -lR "$m" "$dir/two" >/dev/null
  mkdir "$t/_refs/a$i" || fail mkdir
  [ -d "$t2/_refs/a$i/data" ] || fail "round $i: not there in the other"
  mv "$t2/_refs/a$i" "$t2/_refs/b$i" || fail mv
  [ ! -e "$t/_refs/a$i" ] && [ -d "$t/_refs/b$i" ] || fail "round $i: not renamed in the other"
  rmdir "$t/_refs/b$i" || fail rmdir
  [ ! -e "$t2/_refs/b$i" ] || fail "round $i: not dropped in the other"
  checked=$((checked + 3))
done

# both at once in one directory: nobody waits for the other for long
start=$(date +%s%N)
sides=
for side in "$t" "$t2"; do
  (
    n=${side//[^a-z]/}
    for i in $(seq 60); do
      mkdir "$side/_refs/$n$i" && mv "$side/_refs/$n$i" "$side/_refs/r$n$i" && rmdir "$side/_refs/r$n$i" ||
        echo "failed $i"
    done
  ) >"race${side//\//-}" 2>&1 &
  sides="$sides $!"
done
wait $sides
same "$(cat race* | head -3)" ""
ms=$((($(date +%s%N) - start) / 1000000))
echo "360 changes from two mounts in $ms ms"
[ "$ms" -lt 20000 ] || fail "360 changes took $ms ms"
same "$(ls "$t/_refs")" ""
same "$(ls "$t2/_refs")" ""
ok umount "$dir/two"
ok mkdir "$t/_refs/alone"
sound
finish
