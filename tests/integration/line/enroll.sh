#!/usr/bin/env bash
# Enrollment as stations and token holders see it: answers, retries, refusals.
. "$(dirname "$0")/lib.sh"

open_lot enroll
make_key one; mac=$(random_mac)
request one "$mac" | send /v1/enrollments station >"$work/one"
same "a device is enrolled" 201 "$(cat "$work/status")"
jq -r .certificate "$work/one" >"$work/one.pem"
accepts "openssl accepts the certificate" openssl verify -CAfile "$MONIKER_TRUST" "$work/one.pem"
same "names in the CSR are ignored" "subject=CN = $(jq -r .pseudonym "$work/one")" "$(openssl x509 -in "$work/one.pem" -noout -subject)"

request one "$mac" | send /v1/enrollments station >"$work/again"
same "the same again: status" 200 "$(cat "$work/status")"
same "the same again: the same certificate" "$(jq -r .certificate "$work/one")" "$(jq -r .certificate "$work/again")"
request one "$(random_mac)" | send /v1/enrollments station >"$work/p"
refused "the same key for other hardware" 409 KEY_REUSED "$work/p"
request one "$mac" | send /v1/enrollments station2 >"$work/p"
refused "the same key from another station" 409 KEY_REUSED "$work/p"
make_key two
request two "$(tr a-f A-F <<<"$mac" | tr : -)" | send /v1/enrollments station >"$work/p"
refused "the same hardware in another spelling" 409 DUPLICATE_HARDWARE "$work/p"

request two "$mac" '. + {replace: true}' | send /v1/enrollments station >"$work/replaced"
same "replace: a new device" 201 "$(cat "$work/status")"
[ "$(jq -r .pseudonym "$work/one")" != "$(jq -r .pseudonym "$work/replaced")" ] || die "replace: the pseudonym stayed"
jq -c '{certificate}' "$work/one" | send /v1/verifications verifier >"$work/v"
same "replace: the old certificate" "revoked SUPERSEDED" "$(jq -r '.verdict + " " + .reason' "$work/v")"
same "replace: the new certificate" good "$(verdict "$work/replaced")"

for kind in "ED25519" "RSA -pkeyopt rsa_keygen_bits:2048" "EC -pkeyopt ec_paramgen_curve:P-384"; do
	# shellcheck disable=SC2086
	openssl genpkey -algorithm $kind -out "$work/k.key" 2>/dev/null
	openssl req -new -key "$work/k.key" -subj / -out "$work/k.csr"
	request k "$(random_mac)" | send /v1/enrollments station >"$work/p"
	same "a key of kind $kind" 201 "$(cat "$work/status")"
done
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out "$work/k.key" 2>/dev/null
openssl req -new -key "$work/k.key" -subj / -out "$work/k.csr"
request k "$(random_mac)" | send /v1/enrollments station >"$work/p"
refused "RSA 1024" 422 WEAK_KEY "$work/p"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1 -out "$work/k.key" 2>/dev/null
openssl req -new -key "$work/k.key" -subj / -out "$work/k.csr"
request k "$(random_mac)" | send /v1/enrollments station >"$work/p"
refused "secp256k1" 422 BAD_ALGORITHM "$work/p"

make_key x
request x "$mac" 'del(.hardware_ids)' | send /v1/enrollments station >"$work/p"
refused "no hardware id" 422 HARDWARE_ID_MISSING "$work/p"
request x "00:00:00:00:00:00" | send /v1/enrollments station >"$work/p"
refused "an all-zero hardware id" 422 HARDWARE_ID_INVALID "$work/p"
request x "02:00" | send /v1/enrollments station >"$work/p"
refused "half a hardware id" 422 HARDWARE_ID_INVALID "$work/p"
request x "$(random_mac)" '.batch = "there-is-none"' | send /v1/enrollments station >"$work/p"
refused "an unknown batch" 404 UNKNOWN_BATCH "$work/p"
request x "$(random_mac)" '. + {color: "blue"}' | send /v1/enrollments station >"$work/p"
refused "an unknown member" 400 BAD_SYNTAX "$work/p"
request x "$(random_mac)" | send /v1/enrollments nobody >"$work/p"
refused "nobody, and no token" 401 CALLER_MISSING "$work/p"
request x "$(random_mac)" | send /v1/enrollments verifier >"$work/p"
refused "a verifier" 403 ROLE_DENIED "$work/p"
# A certificate of somebody else's making, with the names of a real one.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -keyout "$work/foreign.key" -out "$work/foreign.pem" \
	-subj "/CN=$(openssl x509 -in "$MONIKER_STATION_CERT" -noout -subject -nameopt multiline | sed -n 's/^ *commonName *= //p')" 2>/dev/null
MONIKER_FOREIGN_CERT=$work/foreign.pem MONIKER_FOREIGN_KEY=$work/foreign.key
request x "$(random_mac)" | send /v1/enrollments foreign >"$work/p"
refused "a foreign certificate is as good as none" 401 CALLER_MISSING "$work/p"
call GET /v1/batches foreign >"$work/p"
refused "a foreign certificate reads nothing" 403 CALLER_UNKNOWN "$work/p"
for code in KEY_REUSED DUPLICATE_HARDWARE WEAK_KEY BAD_ALGORITHM HARDWARE_ID_MISSING HARDWARE_ID_INVALID UNKNOWN_BATCH BAD_SYNTAX ROLE_DENIED; do
	recorded $code
done

# ---- tokens
tokens=$(jq -c '{count: 2}' <<<null | send "/v1/batches/$batch/tokens" admin | jq -r '.tokens[]')
token=$(head -n1 <<<"$tokens")
request x "$(random_mac)" ". + {token: \"$token\"}" | send /v1/enrollments nobody >"$work/p"
same "a token enrolls" 201 "$(cat "$work/status")"
make_key y
request y "$(random_mac)" ". + {token: \"$token\"}" | send /v1/enrollments nobody >"$work/p"
refused "the token again" 409 TOKEN_SPENT "$work/p"
forged="${token%?????}AAAAA"
request y "$(random_mac)" ". + {token: \"$forged\"}" | send /v1/enrollments nobody >"$work/p"
refused "a forged token" 403 TOKEN_INVALID "$work/p"
mac=$(random_mac)
jq -c --arg mac "$mac" '{for: [{hardware_ids: [{type: "mac48", value: $mac}]}]}' <<<null | send "/v1/batches/$batch/tokens" admin >"$work/p"
token=$(jq -r '.tokens[0]' "$work/p")
request y "$(random_mac)" ". + {token: \"$token\"}" | send /v1/enrollments nobody >"$work/p"
refused "a bound token with other hardware" 403 TOKEN_INVALID "$work/p"
request y "$mac" ". + {token: \"$token\"}" | send /v1/enrollments nobody >"$work/p"
same "a bound token with its hardware" 201 "$(cat "$work/status")"
for code in TOKEN_SPENT TOKEN_INVALID; do recorded $code enroll.refused; done

# ---- the batch's own rules
open_lot small '. + {quota: 1, stations: ["station2"]}'
make_key y
request y "$(random_mac)" | send /v1/enrollments station >"$work/p"
refused "a station that is not on the list" 403 STATION_NOT_ALLOWED "$work/p"
request y "$(random_mac)" | send /v1/enrollments station2 >"$work/p"
same "a station that is" 201 "$(cat "$work/status")"
make_key z
request z "$(random_mac)" | send /v1/enrollments station2 >"$work/p"
refused "beyond the quota" 403 QUOTA_EXHAUSTED "$work/p"
open_lot later '. + {opens_at: "2099-01-01T00:00:00Z"}'
request z "$(random_mac)" | send /v1/enrollments station >"$work/p"
refused "before the batch opens" 409 BATCH_NOT_OPEN "$work/p"
minute=$((10#$(date -u +%H) * 60 + 10#$(date -u +%M)))
open_lot hours ". + {hours_from: $(((minute + 120) % 1440)), hours_until: $(((minute + 180) % 1440 + 1))}"
request z "$(random_mac)" | send /v1/enrollments station >"$work/p"
refused "at another hour of the day" 403 OUTSIDE_HOURS "$work/p"
mac=$(random_mac)
for in_s in 3 6 12 24; do # until one is in time
	closes=$(($(date +%s) + in_s))
	open_lot closing ". + {closes_at: \"$(date -ud "@$closes" +%Y-%m-%dT%H:%M:%SZ)\"}"
	request z "$mac" | send /v1/enrollments station >"$work/in-time"
	[ "$(jq -r .code "$work/in-time")" = BATCH_CLOSED ] || break
done
same "before the batch closes" 201 "$(cat "$work/status")"
make_key late
past() { [ "$(date +%s)" -ge $closes ]; }
within 60 "the batch closes" past
request late "$(random_mac)" | send /v1/enrollments station >"$work/p"
refused "once it is closed" 403 BATCH_CLOSED "$work/p"
request z "$mac" | send /v1/enrollments station >"$work/again"
same "a retry is answered when it has closed" "200 $(jq -r .serial "$work/in-time")" "$(cat "$work/status") $(jq -r .serial "$work/again")"
for code in STATION_NOT_ALLOWED QUOTA_EXHAUSTED BATCH_NOT_OPEN OUTSIDE_HOURS BATCH_CLOSED; do recorded $code enroll.refused; done

# ---- many in one call
open_lot many
: >"$work/lines"
for i in 1 2 3; do make_key "m$i"; request "m$i" "$(random_mac)" >>"$work/lines"; done
echo '{"batch": 5}' >>"$work/lines"
request m1 "$(random_mac)" >>"$work/lines"
call POST /v1/enrollments station -H 'Content-Type: application/x-ndjson' --data-binary "@$work/lines" >"$work/results"
same "NDJSON: status" 200 "$(cat "$work/status")"
same "NDJSON: a result for each line, in order" "201 201 201 400 409" "$(jq -r .status "$work/results" | paste -sd' ')"
same "NDJSON: why not" "BAD_SYNTAX KEY_REUSED" "$(jq -r 'select(.status >= 400).problem.code' "$work/results" | paste -sd' ')"
i=0
jq -c 'select(.status == 201).body' "$work/results" | while read -r line; do
	i=$((i + 1))
	same "NDJSON: line $i has its own key" "$(openssl pkey -in "$work/m$i.key" -pubout)" \
		"$(jq -r .certificate <<<"$line" | openssl x509 -noout -pubkey)"
done
