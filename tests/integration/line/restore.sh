#!/usr/bin/env bash
# The database is restored from a backup that is older than the log: the log goes on where it was, what
# was revoked since stays revoked, and nothing can be used a second time. With a service of its own;
# MONIKER_TEST_BIN names the programs.
. "$(dirname "$0")/own.sh"
moniker=$MONIKER_BIN/moniker
PATH=$PATH:$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
pg=$(sed -n 's/^PGDIR=//p' "$MONIKER_TEST_PG")
copy=$MONIKER_TEST_STATE/service/revocations
gone() { ! kill -0 "$1"; }
stop_service() {
	local pid
	pid=$(cat "$MONIKER_TEST_STATE/pid")
	kill -TERM "$pid"
	within 60 "the service stops" gone "$pid"
}
launch() {
	(cd / && exec setsid "$MONIKER_BIN/monikerd" --config "$MONIKER_CONFIG") >>"$MONIKER_TEST_STATE/monikerd.log" 2>&1 </dev/null &
	echo $! >"$MONIKER_TEST_STATE/pid"
}
ready() { [ "$(curl -s -o /dev/null -w '%{http_code}' --cacert "$MONIKER_CACERT" "$MONIKER_URL/readyz")" = 200 ]; }
start_service() {
	launch
	within 60 "the service is ready" ready
}
logged() { grep -q "$1" <(tail -c "+$((logged_from + 1))" "$MONIKER_TEST_STATE/monikerd.log"); }
mark_log() { logged_from=$(stat -c %s "$MONIKER_TEST_STATE/monikerd.log"); }
restore() { "$moniker" restore --config "$MONIKER_CONFIG" --database-url "$MONIKER_PGURL" --json "$@"; }
enroll() { # NAME
	make_key "$1"
	request "$1" "$(random_mac)" >"$work/$1.json"
	send /v1/enrollments station <"$work/$1.json" >"$work/$1"
	same "$1 is enrolled" 201 "$(cat "$work/status")"
}
act() { # NAME ACTION [REASON]
	jq -c --arg action "$2" --arg reason "${3-}" \
		'{select: {serial}, action: $action} + (if $reason == "" then {} else {reason: $reason} end)' "$work/$1" |
		send /v1/revocations officer >"$work/act"
	same "$1: $2" "201 applied" "$(cat "$work/status") $(jq -r .status "$work/act")"
}
verify() { jq -c '{certificate}' "$work/$1" | send /v1/verifications verifier; }
verdict_is() { [ "$(verify "$1" | jq -r .verdict)" = "$2" ]; }
leaves() { call GET "/v1/audit/events?ev=$1&limit=10000" auditor; }
lines_of() { grep -c " $(jq -r .serial "$work/$1") $2 " "$copy" || true; } # NAME STATE
recorded_again() { [ "$(leaves cert.revoke | jq -c 'select(.act == "system:node1")' | grep -c .)" -ge 1 ] && [ "$(waiting)" = 0 ]; }
waiting() { call GET /metrics nobody | sed -n 's/^moniker_revocations_spooled //p'; }

within 60 "ready" ready
open_lot restore
for name in early lost twin held kept; do enroll $name; done
act early revoke KEY_COMPROMISE
token=$(jq -c '{count: 1}' <<<null | send "/v1/batches/$batch/tokens" admin | jq -r '.tokens[0]')
origin=$(call GET /audit/logs auditor | jq -r '.items[0].origin') vkey=$(call GET /audit/logs auditor | jq -r '.items[0].vkey')
folder=$MONIKER_AUDIT_DIR/${origin##*/}
kept() {
	[ "$(psql -XqAt -h "$pg" -U postgres -d moniker -c "SELECT count(*) FROM certificate_body AS b WHERE NOT EXISTS (SELECT FROM
		certificate_signature AS s WHERE s.month = b.month AND s.serial = b.serial)")" = 0 ]
}
within 30 "the signatures are on record" kept
pg_dump -Fc -h "$pg" -U postgres moniker >"$work/backup"

# ---- what the backup does not know

act lost revoke KEY_COMPROMISE
at=$(verify lost | jq -r .revoked_at)
act twin revoke CESSATION
act held hold
enroll late
act late revoke KEY_COMPROMISE
same "the copy has what was revoked" "1 1 1 1 1 0" \
	"$(lines_of early revoked) $(lines_of lost revoked) $(lines_of twin revoked) $(lines_of held held) $(lines_of late revoked) $(lines_of kept revoked)"
same "for nobody else to read" 600 "$(stat -c %a "$copy")"
sleep 2 # the time of the revocation is another than that of its second record
stop_service
cp "$folder/checkpoint" "$work/before"
size_before=$(sed -n 2p "$work/before")
psql -XqAt -h "$pg" -U postgres -d postgres -c "DROP DATABASE moniker" -c "CREATE DATABASE moniker OWNER moniker_owner"
pg_restore -h "$pg" -U postgres -d moniker "$work/backup"

# ---- it does not start by itself on what forgot

mark_log
launch
within 30 "an old backup: the journal is ahead" logged "the keeper's journal has leaf [0-9]*, and the database ends before it"
! ready || die "the service is ready with an old backup"
! restore >"$work/said" 2>&1 || die "the log is restored under a service that runs"
stop_service

restore >"$work/restored"
jq . "$work/restored"
lost_leaves=$(jq .leaves "$work/restored")
[ "$lost_leaves" -ge 6 ] || die "$lost_leaves leaves are back"
same "one certificate has no row; tokens and batches are ended" "1 1 true" \
	"$(jq -r '"\(.certificates) \(.tokens) \(.batches >= 1)"' "$work/restored")"
restore >"$work/again"
same "a second time there is nothing to do" "0 $(jq .size "$work/restored")" "$(jq -r '"\(.leaves) \(.size)"' "$work/again")"

# ---- it starts: still revoked

mark_log
start_service
within 30 "what was lost is counted" logged 'lacks 4 of it'
for name in early lost twin; do same "$name" revoked "$(verify $name | jq -r .verdict)"; done
within 30 "all that was lost is on record again" recorded_again
within 30 "what was held is held" verdict_is held held
same "what was revoked is so since then" "revoked KEY_COMPROMISE $at" "$(verify lost | jq -r '"\(.verdict) \(.reason) \(.revoked_at)"')"
same "what was good is good" good "$(verify kept | jq -r .verdict)"
same "of whom no row is left: not good" unknown "$(verify late | jq -r .verdict)"
told() { leaves backup.restore >"$work/leaf" && [ -s "$work/leaf" ]; }
within 30 "the log has the restore" told
same "the log tells of it" "$lost_leaves 1 system:host" "$(jq -r '"\(.cnt) \(.d.certificates) \(.act)"' "$work/leaf")"
make_key again
jq -c --rawfile csr "$work/again.csr" '.csr = $csr' "$work/lost.json" | send /v1/enrollments station >"$work/p"
[ "$(cat "$work/status")" = 403 ] || die "it can be enrolled again: $(cat "$work/p")"
batch_before=$batch
open_lot after
jq -c --rawfile csr "$work/again.csr" --arg batch "$batch" '.csr = $csr | .batch = $batch' "$work/lost.json" | send /v1/enrollments station >"$work/p"
refused "its hardware is blocked" 403 DEVICE_BLOCKED "$work/p"
batch=$batch_before
request again "$(random_mac)" | jq -c --arg token "$token" '. + {token: $token}' | send /v1/enrollments nobody >"$work/p"
[ "$(cat "$work/status")" = 403 ] || die "a token from before enrolls: $(cat "$work/p")"
same "a token from before is burnt" burnt "$(psql -XqAt -h "$pg" -U postgres -d moniker -c "SELECT state FROM token")"
same "and its batch is closed" false "$(call GET "/v1/batches/$batch" admin | jq '.closed_at == null')"
lists_it() { curl -sf -o "$work/crl" "$MONIKER_HTTP_URL/${crl_url#*//*/}" && grep -qi "$(jq -r .serial "$work/lost")" <(openssl crl -in "$work/crl" -inform DER -noout -text); }
jq -r .certificate "$work/lost" >"$work/lost.pem"
crl_url=$(openssl x509 -in "$work/lost.pem" -noout -ext crlDistributionPoints | sed -n 's/.*URI://p')
within 30 "the CRL lists it" lists_it

# ---- one log, that nobody forked

within 30 "the tree fits its checkpoint" tree_fits
"$moniker" audit verify "$folder" --vkey "$vkey" --since "$work/before" >"$work/said" || die "the log is not the one from before: $(cat "$work/said")"
ok "the log goes on from leaf $size_before"

# ---- once

count=$(leaves cert.revoke | grep -c .) refusals=$(leaves cert.refused | grep -c .)
stop_service
# Its newest line 6000 times more: the same service with years of changes behind it.
python3 - "$copy" <<'EOF'
import hashlib, sys
lines = open(sys.argv[1]).read().splitlines()
last, text = lines[-1].split(" ", 1)
with open(sys.argv[1], "a") as copy:
    for _ in range(6000):
        last = hashlib.sha256((last + text).encode()).hexdigest()
        copy.write(last + " " + text + "\n")
EOF
start_service
small() { [ "$(wc -l <"$copy")" -lt 100 ]; }
within 30 "a copy that has grown is written anew" small
same "for nobody else to read, and whole" "600 true" "$(stat -c %a "$copy") $(call GET /readyz nobody | jq .components.copy.ready)"
same "with what was revoked and is held" "1 1 1 1 0" \
	"$(lines_of early revoked) $(lines_of lost revoked) $(lines_of twin revoked) $(lines_of held held) $(lines_of kept revoked)"
nothing_waits() { [ "$(waiting)" = 0 ]; }
within 30 "nothing waits" nothing_waits
same "nothing is recorded a third time" "$count $refusals" "$(leaves cert.revoke | grep -c .) $(leaves cert.refused | grep -c .)"
same "and holds" "revoked held" "$(verify lost | jq -r .verdict) $(verify held | jq -r .verdict)"
