# bough mount and umount, and commands inside a mount.
. "$(dirname "$0")/check.sh"
[ -w /dev/fuse ] || { echo "no /dev/fuse"; exit 77; }
trap 'cd /; mountpoint -q "$dir/mnt" && umount "$dir/mnt"; rm -rf "$dir"' EXIT
ok bough init store
ok bough import s.t "$data/a.parquet"
mkdir mnt
bough mount store mnt 2>err >out </dev/null
same "$?" 0
same "$(ls mnt/s/t/data)" a.parquet
cmp -s "$data/a.parquet" mnt/s/t/data/a.parquet
same "$?" 0

# inside the mount the store needs no name
unset BOUGH_STORE
cd mnt/s/t || exit 99
out=$dir/out
"$BOUGH" branch create s.t/dev >"$out"
same "$?" 0
same "$(ls _refs)" dev
"$BOUGH" import s.t/dev "$data/b.parquet" >"$out"
same "$?" 0
same "$(ls _refs/dev/data | paste -sd' ')" "a.parquet b.parquet"
same "$(ls data)" a.parquet
same "$("$BOUGH" -s "$dir/mnt" branch list --json | jq -r '.[0].rows')" 5
same "$("$BOUGH" -s "$dir/mnt/s/t/_refs/dev" log s.t/dev --json | jq length)" 2
same "$("$BOUGH" show _refs/dev/HEAD | jq .summary.row_count)" 5
mkdir _refs/two
same "$("$BOUGH" branch list --json | jq -c '[.[].ref]')" '["dev","two"]'
"$BOUGH" branch drop s.t/two >"$out"
same "$(ls _refs)" dev

cd "$dir" || exit 99
(cd mnt && exec sleep 60) &
sleep 0.2
refuses 1 "mnt is in use" bough umount "$dir/mnt"
kill $!
wait $! 2>/dev/null
json '.unmounted == "mnt"' bough umount mnt --json
same "$(ls mnt)" ""
refuses 1 "no store is mounted" bough umount mnt
bough -s store mount mnt 2>err >out </dev/null
same "$(ls mnt/s/t)" "$(printf 'HEAD\n_b\n_refs\n_sg\n_ss\ndata')"
prints "^unmounted mnt$" bough umount mnt
refuses 2 "unknown option" bough mount -o nonsense store mnt
prints 'no errors' bough -s store fsck --full
finish
