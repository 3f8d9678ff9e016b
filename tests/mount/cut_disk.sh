# A disk whose end is gone: what lies there is EIO, never other bytes, and no command dies of it.
. "$SOURCE/tests/mount/lib.sh"
command -v mkfs.ext4 >/dev/null || { echo "no mkfs.ext4"; exit 77; }
truncate -s 16M image && mkfs.ext4 -q -m 0 -O ^has_journal image && mkdir disk || exit 99
mount -o loop image disk 2>err || { echo "no loop device: $(cat err)"; exit 77; }
trap 'umount -q "$m"; umount -l disk' EXIT
s=$dir/disk/store
make_store
for i in $(seq 30); do
  PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$SOURCE/tests/support python3 -c \
    'import sys, parquet; n = int(sys.argv[2]); parquet.write(sys.argv[1], {"id": list(range(n, n + 40000))})' \
    in/l$i.parquet $i
done
ok store import sales.orders in/l*.parquet
mount_store
sync -f disk
truncate -s 6M image
echo 3 >/proc/sys/vm/drop_caches
good=0 bad=0
for f in "$t"/data/l*.parquet; do
  if timeout 20 cat "$f" >got 2>err; then
    cmp -s got "in/${f##*/}" && good=$((good + 1)) || fail "$f has other bytes"
  else
    grep -q 'Input/output error' err && bad=$((bad + 1)) || fail "$f: $(cat err)"
  fi
done
echo "$good files whole, $bad EIO"
[ "$bad" -gt 0 ] || fail "nothing was lost"

# Whatever else was lost with it: commands say so or work, none is killed by a signal or hangs.
for cut in 6M 64K; do
  truncate -s $cut image
  echo 3 >/proc/sys/vm/drop_caches
  for c in stat "branch list" "log sales.orders" "fsck --full" "branch create sales.orders/x$cut"; do
    checked=$((checked + 1))
    timeout 60 "$BIN/bough" -s "$s" $c >out 2>err
    status=$?
    [ $status -le 1 ] || fail "$c: status $status"
    [ $status = 0 ] || [ -s err ] || [ -s out ] || fail "$c fails without a word"
  done
  timeout 20 ls "$t/_refs" >out 2>err
  [ $? != 124 ] || fail "ls hangs"
done
finish
