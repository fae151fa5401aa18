#!/usr/bin/env bash
# deploy/verifiers/mosquitto with mosquitto: who is let in, and that `kick` ends the live session of a revoked device,
# which the new CRL alone does not.
. "$(dirname "$0")/lib.sh"
need mosquitto mosquitto
need mosquitto_sub mosquitto-clients

start_broker() {
	cp "$verifiers"/mosquitto/acl "$verifiers"/mosquitto/acl.none "$etc/"
	# Started as root it gives root up.
	user=$(id -un)
	if [ "$user" = root ]; then
		user=mosquitto
		chown mosquitto "$etc/server.key"
		install -d -o mosquitto "$work/run"
		install -o mosquitto /dev/null "$work/log"
	fi
	mkdir -p "$work/run"
	{
		configuration mosquitto/moniker.conf "s/^listener 8883/listener $port 127.0.0.1/" "s,/run/moniker-verifier,$work/run,"
		printf 'user %s\npid_file %s/run/pid\nlog_dest file %s/log\nlog_type all\n' "$user" "$work" "$work"
	} >"$work/mosquitto.conf"
	mosquitto -c "$work/mosquitto.conf" >"$work/start.log" 2>&1 &
	broker=$!
	was_started $broker
	within 30 listens "$port" || die "mosquitto does not start: $(tail -n 3 "$work/start.log" "$work/log")"
}

# What COMMAND is to crl-refresh: the reload, and until mosquitto has done it.
write_reload() {
	cat >"$work/reload" <<-RELOAD
		#!/bin/sh -eu
		reloads() { grep -c 'Reloading config' "$work/log" || true; }
		before=\$(reloads)
		kill -HUP $broker
		for _ in \$(seq 300); do
			[ "\$(reloads)" = "\$before" ] || exit 0
			sleep 0.1
		done
		exit 1
	RELOAD
	chmod +x "$work/reload"
}

pseudonym_of() { jq -r .pseudonym "$work/$1.json"; }
calls_as() { # NAME COMMAND: sets call, the command that calls the broker as that device
	call=("$2" -h localhost -p "$port" -V mqttv5 --cafile "$etc/server.pem" --cert "$work/$1.chain" --key "$work/$1.key")
}
device() { # NAME COMMAND [options]
	local call
	calls_as "$1" "$2"
	"${call[@]}" "${@:3}"
}
# echoes NAME [options]: what it publishes to its own topic comes back. Its session is a new one.
echoes() {
	local topic
	topic=devices/$(pseudonym_of "$1")/echo
	device "$1" mosquitto_rr -W 10 -t "$topic" -e "$topic" -m hello "${@:2}" 2>"$work/why"
}
let_in() { same "$1 is let in $2" hello "$(echoes "$1")"; }
kept_out() { refuses "$1 is kept out $2" 'Protocol error|connection was lost|TLS error' echoes_loudly "$1"; }
echoes_loudly() { echoes "$1" || { cat "$work/why"; return 1; }; }

# stays NAME: a session that lasts, and listens to all that it may read; sets $listener.
stays() {
	local call
	calls_as "$1" mosquitto_sub
	"${call[@]}" -t '#' >"$work/$1.heard" 2>&1 & # the program itself, no shell around it: that it ends when it is killed
	listener=$!
	was_started $listener
	within 30 grep -q "Sending SUBACK to $(pseudonym_of "$1")" "$work/log" || die "$1 has no session"
}
sessions() { grep -c "as $(pseudonym_of "$1") (" "$work/log" || true; } # that it had since the start
kick() { "$verifiers/mosquitto/kick" "$work/run/mosquitto.sock" "$(pseudonym_of "$1")"; }

open_batch
enroll good
enroll bad
enroll held
party
port=$(free_port)
refresh_until unlisted bad # before the broker, which needs the file
start_broker
write_reload

let_in held "at first"
stays good; good=$listener
stays bad; bad=$listener
device held mosquitto_pub -i "$(pseudonym_of bad)" -t "devices/$(pseudonym_of bad)/x" -m stolen
same "no device ends another's session by its client id" 1 "$(sessions bad)"
same "nor writes to it" "" "$(cat "$work/bad.heard")"

# What HUP does, and what kick does, alone.
revoke bad
refresh_until lists bad "$work/reload"
kept_out_anew() { refuses "$1 would be kept out" 'Protocol error|connection was lost|TLS error' device "$1" mosquitto_pub -t x -n; }
kept_out_anew bad
same "the new CRL alone leaves a live session alone" "1 1" "$(sessions bad) $(sessions good)"
! ended "$bad" || die "bad's session has ended by itself"
kick bad
within 30 ended "$bad" || die "bad's session has not ended"
ok "kick ends it"
kept_out bad "when it is revoked"

# What crl-refresh runs does both.
changed() { "$verifiers/mosquitto/on-change" "$etc/crl.pem" "$work/run/mosquitto.sock" "$work/reload"; }
stays held; held=$listener
act hold held
refresh_until lists held "$verifiers/mosquitto/on-change" "$etc/crl.pem" "$work/run/mosquitto.sock" "$work/reload"
within 30 ended "$held" || die "held's session has not ended"
ok "on-change ends the session of who is held"
kept_out held "when it is held"
same "the session of another is as it was" "1" "$(sessions good)"
! ended "$good" || die "good's session has ended"
kicks() { grep -c "New client connected from $work/run/mosquitto.sock" "$work/log" || true; }
before=$(kicks)
changed
same "who was kicked is not kicked again" "$before" "$(kicks)"

# Who cannot be found is tried again.
rm "$etc/crl.pem.kicked"
stop_service() { MONIKER_URL=https://127.0.0.1:1 changed; }
refuses "without the service nobody is found" "$(serial_of "$work/bad.pem"): 000" stop_service
same "and nobody is forgotten" "" "$(cat "$etc/crl.pem.kicked")"
changed
shows "until it is there again" "$(serial_of "$work/bad.pem")" "$etc/crl.pem.kicked"

act release held
refresh_until unlisted held "$verifiers/mosquitto/on-change" "$etc/crl.pem" "$work/run/mosquitto.sock" "$work/reload"
let_in held "when it is released"
same "and is kicked when it is held again" 0 "$(grep -c "$(serial_of "$work/held.pem")" "$etc/crl.pem.kicked" || true)"
kept_out bad "for ever"

# The feed drives it all: an officer's word ends a live session.
enroll late
stays late; late=$listener
follow_with "$verifiers/mosquitto/on-change" "$etc/crl.pem" "$work/run/mosquitto.sock" "$work/reload"
within 30 placed || die "follow takes no place: $(cat "$work/follow.log")"
revoke late
within 25 ended "$late" || die "late's session has not ended: $(cat "$work/follow.log")"
ok "a revocation ends the live session, by the feed"
kept_out late "from then on"
! ended "$good" || die "good's session has ended"
stop_follow

# Whoever may open the socket can end sessions, and nothing else.
mosquitto_pub --unix "$work/run/mosquitto.sock" -i "$(openssl rand -hex 8)" -t "devices/$(pseudonym_of good)/x" -m forged
let_in held "still"
same "what is said at the socket reaches nobody" "" "$(cat "$work/good.heard")"
refuses "no name but a pseudonym is kicked" 'is no pseudonym' "$verifiers/mosquitto/kick" "$work/run/mosquitto.sock" '-h example.com'

roots_crl_only yes
"$work/reload"
kept_out good "when the CRL of its CA is missing"
