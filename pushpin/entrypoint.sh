#!/bin/sh
# Renders pushpin.conf and the routes from the environment, then becomes Pushpin. The one way it is started: by
# `make run`, by the image and by the tests.
#
#   PUSHPIN_BIND PORT                                    where clients connect (127.0.0.1, 7999)
#   PUSHPIN_CONTROL_BIND PUSHPIN_ZMQ_PORT PUSHPIN_HTTP_PORT   where Django publishes (127.0.0.1, 5560, 5561)
#   WEB_HOST WEB_PORT                                    where Django is (127.0.0.1, 8000)
#   GRIP_KEY or GRIP_KEY_FILE                            signs what is forwarded ($CORKBOARD_VAR/grip_key)
#   PUSHPIN_RUNDIR                                       configuration and sockets ($CORKBOARD_VAR/pushpin)
#   PUSHPIN_STATS_SPEC                                   where it says who is subscribed ($PUSHPIN_RUNDIR/pushpin-stats)
#   TRUSTED_PROXIES                                      proxies in front, whose X-Forwarded-For is believed (0)
#   PUSHPIN_MAX_CLIENTS                                  connections held at once (from the limit on open files)
#   TIMES_DIVISOR                                        for tests alone: divides times as chat/times.py does (1)
set -eu

# Bytes, not letters of a language: what a pattern means here must not depend on where the machine stands.
LC_ALL=C
export LC_ALL

fail() { # one line, whatever is in it
    printf 'pushpin: %s' "$1" | tr '[:cntrl:]' '?' >&2
    echo >&2
    exit 1
}

here=$(cd -- "$(dirname -- "$0")" && pwd)
var=${CORKBOARD_VAR:-$(dirname -- "$here")/var}
# The key as Django reads it (server/env.py): as it is, but for line ends behind it. Both refuse what one of them could
# read in another way than the other, as a blank at an end, or a NUL, which no variable of a shell can hold.
line_end='
'
carriage_return=$(printf '\r')
key_file=${GRIP_KEY_FILE:-$var/grip_key}
key_bytes() { if [ -n "${GRIP_KEY:-}" ]; then printf %s "$GRIP_KEY"; else cat <"$key_file"; fi; }
[ -n "${GRIP_KEY:-}" ] || { [ ! -d "$key_file" ] && [ -r "$key_file" ]; } ||
    fail "GRIP_KEY: can't read $key_file: set GRIP_KEY or GRIP_KEY_FILE"
others=$(key_bytes | tr -d '!-~\r\n' | wc -c)
key=$(key_bytes | tr -d '\0')
while :; do
    case $key in
        *"$line_end") key=${key%"$line_end"} ;;
        *"$carriage_return") key=${key%"$carriage_return"} ;;
        *) break ;;
    esac
done
case $key in *"$line_end"* | *"$carriage_return"*) others=1 ;; esac
[ ${#key} -ge 32 ] && [ "$others" -eq 0 ] ||
    fail "GRIP_KEY needs at least 32 characters of printable ASCII without blanks: see $key_file, GRIP_KEY and GRIP_KEY_FILE"

# The folder stands in a configuration language, in lists and in addresses: what it may be called has a meaning in none
# of them. A socket's path may have 103 characters on some systems; the longest name here has 28.
rundir=${PUSHPIN_RUNDIR:-$var/pushpin}
case $rundir in /*) ;; *) rundir=$PWD/$rundir ;; esac
case $rundir in
    *[!A-Za-z0-9/._~+-]*)
        fail "$rundir holds more than letters, digits and / . _ ~ + -: set PUSHPIN_RUNDIR to another folder" ;;
esac
[ ${#rundir} -le 75 ] || fail "$rundir is too long for sockets: set PUSHPIN_RUNDIR to a shorter folder"
umask 077
mkdir -p -- "$rundir" || fail "can't make $rundir"

# A runner that was killed with -9 leaves children behind that hold the ports and the streams. What names our own
# folder on its command line is such a leftover: ending it lets every client reconnect to the new one.
printf '%s\n' "--config=$rundir/" "ipc://$rundir/" |
    grep -lsaF -f - /proc/[0-9]*/cmdline | while IFS=/ read -r _ _ pid _; do
        kill -9 "$pid" 2>/dev/null || true
    done

# A client takes one open file of condure, so the limit on files is the limit on clients; a fifth is left for sockets
# of its own and for those who wait in line. Above 100,000 files memory ends first: 47 KiB a stream.
ulimit -n "$(ulimit -H -n)" 2>/dev/null || true
files=$(ulimit -n)
if [ "$files" = unlimited ] || [ "$files" -gt 100000 ]; then files=100000; fi
max_clients=${PUSHPIN_MAX_CLIENTS:-$((files * 4 / 5))}

zurl_out_specs=ipc://$rundir/pushpin-zurl-in
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29; do
    zurl_out_specs="$zurl_out_specs,ipc://$rundir/pushpin-zurl-in"
done

# away.py answers while Django can't be reached. It chooses a free port itself, so nothing else can have it; it ends
# with Pushpin, and Pushpin with it, so nobody else can take that port while requests are sent there.
command -v python3 >/dev/null || fail "can't find python3: it answers while Django can't be reached"
rm -f "$rundir/away-port"
( python3 -I "$here/away.py" $$ "$rundir/away-port" || true; kill $$ 2>/dev/null ) </dev/null &
while [ ! -s "$rundir/away-port" ]; do sleep 0.02; done

# render FILE: a file of this folder with every @NAME@ replaced. The values go through a pipe, not through arguments,
# which everybody on the machine could read; the key goes as base64, so that no character of it means anything.
render() {
    while IFS= read -r line; do
        printf 's|@%s@|%s|g\n' "${line%%=*}" "$(printf %s "${line#*=}" | sed 's/[\\&|]/\\&/g')"
    done <<VALUES | sed -f /dev/stdin "$here/$1" > "$rundir/$1"
RUNDIR=$rundir
BIND=${PUSHPIN_BIND:-127.0.0.1}
PORT=${PORT:-7999}
CONTROL_BIND=${PUSHPIN_CONTROL_BIND:-127.0.0.1}
ZMQ_PORT=${PUSHPIN_ZMQ_PORT:-5560}
HTTP_PORT=${PUSHPIN_HTTP_PORT:-5561}
WEB_HOST=${WEB_HOST:-127.0.0.1}
WEB_PORT=${WEB_PORT:-8000}
AWAY_PORT=$(cat "$rundir/away-port")
MAX_CLIENTS=$max_clients
TRUSTED_PROXIES=${TRUSTED_PROXIES:-0}
ZURL_OUT_SPECS=$zurl_out_specs
STATS_SPEC=${PUSHPIN_STATS_SPEC:-ipc://$rundir/pushpin-stats}
MESSAGE_WAIT_MS=$((5000 / ${TIMES_DIVISOR:-1}))
SUBSCRIPTION_SECONDS=$((60 / ${TIMES_DIVISOR:-1}))
GRIP_KEY=base64:$(printf %s "$key" | base64 | tr -d '\n')
VALUES
}
render pushpin.conf
render routes

# Pushpin's runner starts all four processes and ends them all when one of them ends, even by kill -9, so whoever runs
# this script starts everything again. Clients come last, since a message between two processes that are not connected
# yet is lost, and then a client waits in vain: their requests wait in condure until the gate is there, a link to where
# condure hands them out. By then the processes have found each other, which takes them up to 0.2 s. Measured with eight
# clients at the door: without a gate some hung at 5 starts of 6, with it at none of 52.
rm -f "$rundir"/pushpin-*
(
    for socket in zurl-in zurl-out condure-out command; do
        while [ ! -S "$rundir/pushpin-$socket" ]; do
            kill -0 $$ || exit
            sleep 0.05
        done
    done
    sleep 0.5
    kill -0 $$ && ln -s pushpin-condure-out "$rundir/pushpin-gate"
) &
exec pushpin --merge-output --config="$rundir/pushpin.conf"
