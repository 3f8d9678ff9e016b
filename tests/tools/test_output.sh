# Where the output goes: pipes, closed and full descriptors, colours, strange names.
. "$(dirname "$0")/check.sh"
ok bough init store
ok bough db create sales
unset NO_COLOR

lacks "$(printf '\033')" bough db list
script -qec "$BOUGH db list" /dev/null >out </dev/null
holds "$(printf '\033')" out
NO_COLOR=1 script -qec "$BOUGH db list" /dev/null >out </dev/null
same "$(grep -c "$(printf '\033')" out)" 0

# a closed or full standard output is told, and what was asked for is done
bough db list >&- 2>err
same "$?" 1
holds 'output could not be written' err
bough db create second >/dev/full 2>err
same "$?" 1
holds 'done, but' err
json 'length == 2' bough db list --json
bough db create third >&- 2>&- <&-
same "$?" 1
json 'length == 3' bough db list --json
prints 'no errors' bough fsck
for closed in '<&-' '>&-' '<&- >&-' '<&- >&- 2>&-' '>&- 2>&-'; do
  eval "bough import s.t '$data/a.parquet' $closed" >out 2>err
  eval "bough stat $closed" >out 2>err
  eval "bough db create sales $closed" >out 2>err # refused
done
same "$(grep -rlE 'imported 1 file|commit number|exists already' store)" ""
json '.rows == 15' bough table show s.t --json
prints 'no errors' bough fsck
bough nonsense 2>&-
same "$?" 2

# a reader that leaves early kills nobody but the writer
for i in $(seq 50); do bough db create "d$i" >/dev/null; done
bough db list | head -1 >out
holds '^NAME' out
prints 'no errors' bough fsck

# control characters of names do not reach a terminal; JSON keeps them
ok bough db create "$(printf 'a\033[31mb\nc')"
lacks "$(printf '\033')" bough db list
prints 'a\\x1b\[31mb\\x0ac' bough db list
json 'any(.[]; .name == "a\u001b[31mb\nc")' bough db list --json
refuses 1 '\\x1b' bough db show "$(printf 'zz\033')"

# columns of wide and composed characters stand under one another
ok bough db create 'größe'
ok bough db create '東京'
bough db list | grep -E 'größe|東京|sales' | LC_ALL=C.UTF-8 awk '{ print $2 }' | sort -u >out
same "$(cat out)" 0
prints '^東京 {2,}0' bough db list

# the store is found from -s, BOUGH_STORE, and options may follow the command
unset BOUGH_STORE
refuses 1 'store' bough db list
json 'length > 3' bough -s store db list --json
json 'length > 3' bough db list --store=store --json
BOUGH_STORE=store json 'length > 3' bough db list --json
finish
