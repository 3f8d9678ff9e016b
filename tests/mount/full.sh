# A disk that is full, then has room again; one that may only be read. It is a file of 24 MiB.
. "$SOURCE/tests/mount/lib.sh"
command -v mkfs.ext4 >/dev/null || { echo "no mkfs.ext4"; exit 77; }
truncate -s 24M image && mkfs.ext4 -q -m 0 image && mkdir disk || exit 99
mount -o loop image disk 2>err || { echo "no loop device: $(cat err)"; exit 77; }
trap 'bough umount "$m" >/dev/null 2>&1; umount disk' EXIT
s=$dir/disk/store
make_store
mount_store

# large N: a file of 4 MB
large() {
  PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$SOURCE/tests/support python3 -c \
    'import sys, parquet; n = int(sys.argv[2]); parquet.write(sys.argv[1], {"id": list(range(n, n + 500000))})' \
    "in/large$1.parquet" "$1"
}
refused() {
  checked=$((checked + 1))
  "$@" >out 2>err
  [ $? = 1 ] && [ ! -s out ] && grep -q "$why" err || { fail "$*"; cat err; }
}
names() { ls "$t/_refs"; ls "$t/data"; }

# no room for the files: none of them is there, and what they took is free again
for i in 1 2 3 4 5 6; do large "$i"; done
ok store import sales.orders in/large1.parquet
before=$(names) free=$(stat -f -c %a disk)
why='No space left on device'
refused store import sales.orders in/large{2,3,4,5,6}.parquet
grep -q '^hint: nothing was changed: free some space' err || fail "no hint: $(cat err)"
same "$(names)" "$before"
sound
lost=$((free - $(stat -f -c %a disk)))
[ "$lost" -lt 1000 ] || fail "$lost blocks of the disk are lost"
ok store import sales.orders in/large2.parquet

# a file written through the mount finds no room: cp says so, and nothing of it is there or kept
dd if=/dev/zero of=disk/fill bs=1k 2>dd.err
before=$(names)
refused cp in/large3.parquet "$t/data/large3.parquet"
refused cp in/large3.parquet "$t/data/.staged"
rm -f "$t/data/.staged"
same "$(names)" "$before"
same "$(find "$s/spool" -type f -size +0 | wc -l)" 0
rm disk/fill
ok cp in/large3.parquet "$t/data/large3.parquet"
ok cmp in/large3.parquet "$t/data/large3.parquet"
ok rm "$t/data/large3.parquet"
sound

# no room for a commit: every branch that was acknowledged is there, no other
dd if=/dev/zero of=disk/fill bs=1k 2>dd.err
n=0
while [ "$n" -lt 3000 ] && store branch create "sales.orders/b$n" >/dev/null 2>err; do n=$((n + 1)); done
grep -q "$why" err || fail "branch $n: $(cat err)"
refused store import sales.orders in/a.parquet
dbs=sales
for i in 1 2 3; do # smaller commits may still find room in free pages
  store db create "by_cli$i" >/dev/null 2>err && dbs="by_cli$i $dbs" || grep -q "$why" err || fail "$(cat err)"
  mkdir "$m/by_mkdir$i" 2>err && dbs="by_mkdir$i $dbs" || grep -q "$why" err || fail "$(cat err)"
done
same "$(ls "$m" | sort | paste -sd' ')" "$(printf '%s\n' $dbs | sort | paste -sd' ')"
same "$(ls "$t/_refs" | wc -l)" "$n"
same "$(store branch list --json | grep -c '"ref"')" "$n"
ok cmp in/large2.parquet "$t/data/large2.parquet"
ok store fsck --full

# room again: the same daemon, without any tool
rm disk/fill
errno 0 mkdir "$t/_refs/after"
ok store branch create sales.orders/later
ok store import sales.orders/after in/a.parquet
same "$(ls "$t/_refs" | wc -l)" $((n + 2))
ok bough umount "$m" # and its daemon has left the disk
ok store fsck --full

# a disk that may only be read
mount -o remount,ro disk || fail remount
why='Read-only file system'
refused store stat
refused store db create none
refused store import sales.orders in/a.parquet
refused boughfs "$s" "$m"
grep -q '^hint: .*must be writable' err || fail "no hint: $(cat err)"
refused bough init disk/new
mount -o remount,rw disk || fail remount
mount_store
ok cmp in/large2.parquet "$t/data/large2.parquet"
ok store fsck --full
finish
