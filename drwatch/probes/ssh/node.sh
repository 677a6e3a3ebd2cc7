#!/bin/sh
# What drwatch runs on a node for as long as its SSH channel lives: one POSIX sh (dash, bash, busybox ash), no root, no
# agent, nothing on the disk. It reads one request a line on stdin and answers on stdout. Nothing that is sent to it is
# ever evaluated, so that it may stand behind command="…",restrict in authorized_keys.
#
#   drwatch-hello VERSION TOKEN   first of all (lines before it are skipped); each line of an answer begins with TOKEN
#   process TEXT                  a database server counts only if its command line holds TEXT
#   devices MAJOR:MINOR …         the fast block has these disks too, whatever they are
#   look ID [walk]                the fast block: /proc with the shell's own means, no fork, no disk
#   clock ID                      the wall clock beside /proc/uptime, for a shell that has no clock of its own
#   space ID PATH                 size and free space of the file system; then its device, and how it is mounted
#   marker ID PATH                a sync marker's line; of no other file
#   binlog ID BASE                newest BASE.NNNNNN and its size; BASE may be a directory
#   unit ID NAME …                what systemd says of those units
#   port ID PORT ADDRESS …        the lines of /proc/net/tcp, in whose digits it is asked, of who listens on the port and
#                                 of those connected there from the addresses
#   dial ID SECONDS HOST PORT [PATIENCE]  one TCP dial from here; with it, whether anything is heard there within
#                                 PATIENCE seconds (heard or mute; nothing where the dialler cannot tell)
#   drop ID                       give that request up
#
# All but look run in the background, so that a hung mount stops nothing but the one request, and answer when they can:
# TOKEN KIND ID …, then TOKEN end ID STATUS.

exec 2>/dev/null
LC_ALL=C
PATH=${PATH:+$PATH:}/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
version=4 token='' filter='' devices='' servers='' others='' jobs=''
nl='
'

say() { printf '\n%s %s\n' "$token" "$*"; }

# State, parent, group and start time of process $1; false if there is none.
status() {
    read -r s <"/proc/$1/stat" || return 1
    set -f
    set -- ${s##*) }
    set +f
    state=$1 parent=$2 group=$3 start=${20}
}

# Is process $1 a database server, and one that was asked for? Leaves its state and start time. The command line is read
# once a process: reading that of one which is stuck in the kernel can hang.
is_server() {
    read -r comm <"/proc/$1/comm" || return 1
    loader=''
    case $comm in
        mysqld | mariadbd) ;;
        ld-linux* | ld-musl* | ld.so* | ld64.so*) loader=y ;;
        *) return 1 ;;
    esac
    status "$1" || return 1
    case " $servers " in *" $1:$start "*) return 0 ;; esac
    case " $others " in
        *" $1:$start "*)
            still="$still $1:$start"
            return 1
            ;;
    esac
    [ -n "$loader$filter" ] || return 0
    cmd=''
    read -r cmd <"/proc/$1/cmdline"
    [ -n "$cmd" ] || return 1
    case $loader$cmd in
        y*/mysqld* | y*/mariadbd* | [!y]*) case $cmd in *"$filter"*) return 0 ;; esac ;;
    esac
    still="$still $1:$start"
    return 1
}

keep() {
    found="$found $1:$start" lines="${lines}process $1 $state$nl" count=$((count + 1))
}

# All processes.
walk() {
    found='' lines='' count=0 still=''
    for d in /proc/[0-9]*; do
        if is_server "${d#/proc/}"; then keep "${d#/proc/}"; fi
    done
    others=$still
}

# Those that are known to be servers; false if one of them is gone.
glance() {
    found='' lines='' count=0
    for p in $servers; do
        status "${p%:*}" && [ "$start" = "${p#*:}" ] || return 1
        keep "${p%:*}"
    done
}

look() {
    out="$nl$token look $1$nl"
    if read -r s </proc/uptime; then out="${out}up $s$nl"; fi
    if [ -n "$EPOCHREALTIME" ]; then out="${out}now $EPOCHREALTIME$nl"; fi
    if read -r s </proc/stat; then out="$out$s$nl"; fi
    if [ -r /proc/diskstats ]; then
        n=0
        while read -r major minor s && [ $n -lt 200 ]; do
            case $s in
                loop* | ram* | zram*) case $devices in *" $major:$minor "*) ;; *) continue ;; esac ;;
            esac
            out="${out}disk $major $minor $s$nl" n=$((n + 1))
        done </proc/diskstats
    fi
    if [ -r /proc/pressure/io ]; then
        if read -r s </proc/pressure/io; then out="${out}io $s$nl"; fi
    fi
    if [ -r /proc/meminfo ]; then
        while read -r s; do
            case $s in MemAvailable:*) out="$out$s$nl" && break ;; esac
        done </proc/meminfo
    fi

    if [ -n "$2" ] || [ -z "$servers" ] || ! glance; then walk; fi
    servers=$found
    out=$out$lines
    # Where /proc is mounted with hidepid nobody else's process is to be seen, and to have seen none proves nothing.
    if read -r s </proc/1/comm; then out="${out}processes $count$nl"; else out="${out}processes hidden$nl"; fi
    printf '%s%s done %s\n' "$out" "$token" "$1"
}

clock() {
    read -r before s </proc/uptime
    now=$(date +%s.%N)
    read -r after s </proc/uptime
    say clock "$1" "$before" "$now" "$after"
}

space() {
    s=$(stat -f -c '%S %b %a %d %c' "$2") && say space "$1" "$s" && mounted "$1" "$2"
}

# The last of the longest mount points above path $2 is what it is on.
mounted() {
    path=$(readlink -f "$2") || path=$2
    length=0 on=''
    while read -r _ _ device _ point how rest; do
        below=${point%/} # in the pattern itself, bash 5.2 takes it for another
        case $path/ in
            "$below"/*) [ ${#point} -lt $length ] || length=${#point} on="$device $how ${rest##* }" ;;
        esac
    done </proc/self/mountinfo
    [ -z "$on" ] || say space "$1" "$on"
}

marker() {
    if [ -e "$2" ]; then
        if [ ! -f "$2" ]; then
            say marker "$1" other
        elif [ ! -r "$2" ]; then
            say marker "$1" denied
        else
            s=$(head -c 200 "$2")
            read -r up rest </proc/uptime
            case $s in
                'drwatch-marker '*) say marker "$1" read "$up" "${EPOCHREALTIME:--}" "${s%%"$nl"*}" ;;
                *) say marker "$1" other ;;
            esac
        fi
    else
        d=$2
        while [ -n "$d" ] && [ ! -e "$d" ]; do d=${d%/*}; done
        if [ -x "$d/" ]; then say marker "$1" missing; else say marker "$1" denied; fi
    fi
}

binlog() {
    last='' base=''
    if [ -d "$2" ]; then set -- "$1" "$2"/*.[0-9]*; else set -- "$1" "$2".[0-9]*; fi
    id=$1
    shift
    for f; do
        case ${f##*/} in *relay*) continue ;; esac
        case ${f##*.} in *[!0-9]* | ? | ?? | ??? | ???? | ?????) continue ;; esac
        [ "${base:=${f%.*}}" = "${f%.*}" ] || return 2
        # The number grows a digit past 999999.
        [ ${#f} -lt ${#last} ] || last=$f
    done
    [ -n "$last" ] || return 1
    s=$(stat -c %s "$last") && say binlog "$id" "$s" "${last##*/}"
}

unit() {
    id=$1
    shift
    [ -d /run/systemd/system ] || return 3
    all=$(systemctl show -p LoadState,ActiveState,SubState -- "$@") || return 1
    set -f
    IFS=$nl
    set -- $all
    unset IFS
    for s; do say unit "$id" "$s"; done
}

# A server in a container has a network of its own: its kernel's word on it comes before this shell's.
port() {
    id=$1 at=$2
    shift 2
    have grep || return 127
    IFS='|'
    from=$*
    unset IFS
    for p in $servers net; do
        if [ "$p" = net ]; then d=/proc/net; else d=/proc/${p%:*}/net; fi
        s="^ *[0-9]+: [0-9A-F]+:$at ([0-9A-F]+:0000 0A|(${from:-nobody}):[0-9A-F]+ 01) "
        all=$(grep -hiE "$s" $d/tcp $d/tcp6 | head -n 100)
        case $all in *' 0A '*) break ;; esac
    done
    set -f
    IFS=$nl
    set -- $all
    unset IFS
    for s; do say port "$id" "${s#*: }"; done
}

have() { command -v "$1" >/dev/null; }

dial() {
    code=127
    if have bash && have timeout; then
        s=$(timeout -s KILL "$2" bash -c 'exec 3<>"/dev/tcp/$1/$2" || exit
[ -n "$3" ] || exit 0
read -r -n 1 -t "$3" <&3
if [ $? -gt 128 ]; then echo mute; else echo heard; fi' drwatch "$3" "$4" "${5-}" 2>&1)
        code=$?
        # A bash that was built without network redirections.
        case $s in *'No such file or directory'*) code=127 ;; esac
    fi
    if [ $code = 127 ] && have python3; then
        s=$(python3 -c 'import socket,sys
try: s = socket.create_connection(sys.argv[2:4], float(sys.argv[1]))
except OSError as e: sys.exit(str(e))
if sys.argv[4]:
    s.settimeout(float(sys.argv[4]))
    try: s.recv(1); print("heard")
    except socket.timeout: print("mute")
    except OSError: print("heard")' "$2" "$3" "$4" "${5-}" 2>&1)
        code=$?
    fi
    if [ $code = 127 ] && have perl; then
        s=$(perl -e 'use IO::Socket::IP; my $s = IO::Socket::IP->new(PeerHost=>$ARGV[1],PeerPort=>$ARGV[2],
            Type=>SOCK_STREAM,Timeout=>$ARGV[0]) or die "$@\n"; exit unless $ARGV[3];
            my $r = ""; vec($r, fileno($s), 1) = 1;
            print select($r, undef, undef, $ARGV[3]) ? "heard" : "mute"' "$2" "$3" "$4" "${5-}" 2>&1)
        code=$?
        case $s in *"Can't locate"*) code=127 ;; esac
    fi
    for nc in nc ncat; do
        if [ $code = 127 ] && have $nc; then
            s=$($nc -z -v -w "$2" "$3" "$4" 2>&1)
            code=$?
            # busybox had no -z until of late.
            case $s in
                *'invalid option'*)
                    s=$($nc -w "$2" "$3" "$4" -e true 2>&1)
                    code=$?
                    ;;
            esac
        fi
    done
    case $s in 'Ncat: Version '*"$nl"*) s=${s#*"$nl"} ;; esac
    say dial "$1" $code "${s%%"$nl"*}"
}

# Ends a job and what it started.
end() {
    children=''
    read -r children <"/proc/$1/task/$1/children"
    kill -9 "$1"
    for c in $children; do
        read -r children <"/proc/$c/task/$c/children" && kill -9 $children
        kill -9 "$c"
    done
}

finish() {
    trap - EXIT
    trap '' HUP INT PIPE TERM
    for j in $jobs; do
        if status "${j#*:}" && [ "$parent" = $$ ]; then end "${j#*:}"; fi
    done
    # What a job left behind too, if the process group is this shell's own, as sshd makes it.
    if status $$ && [ "$group" = $$ ]; then kill 0; fi
    exit 0
}

reap() {
    left=''
    for j in $jobs; do
        if status "${j#*:}" && [ "$parent" = $$ ] && [ "$state" != Z ]; then
            left="$left $j"
        else
            # One that did not come to its own end: given up, or killed by somebody.
            wait "${j#*:}" || say end "${j%:*}" "$?"
        fi
    done
    jobs=$left
}

start() {
    (
        trap - EXIT HUP INT PIPE TERM
        "$@"
        say end "$2" "$?"
    ) </dev/null &
    jobs="$jobs $2:$!"
}

trap finish EXIT
trap 'exit 0' HUP INT PIPE TERM
while IFS= read -r line; do
    verb=${line%% *} arg=''
    case $line in *' '*) arg=${line#* } ;; esac
    if [ "$verb" = drwatch-hello ]; then
        case ${arg#* } in
            *[!0-9a-f]* | '') ;;
            *)
                token=${arg#* }
                say hello $version
                [ -n "$EPOCHREALTIME" ] || clock 0
                ;;
        esac
        continue
    fi
    [ -n "$token" ] || continue
    if [ "$verb" = process ]; then
        filter=$arg servers='' others=''
        continue
    fi
    if [ "$verb" = devices ]; then
        devices=" $arg "
        continue
    fi
    id=${arg%% *}
    case $id in '' | *[!0-9]*) continue ;; esac
    arg=${arg#"$id"} arg=${arg# }
    [ -z "$jobs" ] || reap
    case $verb in
        look) look "$id" "$arg" ;;
        clock) start clock "$id" ;;
        space | marker | binlog)
            case $arg in /*) start "$verb" "$id" "$arg" ;; *) say end "$id" 64 ;; esac
            ;;
        unit | dial | port)
            case $arg in
                -* | *' -'* | *[!A-Za-z0-9@._:\ -]*) say end "$id" 64 ;;
                *)
                    set -f
                    set -- $arg
                    set +f
                    start "$verb" "$id" "$@"
                    ;;
            esac
            ;;
        drop)
            for j in $jobs; do
                if [ "${j%:*}" = "$id" ] && status "${j#*:}" && [ "$parent" = $$ ]; then end "${j#*:}"; fi
            done
            ;;
    esac
done
exit 0
