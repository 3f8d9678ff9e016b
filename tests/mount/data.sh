# rm, mv and ln in data/: one commit each, in one branch or between two; what the shell's tools see.
. "$SOURCE/tests/mount/lib.sh"
make_store
mount_store
dev=$t/_refs/dev two=$t/_refs/two
ok mkdir "$dev" "$two" && ok mkdir -m 555 "$t/_refs/v1"
for n in c d e f; do write_parquet in/$n.parquet 100; done
ok store import sales.orders/dev in/c.parquet in/d.parquet in/e.parquet in/f.parquet
steps() { store log --json "$1" | jq length; }
top() { store log --json "$1" | jq -r ".[0].$2"; }
names() { ls "$1/data" | tr '\n' ' '; }
before=$(steps sales.orders/dev)

# mv inside a directory: the same file under another name, one commit; what is listed has it
ino=$(inode "$dev/data/c.parquet")
ok mv "$dev/data/c.parquet" "$dev/data/g.parquet"
same "$(inode "$dev/data/g.parquet")" "$ino"
errno ENOENT stat "$dev/data/c.parquet"
same "$(names "$dev")" "a.parquet b.parquet d.parquet e.parquet f.parquet g.parquet "
same "$(steps sales.orders/dev)" $((before + 1))
same "$(top sales.orders/dev operation)" replace
same "$(top sales.orders/dev author)" "$(id -un)"
ok cmp in/c.parquet "$dev/data/g.parquet"

# over another one: that one goes, in the same commit
ok mv "$dev/data/g.parquet" "$dev/data/d.parquet"
same "$(inode "$dev/data/d.parquet")" "$ino"
same "$(names "$dev")" "a.parquet b.parquet d.parquet e.parquet f.parquet "
same "$(steps sales.orders/dev)" $((before + 2))
same "$(top sales.orders/dev operation)" overwrite
ok mv -n "$dev/data/e.parquet" "$dev/data/f.parquet"
same "$(names "$dev")" "a.parquet b.parquet d.parquet e.parquet f.parquet "

# rm: runs of them are one step of history, which a reset takes back
sleep 1.1
full=$(readlink "$dev/HEAD")
rows=$(top sales.orders/dev rows)
before=$(steps sales.orders/dev)
ok rm "$dev/data/d.parquet" "$dev/data/e.parquet" "$dev/data/f.parquet"
errno ENOENT unlink "$dev/data/d.parquet"
same "$(names "$dev")" "a.parquet b.parquet "
same "$(steps sales.orders/dev)" $((before + 1))
same "$(top sales.orders/dev operation)" delete
ok ln -sfn "$full" "$dev/HEAD"
same "$(names "$dev")" "a.parquet b.parquet d.parquet e.parquet f.parquet "
same "$(top sales.orders/dev rows)" "$rows"

# a snapshot that somebody else has is not replaced
ok rm "$dev/data/d.parquet"
held=$(readlink "$dev/HEAD")
ok ln "$dev/$held" "$two/"
before=$(steps sales.orders/dev)
ok rm "$dev/data/e.parquet"
same "$(steps sales.orders/dev)" $((before + 1))
same "$(names "$two")" "a.parquet b.parquet e.parquet f.parquet "
same "$(names "$t")" "a.parquet b.parquet "
sound

# ln and mv between branches: no copy; one transaction for both
before=$(steps sales.orders)
ok ln "$two/data/f.parquet" "$t/data/"
same "$(inode "$t/data/f.parquet")" "$(inode "$two/data/f.parquet")"
same "$(steps sales.orders)" $((before + 1))
errno EEXIST link "$two/data/f.parquet" "$t/data/other.parquet"
errno EEXIST link "$two/data/e.parquet" "$t/data/f.parquet"
ok ln "$two/data/e.parquet" "$t/data/renamed.parquet"
same "$(names "$t")" "a.parquet b.parquet f.parquet renamed.parquet "
ok rm "$two/data/a.parquet" "$two/data/b.parquet"
ok mv "$dev/data/a.parquet" "$two/data/moved.parquet"
same "$(names "$dev")" "b.parquet f.parquet "
errno EEXIST rename "$dev/data/f.parquet" "$two/data/copy.parquet"
same "$(names "$dev")" "b.parquet f.parquet "
ok mv "$dev/data/b.parquet" "$two/data/e.parquet"
same "$(names "$dev")" "f.parquet "
ok cmp in/b.parquet "$two/data/e.parquet"
sound

# ln -f: over what is there, or not there
write_parquet in/p.parquet 700
ok store import sales.orders/two in/p.parquet
before=$(steps sales.orders)
ok ln -f "$two/data/p.parquet" "$t/data/renamed.parquet"
same "$(inode "$t/data/renamed.parquet")" "$(inode "$two/data/p.parquet")"
same "$(steps sales.orders)" $((before + 1))
ok ln -f "$two/data/p.parquet" "$t/data/renamed.parquet"
same "$(steps sales.orders)" $((before + 1))
same "$(ls "$t/data" | grep -c Cu)" 0
errno 0 link "$t/data/f.parquet" "$t/data/.waits"
same "$(inode "$t/data/.waits")" "$(inode "$t/data/f.parquet")"
errno EEXIST rename "$t/data/.waits" "$t/data/other.parquet"
errno 0 unlink "$t/data/.waits"
errno ENOENT stat "$t/data/.waits"
sound

# three of one given name: mv over it leaves the others as they were shown
mkdir -p q r && write_parquet q/n.parquet 100 && write_parquet r/n.parquet 200 && write_parquet q/z.parquet 300
ok store import sales.orders q/n.parquet && ok store import sales.orders r/n.parquet q/z.parquet
own=$(ls "$t/data" | grep ^h)
ok mv "$t/data/z.parquet" "$t/data/n.parquet"
ok cmp q/z.parquet "$t/data/n.parquet"
ok cmp r/n.parquet "$t/data/$own"
ok rm "$t/data/n.parquet" "$t/data/$own"
sound

# refs whose first files came apart have one schema all the same, if their columns are
ok mkdir "$m/sales/apart" "$m/sales/apart/_refs/x"
ok store import sales.apart q/n.parquet && ok store import sales.apart/x r/n.parquet
ok ln "$m/sales/apart/data/n.parquet" "$m/sales/apart/_refs/x/data/m.parquet"
same "$(ls "$m/sales/apart/_refs/x/data" | wc -l)" 2
sound

# across tables there is no link; nothing else belongs into data/
ok store table create sales.other
errno EXDEV link "$t/data/a.parquet" "$m/sales/other/data/a.parquet"
errno EXDEV rename "$t/data/a.parquet" "$m/sales/other/data/a.parquet"
errno EXDEV link "$t/data/a.parquet" "$m/sales/other/data/.a"
ok cp -a "$t/data/a.parquet" "$m/sales/other/data/" && ok mv "$m/sales/other/data/a.parquet" "$dev/data/aa.parquet"
same "$(cat err)" ""
ok rm "$dev/data/aa.parquet"
errno EPERM mkdir "$dev/data/sub"
errno EPERM rmdir "$dev/data"
errno EPERM symlink "$dev/data/x" y
errno EPERM mkfifo "$dev/data/x"
for bad in x.csv .x.parquet _x.parquet tmp_x.parquet .parquet; do
  errno EINVAL rename "$t/data/a.parquet" "$t/data/$bad"
done
errno EPERM rename "$t/data/a.parquet" "$t/a.parquet"
errno EPERM rename "$t/data/a.parquet" "$t/_b/a.parquet"
errno EPERM rename "$t/data" "$t/data2"
errno ENOENT rename "$t/data/none.parquet" "$t/data/x.parquet"
for op in unlink "rename $t/data/zz.parquet" "link $t/_refs/v1/data/zz.parquet"; do
  set -- $op
  errno EROFS "$1" "$t/_refs/v1/data/a.parquet" ${2:-}
done
errno EROFS rename "$t/data/f.parquet" "$t/_refs/v1/data/f.parquet"
errno EROFS rename "$t/_refs/v1/data/a.parquet" "$t/data/zz.parquet"
grep -q "unlink sales/orders/_refs/v1/data/a.parquet EROFS: .*tag" "$m/.bough/errors" || fail "no reason given"

# two files of one given name: the older shows it, the newer its own; each can be removed
ok store import sales.orders/two in/f.parquet
own=$(ls "$two/data" | grep ^h)
same "$(echo "$own" | wc -w)" 1
ok rm "$two/data/f.parquet"
same "$(ls "$two/data" | grep -c ^h)" 0
ok cmp in/f.parquet "$two/data/f.parquet"
ok store import sales.orders/two in/f.parquet
own=$(ls "$two/data" | grep ^h)
ok rm "$two/data/$own"
same "$(ls "$two/data" | grep -c '^[hf]')" 1
# its own name goes with the file that shadowed it, for this mount at once
cat >own.py <<'EOS'
import os, subprocess, sys
bough, store, file, data = sys.argv[1:]
name = os.path.basename(file)
for i in range(20):
    subprocess.run([bough, "-s", store, "import", "sales.orders/two", file], check=True,
                   stdout=subprocess.DEVNULL)
    own, = [n for n in os.listdir(data) if n.startswith("h")]
    os.lstat(f"{data}/{own}")
    os.unlink(f"{data}/{name}")
    assert not os.path.lexists(f"{data}/{own}"), f"{own} is still there, round {i}"
    os.lstat(f"{data}/{name}")
EOS
ok python3 own.py "$BIN/bough" "$s" in/f.parquet "$two/data"
sound

# the shell's tools
same "$(find "$t/_refs" -name '*.parquet' | wc -l)" "$(($(ls "$dev/data" "$two/data" "$t/_refs/v1/data" | grep -c parquet)))"
same "$(du -b "$dev/data/f.parquet" "$t/data/f.parquet" | wc -l)" 1
same "$(du -c --apparent-size -B1 "$t/_refs/v1/data" "$t/data" | tail -1 | cut -f1)" \
  "$(($(stat -c %s "$t"/data/*.parquet | paste -sd+) + $(stat -c %s "$t/data" "$t/_refs/v1/data" | paste -sd+)))"
same "$(grep -rlc PAR1 "$dev" | wc -l)" 1
ok tar cf all.tar -C "$t" data _refs/two/data
mkdir x && ok tar xf all.tar -C x && ok diff -r x/data "$t/data" && ok diff -r x/_refs/two/data "$two/data"
ok df "$dev"
same "$(df --output=size "$m" | tail -1)" "$(df --output=size "$s" | tail -1)"
same "$(stat -c '%F %a %h' "$t/_refs/v1")" "directory 555 1"
same "$(stat -fc %T "$m")" fuseblk

# rm -r empties a branch and leaves it: one reset brings everything back
ok mkdir "$t/_refs/gone"
was=$(readlink "$t/_refs/gone/HEAD") all=$(names "$t/_refs/gone")
before=$(steps sales.orders/gone)
rm -rf "$t/_refs/gone" 2>err && fail "rm -r dropped a branch"
same "$(names "$t/_refs/gone")" ""
same "$(steps sales.orders/gone)" $((before + 1))
ok store branch reset sales.orders/gone "$(echo "$was" | cut -c1-16)"
same "$(names "$t/_refs/gone")" "$all"
ok rmdir "$t/_refs/gone"
unmount
sound
finish
