#!/bin/sh
# cdpmux-chrome where a cdpmux runs on this machine: it does all the work, so that no interpreter has to be loaded for each
# launch. Whatever is out of the ordinary goes on in main.js, which takes the same command line. Nothing has been said or read by then.

hand_over() {
  script=$0
  while [ -L "$script" ]; do
    link=$(readlink "$script")
    case $link in /*) script=$link ;; *) script=${script%/*}/$link ;; esac
  done
  case $script in */*) ;; *) script=./$script ;; esac
  main=${script%/*}/main.js
  if [ ! -f "$main" ]; then
    printf '%s\n' "cdpmux-chrome: $script has no main.js beside it; link it from where cdpmux is installed, in place of copying it." >&2
    exit 127
  fi
  if ! command -v node >/dev/null; then
    printf '%s\n' "cdpmux-chrome: no node on PATH ($PATH), which it takes where no cdpmux runs on this machine; put one there." >&2
    exit 127
  fi
  exec node "$main" "$@"
}

# TCP without a program for it needs bash; privileged, it takes no functions from the environment
if [ "$CDPMUX_FRONT" != "$$" ]; then
  if [ -r /proc/self/stat ]; then
    for bash in /bin/bash /usr/bin/bash; do
      [ -x "$bash" ] && CDPMUX_FRONT=$$ exec "$bash" -p "$0" "$@"
    done
  fi
  hand_over "$@"
fi
unset CDPMUX_FRONT

[[ $PPID =~ ^[0-9]+$ ]] || hand_over "$@"
pipes='' profile='' length=2

# Bytes count, and no line may be more than one.
measure() {
  local LC_ALL=C argument
  for argument; do
    case $argument in
      *$'\n'* | *$'\r'*) return 1 ;;
      --remote-debugging-pipe*) pipes=yes ;;
      --user-data-dir=*) profile=${argument#*=} ;;
    esac
    length=$((length + ${#argument} + 1))
  done
}
measure "$@" || hand_over "$@"
for name in Cookies History Network 'Local Storage' 'Web Data'; do
  [[ $profile && -e $profile/Default/$name ]] && hand_over "$@"
done

# Takes ws://host:port/?query apart; only what is certainly on this machine.
read_address() {
  local rest=${1#ws://}
  [[ $rest == "$1" ]] && rest=${1#http://}
  [[ $rest =~ ^(127\.0\.0\.1|localhost):([0-9]+)/?(\?([][A-Za-z0-9_.~:@!,\'\*=\&%+/-]*))?$ ]] || return 1
  host=${BASH_REMATCH[1]} port=${BASH_REMATCH[2]} query=${BASH_REMATCH[4]} token=$CDPMUX_TOKEN
  if [[ "&$query&" =~ \&token=([^\&]*)\& ]]; then
    token=${BASH_REMATCH[1]} query="&$query&"
    query=${query%%"&token=$token&"*}\&${query#*"&token=$token&"}
    [[ $token == *[%+]* || $query == *token=* ]] && return 1
    query=${query#&} query=${query%&}
  fi
  [[ $token == *[![:graph:]]* ]] && return 1
  return 0
}

# Connects as file descriptor 9 and asks for a browser; false where no cdpmux answers.
ask() {
  local line
  { exec 9<>"/dev/tcp/$host/$port"; } 2>/dev/null || return 1
  {
    printf 'GET /%s HTTP/1.1\r\nHost: %s:%s\r\n' "${query:+?$query}" "$host" "$port"
    printf 'Connection: Upgrade\r\nUpgrade: cdpmux-launch\r\nCdpmux-Length: %d\r\n' "$((length + ${#up} + ${#down}))"
    [[ $token ]] && printf 'Authorization: Bearer %s\r\n' "$token"
    printf '\r\n%s\0%s\0' "$up" "$down"
    printf '%s\0' "$@"
  } >&9 2>/dev/null
  if read -r -t 2 line <&9 && [[ $line == 'HTTP/1.1 101 '* ]]; then
    while read -r -t 2 line <&9; do
      [[ $line == $'\r' ]] && return 0
    done
  fi
  exec 9>&-
  return 1
}

# The cdpmux that programs of this user share.
ask_shared() {
  local directory=${TMPDIR:-${TMP:-${TEMP:-/tmp}}} url=''
  directory=${directory%/}/cdpmux-shared-$UID
  [[ -O $directory && ! -L $directory && -O $directory/address ]] || return 1
  read -r url <"$directory/address" 2>/dev/null
  # its address has its token
  CDPMUX_TOKEN='' read_address "$url" && ask "$@"
}

find_cdpmux() {
  if [[ $CDPMUX_URL ]]; then
    read_address "$CDPMUX_URL" && ask "$@"
    return
  fi
  local standard=${CDPMUX_LISTEN_PORT:-9222}
  [[ $standard != 0 ]] && read_address "ws://127.0.0.1:$standard/" && ask "$@" && return
  ask_shared "$@"
}

up='' down='' copiers=()
clean_up() {
  ((${#copiers[@]})) && kill "${copiers[@]}" 2>/dev/null
  [[ $up ]] && rm -f -- "$up" "$down" 2>/dev/null
}
give_up() {
  { exec 9>&- 5>&- 6<&-; } 2>/dev/null
  clean_up
  hand_over "$@"
}
trap 'exit 0' TERM INT HUP
trap clean_up EXIT
if [[ $pipes ]]; then
  { : <&3 && : >&4; } 2>/dev/null || hand_over "$@"
  up=${TMPDIR:-/tmp}/cdpmux-launch-$$-$RANDOM$RANDOM
  down=$up.answers up=$up.commands
  [[ $up == *[![:ascii:]]* || $up == *$'\n'* ]] && hand_over "$@"
  mkfifo -m 600 -- "$up" "$down" 2>/dev/null || give_up "$@"
  # one that is open both ways waits for nobody; afterwards each end is one of one pipe
  { exec 7<>"$up" 8<>"$down" 5>"$up" 6<"$down" 7>&- 8>&-; } 2>/dev/null || give_up "$@"
fi
trap : PIPE
find_cdpmux "$@" || give_up "$@"
# cdpmux itself says sooner that nobody has a place
read -r -t 120 verb rest <&9 || verb=node

case $verb in
  port)
    port=${rest%% *} rest=${rest#* }
    path=${rest%% *} proof=${rest#* }
    # behind a forwarded port the browser's own port is on another machine
    line=
    { exec 8<>"/dev/tcp/127.0.0.1/$port" && printf 'GET /%s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n' "$proof" >&8 && read -r -t 2 line <&8; } 2>/dev/null
    { exec 8>&-; } 2>/dev/null
    [[ $line == 'HTTP/1.1 204 '* ]] || give_up "$@"
    if [[ $profile ]]; then
      [[ -d $profile ]] || mkdir -p -- "$profile" 2>/dev/null || give_up "$@"
      { printf '%s\n%s' "$port" "$path" >"$profile/DevToolsActivePort"; } 2>/dev/null || give_up "$@"
    fi
    printf '\nDevTools listening on ws://127.0.0.1:%s%s\n' "$port" "$path" >&2
    ;;
  pipe | say) ;;
  *) give_up "$@" ;;
esac

# Does what cdpmux says; the last word ends it.
obey() {
  case $1 in
    say) printf '%s\n' "$2" >&2 ;;
    exit) exit "$2" ;;
  esac
}

lost() {
  printf '%s\n' 'cdpmux-chrome: the connection to cdpmux was lost; launch it again.' >&2
  exit 1
}

case $verb in
  pipe)
    cat <&3 >&5 2>/dev/null 3<&- 4>&- 5>&- 6<&- 9>&- &
    copiers+=($!)
    cat <&6 >&4 2>/dev/null 3<&- 4>&- 5>&- 6<&- 9>&- &
    copiers+=($!)
    exec 3<&- 4>&- 5>&- 6<&-
    wait -n
    printf 'hangup\n' >&9 2>/dev/null
    ;;
  port)
    # a Chrome with a port outlives who launched it; here it ends when nobody is connected any more either
    while :; do
      read -r -t 0.25 verb rest <&9
      case $? in
        0) obey "$verb" "$rest" ;;
        1) lost ;;
        *)
          read -r stat </proc/$$/stat
          stat=${stat##*) }
          stat=${stat#* }
          [[ ${stat%% *} != "$PPID" ]] && printf 'orphan\n' >&9 2>/dev/null
          ;;
      esac
    done
    ;;
  say) obey say "$rest" ;;
esac
while read -r -t 10 verb rest <&9; do obey "$verb" "$rest"; done
lost
