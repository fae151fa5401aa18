#!/usr/bin/env bash
# deploy/verifiers/follow beside nginx: what the change feed says is in force at the server within seconds, without a
# timer; and moniker verify --offline judges by the bundle as the service does.
. "$(dirname "$0")/lib.sh"
need nginx nginx-light

start_nginx() {
	configuration nginx/moniker.conf "s/listen 443/listen 127.0.0.1:$port/" "s/127.0.0.1:8000/127.0.0.1:$behind/" >"$work/moniker.conf"
	run_nginx
	within 30 listens "$port" || die "nginx does not start: $(tail -n 3 "$work/error.log")"
}
is_in() { curl -sS --fail --tlsv1.3 --cacert "$etc/server.pem" --cert "$work/$1.chain" --key "$work/$1.key" "https://localhost:$port/" >/dev/null 2>&1; }
is_out() { ! is_in "$1"; }

# soon WHAT COMMAND...: within 30 seconds, and no timer runs.
soon() {
	within 25 "${@:2}" || { cat "$work/follow.log" >&2; die "$1: not within 25 seconds"; }
	ok "$1"
}
moved() { [ "$(cat "$work/cursor")" != "$1" ]; }

open_batch
for name in good bad held; do enroll $name; done
party
port=$(free_port)
behind=$(free_port)
refresh_until unlisted bad
start_nginx
for name in good bad held; do is_in $name || die "$name is not let in"; done
follow_with kill -HUP "$(cat "$work/nginx.pid")"
soon "it takes its place in the feed" placed
place=$(cat "$work/cursor")
revoke bad
soon "a revoked device is kept out" is_out bad
act hold held
soon "a held one, too" is_out held
act release held
soon "a released one is let in" is_in held
is_in good || die "good is not let in"
soon "its place moves on" moved "$place"

stop_follow
act hold held
place=$(cat "$work/cursor")
follow_with kill -HUP "$(cat "$work/nginx.pid")"
soon "what happened while it was away is made up for" is_out held
stop_follow
act release held
echo AAAAAAAAAAEAAAAA >"$work/cursor" # of another history
follow_with kill -HUP "$(cat "$work/nginx.pid")"
soon "from a place that is gone it begins anew" is_in held
moved_from_there() { moved AAAAAAAAAAEAAAAA && placed; }
soon "at another place" moved_from_there
stop_follow

# The bundle, fetched as anybody may, judged by the library.
curl -sS --fail --cacert "$MONIKER_CACERT" "$MONIKER_URL/v1/trust-bundle" -o "$work/bundle.pem"
offline() { "$MONIKER_BIN/moniker" verify "$work/$1.pem" --offline "$work/bundle.pem" --json || true; }
same "offline: good" "good $(jq -r .pseudonym "$work/good.json")" "$(offline good | jq -r '.verdict + " " + .pseudonym')"
same "offline: revoked" "revoked KEY_COMPROMISE" "$(offline bad | jq -r '.verdict + " " + .reason')"
act hold held
curl -sS --fail --cacert "$MONIKER_CACERT" "$MONIKER_URL/v1/trust-bundle" -o "$work/bundle.pem"
same "offline: held" held "$(offline held | jq -r .verdict)"
online() { "$MONIKER_BIN/moniker" verify "$work/$1.pem" --json || true; }
same "and in the words of the service" "$(online held | jq -cS '{verdict, pseudonym, serial, reason, revoked_at}')" \
	"$(offline held | jq -cS '{verdict, pseudonym, serial, reason, revoked_at}')"
cp "$MONIKER_STATION_CERT" "$work/station.pem"
same "offline: a station is no device" untrusted "$(offline station | jq -r .verdict)"
refuses "another root's bundle" 'BAD_PROOF: .*its root is another' env MONIKER_TRUST="$MONIKER_CACERT" \
	"$MONIKER_BIN/moniker" verify "$work/good.pem" --offline "$work/bundle.pem"
accepts "openssl reads it, too" openssl verify -CAfile "$work/bundle.pem" "$work/good.pem"
