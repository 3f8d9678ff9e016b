# Branches and tags by mkdir, mv, rmdir; databases and tables too.
. "$SOURCE/tests/mount/lib.sh"
make_store
mount_store
ok mkdir "$t/_refs/dev"
ok mkdir -m 555 "$t/_refs/v1"
ok install -d -m 555 "$t/_refs/v2"
same "$(stat -c %a "$t/_refs/dev" "$t/_refs/v1" "$t/_refs/v2" "$t/_refs/v1/data" | tr '\n' ' ')" "755 555 555 555 "
same "$(ls "$t/_refs" | tr '\n' ' ')" "dev v1 v2 "
ok cmp in/a.parquet "$t/_refs/dev/data/a.parquet"
snapshot=$(readlink "$t/_refs/dev/HEAD")
same "$(links "$t/_ss/$snapshot")" 4

# a umask makes no tag of a branch
(umask 0222 && mkdir "$t/_refs/masked") || fail "mkdir under a umask"
same "$(stat -c %a "$t/_refs/masked")" 755

# the kernel keeps nothing of an old name, nor of its links
id=$(inode "$t/_refs/dev")
ok mv "$t/_refs/dev" "$t/_refs/dev2"
same "$(inode "$t/_refs/dev2")" "$id"
errno ENOENT stat "$t/_refs/dev"
ok rmdir "$t/_refs/masked"
same "$(links "$t/_ss/$snapshot")" 4
ok rmdir "$t/_refs/v2"
same "$(links "$t/_ss/$snapshot")" 3
ok mkdir "$t/_refs/v2"
[ "$(inode "$t/_refs/v2")" != "$id" ] || fail "an old inode came back"
same "$(ls "$t/_refs" | tr '\n' ' ')" "dev2 v1 v2 "

# chmod a-w makes a tag of a branch; nothing makes a branch of a tag; other modes are ignored
ok mkdir "$t/_refs/soon" "$m/empty" "$m/empty/t" "$m/empty/t/_refs/b"
ok chmod 700 "$t/_refs/soon"
same "$(stat -c %a "$t/_refs/soon")" 755
ok chmod a-w "$t/_refs/soon"
same "$(stat -c %a "$t/_refs/soon" "$t/_refs/soon/data" | tr '\n' ' ')" "555 555 "
same "$(getfattr --only-values -n user.bough.type "$t/_refs/soon")" tag
errno EROFS symlink "$t/_refs/soon/HEAD2" "$snapshot"
errno EPERM chmod "$t/_refs/soon" 755
ok chmod a-x "$t/_refs/soon"
errno ENODATA chmod "$m/empty/t/_refs/b" 555
ok chmod a-w "$t"
ok mkdir "$t/_refs/soon2" && ok rmdir "$t/_refs/soon2" "$t/_refs/soon" "$m/empty/t/_refs/b" "$m/empty/t" "$m/empty"

# whoever works in a new directory of an old name is not thrown out
same "$(python3 -c '
import os, sys
for i in range(150):
    d = sys.argv[1] + "/again"
    os.mkdir(d)
    os.chdir(d)
    for _ in range(300):
        if os.getcwd() != d:
            print(i, os.getcwd())
    os.chdir("/")
    os.rmdir(d)
' "$t/_refs" 2>&1 | head -5)" ""

# commits on one ref show on no other
write_parquet in/c.parquet 21
ok store import sales.orders/dev2 in/c.parquet
same "$(ls "$t/_refs/dev2/data" | wc -l) $(ls "$t/data" | wc -l)" "3 2"
same "$(links "$t/_refs/dev2/data/c.parquet")" 2

ok mkdir "$m/new" "$m/new/t"
same "$(ls "$m/new/t" | tr '\n' ' ')" "_b _refs _sg _ss data "
ok mv "$m/new/t" "$m/new/u"
ok mv "$m/new" "$m/newer"
ok rmdir "$m/newer/u" "$m/newer"
same "$(ls "$m")" sales
sound
finish
