#!/usr/bin/env bash
# supervisor.sh BIN: monikerd with two children that are not ours, one of which sends what it should not. The supervisor
# keeps none of it, still hears the words that are its to hear, and ends when it is told to.
set -euo pipefail
work=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT
die() { echo "$*" >&2; tail -n 20 "$work/said" >&2; exit 1; }
within() { # SECONDS COMMAND...
	local until=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $until ] || return 1
		sleep 0.05
	done
}
said() { grep -q "$1" "$work/said"; }

command -v python3 >/dev/null || { echo "python3 is missing: install the Debian package python3" >&2; exit 1; }
chmod 755 "$work"
mkdir "$work/bin" "$work/keeper"
cp "$1/monikerd" "$work/bin/"
echo node1-2026 >"$work/keeper/log"
(umask 277; echo word >"$work/passphrase")
cat >"$work/bin/moniker-keeper" <<'END'
#!/usr/bin/python3
# Says that it serves, and ends when it is told to.
import socket
control = socket.socket(fileno=3)
control.send(b"R")
while True:
    word = control.recv(2048)
    if word in (b"S", b""):
        break
END
cat >"$work/bin/moniker-service" <<'END'
#!/usr/bin/python3
# Sends channels and passphrases, of which no end of the channels may stay open; then the word that a service has.
import os, select, socket, sys
control = socket.socket(fileno=3)
ours, theirs = os.pipe()
for _ in range(1000):
    socket.send_fds(control, [b"C"], [theirs] * 5)
    for _ in range(4):
        control.send(b"Pword")
os.close(theirs)
if not select.select([ours], [], [], 60)[0]:
    sys.exit("a channel is kept")
control.send(b"R")
while control.recv(2048) not in (b"S", b""):
    pass
END
chmod 755 "$work"/bin/*
if [ "$(id -u)" = 0 ]; then user=daemon; else user=$(id -un); fi
cat >"$work/moniker.conf" <<END
[service]
user = $user
keeper_user = $user
state_dir = $work/state
[http]
public_http_url = http://localhost
[database]
url = host=$work
[keeper]
dir = $work/keeper
passphrase_file = $work/passphrase
[audit]
dir = $work/audit
name = moniker.test
END

"$work/bin/monikerd" --config "$work/moniker.conf" >"$work/said" 2>&1 </dev/null &
pid=$!
within 90 said 'keeper is ready' || die "the keeper is not ready"
within 90 said 'service is ready' || die "the service is not ready, or was not heard"
kept=$(awk '/^RssAnon:/ { print $2 }' "/proc/$pid/status")
[ "$kept" -lt 16384 ] || die "the supervisor has $kept KiB of its own: passphrases are kept"
kill -TERM "$pid"
wait "$pid" || die "the supervisor ends with $?"
pid=
