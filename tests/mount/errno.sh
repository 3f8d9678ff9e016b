# What each operation answers on each kind of node.
. "$SOURCE/tests/mount/lib.sh"
make_store
mount_store
mkdir "$t/_refs/dev" && mkdir -m 555 "$t/_refs/v1" && mkdir "$m/empty" || fail mkdir
ss=$t/_ss/$(ls "$t/_ss") sg=$t/_sg/$(ls "$t/_sg") b=$t/_b/$(ls "$t/_b" | head -1)
file=$t/data/a.parquet dev=$t/_refs/dev tag=$t/_refs/v1

#    path                operations and their answers
while read -r path row; do
  path=$(eval "printf %s \"$path\"")
  for cell in $row; do
    op=${cell%%=*} want=${cell##*=}
    case $op in
      rename) errno "$want" rename "$path" "$path.new" ;;
      link) errno "$want" link "$path" "$dev/data/linked.parquet" ;;
      chmod) errno "$want" chmod "$path" 600 ;;
      setxattr) errno "$want" setxattr "$path" user.mine ;;
      *) errno "$want" "$op" "$path" ;;
    esac
  done
done <<'TABLE'
$m            stat=0 list=0 statfs=0 chmod=0 chown=0 utime=0 setxattr=ENOTSUP unlink=EISDIR
$m/none       stat=ENOENT read=ENOENT rmdir=ENOENT unlink=ENOENT create=EPERM mkfifo=EPERM symlink=EPERM
$m/sales      stat=0 list=0 rmdir=ENOTEMPTY unlink=EISDIR chmod=0 read=0 write=EISDIR
$m/sales/none create=EPERM unlink=ENOENT
$t            stat=0 list=0 rmdir=ENOTEMPTY unlink=EISDIR
$t/none       create=EPERM mkdir=EPERM mkfifo=EPERM
$t/_refs      list=0 rmdir=EPERM rename=EPERM chmod=0
$t/_refs/none create=EPERM rmdir=ENOENT unlink=ENOENT
$t/_ss        list=0 rmdir=EPERM rename=EPERM
$t/_ss/none   create=EROFS mkdir=EROFS
$t/_sg/none   create=EROFS mkdir=EROFS
$t/_b/none    create=EROFS mkdir=EROFS
$ss           stat=0 read=0 write=EROFS trunc_open=EROFS truncate=EROFS unlink=EROFS rename=EROFS link=EPERM chmod=0 utime=0 rmdir=ENOTDIR list=ENOTDIR
$sg           stat=0 read=0 write=EROFS truncate=EROFS unlink=EROFS rename=EROFS chmod=0
$b            stat=0 read=0 write=EPERM rdwr=EPERM append=EPERM trunc_open=EROFS truncate=EPERM unlink=EROFS rename=EROFS link=EEXIST chmod=0 chown=0 utime=0
$t/HEAD       stat=0 readlink=0 unlink=EBUSY rename=EPERM chown=0
$t/data       stat=0 list=0 rmdir=EPERM rename=EPERM chmod=0
$t/data/none  stat=ENOENT mkdir=EPERM mkfifo=EPERM symlink=EPERM create=0 unlink=0
$file         stat=0 read=0 write=EPERM rdwr=EPERM append=EPERM trunc_open=0 truncate=EPERM rename=EINVAL chmod=0 chown=0 utime=0 setxattr=ENOTSUP rmdir=ENOTDIR
$dev/none     create=EPERM mkdir=EPERM
$dev/data     rmdir=EPERM rename=EPERM
$dev/HEAD     readlink=0 unlink=EBUSY rename=EPERM
$tag/none     create=EROFS mkdir=EROFS mkfifo=EROFS
$tag/HEAD     unlink=EROFS
$tag/data     rmdir=EROFS
$tag/data/none create=EROFS mkdir=EROFS
$tag/data/a.parquet read=0 write=EPERM unlink=EROFS rename=EROFS
$m/.bough     list=0 rmdir=EPERM rename=EPERM chmod=0
$m/.bough/none create=EROFS mkdir=EROFS
$m/.bough/version read=0 write=EROFS unlink=EROFS
$m/.bough/trash list=0
TABLE

errno EEXIST mkdir "$dev"
errno EEXIST mkdir "$m/sales"
errno EEXIST link "$ss" "$ss"
errno EEXIST rename "$dev" "$tag"
errno EPERM rename "$dev" "$m/moved"
errno EPERM rename "$dev" "$tag/moved"
errno EPERM rename "$m/empty" "$m/sales/empty"
errno EXDEV rename "$dev" "$dir/moved"
errno EPERM chmod "$tag" 755
errno 0 chmod "$tag" 500
errno EINVAL setxattr "$dev" user.bough.retain
errno ENOTSUP setxattr "$file" user.bough.retain
errno EPERM setxattr "$t" user.bough.retain=7d
errno EPERM removexattr "$t" user.bough.retain
errno EPERM setxattr "$dev" user.bough.rows
errno EPERM setxattr "$dev" user.bough.protected
errno ENOTSUP setxattr "$dev" user.bough.colour
errno ENOTSUP getxattr "$dev" user.bough.colour
errno ENODATA getxattr "$dev" user.bough.expire_at
errno ENODATA getxattr "$dev" user.bough.retain
errno ENODATA getxattr "$dev" user.mine
errno ENOTSUP getxattr "$dev" system.posix_acl_access

store branch protect sales.orders/dev >/dev/null || fail protect
errno EPERM rmdir "$dev"
errno EPERM rename "$dev" "$t/_refs/dev2"
same "$(getfattr --only-values -n user.bough.protected "$dev")" 1

# each refusal has its reason
grep -q "mkdir sales/orders/_refs/v1/none EROFS: tag 'v1' is read-only" "$m/.bough/errors" ||
  fail "no reason in .bough/errors"
grep -q "rmdir sales/orders/_refs/dev EPERM: .*protected" "$m/.bough/errors" ||
  fail "no reason for a protected ref"
[ "$(wc -l <"$m/.bough/errors")" -le 1000 ] || fail "too many errors kept"
sound
finish
