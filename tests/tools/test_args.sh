# Arguments: help, options, usage errors; no store is needed.
. "$(dirname "$0")/check.sh"
top=$(cd "$here/../.." && pwd)

# every command of the list has a help, the group a list, and the manual a page
bough help >all
mapfile -t commands < <(sed -n '/^Commands:/,/^$/p' all | sed '1d;$d' |
  awk '{ if ($1 ~ /^(db|table|branch|tag|trash)$/) print $1, $2; else print $1 }')
same "${#commands[@]}" 44
for command in "${commands[@]}"; do
  # shellcheck disable=SC2086
  prints "^usage: bough $command" bough $command --help
  # shellcheck disable=SC2086
  prints "^usage: bough $command" bough help $command
  page=${command%% *}
  case $page in
    version | help) page=bough ;;
    tag) page=bough-branch ;;
    umount) page=bough-mount ;;
    *) page=bough-$page ;;
  esac
  holds . "$top/tools/man/$page.1"
  for option in $(bough help $command | sed -n '/^Options:/,/^$/p' | grep -oE -- '--[a-z-]+'); do
    holds "Fl (. , )?-${option#--}( |$)" "$top/tools/man/$page.1"
  done
done
for group in db table branch tag trash; do
  prints "^usage: bough $group VERB" bough $group --help
  prints "^usage: bough $group VERB" bough help $group
  refuses 2 "needs a verb" bough $group
done
prints '^usage: bough' bough --help
refuses 2 '^usage: bough' bough
prints '^bough [0-9.]+ ' bough version
prints '^bough [0-9.]+ ' bough --version
json '.version | test("^[0-9.]+$")' bough version --json
json '.store_format == 2' bough --json version

# unknown things and the nearest known ones
refuses 2 "^hint: did you mean 'bough branch'" bough brnch
refuses 2 "^hint: did you mean 'bough tag create'" bough tag creat a.b/c
refuses 2 "unknown command 'xyzzy'" bough xyzzy
refuses 2 "unknown command 'db undrop'" bough db undrop a
refuses 2 "is no entry's number" bough trash restore a.b/c
refuses 2 "is no entry's number" bough trash restore 99999999999999999999
refuses 2 "is no duration" bough branch retain a.b/c 7
refuses 2 "is no number" bough tag undrop a.b/c --id x
refuses 2 "unknown command 'gc'" bough gc
refuses 2 "^hint: did you mean '--retain'" bough branch create a.b/c --retian 7d
refuses 2 "unknown option '-x'" bough log -x
refuses 2 "takes no value" bough db list --json=1
refuses 2 "option '--at' needs a value" bough tag create a.b/c --at
refuses 2 "option '-s' needs a value" bough db list -s
refuses 2 "^hint: see 'bough log --help'" bough log
refuses 2 "unexpected argument 'x'" bough db list x
refuses 2 "is no duration" bough branch create a.b/c --retain 7x
refuses 2 "is no number" bough log a.b -n ten
refuses 2 "is no number" bough log a.b -n -1
refuses 2 "unknown time zone" bough --tz Nowhere/Land db list
refuses 2 "unknown time zone" bough db list --tz ../../etc/passwd

# names of the wrong form
refuses 2 "expected db.table" bough table create orders
refuses 2 "expected db.table/name" bough branch create a.b
refuses 2 "cannot stand here" bough table drop a.b/c
refuses 2 "cannot stand here" bough branch drop a.b/c@-2h
refuses 2 "names no table" bough log ''
refuses 2 "names no table" bough log 'a."b'
refuses 2 "is of another table" bough branch rename a.b/c a.x/d
refuses 2 "is of another table" bough branch create a.b/c --from x.b/d
refuses 2 "closing quote" bough db create '"abc'
refuses 2 "takes no moment" bough log a.b@-2h --all

# what needs a store says which
refuses 1 "store" bough db list
refuses 1 "nowhere" bough -s "$dir/nowhere" db list
refuses 1 "comes with SQL" bough import a.b "$data/a.parquet" --rewrite
refuses 1 "no store is mounted at nowhere" bough umount nowhere
mkdir plain
refuses 1 "no store is mounted at plain" bough umount plain
refuses 1 "not a store" bough mount plain plain
refuses 2 "given twice" bough -s plain mount plain plain

# completion knows the same commands
. "$top/tools/completion/bough.bash"
complete_words() {
  COMP_WORDS=("$@")
  COMP_CWORD=$(($# - 1))
  _bough
}
complete_words bough ''
for word in $(printf '%s\n' "${commands[@]}" | cut -d' ' -f1 | sort -u); do
  same "$(printf '%s\n' "${COMPREPLY[@]}" | grep -cx -- "$word")" 1
done
for group in db table branch tag trash; do
  complete_words bough $group ''
  same "$(printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' ')" \
    "$(printf '%s\n' "${commands[@]}" | sed -n "s/^$group //p" | sort | tr '\n' ' ')"
done
complete_words bough branch create --re
same "${COMPREPLY[*]}" "--retain"
finish
