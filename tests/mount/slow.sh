# A file that takes long to commit delays nobody but its writer.
. "$SOURCE/tests/mount/lib.sh"
make_store
ok mkdir bin
cp "$BIN/boughfs" bin/ # so that it finds no bough-reader beside it, and takes this one
cat >bin/reader <<EOS
#!/bin/sh
mkdir '$dir/begun' 2>/dev/null && while [ ! -e '$dir/go' ]; do sleep 0.05; done
exec '$BIN/bough-reader' "\$@"
EOS
chmod +x bin/reader
BOUGH_READER=$dir/bin/reader bin/boughfs "$s" "$m" || exit 99
ok mkdir "$t/_refs/dev"
ok python3 "$SOURCE/tests/mount/slow.py" "$dir" "$t" "$(pgrep -o -f "^bin/boughfs $s $m\$")"
cat out
same "$(store log --json sales.orders/dev | jq -r '.[0].rows')" 15
unmount
sound
finish
