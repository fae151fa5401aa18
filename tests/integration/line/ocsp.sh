#!/usr/bin/env bash
# OCSP responders are renewed by time, and have another key after a restart; without the database what holds is
# given again; an authority that was rolled in has its responder at once, and one from before OCSP none. With a service of
# its own, whose responders are good for a minute; MONIKER_TEST_BIN names the programs.
export MONIKER_TEST_OCSP_VALIDITY_MIN=1
. "$(dirname "$0")/own.sh"
responder=$MONIKER_HTTP_URL/ocsp

open_batch
enroll one
split_pem "$work/one.chain" "$work/part"
ca=$work/part.1
roots_of "$MONIKER_TRUST" >"$work/root.pem"

# ask NAME [options]: into $work/said, $work/verified and $work/response; and who signed, $work/signer.
ask() {
	openssl ocsp -issuer "$ca" -cert "$work/$1.pem" -CAfile "$work/root.pem" -verify_other "$ca" -url "$responder" \
		-respout "$work/response" "${@:2}" >"$work/said" 2>"$work/verified" || return 1
	grep -q '^Response verify OK$' "$work/verified" || return 1
	openssl ocsp -respin "$work/response" -noverify -resp_text 2>/dev/null |
		sed -n '/BEGIN CERTIFICATE/,/END CERTIFICATE/p' >"$work/signer"
}
signer() { openssl x509 -in "$work/signer" -noout "$@"; }
second_of() { date -d "$(signer "-$1" | cut -d= -f2)" +%s; }

ask one || die "no answer"
shows "a good one" ': good$' "$work/said"
first=$(signer -pubkey) began=$(second_of startdate) ended=$(second_of enddate)
same "the responder is good for a minute" 60 $((ended - began))
openssl ocsp -respin "$work/response" -noverify -resp_text 2>/dev/null >"$work/text"
[ "$(date -d "$(sed -n 's/^ *Next Update: //p' "$work/text")" +%s)" -le "$ended" ] || die "the answer outlives its responder"
ok "no answer outlives its responder"

another() { ask one && [ "$(signer -pubkey)" != "$first" ]; }
within 120 "another responder signs" another
[ "$(second_of startdate)" -ge $((began + 30)) ] || die "it is renewed before half of the time"
ok "from half of its time on"
call GET /readyz nobody >"$work/ready"
same "the component is ready" true "$(jq .components.ocsp.ready "$work/ready")"
call GET '/v1/audit/events?ev=cert.issue&limit=10000' auditor | jq -r 'select(.act | startswith("system:")) | .sub' >"$work/leaves"
[ "$(grep -c '^h:' "$work/leaves")" -ge 3 ] || die "a responder's certificate has no leaf"
ok "each certificate has its leaf"

says() { ask "$1" -no_nonce && grep -q ": $2\$" "$work/said"; }
answers() { curl -sS --cacert "$MONIKER_CACERT" "$MONIKER_URL/metrics" | sed -n 's/^moniker_ocsp_kept_total //p'; }
kept() { # of the certificate `seen`, once its signature is in the database
	local before
	before=$(answers)
	says seen good && says seen good && [ "$(answers)" -gt "$before" ]
}

# The key is nowhere but in memory.
! grep -rl 'OCSP responder' "$MONIKER_TEST_STATE/service" >"$work/files" 2>/dev/null || die "kept on disk: $(cat "$work/files")"
ok "nothing of it lies in a file"

# Without the database: what was said before and holds is said again, the rest is put off.
enroll seen
enroll unseen
pg=$(sed -n 's/^PGDIR=//p' "$MONIKER_TEST_PG")
as_postgres=()
[ "$(id -u)" != 0 ] || as_postgres=(setpriv --reuid=postgres --regid=postgres --clear-groups)
pg_bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
pg_ctl() { (cd / && "${as_postgres[@]}" "$pg_bin/pg_ctl" -D "$pg/data" -l "$pg/server.log" -w -s "$@"); }
for _ in 1 2 3 4 5; do # an answer is good for less than a minute: it may have ended just then
	within 60 "an answer is kept" kept
	pg_ctl -m fast stop
	says seen good && same_answer=yes || same_answer=no
	openssl ocsp -issuer "$ca" -cert "$work/unseen.pem" -url "$responder" >"$work/said" 2>&1 || true
	pg_ctl start
	[ $same_answer = no ] || break
done
same "without the database: what was said before" yes $same_answer
shows "and the rest later" 'trylater \(3\)' "$work/said"
within 30 "with it: all" says unseen good
ready() { [ "$(curl -s -o /dev/null -w '%{http_code}' --cacert "$MONIKER_CACERT" "$MONIKER_URL/readyz")" = 200 ]; }
within 30 "and the service is ready" ready

# A restart: the old key is gone with the process, the status is not.
second=$(signer -pubkey)
revoke one
kill -KILL "$(pgrep -P "$(cat "$MONIKER_TEST_STATE/pid")" -f -- --service)"
within 60 "after a restart it is revoked" says one revoked
[ "$(signer -pubkey)" != "$second" ] || die "the key outlived its process"
ok "by another key"

# An authority that was rolled in: its certificates name the responder, too, and the old ones go on.
enroll two
"$MONIKER_BIN/moniker" ca roll device-ca --config "$MONIKER_CONFIG" --database-url "$MONIKER_PGURL" \
	--dir "$MONIKER_TEST_STATE/ca" --passphrase-file "$MONIKER_TEST_STATE/roots.passphrase" \
	--operators-passphrase-file "$MONIKER_TEST_STATE/operators.passphrase" --json >/dev/null
within 30 "the old authority's responder goes on" says two good
[ "$(signer -issuer)" = "$(openssl x509 -in "$ca" -noout -subject | sed 's/^subject/issuer/')" ] || die "signed for another authority"
ok "under the old authority"
enroll three
split_pem "$work/three.chain" "$work/part"
ca=$work/part.1
roots_of "$MONIKER_TRUST" >"$work/root.pem"
same "the new certificate names it" "OCSP - URI:$responder" "$(extension "$work/three.pem" authorityInfoAccess | grep OCSP)"
within 30 "the new one has a responder" says three good
[ "$(signer -issuer)" = "$(openssl x509 -in "$ca" -noout -subject | sed 's/^subject/issuer/')" ] || die "signed for another authority"
ok "under the new authority"

# As it is after an upgrade: authorities from before, whose policy knows neither responder nor address.
pid=$(cat "$MONIKER_TEST_STATE/pid")
gone() { ! kill -0 "$pid"; }
kill -TERM "$pid"
within 40 "a stop" gone
policy=$MONIKER_TEST_STATE/keeper/policy.json
jq '(.issuers[] | select(.form == "device")) |= (del(.ocsp_url) | .events -= ["cert.issue"])' "$policy" >"$work/policy"
cat "$work/policy" >"$policy"
psql -q -X "$MONIKER_PGURL" -c "UPDATE ca_issuer SET ocsp = false"
"$support/service_start.sh" "$fixture"
openssl ocsp -issuer "$ca" -cert "$work/three.pem" -url "$responder" >"$work/said" 2>&1 || true
shows "for an authority without OCSP nobody speaks" 'unauthorized \(6\)' "$work/said"
enroll four
same "and its certificates do not name it" "" "$(extension "$work/four.pem" authorityInfoAccess | grep OCSP || true)"
call GET /readyz nobody >"$work/ready"
same "which is as it should be" true "$(jq .components.ocsp.ready "$work/ready")"
