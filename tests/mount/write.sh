# Files written into data/ by the shell's programs: rows and history as they should be.
. "$SOURCE/tests/mount/lib.sh"
make_store
mount_store
dev=$t/_refs/dev
ok mkdir "$dev" && ok mkdir -m 555 "$t/_refs/v1"
for i in 1 2 3 4 5 6; do write_parquet in/n$i.parquet $((i * 100)); done
steps() { store log --json "${1:-sales.orders/dev}" | jq length; }
top() { store log --json sales.orders/dev | jq -r ".[0].$1"; }
names() { ls "$dev/data" | tr '\n' ' '; }
n=$(steps)
# one more step of history, of so many rows
step() {
  n=$((n + 1))
  same "$(steps)" "$n"
  [ -z "${1:-}" ] || same "$(top operation) $(top rows)" "$1"
}

# cp: appended when it is closed, with its name, bytes and time; main has nothing of it
touch -d '2020-02-02 02:02:02.123456 UTC' in/n1.parquet
ok cp -p in/n1.parquet "$dev/data/"
step "append 9"
ok cmp in/n1.parquet "$dev/data/n1.parquet"
same "$(stat -c %y "$dev/data/n1.parquet")" "$(stat -c %y in/n1.parquet)"
same "$(top author)" "$(id -un)"
errno ENOENT stat "$t/data/n1.parquet"
sound

# over one that is there: replaced in one step; what main shows under that name stays
ok cp in/n2.parquet "$dev/data/a.parquet"
step "overwrite 9"
ok cmp in/n2.parquet "$dev/data/a.parquet" && ok cmp in/a.parquet "$t/data/a.parquet"
same "$(names)" "a.parquet b.parquet n1.parquet "

# the programs that write files, each one commit
ok bash -c "cat in/n3.parquet > '$dev/data/cat.parquet'"
step "append 12"
ok bash -c "cat in/n4.parquet > '$dev/data/cat.parquet'"
step "overwrite 12"
ok cmp in/n4.parquet "$dev/data/cat.parquet"
ok dd if=in/n3.parquet of="$dev/data/dd.parquet" conv=fsync bs=100
step "append 15"
ok dd if=in/n3.parquet of="$dev/data/cat.parquet" conv=fsync
step "overwrite 15"
ok bash -c "tee '$dev/data/tee.parquet' < in/n3.parquet >/dev/null"
step "append 18"
tar cf in.tar -C in n1.parquet n2.parquet
ok tar xf in.tar -C "$dev/data" n2.parquet
step "append 21"
ok cmp in/n2.parquet "$dev/data/n2.parquet"
same "$(stat -c %Y "$dev/data/n2.parquet")" "$(stat -c %Y in/n2.parquet)"
ok install in/n5.parquet "$dev/data/install.parquet"
step "append 24"
cp in/n6.parquet in/mv.parquet
ok mv in/mv.parquet "$dev/data/mv.parquet"
step "append 27"
[ ! -e in/mv.parquet ] || fail "mv left its source"
ok cp in/n1.parquet "$dev/data/.hidden" && ok mv "$dev/data/.hidden" "$dev/data/renamed.parquet"
step "append 30"
ok cmp in/n1.parquet "$dev/data/renamed.parquet"
ok mv "$dev/data/renamed.parquet" "$dev/data/again.parquet"
step "replace 30"
ok rm "$dev/data/again.parquet"
step "delete 27"
sound

# rsync: once; again it has nothing to do
mkdir -p rs && cp -p in/n1.parquet rs/rs1.parquet && cp -p in/n2.parquet rs/rs2.parquet
ok rsync -a rs/ "$dev/data/"
n=$((n + 1)) && step "append 33"
same "$(rsync -ai rs/ "$dev/data/" | grep -v '^\.d')" ""
same "$(steps)" "$n"
cp in/n5.parquet rs/rs1.parquet
ok rsync -a rs/ "$dev/data/"
step "overwrite 33"
ok cmp rs/rs1.parquet "$dev/data/rs1.parquet"
cp in/n6.parquet rs/rs3.parquet
ok rsync -a --inplace rs/ "$dev/data/"
step "append 36"

# files that are written and read back by one program, with a fork in between
ok python3 - in/n4.parquet "$dev/data/fork.parquet" <<'PY'
import os, sys
data = open(sys.argv[1], "rb").read()
f = open(sys.argv[2], "wb", buffering=0)
f.write(data[:100])
if not os.fork():
    os._exit(0)  # closes its copy of a file that is not whole yet
os.wait()
f.write(data[100:])
os.fsync(f.fileno())
f.close()
f = open(sys.argv[2], "w+b", buffering=0)
f.write(data)
f.seek(0)
assert f.read() == data
f.flush()
f.close()
PY
n=$((n + 1)) && step "overwrite 39"
sound

# a handle that goes on after its commit writes a fresh copy, which takes the place at its next close
ok python3 - in/n4.parquet in/n5.parquet "$dev/data/go.parquet" <<'PY'
import os, sys
one, two = (open(p, "rb").read() for p in sys.argv[1:3])
fd = os.open(sys.argv[3], os.O_RDWR | os.O_CREAT)
os.write(fd, one)
os.fsync(fd)
assert open(sys.argv[3], "rb").read() == one
os.pwrite(fd, two, 0)
os.ftruncate(fd, len(two))
assert os.pread(fd, len(two), 0) == two
assert open(sys.argv[3], "rb").read() == one
os.close(fd)
assert open(sys.argv[3], "rb").read() == two
PY
n=$((n + 1)) && step "overwrite 42"

# until its commit nobody sees it; names that do not commit are seen here, and are no rows
ok python3 - in/n1.parquet "$dev/data" <<'PY'
import os, sys
path = sys.argv[2] + "/open.parquet"
with open(path, "wb", buffering=0) as f:
    f.write(open(sys.argv[1], "rb").read())
    assert not os.path.exists(path) and "open.parquet" not in os.listdir(sys.argv[2])
assert os.path.exists(path) and "open.parquet" in os.listdir(sys.argv[2])
PY
step "append 45"
ok cp in/n1.parquet "$dev/data/.tmp" && ok cp in/n1.parquet "$dev/data/_SUCCESS" && ok cp in/n1.parquet "$dev/data/notes.txt"
ok cmp in/n1.parquet "$dev/data/notes.txt"
same "$(ls -A "$dev/data" | grep -cv parquet)" 3
same "$(steps)" "$n"
ok python3 -c 'import os, sys; os.fsync(os.open(sys.argv[1], os.O_RDWR))' "$dev/data/.tmp"
same "$(steps)" "$n"
ok rm "$dev/data/.tmp" "$dev/data/_SUCCESS"
ok mv "$dev/data/notes.txt" "$dev/data/.other"
same "$(ls -A "$dev/data" | grep -v parquet)" .other
ok rm "$dev/data/.other"
ok touch "$dev/data/empty.parquet" && ok truncate -s 0 "$dev/data/empty2.parquet"
errno ENOENT stat "$dev/data/empty.parquet"
same "$(steps)" "$n"

# what is not Parquet, or not of this table, is refused at close, with its reason
head -c 1000 /dev/urandom >noise
head -c 150 in/n1.parquet >half
for bad in noise half; do
  cp $bad "$dev/data/$bad.parquet" 2>err && fail "$bad was taken"
  grep -q 'Invalid argument' err || fail "$(cat err)"
  errno ENOENT stat "$dev/data/$bad.parquet"
  grep -q "close sales/orders/_refs/dev/data/$bad.parquet EINVAL: not a whole Parquet file" "$m/.bough/errors" || fail "no reason for $bad"
done
cp noise "$dev/data/a.parquet" 2>err && fail "noise replaced a file"
ok cmp in/n2.parquet "$dev/data/a.parquet"
ok cp noise "$dev/data/.noise"
errno EINVAL rename "$dev/data/.noise" "$dev/data/noise.parquet"
same "$(ls -A "$dev/data" | grep noise)" .noise
ok rm "$dev/data/.noise"
same "$(steps)" "$n"

# refused at once
errno EROFS create "$t/_refs/v1/data/x.parquet"
errno EROFS trunc_open "$t/_refs/v1/data/a.parquet"
errno EROFS trunc_open "$t/_b/$(ls "$t/_b" | head -1)"
errno EPERM append "$dev/data/a.parquet"
errno EPERM rdwr "$dev/data/a.parquet"
errno EPERM truncate "$dev/data/a.parquet"
errno EROFS create "$t/_b/x.parquet"
errno EPERM create "$t/_refs/x.parquet"
errno EPERM create "$dev/x.parquet"

# a branch dropped while one of its files is written
ok mkdir "$t/_refs/gone"
ok python3 - in/n1.parquet "$t/_refs/gone" <<'PY'
import errno, os, sys
f = open(sys.argv[2] + "/data/x.parquet", "wb", buffering=0)
f.write(open(sys.argv[1], "rb").read())
os.rmdir(sys.argv[2])
try:
    f.close()
except OSError as e:
    assert e.errno == errno.ESTALE, e
else:
    raise SystemExit("wrote into a dropped branch")
PY
same "$(store trash list --json | jq length)" 1

# several writers of one file: each of them commits, none is told that it is stale
ok mkdir "$t/_refs/busy"
ok cp in/n4.parquet "$t/_refs/busy/data/one.parquet" # else cp may find it made meanwhile: EEXIST
for i in 1 2 3; do
  (for j in $(seq 40); do cp in/n$i.parquet "$t/_refs/busy/data/one.parquet" 2>&1; done) >busy.$i &
  busy="${busy:-} $!"
done
wait $busy
same "$(cat busy.*)" ""
same "$(ls "$t/_refs/busy/data" | grep -c one)" 1

# the first file of an empty table decides its schema; a file without rows makes no block
ok mkdir "$m/sales/new"
ok cp in/n1.parquet "$m/sales/new/data/first.parquet"
same "$(store log --json sales.new | jq -r '.[0].rows')" 3
unmount
sound
# the daemon goes a moment after its mount
for i in $(seq 100); do [ -n "$(ls "$s/spool")" ] || break; sleep 0.1; done
same "$(ls "$s/spool" | wc -l)" 0
finish
