# What a mount exports: by itself within a tick or two, also what others commit, also after a kill.
. "$SOURCE/tests/mount/lib.sh"
make_store
boughfs -f "$s" "$m" 2>daemon.log &
daemon=$!
for _ in $(seq 50); do [ -e "$m/.bough/version" ] && break; sleep 0.1; done

versions() { find "$s/objects" -name 'r*.json' -exec grep -l "\"ref\":\"$1\",.*\"state\":\"live\"" {} + 2>/dev/null | wc -l; }
# exported NAME: a version of it appears
exported() {
  checked=$((checked + 1))
  for _ in $(seq 50); do
    [ "$(versions "$1")" -gt 0 ] && return
    sleep 0.1
  done
  fail "$1 is not exported"
}

ok mkdir "$t/_refs/mine"
exported mine
ok store branch create sales.orders/theirs
exported theirs
ok store sync
ok store fsck --full

# killed before its tick: the next one that writes does it
ok mkdir "$t/_refs/late"
kill -9 "$daemon"
wait "$daemon" 2>/dev/null
umount "$m"
ok store branch create sales.orders/after
exported late
exported after
ok store fsck --full

# unmounted before its tick
boughfs "$s" "$m" 2>>daemon.log
for name in one two three; do ok mkdir "$t/_refs/$name"; done
ok bough umount "$m"
for name in one two three; do
  ok [ "$(versions $name)" -gt 0 ]
done
ok store fsck --full

# unmounted while another one writes an object that it needs
mkfifo held
python3 - "$s/objects/_owner.json" held <<'END' &
import fcntl, os, sys, time
tmp = open(sys.argv[1] + ".tmp", "w")
fcntl.flock(tmp, fcntl.LOCK_EX)
os.remove(sys.argv[1])
open(sys.argv[2], "w").close()
time.sleep(2)
END
boughfs "$s" "$m" 2>>daemon.log
cat held
ok mkdir "$t/_refs/four"
ok bough umount "$m"
ok [ "$(versions four)" -gt 0 ]
wait
ok store fsck --full
finish
