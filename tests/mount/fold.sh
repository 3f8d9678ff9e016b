# A mount folds what many imports left, also those of others, and says so in the log, once.
. "$SOURCE/tests/mount/lib.sh"
make_store
mkdir -p many
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$SOURCE/tests/support python3 -c '
import parquet
for i in range(100):
    parquet.write(f"many/{i:03}.parquet", {"id": [i, i + 1, i + 2]})' || exit 99

# import_more N: so many segments of 100 blocks
import_more() { for _ in $(seq "$1"); do ok store import sales.orders many/*.parquet; done; }
segments() { store show sales.orders --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["segments"])'; }
folds() { store log sales.orders | grep -c 'fold segments$'; }
# folded N: so many segments are left, soon
folded() {
  checked=$((checked + 1))
  for _ in $(seq 300); do
    [ "$(segments)" -le "$1" ] && return
    sleep 0.1
  done
  fail "$(segments) segments, not $1"
}

import_more 5
mount_store -o ro
import_more 5
sleep 2
same "$(segments)" 11
unmount

# what it finds
mount_store
ls "$t/data" >before
rows=$(store show sales.orders | grep '^rows')
folded 2
ls "$t/data" >after
ok cmp before after
same "$(store show sales.orders | grep '^rows')" "$rows"
same "$(folds)" 1

# what others commit while it is mounted
import_more 10
folded 5
same "$(ls "$t/data" | wc -l)" 2002
ok store sync
unmount
sound
ok store fsck --full
finish
