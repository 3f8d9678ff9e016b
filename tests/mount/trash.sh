# What was dropped lies in .bough/trash, and mv brings it back.
. "$SOURCE/tests/mount/lib.sh"
make_store
mount_store
trash=$m/.bough/trash
write_parquet in/c.parquet 21
ok mkdir "$t/_refs/dev"
ok store import sales.orders/dev in/c.parquet
snapshot=$(ls "$t/_ss")
same "$(links "$t/_ss/$snapshot")" 2
cd "$t/_refs/dev/data" || fail cd
errno 0 list .
cd "$dir" || exit 99
ok rmdir "$t/_refs/dev"
same "$(links "$t/_ss/$snapshot")" 1
errno ENOENT list .
errno ENOENT stat a.parquet
entry=$(ls "$trash")
case $entry in sales.orders~dev~[0-9]*) ;; *) fail "entry '$entry'" ;; esac
same "$(ls -A "$trash/$entry" | wc -l)" 0
same "$(stat -c %F "$trash/$entry")" directory
errno ENOENT stat "$trash/sales.orders~dev~1"
errno ENOENT stat "$trash/${entry}0"

# of .bough/ only the trash lets things move out, and only to where they were
errno EPERM rmdir "$trash/$entry"
errno EPERM mkdir "$trash/x"
errno EPERM create "$trash/x"
errno EPERM create "$trash/$entry/x"
errno EPERM rename "$trash/$entry" "$trash/x"
errno EPERM rename "$trash/$entry" "$t/x"
errno EPERM rename "$trash/$entry" "$m/sales/x"
errno EPERM rename "$trash/$entry" "$m/x"
errno EINVAL rename "$trash/$entry" "$t/_refs/main"
ok mkdir "$m/sales/items" "$t/_refs/v1"
errno EPERM rename "$trash/$entry" "$m/sales/items/_refs/dev"
errno EEXIST rename "$trash/$entry" "$t/_refs/v1"
errno EPERM rename "$t/_refs/v1" "$trash/x"

# back, under any free name, and what it holds is all there at once
ok mv "$trash/$entry" "$t/_refs/dev2"
same "$(ls "$t/_refs/dev2/data" | tr '\n' ' ')" "a.parquet b.parquet c.parquet "
same "$(getfattr --only-values -n user.bough.type "$t/_refs/dev2")" branch
same "$(links "$t/_ss/$snapshot")" 3
same "$(ls -A "$trash" | wc -l)" 0
errno ENOENT stat "$trash/$entry"
ok cmp in/c.parquet "$t/_refs/dev2/data/c.parquet"
for i in 1 2 3 4 5; do
  ok rmdir "$t/_refs/dev2"
  ok mv "$trash"/sales.orders~dev2~* "$t/_refs/dev2"
  same "$(ls "$t/_refs/dev2/data" | wc -l)" 3
done

# dropped and undropped by another process
ok store branch drop sales.orders/dev2
errno ENOENT stat "$t/_refs/dev2"
same "$(ls "$trash" | wc -l)" 1
ok store branch undrop sales.orders/dev2
same "$(ls "$t/_refs/dev2/data" | wc -l)" 3
same "$(ls -A "$trash" | wc -l)" 0

# tables
ls -lR "$t" >/dev/null || fail ls
ok store table drop sales.orders
errno ENOENT stat "$t"
errno ENOENT stat "$t/data/a.parquet"
entry=$(ls "$trash")
case $entry in sales.orders~[0-9]*) ;; *) fail "entry '$entry'" ;; esac
errno EPERM rename "$trash/$entry" "$m/sales/items/_refs/orders"
errno EEXIST rename "$trash/$entry" "$m/sales/items"
errno EINVAL rename "$trash/$entry" "$m/sales/_x"
ok mkdir "$m/other"
ok mv "$trash/$entry" "$m/other/t%2F1"
same "$(ls "$m/other/t%2F1/_refs" | tr '\n' ' ')" "dev2 v1 "
ok cmp in/a.parquet "$m/other/t%2F1/_refs/v1/data/a.parquet"
ok rmdir "$m/other/t%2F1/_refs/v1"
same "$(ls "$trash")" "other.t%2F1~v1~$(ls "$trash" | sed 's/.*~//')"
ok store trash empty --all
same "$(ls -A "$trash" | wc -l)" 0
sound
finish
