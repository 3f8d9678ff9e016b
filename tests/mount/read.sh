# Blocks read in every way, with passthrough and without, in parallel.
. "$SOURCE/tests/mount/lib.sh"
make_store
cat >read.py <<'PY'
import mmap, os, random, sys, threading
a, b = sys.argv[1], sys.argv[2]
want = open(b, "rb").read()
def check(got, what):
    if got != want[:len(got)] or not got:
        print("differs:", what)
def once(seed):
    r = random.Random(seed)
    fd = os.open(a, os.O_RDONLY)
    for _ in range(50):
        at = r.randrange(len(want)); n = r.randrange(1, 500)
        if os.pread(fd, n, at) != want[at:at + n]:
            print("pread differs")
    with mmap.mmap(fd, 0, prot=mmap.PROT_READ) as m:
        check(m[:], "mmap")
    p, q = os.pipe()
    n = os.sendfile(q, fd, 0, min(len(want), 60000))
    check(os.read(p, n), "sendfile")
    check(os.read(fd, 1 << 20), "read")
    os.close(p); os.close(q); os.close(fd)
ts = [threading.Thread(target=lambda s=i: [once(s * 100 + k) for k in range(20)]) for i in range(4)]
[t.start() for t in ts]; [t.join() for t in ts]
PY
for way in passthrough daemon; do
  if [ $way = passthrough ]; then mount_store; else
    # a file system that is stacked itself gets no passthrough
    mkdir -p up work over
    mount -t overlay overlay -o "lowerdir=$s/objects,upperdir=up,workdir=work" "$s/objects" || continue
    mount_store
  fi
  same "$(python3 read.py "$t/data/a.parquet" in/a.parquet 2>&1)" ""
  ok cmp in/b.parquet "$t/data/b.parquet"
  opens=$(awk '$1 == "bough_passthrough_opens_total" {print $2}' "$m/.bough/stats")
  echo "$way: $opens opens by passthrough"
  [ $way = daemon ] && same "$opens" 0
  exec 6<"$t/data/b.parquet"
  unmount_busy=$(umount "$m" 2>&1)
  [ -n "$unmount_busy" ] || fail "unmounted under an open file"
  exec 6<&-
  unmount
done
umount "$s/objects" 2>/dev/null
sound
finish
