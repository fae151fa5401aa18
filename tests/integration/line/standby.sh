#!/usr/bin/env bash
# The service starts while the database is away: it says so, issues nothing, serves the CRLs that it
# had, and takes officers' revocations, which hold at once. When the database is back, it is whole.
. "$(dirname "$0")/lib.sh"
supervisor() { cat "$MONIKER_TEST_STATE/pid"; }
child() { pgrep -P "$(supervisor)" -f -- "$1"; }
ready() { [ "$(curl -s -o /dev/null -w '%{http_code}' --cacert "$MONIKER_CACERT" "$MONIKER_URL/readyz")" = 200 ]; }
pg=$(sed -n 's/^PGDIR=//p' "$MONIKER_TEST_PG")
pg_bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
as_postgres=()
[ "$(id -u)" != 0 ] || as_postgres=(setpriv --reuid=postgres --regid=postgres --clear-groups)
pg_ctl() { (cd / && "${as_postgres[@]}" "$pg_bin/pg_ctl" -D "$pg/data" -l "$pg/server.log" -w -s "$@"); }
memory=$MONIKER_TEST_STATE/service/remembered.json
spool=$MONIKER_TEST_STATE/service/spool
restore() {
	[ ! -f "$work/memory" ] || cp -p "$work/memory" "$memory"
	pg_ctl start 2>/dev/null || true
	cleanup
}
trap restore EXIT

enroll() { # NAME
	send /v1/enrollments station <"$work/$1.json" >"$work/$1"
	jq -r '.certificate // empty' "$work/$1" >"$work/$1.pem"
}
revoke() { # NAME [ROLE]: its serial number; the answer goes to $work/act
	jq -c '{select: {serial}, action: "revoke", reason: "KEY_COMPROMISE"}' "$work/$1" |
		send /v1/revocations "${2:-officer}" >"$work/act" || true
}
verify() { jq -c '{certificate}' "$work/$1" | send /v1/verifications verifier; }
leaves_of() { # NAME: how many cert.revoke of its certificate
	local handle
	handle=$(psql -q -X -At "$MONIKER_PGURL" -c "SELECT handle FROM certificate WHERE serial = '\\x$(jq -r .serial "$work/$1")'")
	call GET '/v1/audit/events?ev=cert.revoke&limit=10000' auditor | grep -cF "\"sub\":\"h:$handle\"" || true
}
detail() { curl -s --cacert "$MONIKER_CACERT" "$MONIKER_URL/readyz" | jq -r ".components.database.detail // empty"; }
waits() { [ "$(detail)" = "away since the start: waiting for it" ]; }
kill_service() { # SIGNAL
	local pid
	pid=$(child --service)
	kill "-$1" "$pid"
	within 30 "it ends by $1" gone "$pid"
}
gone() { ! kill -0 "$1" 2>/dev/null; }
knows() { jq -e --arg handle "$1" '.callers[] | select(.handle == $handle)' "$memory" >/dev/null; }
request_is() { [ "$(call GET "/v1/revocations/$1" officer | jq -r .status)" = "$2" ]; }

within 30 "ready" ready
open_lot standby
for name in gone lost kept late; do
	make_key $name; request $name "$(random_mac)" >"$work/$name.json"
	[ $name = late ] || { enroll $name; same "$name is enrolled" 201 "$(cat "$work/status")"; }
done
jq -r '.chain[0]' "$work/lost" >"$work/ca"
within 30 "what has to be known is on disk" knows "$(call GET /v1/operators/officer admin | jq -r .handle)"
same "for nobody else to read" 600 "$(stat -c %a "$memory")"
revoke gone
same "one is revoked before" "201 applied" "$(cat "$work/status") $(jq -r .status "$work/act")"
crl_url=$(openssl x509 -in "$work/lost.pem" -noout -ext crlDistributionPoints | sed -n 's/.*URI://p')
crl_path=${crl_url#*//*/}
crl_now() { curl -sf -o "$1" "$MONIKER_HTTP_URL/$crl_path" && openssl crl -in "$1" -inform DER -noout -crlnumber | sed 's/.*=//'; }
lists() { crl_now "$work/crl" >/dev/null && grep -qi "$(jq -r .serial "$work/$1")" <(openssl crl -in "$work/crl" -inform DER -noout -text); }
within 30 "the CRL lists that one" lists gone

# ---- it starts without

pg_ctl -m immediate stop
number=$(crl_now "$work/crl.before") || die "there is no CRL"
kill_service KILL
within 60 "it is there, and says what is wrong" waits
call GET /readyz nobody >"$work/readyz"
same "/readyz" "503 false false true" "$(cat "$work/status") $(jq -r '[.ready, .components.database.ready, .components.spool.ready] | join(" ")' "$work/readyz")"
call GET /healthz nobody >"$work/health"
same "/healthz" 200 "$(cat "$work/status")"
enroll late || true
refused "nothing is issued" 503 DATABASE_UNAVAILABLE "$work/late"
same "and when to ask again" 5 "$(header retry-after)"
call GET /v1/batches admin >"$work/p" || true
refused "nothing is read" 503 DATABASE_UNAVAILABLE "$work/p"
same "the CRL that it had" "$number" "$(crl_now "$work/crl")"
cmp "$work/crl.before" "$work/crl" || die "the CRL is another one"
openssl ocsp -issuer "$work/ca" -cert "$work/lost.pem" -noverify -url "$MONIKER_HTTP_URL/ocsp" >"$work/ocsp" 2>&1 || true
grep -qi 'trylater' "$work/ocsp" || die "OCSP: $(cat "$work/ocsp")"
ok "OCSP cannot sign: try later"
revoke lost station
refused "who is no officer is refused" 403 ROLE_DENIED "$work/act"
revoke lost nobody
refused "nor is nobody" 401 CALLER_MISSING "$work/act"
revoke lost
same "an officer's revocation is taken" "202 spooled" "$(cat "$work/status") $(jq -r .status "$work/act")"
id=$(jq -r .id "$work/act")
at=$(call GET "/v1/revocations/$id" officer | jq -r .at)
same "and holds" "revoked KEY_COMPROMISE" "$(verify lost | jq -r '.verdict + " " + .reason')"
[ "$(verify lost | jq -r '.fresh_until > .revoked_at')" = true ] || die "a verdict that is stale at once: $(verify lost)"
same "what was revoked before is so" revoked "$(verify gone | jq -r .verdict)"
verify kept >"$work/p" || true
refused "of others nothing is said" 503 DATABASE_UNAVAILABLE "$work/p"

# ---- it dies and starts again, still without; and it can be told to stop

kill_service KILL
within 60 "killed: it is there again" waits
same "killed: the revocation holds" "revoked" "$(verify lost | jq -r .verdict)"
kill_service TERM
within 60 "stopped: it is there again" waits

# ---- with nothing that it can remember it does not pretend

cp -p "$memory" "$work/memory"
printf '{"version":1' >"$memory"
kill_service KILL
sleep 3
[ -z "$(detail)" ] || die "it serves by a memory that is none"
cp -p "$work/memory" "$memory"
within 60 "its memory is there again" waits

# ---- back

pg_ctl start
within 90 "back: ready" ready
within 30 "back: the revocation is on record" request_is "$id" applied
same "back: it holds since then" "revoked $at" "$(verify lost | jq -r '.verdict + " " + .revoked_at')"
same "back: with one leaf" 1 "$(leaves_of lost)"
same "back: the other one is good" good "$(verify kept | jq -r .verdict)"
empty() { [ ! -s "$spool" ]; }
within 30 "back: the spool is empty" empty
enroll late
same "back: it issues" 201 "$(cat "$work/status")"
within 30 "back: the CRL lists it" lists lost
within 30 "the tree fits its checkpoint" tree_fits
