# Names that are encoded, and names that two blocks share.
. "$SOURCE/tests/mount/lib.sh"
make_store
mkdir -p other
write_parquet other/a.parquet 100
mount_store
ok store import sales.orders other/a.parquet
same "$(ls "$t/data" | wc -l)" 3
ok cmp in/a.parquet "$t/data/a.parquet"
own=$(ls "$t/data" | grep '^h')
ok cmp other/a.parquet "$t/data/$own"
same "$(inode "$t/data/$own")" "$(inode "$t/_b/$own")"

ok store db create 'a/b%c'
same "$(ls "$m" | tr '\n' ' ')" "a%2Fb%25c sales "
ok mkdir "$m/a%2Fb%25c/%5Ft"
ok store table show '"a/b%c"."_t"'
errno ENOENT stat "$m/a%2fb%25c"
errno EINVAL mkdir "$m/_x"
errno EINVAL mkdir "$m/.x"
errno EINVAL mkdir "$m/a%zz"
errno EINVAL mkdir "$m/sales/_x"
ok mkdir "$m/größe"
ok rmdir "$m/größe"
long=$(printf 'x%.0s' $(seq 255))
ok mkdir "$t/_refs/$long"
same "$(ls "$t/_refs")" "$long"
ok rmdir "$t/_refs/$long"
errno ENAMETOOLONG mkdir "$t/_refs/${long}x"
for name in -x _x x. x..y x.lock main HEAD data 'a b' 'a%b' $'a\nb'; do
  errno EINVAL mkdir "$t/_refs/$name"
done
sound
finish
