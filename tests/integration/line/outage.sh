#!/usr/bin/env bash
# The database is away, or its disk is full: nothing is issued. An officer's revocation is taken all
# the same, holds at once, survives whatever dies, and is recorded once when that is possible again.
. "$(dirname "$0")/lib.sh"
supervisor() { cat "$MONIKER_TEST_STATE/pid"; }
child() { pgrep -P "$(supervisor)" -f -- "$1"; }
ready() { [ "$(curl -s -o /dev/null -w '%{http_code}' --cacert "$MONIKER_CACERT" "$MONIKER_URL/readyz")" = 200 ]; }
pg=$(sed -n 's/^PGDIR=//p' "$MONIKER_TEST_PG")
pg_bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
as_postgres=()
[ "$(id -u)" != 0 ] || as_postgres=(setpriv --reuid=postgres --regid=postgres --clear-groups)
pg_ctl() { (cd / && "${as_postgres[@]}" "$pg_bin/pg_ctl" -D "$pg/data" -l "$pg/server.log" -w -s "$@"); }
spool=$MONIKER_TEST_STATE/service/spool
as_service=()
[ "$(id -u)" != 0 ] || as_service=(setpriv --reuid="$(stat -c %u "$spool")" --regid="$(stat -c %g "$spool")" --clear-groups)
limit() { "${as_service[@]}" prlimit --pid "$(child --service)" --fsize="$1:"; }
restore() { # whoever comes next finds a service that is ready
	limit unlimited || true
	pg_ctl start 2>/dev/null || true
	(within 60 "the service is ready" ready) || true
	cleanup
}
trap restore EXIT
# killed_over COMMAND...: the service dies, and what the command prints is in the spool then. It is stopped
# first: else it may be there again before the line is.
killed_over() {
	local pid
	pid=$(child --service)
	kill -STOP "$pid"
	"$@" >>"$spool"
	kill -KILL "$pid"
}

enroll() { # NAME
	send /v1/enrollments station <"$work/$1.json" >"$work/$1"
	jq -r '.certificate // empty' "$work/$1" >"$work/$1.pem"
}
revoke() { # NAME [ROLE [jq filter]]: its serial number; the answer goes to $work/act
	jq -c "{select: {serial}, action: \"revoke\", reason: \"KEY_COMPROMISE\", why: \"LOST\"} | ${3:-.}" "$work/$1" |
		send /v1/revocations "${2:-officer}" >"$work/act" || true
}
ocsp() { # NAME
	openssl ocsp -issuer "$work/$1.ca" -cert "$work/$1.pem" -noverify -url "$MONIKER_HTTP_URL/ocsp" 2>&1 | tr '\n' ' '
}
leaf_of() { # NAME: cert.revoke of its certificate
	local handle
	handle=$(psql -q -X -At "$MONIKER_PGURL" -c "SELECT handle FROM certificate WHERE serial = '\\x$(jq -r .serial "$work/$1")'")
	call GET '/v1/audit/events?ev=cert.revoke&limit=10000' auditor | grep -F "\"sub\":\"h:$handle\"" || true
}
spooled() { call GET /metrics nobody | sed -n 's/^moniker_revocations_spooled //p'; }
request_is() { [ "$(call GET "/v1/revocations/$1" officer | jq -r .status)" = "$2" ]; }

crl() { openssl crl -in "$work/crl" -noout "$@" 2>&1; } # of what fetch_crl got
lists() (fetch_crl "$work/$1.pem" "$work/crl" && crl -text | grep -q "$(serial_of "$work/$1.pem")") # a subshell, since it ends what it fails in
number() { printf '%d' "$(crl -crlnumber | sed 's/.*=//')"; }

open_lot outage
for name in seen unseen partner late full; do
	make_key $name; request $name "$(random_mac)" >"$work/$name.json"
	[ $name = late ] || { enroll $name; same "$name is enrolled" 201 "$(cat "$work/status")"; }
	[ $name = late ] || jq -r '.chain[0]' "$work/$name" >"$work/$name.ca"
done
signed() { psql -q -X -At "$MONIKER_PGURL" -c "SELECT count(*) FROM certificate_signature WHERE serial = '\\x$(jq -r .serial "$work/$1")'"; }
all_signed() { [ "$(for name in seen unseen partner full; do signed $name; done | paste -sd' ')" = "1 1 1 1" ]; } # then what is verified is remembered
within 60 "signatures are on record" all_signed
same "seen is good" "good good" "$(verdict "$work/seen") $(verdict "$work/seen")"
grep -q ': good' <<<"$(ocsp seen)" || die "OCSP: $(ocsp seen)"
call GET /v1/changes/snapshot verifier >"$work/set.before"
size_before=$(stat -c %s "$work/set.before")

# ---- away

# A list that a change of before made due would have another number: none is drawn, made or taken up for a while.
lists_made() { psql -q -X -At "$MONIKER_PGURL" -c 'SELECT issuer, shard, number, full_number, delta_number FROM crl ORDER BY 1, 2'; }
settled() {
	local before
	before=$(lists_made)
	sleep 3
	fetch_crl "$work/seen.pem" "$work/crl" && [ "$(lists_made)" = "$before" ] && grep -q "|$(number)|" <<<"$before"
}
within 60 "no list is under way" settled
number_before=$(number) ends_before=$(crl -nextupdate)
[ $((number_before % 100000)) = 0 ] || die "a number that the database did not give: $number_before"
pg_ctl -m immediate stop
enroll late || true
same "away: nothing is issued" 503 "$(cat "$work/status")"
revoke seen
same "away: a revocation is spooled" "202 spooled 1" "$(cat "$work/status") $(jq -r '.status + " " + (.count | tostring)' "$work/act")"
id=$(jq -r .id "$work/act")
same "away: and can be asked for" "/v1/revocations/$id" "$(header location)"
same "away: by its id" "spooled KEY_COMPROMISE" "$(call GET "/v1/revocations/$id" officer | jq -r '.status + " " + .reason')"
at=$(call GET "/v1/revocations/$id" officer | jq -r .at)
same "away: the verdict of one that was remembered" "revoked KEY_COMPROMISE" \
	"$(jq -c '{certificate}' "$work/seen" | send /v1/verifications verifier | jq -r '.verdict + " " + .reason')"
revoke unseen
same "away: another one is spooled" "202 spooled" "$(cat "$work/status") $(jq -r .status "$work/act")"
unseen_id=$(jq -r .id "$work/act")
same "away: the verdict of one that nobody asked about" "revoked null" \
	"$(jq -c '{certificate}' "$work/unseen" | send /v1/verifications verifier | jq -r '.verdict + " " + (.pseudonym | tostring)')"
for name in seen unseen; do grep -q ': revoked' <<<"$(ocsp $name)" || die "OCSP of $name: $(ocsp $name)"; done
ok "away: OCSP says revoked of both"
call GET /v1/changes/snapshot verifier >"$work/set"
same "away: the status set has them" 200 "$(cat "$work/status")"
[ "$(stat -c %s "$work/set")" -gt "$size_before" ] || die "the set has not grown"
for name in seen unseen; do
	od -An -v -tx1 "$work/set" | tr -d ' \n' | grep -q "$(jq -r .serial "$work/$name")" ||
		die "the set lacks $name"
done
for name in seen unseen; do within 60 "away: the CRL lists $name" lists $name; done
number_away=$(number)
[ "$number_away" -gt "$number_before" ] && [ $((number_away / 100000)) = $((number_before / 100000)) ] ||
	die "numbers that are reserved: $number_before, away $number_away"
same "away: it is as fresh as the one before" "$ends_before" "$(crl -nextupdate)"
grep -q 'verify OK' <<<"$(crl -verify -CAfile "$work/seen.ca")" || die "away: $(crl -verify -CAfile "$work/seen.ca")"
curl -sf -o "$work/delta" "$(crl -text | sed -n 's/.*URI:\(.*delta.*\)/\1/p' | head -n 1)"
openssl crl -in "$work/delta" -inform DER -noout -text >"$work/delta.text"
same "away: the delta, too, of the same number" "1 1 $number_away" \
	"$(for name in seen unseen; do grep -c "$(serial_of "$work/$name.pem")" "$work/delta.text"; done | xargs) $(sed -n '/CRL Number/{n;s/^ *//p}' "$work/delta.text")"
revoke partner officer '.action = "hold" | del(.reason)'
same "away: a hold is not spooled" 503 "$(cat "$work/status")"
revoke partner officer '. + {dry_run: true}'
same "away: nor is there a preview" 503 "$(cat "$work/status")"
revoke partner station
refused "away: who is no officer is refused" 403 ROLE_DENIED "$work/act"
revoke partner nobody
refused "away: nor for nobody" 401 CALLER_MISSING "$work/act"
jq -c '.serial = "not a serial number"' "$work/partner" >"$work/garbage"
revoke garbage
[ "$(cat "$work/status")" != 202 ] || die "garbage is spooled"
jq -c --arg s "$(printf '40%02x' 0)$(openssl rand -hex 18)" '.serial = $s' "$work/partner" | jq -c '.serial |= sub("^4000....";"40000052")' >"$work/stranger"
revoke stranger
same "away: a serial number that nobody knows cannot be told" "202 spooled" "$(cat "$work/status") $(jq -r .status "$work/act")"
stranger_id=$(jq -r .id "$work/act")
same "away: three wait" 3 "$(spooled)"
same "away: three lines on disk" 3 "$(wc -l <"$spool")"
call GET /readyz nobody >"$work/readyz"
same "away: /readyz tells" "false 3 revocations wait for their record" \
	"$(jq -r '(.components.database.ready | tostring) + " " + .components.spool.detail' "$work/readyz")"
# No room: what cannot be kept is not accepted.
limit "$(($(stat -c %s "$spool") + 40))"
revoke full
same "away, no room: refused" "503 RECORD_UNAVAILABLE" "$(cat "$work/status") $(jq -r .code "$work/act")"
same "away, no room: no half line" "3 0" "$(wc -l <"$spool") $(tail -c 1 "$spool" | tr -d '\n' | wc -c)"
limit unlimited
revoke full
same "away, room again: spooled" "202 spooled" "$(cat "$work/status") $(jq -r .status "$work/act")"

cp "$spool" "$work/spool"

# ---- killed between spooling and recording

within 60 "away: the CRL has them all" lists full
number_away=$(number)
kill -KILL "$(child --service)"
within 60 "killed, away: the CRL lists them" lists full
same "killed, away: it is the same" "$number_away" "$(number)"
# A line that was being written when it died is no line: nobody was told of it.
killed_over printf '%064d {"id":"abc' 0
pg_ctl start
within 60 "back: ready" ready
within 60 "back: the first is on record" request_is "$id" applied
within 60 "back: the second, too" request_is "$unseen_id" applied
within 60 "back: what nobody knows is refused" request_is "$stranger_id" refused
empty() { [ ! -s "$spool" ] && [ "$(spooled)" = 0 ]; }
within 60 "back: the spool is empty" empty
for name in seen unseen full; do
	same "back: $name is revoked" revoked "$(verdict "$work/$name")"
	same "back: with one leaf" 1 "$(leaf_of $name | grep -c .)"
done
same "back: the leaf's time is that of the request" "$at lost" "$(leaf_of seen | jq -r '.t + " " + .d.why')"
[ "$(leaf_of seen | jq -r .st)" != "$at" ] || die "recorded in the second of the request: the test proves nothing"
same "back: revoked since the request" "$at" "$(jq -c '{certificate}' "$work/seen" | send /v1/verifications verifier | jq -r .revoked_at)"
same "back: the officer did it" "$(call GET /v1/operators/officer admin | jq -r .handle)" "$(leaf_of seen | jq -r '.act | sub("officer:"; "")')"
make_key again
jq -c --rawfile csr "$work/again.csr" '.csr = $csr' "$work/seen.json" | send /v1/enrollments station >"$work/again"
refused "back: its hardware is blocked" 403 DEVICE_BLOCKED "$work/again"
enroll late
same "back: it issues" 201 "$(cat "$work/status")"
recorded_crl() { lists unseen && [ $(($(number) % 100000)) = 0 ]; }
within 60 "back: the CRL lists it" recorded_crl
[ "$(number)" -gt "$number_away" ] || die "the number went back: $number_away, $(number)"
same "back: what was published meanwhile is on record" 1 "$(call GET '/v1/audit/events?ev=crl.publish&limit=10000' auditor |
	jq -c --argjson n "$number_away" 'select(.d.number == $n)' | grep -c .)"

# ---- killed between recording and emptying the spool: it is as it was, and all is on record

refusals() { call GET '/v1/audit/events?ev=cert.refused&rc=UNKNOWN_CERTIFICATE&limit=10000' auditor | jq -c --arg t "$at" 'select(.t >= $t)' | grep -c .; }
killed_over cat "$work/spool"
within 60 "killed again: ready" ready
within 60 "killed again: the spool is empty" empty
same "killed again: still one leaf each" "1 1 1 1" "$(leaf_of seen | grep -c .) $(leaf_of unseen | grep -c .) $(leaf_of full | grep -c .) $(refusals)"
within 60 "the tree fits its checkpoint" tree_fits
