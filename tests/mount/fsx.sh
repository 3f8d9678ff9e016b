# A file that is being written is like one of any file system: fsx (cargo install fsx) for long on a
# name that does not commit. Without mmap: bytes being written are never cached, so it is ENODEV.
. "$SOURCE/tests/mount/lib.sh"
fsx=$(command -v fsx || echo "${CARGO_HOME:-$HOME/.cargo}/bin/fsx")
[ -x "$fsx" ] || { echo "no fsx"; exit 77; }
make_store
mount_store
cat >fsx.toml <<'CONFIG'
flen = 262144
[weights]
truncate = 1
mapwrite = 0
mapread = 0
read = 10
write = 10
fsync = 1
invalidate = 0
close_open = 1
punch_hole = 0
fallocate = 0
copy_file_range = 0
posix_fadvise = 0
sendfile = 1
CONFIG
n=5000
[ "${BOUGH_TEST_SCALE:-1}" != full ] || n=50000
seed=${BOUGH_TEST_SEED:-$RANDOM}
ok "$fsx" -f fsx.toml -N $n -S "$seed" "$t/data/.fsx"
echo "seed $seed: $n operations"
ok rm "$t/data/.fsx"
sound
finish
