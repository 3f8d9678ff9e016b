# What programs and engines write into data/: which rows and which history come of it; which schemas fit.
. "$SOURCE/tests/mount/lib.sh"
python=${BOUGH_VENV:-/usr/local/lib/bough/venv}/bin/python
make_store
mount_store
dev=$t/_refs/dev
ok mkdir "$dev"
for i in 1 2 3 4 5 6; do write_parquet in/n$i.parquet $((i * 100)); done
log() { store log --json sales.orders/dev; }
n=$(log | jq length)
# history OPERATIONS ROWS: the steps since the last call, oldest first, and the rows after them
history() {
  local got
  got=$(log | jq -r "[.[:-$n][].operation] | reverse | join(\" \")")
  same "$got $(log | jq -r '.[0].rows')" "$1 $2"
  n=$(log | jq length)
  same "$(ls -A "$dev/data" | grep -v '^[a-z0-9]*\.parquet$')" ""
}

# cp of folders, with everything, by reflink where that works
mkdir c && cp in/n1.parquet in/n2.parquet c/
ok cp -r c/. "$dev/data"
history "append append" 12
cp in/n3.parquet c/n1.parquet && rm c/n2.parquet
ok cp -a c/. "$dev/data"
history "delete append" 12 # it unlinks what has more links than one
ok cmp in/n3.parquet "$dev/data/n1.parquet"
ok cp --reflink=auto in/n4.parquet "$dev/data/reflink.parquet"
history append 15
ok cp --remove-destination in/n5.parquet "$dev/data/reflink.parquet"
history "delete append" 15
ok cmp in/n5.parquet "$dev/data/reflink.parquet"
cp -n in/n1.parquet "$dev/data/reflink.parquet"
cp -u --update=none in/n1.parquet "$dev/data/reflink.parquet" 2>/dev/null
history "" 15
errno EPERM mkdir "$dev/data/sub"
cp -r c "$dev/data/" 2>/dev/null && fail "cp -r made a folder"
history "" 15

# tar unlinks what it replaces; with --overwrite it writes into it
tar cf c.tar -C in n1.parquet n6.parquet
ok tar xf c.tar -C "$dev/data"
history "delete append append" 18
ok cmp in/n1.parquet "$dev/data/n1.parquet" && ok cmp in/n6.parquet "$dev/data/n6.parquet"
tar cf c.tar -C in n6.parquet
ok tar xf c.tar --overwrite -C "$dev/data"
history overwrite 18

# rsync --delete: what is not in the source goes, all of it in one step
mkdir rs && cp -p "$dev"/data/* rs/ && rm rs/b.parquet
ok rsync -a --delete rs/ "$dev/data/"
history delete 15
cp in/n2.parquet rs/n1.parquet && rm rs/n6.parquet && cp in/n4.parquet rs/n4.parquet
ok rsync -a --delete-after rs/ "$dev/data/"
history "overwrite append delete" 15
same "$(rsync -ai --delete rs/ "$dev/data/" | grep -v '^\.d')" ""
history "" 15

# an editor's save of a file that is no row: probe, backup, write, remove
ok python3 - "$dev/data" <<'PY'
import os, sys
os.chdir(sys.argv[1])
def put(name, text):
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.write(fd, text)
    os.fsync(fd)
    os.close(fd)
put("notes.txt", b"one\n")
for text in (b"two\n", b"three, longer\n", b""):
    os.close(os.open("4913", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW))
    os.unlink("4913")
    old = open("notes.txt", "rb").read()
    os.rename("notes.txt", "notes.txt~")
    put("notes.txt", text)
    assert open("notes.txt~", "rb").read() == old and open("notes.txt", "rb").read() == text
    os.unlink("notes.txt~")
put(".notes.swp", b"x")
os.rename(".notes.swp", "notes.txt")  # over it, as others save
assert open("notes.txt", "rb").read() == b"x"
os.unlink("notes.txt")
PY
history "" 15
same "$(ls "$t/data" | tr '\n' ' ')" "a.parquet b.parquet "
ok cmp in/a.parquet "$t/data/a.parquet"

for module in duckdb pandas pyarrow chdb; do
  "$python" -c "import $module" 2>/dev/null || no_engine=$module
done
if [ -n "${no_engine:-}" ]; then
  echo "skipped the engines: no Python module $no_engine (tools/deps.sh --test installs it)"
else
  ok mkdir "$m/sales/w" "$m/sales/w/_refs/dev"
  ok "$python" "$SOURCE/tests/mount/writers.py" "$BIN/bough" "$s" "$m"
fi
unmount
sound
finish
