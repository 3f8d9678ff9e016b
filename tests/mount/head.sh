# HEAD and snapshots: ln moves a head, rm takes a snapshot from a branch.
. "$SOURCE/tests/mount/lib.sh"
make_store
mount_store
dev=$t/_refs/dev
first=$(ls "$t/_ss")
ok mkdir "$dev" && ok mkdir -m 555 "$t/_refs/v1"
write_parquet in/c.parquet 21
ok store import sales.orders/dev in/c.parquet
second=$(readlink "$dev/HEAD")
store import sales.orders in/c.parquet >/dev/null || fail import
third=$(readlink "$t/HEAD")
third=${third#_ss/}
same "$(ls "$dev/data" | wc -l)" 3

# back and forth, and what was cached is not believed
for i in 1 2 3; do
  cat "$dev"/data/* >/dev/null
  ok ln -sfn "$first" "$dev/HEAD"
  same "$(readlink "$dev/HEAD")" "$first"
  same "$(ls "$dev/data" | tr '\n' ' ')" "a.parquet b.parquet "
  errno ENOENT stat "$dev/data/c.parquet"
  ok cat "$dev/HEAD"
  ok ln -sfn "$second" "$dev/HEAD"
  same "$(readlink "$dev/HEAD")" "$second"
  ok cmp in/c.parquet "$dev/data/c.parquet"
done
same "$(ls "$dev" | tr '\n' ' ')" "$(printf '%s\n' "$first" "$second" HEAD data | LC_ALL=C sort | tr '\n' ' ')"
same "$(store branch show sales.orders/dev --json | jq -r .head)" "$(echo "$second" | cut -c2-33)"

# a path links it in; so does a hard link under its own name
same "$(links "$t/_ss/$third")" 1
errno ENOENT symlink "$dev/tmp" "$third"
ok ln -sfn "../../_ss/$third" "$dev/HEAD"
same "$(readlink "$dev/HEAD")" "$third"
same "$(links "$t/_ss/$third")" 2
same "$(inode "$dev/$third")" "$(inode "$t/_ss/$third")"
ok ln -sfn "$second" "$dev/HEAD"
ok rm "$dev/$third"
same "$(links "$t/_ss/$third")" 1
errno EPERM link "$t/_ss/$third" "$dev/other"
errno EPERM link "$t/data/a.parquet" "$dev/a.parquet"
ok ln "$t/_ss/$third" "$dev/"
same "$(readlink "$dev/HEAD")" "$third"
errno EEXIST link "$t/_ss/$third" "$dev/$third"

# main's head, as that of any branch
ok ln -sfn "_ss/$first" "$t/HEAD"
same "$(readlink "$t/HEAD")" "_ss/$first"
same "$(ls "$t/data" | wc -l)" 2
ok ln -sfn "_ss/$third" "$t/HEAD"
same "$(ls "$t/data" | wc -l)" 3
errno ENOENT symlink "$t/tmp" "$third"

# refused
errno EINVAL symlink "$dev/tmp" nonsense
errno EINVAL symlink "$dev/tmp" "../../data/a.parquet"
errno ENOENT symlink "$dev/tmp" "../../_ss/${first%???_v4.mpk}fff_v4.mpk"
errno EINVAL symlink "$dev/tmp" "../../_ss/h0199d2d0000070010000ffffffffffff_v4.mpk"
errno EROFS symlink "$t/_refs/v1/tmp" "$first"
errno EROFS link "$t/_ss/$third" "$t/_refs/v1/$third"
errno EROFS unlink "$t/_refs/v1/$first"
errno EROFS symlink "$t/_ss/tmp" "$first"
errno EROFS link "$t/_ss/$first" "$t/_ss/x"
errno EPERM symlink "$t/_refs/tmp" "$first"
errno EPERM symlink "$dev/data/tmp" "$first"
errno EBUSY unlink "$dev/$third"
errno EBUSY unlink "$dev/HEAD"
errno EROFS unlink "$t/_ss/$first"
write_parquet in/x.parquet 1 && store import sales.items in/x.parquet >/dev/null || fail import
other=$(ls "$m/sales/items/_ss")
errno EXDEV link "$m/sales/items/_ss/$other" "$dev/$other"
errno EXDEV symlink "$dev/tmp" "../../../items/_ss/$other"

# a link that waits for its rename is seen under its name, and goes where HEAD is
errno 0 symlink "$dev/tmp" "$first"
same "$(readlink "$dev/tmp")" "$first"
same "$(ls "$dev" | grep -c tmp)" 0
errno EPERM rename "$dev/tmp" "$dev/tmp2"
errno EPERM rename "$dev/tmp" "$t/_refs/HEAD"
errno 0 unlink "$dev/tmp"
errno ENOENT stat "$dev/tmp"
for i in $(seq 70); do errno 0 symlink "$dev/tmp$i" "$first"; done
errno ENOENT stat "$dev/tmp1"
errno 0 rename "$dev/tmp70" "$dev/HEAD"
same "$(readlink "$dev/HEAD")" "$first"

# rm of a snapshot can be undone; its rows are those of the head
ok rm "$dev/$second"
errno ENOENT stat "$dev/$second"
errno ENOENT unlink "$dev/$second"
same "$(ls -A "$m/.bough/trash" | wc -l)" 0
sound
# (the one that was linked in again has an entry too)
entry=$(store trash list --json | jq '[.[] | select(.type == "snapshot")] | last | .id')
same "$(store trash list --json | jq -r ".[] | select(.id == $entry) | .snapshot")" "$(echo "$second" | cut -c2-33)"
ok store trash restore "$entry"
same "$(links "$dev/$second")" 1
ok ln -sfn "$second" "$dev/HEAD"
same "$(ls "$dev/data" | wc -l)" 3
ok store branch protect sales.orders/dev
errno EPERM symlink "$dev/tmp" "$first"
errno EPERM unlink "$dev/$first"
errno EPERM link "$t/_ss/$third" "$dev/$third.x"
ok store branch unprotect sales.orders/dev

# moved by another process
readlink "$dev/HEAD" >/dev/null && ls -l "$dev/data" >/dev/null
ok store branch reset sales.orders/dev "$(echo "$first" | cut -c2-33)"
same "$(readlink "$dev/HEAD")" "$first"
same "$(ls "$dev/data" | wc -l)" 2
errno ENOENT stat "$dev/data/c.parquet"
ok mkdir "$m/sales/new" "$m/sales/new/_refs/e"
errno EXDEV symlink "$m/sales/new/_refs/e/HEAD" "$t/_ss/$first"
ok store trash empty --all
sound
finish
