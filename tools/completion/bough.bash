# bash completion for bough(1)

_bough_names() # COMMAND: first column of its list
{
  bough ${store:+-s "$store"} "$@" list 2>/dev/null | awk 'NR > 1 { print $1 }'
}

_bough_trash() # COLUMN of what was dropped
{
  bough ${store:+-s "$store"} trash list 2>/dev/null | awk -v n="$1" 'NR > 1 { print $n }'
}

_bough_options()
{
  bough help "$@" 2>/dev/null | grep -oE -- '--[a-z-]+'
}

_bough()
{
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} store='' i
  local groups='db table branch tag trash' single='init mount umount import log show stat sync fsck version help'
  local -a words=()

  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      -s | --store) store=${COMP_WORDS[++i]} ;;
      --tz | --at | --from | --retain | --message | -m | --author | --as | --id | -n | --number | -o) ((i++)) ;;
      -*) ;;
      *) words+=("${COMP_WORDS[i]}") ;;
    esac
  done
  case $prev in
    -s | --store)
      mapfile -t COMPREPLY < <(compgen -d -- "$cur")
      return
      ;;
  esac

  local command=${words[0]-} verb=${words[1]-} choices=''
  if [ -z "$command" ]; then
    choices="$groups $single -s --store --json --tz -h --help --version"
  elif [[ $cur == -* ]]; then
    choices=$(_bough_options $command ${verb:+$verb}; _bough_options $command)
  elif [[ " $groups " == *" $command "* ]] && [ -z "$verb" ]; then
    case $command in
      db) choices='create list show drop rename' ;;
      table) choices='create list show drop undrop rename' ;;
      trash) choices='list restore empty' ;;
      branch) choices='create list show drop undrop rename reset retain protect unprotect' ;;
      *) choices='create list show drop undrop rename retain protect unprotect' ;;
    esac
  else
    case "$command $verb" in
      'db create'* | 'trash list'* | 'trash empty'*) ;;
      *' undrop'*) choices=$(_bough_trash 2) ;;
      trash*) choices=$(_bough_trash 1) ;;
      db*) choices=$(_bough_names db) ;;
      'branch list'* | 'tag list'* | 'branch create'* | 'tag create'* | table*) choices=$(_bough_names table) ;;
      branch* | tag*) choices=$(_bough_names "$command") ;;
      log* | stat* | show*) choices=$(_bough_names table; _bough_names branch; _bough_names tag) ;;
      import*) [ -n "$verb" ] || choices=$(_bough_names table; _bough_names branch) ;;
      help*) choices="$groups $single" ;;
    esac
  fi
  mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$cur")
  case $command in
    init | mount | umount | import | show)
      [ ${#COMPREPLY[@]} -gt 0 ] || mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      ;;
  esac
}
complete -o filenames -F _bough bough
