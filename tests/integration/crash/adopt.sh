#!/usr/bin/env bash
# A node dies for ever between its COMMIT and its signatures: its log is retired, other nodes adopt what
# it recorded, and its clients get the certificates that were promised to them.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/nodes.sh"
adopted() { sql "SELECT count(*) FROM certificate_adoption WHERE turn = ${1-0}"; }
adopted_are() { [ "$(adopted "${2-0}")" = "$1" ]; }
serials() { jq -r 'select(.status == 201 or .status == 200).body.serial' "$1" | sort; }
enroll() { call POST /v1/enrollments station -H 'Content-Type: application/x-ndjson' --data-binary "@$work/lines"; }
leaves() { # LOG EVENT
	call GET "/v1/audit/events?log=$1&ev=$2&limit=10000" auditor
}
not_ready_because() { grep -q "$1" "$MONIKER_TEST_STATE/monikerd.log"; }

# ---- the first node records, and dies

node node1
stop_service
start_node
open_lot adopt
for i in 1 2 3; do make_key "b$i"; request "b$i" "$(random_mac)" >>"$work/lines"; done
within 30 "all is signed" unsigned_are 0
board arm append-before hold
enroll >"$work/lost" 2>&1 &
client=$!
hold_until unsigned_are 3
destroy
wait $client || true
same "its clients have no answer" "" "$(jq -r '.status // empty' "$work/lost" 2>/dev/null || true)"
same "three certificates are recorded and not signed" 3 "$(unsigned)"
promised=$(sql "SELECT encode(b.serial, 'hex') FROM certificate_body AS b WHERE NOT EXISTS (SELECT FROM
	certificate_signature AS s WHERE s.month = b.month AND s.serial = b.serial)" | sort)
first=$(origin node1)

# ---- its log is retired, but not by mistake

refuses "an unknown log" "NOT_FOUND|no log" retire moniker.test/nobody-2026 --force
refuses "the only log" "no other log lives" retire "$first" --force
make_node node2
open_log node2
refuses "a second log of the same node" "this node has a log" open_log node2
refuses "a log whose node may live" "may live" retire "$first"
retire "$first" --force
accepts "twice is once" retire "$first"
size=$(sql "SELECT size FROM audit_log WHERE origin = '$first'")

# ---- the second node adopts, and dies before it has signed; back again it signs

node node2
board arm append-before hold
launch
hold_until adopted_are 3
same "adopted, and not signed" 3 "$(unsigned)"
destroy
start_node
within 30 "signed after its restart" unsigned_are 0
same "each was adopted once" 3 "$(adopted)"
log2=$(origin node2)
leaves "${log2#*/}" cert.adopt >"$work/adopt"
same "a leaf for each" 3 "$(wc -l <"$work/adopt")"
same "the leaf of the retired log" "$size" "$(leaves "${log2#*/}" log.close | jq -r .d.size)"
# Each of these leaves commits to its TBSCertificate with a nonce of its own; computed here.
sql "SELECT d.seq || ' ' || encode(sha256(d.nonce || b.tbs), 'base64') || ' ' || (d.nonce <> b.nonce)
	FROM certificate_adoption AS d JOIN certificate_body AS b USING (month, serial) ORDER BY d.seq" >"$work/want"
jq -r '"\(.seq) \(.c) true"' "$work/adopt" | sort -n >"$work/got"
accepts "they commit to what was recorded" diff "$work/want" "$work/got"
leaves "${first#*/}" enroll.ok | jq -r .sub | tail -n 3 | sort >"$work/subjects"
jq -r .sub "$work/adopt" | sort | accepts "and speak of the same certificates" diff "$work/subjects" -

enroll >"$work/answers"
same "the same requests get the promised certificates" "$promised" "$(serials "$work/answers")"
jq -r 'select(.body).body.certificate' "$work/answers" >"$work/all.pem"
csplit -q -z -f "$work/cert-" "$work/all.pem" '/-----BEGIN/' '{*}'
for pem in "$work"/cert-*; do accepts "$(basename "$pem") verifies" openssl verify -CAfile "$MONIKER_TRUST" "$pem"; done

# ---- the first node comes back: it is told why it may not

node node1
launch
within 60 "the retired node says so" not_ready_because 'the log is retired'
destroy
same "its log stays as it was" "$size" "$(sql "SELECT size FROM audit_log WHERE origin = '$first'")"

# ---- two nodes look at what a third did not sign: one of them adopts each

node node2
make_node node3
open_log node3
node node3
start_node
make_node node4
open_log node4
node node4
: >"$work/lines"
for i in $(seq 20); do make_key "c$i"; request "c$i" "$(random_mac)" >>"$work/lines"; done
launch
within 60 "the fourth node is ready" ready
board arm append-before hold
enroll >"$work/lost" 2>&1 &
client=$!
hold_until unsigned_are 20
destroy
wait $client || true
retire "$(origin node4)" --force
for name in node2 node3; do kill -HUP "$(cat "$fixture/$name/pid")"; done
within 30 "adopted and signed" unsigned_are 0
same "each once" 23 "$(adopted)"
log3=$(origin node3)
node node3
count=$(($(leaves "${log2#*/}" cert.adopt | wc -l) + $(leaves "${log3#*/}" cert.adopt | wc -l)))
same "a leaf for each, and no more" 23 "$count"
within 30 "the same requests get them" eval 'enroll >"$work/answers" && [ "$(serials "$work/answers" | wc -l)" = 20 ]'

# ---- what no keeper signs for another is given up: the responder whose key died with its node

make_node node5
open_log node5
node node5
board arm append-before hold
launch
hold_until unsigned_are 1
destroy
orphan=$(sql "SELECT encode(serial, 'hex') FROM certificate_body AS b WHERE NOT EXISTS (SELECT FROM
	certificate_signature AS s WHERE s.month = b.month AND s.serial = b.serial)")
retire "$(origin node5)" --force
kill -HUP "$(cat "$fixture/node2/pid")"
given_up() { [ "$(sql "SELECT encode(serial, 'hex') FROM certificate_abort")" = "$orphan" ]; }
node node2
within 30 "it is given up" given_up
leaves "${log2#*/}" cert.abort >"$work/abort"
same "with a leaf that names the adopted one" "$(leaves "${log2#*/}" cert.adopt | tail -n 1 | jq -r .sub)" "$(jq -r .sub "$work/abort")"
same "and nothing waits any more" 24 "$(adopted)"
