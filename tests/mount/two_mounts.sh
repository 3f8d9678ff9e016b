# Two mounts of one store: what one did, the other shows when the call returns.
. "$SOURCE/tests/mount/lib.sh"
make_store
mkdir two
mount_store
boughfs "$s" "$dir/two" || exit 99
t2=$dir/two/sales/orders
same "$(python3 -c '
import os, sys
a, b = (d + "/_refs/" for d in sys.argv[1:])
def there(d, name):
    try:
        return os.stat(d + name).st_ino > 0 and name in os.listdir(d)
    except FileNotFoundError:
        return False
for i in range(200):
    there(a, "x"), there(b, "x"), there(a, "y"), there(b, "y")
    os.mkdir(a + "x")
    there(b, "x") or print(i, "not there in the other")
    os.rename(b + "x", b + "y")
    there(a, "x") and print(i, "not renamed in the other")
    there(a, "y") or print(i, "the new name is not there in the other")
    os.rmdir(a + "y")
    there(b, "y") and print(i, "not dropped in the other")
' "$t" "$t2" 2>&1 | head -5)" ""

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
