#!/usr/bin/env bash
# answers.sh TOOLS: everything that the API does, through a proxy that holds each request and each answer against
# api/openapi.yaml. Any mismatch fails, and so does an operation that never succeeded.
. "$(dirname "$0")/../lib.sh"
need node nodejs
tools=$1
top=$(cd "$(dirname "$0")/../../.." && pwd)

start_proxy() { # SPEC OUT: sets proxy and proxy_pid
	rm -f "$work/port" # of the one before
	node "$tools/proxy.mjs" "$1" "$MONIKER_URL" "$MONIKER_CACERT" "$2" >"$work/port" 2>"$work/proxy.log" &
	proxy_pid=$!
	local _
	for _ in $(seq 1 200); do
		[ ! -s "$work/port" ] || break
		kill -0 "$proxy_pid" 2>/dev/null || die "the proxy does not start: $(cat "$work/proxy.log")"
		sleep 0.1
	done
	[ -s "$work/port" ] || die "the proxy does not start in time"
	proxy=http://127.0.0.1:$(cat "$work/port")
}
stop_proxy() {
	[ -z "${proxy_pid-}" ] || kill "$proxy_pid" 2>/dev/null || true
	proxy_pid=
}
cleanup() { stop_proxy; }

# via WANTED METHOD PATH ROLE [curl options]: through the proxy; the body goes to $work/answer. ROLE is a role,
# nobody, or the name of a device in $work.
via() {
	local wanted=$1 method=$2 path=$3 role=$4 cert key as=() status
	shift 4
	if [ -f "$work/$role.pem" ]; then
		as=(-H "Test-Cert: $work/$role.pem" -H "Test-Key: $work/$role.key")
	elif [ "$role" != nobody ]; then
		cert=MONIKER_${role^^}_CERT key=MONIKER_${role^^}_KEY
		as=(-H "Test-Cert: ${!cert}" -H "Test-Key: ${!key}")
	fi
	status=$(curl -sS -X "$method" "${as[@]}" -o "$work/answer" -w '%{http_code}' "$@" "$proxy$path")
	same "$method ${path%%\?*} as $role" "$wanted" "$status"
}
send() { # WANTED PATH ROLE: the JSON on standard input
	via "$1" POST "$2" "$3" -H 'Content-Type: application/json' --data-binary @-
}
field() { jq -r "$1" "$work/answer"; }
make_key() { # NAME
	openssl ecparam -name prime256v1 -genkey -noout -out "$work/$1.key"
	openssl req -new -key "$work/$1.key" -subj / -out "$work/$1.csr"
}
enrollment() { # NAME MAC [jq filter]
	jq -cn --rawfile csr "$work/$1.csr" --arg batch "$lot" --arg mac "$2" \
		"{batch: \$batch, csr: \$csr, hardware_ids: [{type: \"mac48\", value: \$mac}]} | ${3:-.}"
}
lot=openapi-$(openssl rand -hex 6)
person=person-$(openssl rand -hex 6)

# approve ID ROLE PERSON: signs what the service shows, with the key of PERSON.
approve() {
	local handle key=MONIKER_${3^^}_KEY cert=MONIKER_${3^^}_CERT
	via 200 GET "/v1/disclosures/$1" "$3"
	handle=$(openssl x509 -in "${!cert}" -noout -subject -nameopt multiline | sed -n 's/^ *commonName *= //p')
	printf 'moniker-disclosure-approval/1\nrequest %s\nrole %s\nperson %s\n' "$(jq -j .request "$work/answer" | sha256sum | cut -c1-64)" "$2" "$handle" >"$work/approval"
	jq -cn --arg s "$(openssl dgst -sha256 -sign "${!key}" "$work/approval" | base64 -w0)" --arg r "$2" '{signature: $s, role: $r}' |
		send 200 "/v1/disclosures/$1/approval" "$3"
}
disclosures() { # PSEUDONYM: whether its batch has escrow or not
	local id
	jq -cn --arg p "$1" '{pseudonyms: [$p], basis: "INCIDENT", case: "1", order_sha256: ("a" * 64)}' >"$work/disclosure"
	send 201 /v1/disclosures officer2 <"$work/disclosure"
	id=$(field .id)
	echo '{}' | send 200 "/v1/disclosures/$id/rejection" legal
	send 201 /v1/disclosures officer2 <"$work/disclosure"
	id=$(field .id)
	via 409 GET "/v1/disclosures/$id/package" legal
	echo '{"signature": "AAAA"}' | send 422 "/v1/disclosures/$id/approval" legal
	approve "$id" officer officer
	approve "$id" legal legal
	via 200 GET "/v1/disclosures/$id/package" legal
	jq -cn --arg d "$(sha256sum <"$work/answer" | cut -c1-64)" '{package_sha256: $d}' | send 200 "/v1/disclosures/$id/receipt" officer
	jq -cn '{sample: {count: 2}, basis: "ESCROW_AUDIT", case: "1", order_sha256: ("a" * 64)}' | send 201 /v1/disclosures officer2
	id=$(field .id)
	approve "$id" officer officer
	approve "$id" legal legal
	via 200 GET "/v1/disclosures/$id/package" legal
	jq -cn --arg d "$(sha256sum <"$work/answer" | cut -c1-64)" '{package_sha256: $d, found: {opened: 1, erased: 0, other_seats: 1, faults: []}}' | send 200 "/v1/disclosures/$id/receipt" officer
	via 404 GET /v1/disclosures/aaaaaaaaaaaaaaaa legal
}
sealed_device() { # a device whose identity is sealed; its pseudonym goes to $sealed
	local seats=() seat
	(umask 277; openssl rand -base64 12 >"$work/pass")
	for seat in legal officer; do
		"$MONIKER_BIN/moniker" seat new --role $seat --number 1 --out "$work/$seat" --passphrase-file "$work/pass" --kdf-memory-mib 8 >/dev/null
		seats+=(--seat "$work/$seat.pub")
	done
	"$MONIKER_BIN/moniker" seat publish --database-url "$MONIKER_PGURL" --ring "$MONIKER_TEST_STATE/ca/roots.ring" \
		--passphrase-file "$MONIKER_TEST_STATE/roots.passphrase" --yes "${seats[@]}" >/dev/null 2>&1
	jq -cn --arg id "$lot-sealed" '{id: $id, model: "Test", quota: 9, escrow: true}' | send 201 /v1/batches admin
	via 200 GET /v1/seat-sets station
	via 403 GET /v1/seat-sets verifier
	via 401 GET /v1/seat-sets nobody
	make_key sealed
	enrollment sealed "$(random_mac)" ".batch = \"$lot-sealed\"" | send 201 /v1/enrollments station
	sealed=$(field .pseudonym)
}
handover() { # of the seat of the sealed device: to a key that never opens what it gets
	"$MONIKER_BIN/moniker" seat new --role legal --number 1 --out "$work/next" --passphrase-file "$work/pass" --kdf-memory-mib 8 >/dev/null
	"$MONIKER_BIN/moniker" seat publish --database-url "$MONIKER_PGURL" --ring "$MONIKER_TEST_STATE/ca/roots.ring" \
		--passphrase-file "$MONIKER_TEST_STATE/roots.passphrase" --yes --seat "$work/next.pub" --seat "$work/officer.pub" >/dev/null 2>&1
	kill -HUP "$(cat "$MONIKER_TEST_STATE/pid")"
	for _ in $(seq 600); do
		via 200 GET /v1/seat-sets legal
		[ "$(field '.items[0].text' | grep '^legal 1 ')" != "$(cat "$work/next.pub")" ] || break
		sleep 0.1
	done
	via 200 GET "/v1/seats/shares?role=legal&seat=1" legal
	jq -c --arg noise "$(openssl rand -base64 112 | tr -d '\n')" '{role: "legal", seat: 1, number: .seat_set.number, items: [.items[0] | {log, leaf, sealed: $noise}]}' "$work/answer" >"$work/shares"
	send 200 /v1/seats/shares legal <"$work/shares"
	send 200 /v1/seats/shares legal <"$work/shares"
	jq -c --arg noise "$(openssl rand -base64 112 | tr -d '\n')" '.items[0].sealed = $noise' "$work/shares" | send 409 /v1/seats/shares legal
	jq -c '.seat = 16' "$work/shares" | send 404 /v1/seats/shares legal
	via 404 GET "/v1/seats/shares?role=legal&seat=16" legal
	echo '{}' | send 400 /v1/seats/shares legal
	via 400 GET /v1/seats/shares legal
	via 403 GET "/v1/seats/shares?role=legal&seat=1" officer
	send 403 /v1/seats/shares officer <"$work/shares"
	via 401 GET /v1/seats/shares nobody
	echo '{}' | send 401 /v1/seats/shares nobody
}
erasures() { # PSEUDONYM SEALED: true when its identity is sealed
	jq -cn --arg p "$1" '{pseudonyms: [$p], basis: "RETENTION_END", case: "1"}' >"$work/wanted"
	if [ "$2" = true ]; then
		send 201 /v1/erasures legal <"$work/wanted"
		via 200 GET "/v1/erasures/$(field .id)" legal
		send 200 /v1/erasures legal <"$work/wanted"
		jq -c '.case = "2"' "$work/wanted" | send 410 /v1/erasures legal
		send 410 /v1/disclosures officer2 <"$work/disclosure"
	else
		send 409 /v1/erasures legal <"$work/wanted"
	fi
	jq -c '.pseudonyms = ["00000000-0000-4000-8000-000000000000"]' "$work/wanted" | send 404 /v1/erasures legal
	send 403 /v1/erasures officer <"$work/wanted"
	echo '{}' | send 401 /v1/erasures nobody
	via 404 GET /v1/erasures/aaaaaaaaaaaaaaaa legal
}

holds() {
	local name=hold-$RANDOM$RANDOM
	jq -cn --arg name $name '{name: $name}' >"$work/hold"
	send 201 /v1/audit/holds legal <"$work/hold"
	send 409 /v1/audit/holds legal <"$work/hold"
	send 403 /v1/audit/holds auditor <"$work/hold"
	send 401 /v1/audit/holds nobody <"$work/hold"
	jq -c '.name = ".."' "$work/hold" | send 400 /v1/audit/holds legal
	jq -c '.log = "no-such-log"' "$work/hold" | send 404 /v1/audit/holds legal
	via 200 GET /v1/audit/holds auditor
	via 200 GET /v1/audit/holds/$name legal
	via 204 DELETE /v1/audit/holds/$name legal
	via 404 GET /v1/audit/holds/$name auditor
	via 404 DELETE /v1/audit/holds/$name legal
}

everything() {
	# batches and tokens
	jq -cn --arg id "$lot" '{id: $id, model: "Test", quota: 100, hours_from: 0, hours_until: 1440, stations: []}' >"$work/lot"
	send 201 /v1/batches admin <"$work/lot"
	send 200 /v1/batches admin <"$work/lot"
	jq -c '.model = "Other"' "$work/lot" | send 409 /v1/batches admin
	jq -c '.profile = "none"' "$work/lot" | send 422 /v1/batches admin
	jq -c '.stations = ["nobody-at-all"]' "$work/lot" | send 404 /v1/batches admin
	jq -c '.quota = 0' "$work/lot" | send 400 /v1/batches admin
	jq -c '.extra = 1' "$work/lot" | send 400 /v1/batches admin
	via 200 GET /v1/batches admin
	via 200 GET /v1/batches station
	via 400 GET '/v1/batches?after=x' admin
	via 200 GET "/v1/batches/$lot" station
	via 404 GET /v1/batches/no-such-lot admin
	echo '{"count": 2, "expires_in_s": 600}' | send 201 "/v1/batches/$lot/tokens" admin
	token=$(field '.tokens[0]')
	jq -cn --arg mac "$(random_mac)" '{for: [{hardware_ids: [{type: "mac48", value: $mac}]}]}' | send 201 "/v1/batches/$lot/tokens" admin
	echo '{"for": [{"hardware_ids": [{"type": "imei", "value": "1"}]}]}' | send 422 "/v1/batches/$lot/tokens" admin
	echo '{}' | send 400 "/v1/batches/$lot/tokens" admin
	echo '{"count": 1}' | send 404 /v1/batches/no-such-lot/tokens admin

	# hardware tags and manifests
	local point=e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76
	local tags kid
	echo '{"points": ["'"$point"'"]}' | send 200 /v1/hardware-tags/evaluate admin
	kid=$(field .kid)
	tags="{\"kid\": $kid, \"tags\": [\"$point\"]}"
	jq -cn --arg id "$lot-listed" '{id: $id, model: "Test", quota: 9, hardware_ids: "blind", manifest: true}' | send 201 /v1/batches admin
	echo "$tags" | send 200 "/v1/batches/$lot-listed/manifest" admin
	via 200 GET "/v1/batches/$lot-listed/manifest" admin
	echo "$tags" | send 409 "/v1/batches/$lot/manifest" admin
	via 409 GET "/v1/batches/$lot/manifest" admin
	echo "$tags" | send 404 /v1/batches/no-such-lot/manifest admin
	echo '{"kid": '"$kid"', "tags": ["'"${point//[0-9a-f]/0}"'"]}' | send 422 "/v1/batches/$lot-listed/manifest" admin
	echo '{"kid": 250, "tags": ["'"$point"'"]}' | send 503 "/v1/batches/$lot-listed/manifest" admin
	echo '{"kid": 1}' | send 400 "/v1/batches/$lot-listed/manifest" admin
	echo "$tags" | send 403 "/v1/batches/$lot-listed/manifest" station
	echo '{"points": ["'"$point"'"]}' | send 200 /v1/hardware-tags/evaluate station
	echo '{"points": ["'"${point//[0-9a-f]/0}"'"]}' | send 422 /v1/hardware-tags/evaluate station
	echo '{"points": ["x"]}' | send 400 /v1/hardware-tags/evaluate station
	echo '{"points": ["'"$point"'"]}' | send 401 /v1/hardware-tags/evaluate nobody
	make_key blind
	enrollment blind x ".batch = \"$lot-listed\" | del(.hardware_ids) | .hardware_tags = $tags" | send 201 /v1/enrollments station

	# enrollment
	local name mac
	for name in one two three four; do make_key $name; done
	mac=$(random_mac)
	enrollment one "$mac" | send 201 /v1/enrollments station
	cp "$work/answer" "$work/one.json"
	field .certificate >"$work/one.pem"
	enrollment one "$mac" | send 200 /v1/enrollments station
	enrollment one "$mac" | send 200 '/v1/enrollments?proof=1' station
	enrollment one "$mac" | send 400 '/v1/enrollments?proof=2' station
	enrollment two "$mac" | send 409 /v1/enrollments station
	enrollment two "$(random_mac)" 'del(.batch) | .token = "'"$token"'"' | send 201 /v1/enrollments nobody
	enrollment three "$(random_mac)" 'del(.batch) | .token = "'"$token"'"' | send 409 /v1/enrollments nobody
	enrollment three "$(random_mac)" '.token = "mk1.forged"' | send 403 /v1/enrollments nobody
	enrollment three "$(random_mac)" | send 401 /v1/enrollments nobody
	enrollment three "$(random_mac)" | send 403 /v1/enrollments verifier
	enrollment three "$(random_mac)" '.batch = "no-such-lot"' | send 404 /v1/enrollments station
	enrollment three "no mac" | send 422 /v1/enrollments station
	enrollment three "$(random_mac)" '.csr = "no csr"' | send 400 /v1/enrollments station
	enrollment three "$(random_mac)" 'del(.csr)' | send 400 /v1/enrollments station
	echo 'no JSON' | send 400 /v1/enrollments station
	via 415 POST /v1/enrollments station -H 'Content-Type: text/plain' --data-binary x
	{ enrollment three "$(random_mac)"; enrollment one "$mac"; enrollment four "$mac"; echo '{"csr": 1}'; } >"$work/lines"
	via 200 POST /v1/enrollments station -H 'Content-Type: application/x-ndjson' --data-binary @"$work/lines"
	same "four lines, each with its status" "201 200 409 400" "$(jq -rs 'map(.status) | join(" ")' "$work/answer")"

	# renewal: not due
	jq -cn --rawfile csr "$work/one.csr" '{csr: $csr}' | send 409 /v1/renewals one
	jq -cn --rawfile csr "$work/one.csr" '{csr: $csr}' | send 401 /v1/renewals nobody
	jq -cn --rawfile csr "$work/one.csr" '{csr: $csr}' | send 403 /v1/renewals officer
	echo '{}' | send 400 /v1/renewals one
	age one 20
	jq -cn --rawfile csr "$work/four.csr" '{csr: $csr}' | send 201 /v1/renewals one
	jq -cn --rawfile csr "$work/four.csr" '{csr: $csr}' | send 200 /v1/renewals one
	age one -20

	# pseudonyms
	jq -c --arg id "$lot-unlinkable" '.id = $id | .mode = "unlinkable"' "$work/lot" | send 201 /v1/batches admin
	make_key born
	enrollment born "$(random_mac)" ".batch = \"$lot-unlinkable\"" | send 201 /v1/enrollments station
	field .certificate >"$work/born.pem"
	make_key pseudonym
	jq -cn --rawfile csr "$work/pseudonym.csr" '{csr: $csr}' >"$work/take"
	send 201 /v1/pseudonyms born <"$work/take"
	send 200 /v1/pseudonyms born <"$work/take"
	send 401 /v1/pseudonyms nobody <"$work/take"
	send 403 /v1/pseudonyms station <"$work/take"
	echo '{}' | send 400 /v1/pseudonyms born

	# verification
	jq -c '{certificate}' "$work/one.json" | send 200 /v1/verifications verifier
	same "it is good" good "$(field .verdict)"
	jq -c '{certificates: [.certificate, .chain[0], "no certificate"]}' "$work/one.json" | send 200 /v1/verifications verifier
	echo '{}' | send 400 /v1/verifications verifier
	jq -c '{certificate}' "$work/one.json" | send 403 /v1/verifications officer
	local pseudonym
	pseudonym=$(jq -r .pseudonym "$work/one.json")
	via 200 GET "/v1/devices/$pseudonym" officer
	via 404 GET /v1/devices/00000000-0000-4000-8000-000000000000 officer
	via 401 GET "/v1/devices/$pseudonym" nobody
	via 200 GET "/v1/certificates/$(jq -r .serial "$work/one.json")" verifier
	same "a serial leads to the pseudonym" "$pseudonym" "$(field .pseudonym)"
	via 404 GET /v1/certificates/4000480000000000000000000000000000000000 officer
	via 401 GET "/v1/certificates/$(jq -r .serial "$work/one.json")" nobody

	disclosures "$pseudonym"
	erasures "$pseudonym" false
	sealed_device
	jq -c --arg p "$sealed" '.pseudonyms = [$p]' "$work/disclosure" >"$work/p"
	mv "$work/p" "$work/disclosure"
	handover
	erasures "$sealed" true
	holds
	# revocation
	local action
	jq -cn --arg p "$pseudonym" '{select: {pseudonym: $p}, action: "hold", dry_run: true}' | send 200 /v1/revocations officer
	for action in hold release; do
		jq -cn --arg p "$pseudonym" --arg a $action '{select: {pseudonym: $p}, action: $a}' | send 201 /v1/revocations officer
	done
	jq -cn --arg p "$pseudonym" '{select: {pseudonym: $p}, action: "revoke", reason: "keyCompromise", why: "LOST"}' | send 201 /v1/revocations officer
	via 200 GET "/v1/revocations/$(field .id)" officer
	via 404 GET /v1/revocations/aaaaaaaaaaaaaaaa officer
	jq -cn --arg p "$pseudonym" '{select: {pseudonym: $p}, action: "release"}' | send 409 /v1/revocations officer
	jq -cn '{select: {serial: "0000000000000000000000000000000000000000"}, action: "revoke"}' | send 404 /v1/revocations officer
	jq -cn '{select: {}, action: "revoke"}' | send 400 /v1/revocations officer
	jq -c '{certificate}' "$work/one.json" | send 200 /v1/verifications verifier
	same "it is revoked" revoked "$(field .verdict)"
	via 200 GET "/v1/devices/$pseudonym" verifier
	jq -cn --rawfile csr "$work/one.csr" '{csr: $csr}' | send 403 /v1/renewals one

	# operators
	make_key person
	jq -cn --rawfile csr "$work/person.csr" --arg name "$person" '{name: $name, roles: ["officer"], csr: $csr}' >"$work/person"
	send 201 /v1/operators admin <"$work/person"
	send 200 /v1/operators admin <"$work/person"
	make_key other
	jq -c --rawfile csr "$work/other.csr" '.roles = ["admin"] | .csr = $csr' "$work/person" | send 409 /v1/operators admin
	jq -c '.roles = ["king"]' "$work/person" | send 400 /v1/operators admin
	via 200 GET /v1/operators admin
	via 200 GET "/v1/operators/$person" admin
	via 404 GET "/v1/operators/$person/certificate" admin
	via 200 GET /v1/operators/station admin
	via 200 GET /v1/operators/station/certificate admin
	via 404 GET /v1/operators/no-such-person admin
	sign_pending
	"$MONIKER_BIN/moniker" operator cert "$person" --out "$work/person.pem"
	make_key renewal
	jq -cn --rawfile csr "$work/renewal.csr" '{csr: $csr}' >"$work/renewal"
	send 202 /v1/operators/renewals person <"$work/renewal"
	send 202 /v1/operators/renewals person <"$work/renewal"
	local serial
	serial=$(field .serial)
	via 202 GET "/v1/operators/renewals/$serial" person
	via 404 GET "/v1/operators/renewals/$serial" officer
	jq -cn --rawfile csr "$work/other.csr" '{csr: $csr}' | send 409 /v1/operators/renewals person
	echo '{"csr": "no csr"}' | send 400 /v1/operators/renewals person
	send 401 /v1/operators/renewals nobody <"$work/renewal"
	send 403 /v1/operators/renewals one <"$work/renewal"
	sign_pending
	send 200 /v1/operators/renewals person <"$work/renewal"
	via 200 GET "/v1/operators/renewals/$serial" person
	via 204 DELETE "/v1/operators/$person" admin
	via 200 GET "/v1/operators/$person" admin
	via 404 DELETE /v1/operators/no-such-person admin
	via 403 GET /v1/operators officer

	# the log
	via 200 GET '/v1/audit/events?limit=20' auditor
	via 200 GET "/v1/audit/events?ev=enroll.*&rc=DUPLICATE_HARDWARE&from=2020-01-01T00:00:00Z" auditor
	via 400 GET '/v1/audit/events?limit=0' auditor
	via 404 GET '/v1/audit/events?log=no-such-log' auditor
	via 403 GET /v1/audit/events admin
	via 200 GET /audit/logs auditor
	local log part
	log=$(field '.items[] | select(.checkpoint) | .origin | split("/")[-1]' | head -n 1)
	via 200 GET "/audit/$log/checkpoint" nobody
	part=$(sed -n 2p "$work/answer")
	[ "$part" -ge 256 ] && part= || part=.p/$part
	via 404 GET /audit/no-such-log/checkpoint nobody
	via 200 GET "/audit/$log/tile/entries/000$part" auditor
	via 202 POST /v1/audit/exports auditor -H 'Content-Type: application/json' -d '{"ev":"enroll.*","limit":5}'
	local export
	export=$(field .id)
	via 400 POST /v1/audit/exports auditor -H 'Content-Type: application/json' -d '{"limit":0}'
	via 404 POST /v1/audit/exports auditor -H 'Content-Type: application/json' -d '{"log":"no-such-log"}'
	via 415 POST /v1/audit/exports auditor -H 'Content-Type: text/plain' -d '{}'
	via 403 POST /v1/audit/exports admin -H 'Content-Type: application/json' -d '{}'
	via 200 GET /v1/audit/exports auditor
	for _ in $(seq 600); do
		[ "$(api GET "/v1/audit/exports/$export" auditor | jq -r .state)" = running ] || break
		sleep 0.1
	done
	via 200 GET "/v1/audit/exports/$export" auditor
	via 404 GET /v1/audit/exports/aaaaaaaaaaaaaaaa auditor
	via 200 GET "/v1/audit/exports/$export/result" auditor
	via 206 GET "/v1/audit/exports/$export/result" auditor -H 'Range: bytes=0-511'
	via 416 GET "/v1/audit/exports/$export/result" auditor -H 'Range: bytes=99999999-'
	via 404 GET /v1/audit/exports/aaaaaaaaaaaaaaaa/result auditor
	via 204 DELETE "/v1/audit/exports/$export" auditor
	via 404 DELETE "/v1/audit/exports/$export" auditor
	via 200 GET '/v1/audit/proofs/inclusion?seq=0' auditor
	via 200 GET "/v1/audit/proofs/inclusion?log=$log&seq=0&size=2" auditor
	via 400 GET '/v1/audit/proofs/inclusion' auditor
	via 404 GET '/v1/audit/proofs/inclusion?seq=0&log=no-such-log' auditor
	via 200 GET '/v1/audit/proofs/consistency?old=1&new=3' auditor
	via 400 GET '/v1/audit/proofs/consistency?old=3&new=1' auditor
	via 404 GET "/audit/$log/tile/0/x000/000" auditor
	via 403 GET "/audit/$log/tile/0/000" admin

	# EST
	local est=/.well-known/est label
	echo '{"count": 2}' | send 201 "/v1/batches/$lot/tokens" admin
	token=$(field '.tokens[0]')
	local second
	second=$(field '.tokens[1]')
	for label in '' "/$lot"; do
		via 200 GET "$est$label/cacerts" nobody
		via 200 GET "$est$label/csrattrs" nobody
		make_key "est${#label}"
		est_send() { # WANTED OPERATION ROLE NAME [curl options]
			openssl req -in "$work/$4.csr" -outform DER | base64 -w0 >"$work/est"
			via "$1" POST "$est$label/$2" "$3" -H 'Content-Type: application/pkcs10' --data-binary @"$work/est" "${@:5}"
		}
		est_send 401 simpleenroll nobody "est${#label}"
		est_send 403 simpleenroll verifier "est${#label}"
		est_send 403 simpleenroll nobody "est${#label}" -u x:mk1.forged
		est_send 400 simpleenroll nobody "est${#label}" -H 'Authorization: Basic !'
		est_send 200 simpleenroll nobody "est${#label}" -u "mac48=$(random_mac):$token"
		base64 -d <"$work/answer" | openssl pkcs7 -inform DER -print_certs | openssl x509 -out "$work/est${#label}.pem"
		jq -n --arg s "$(serial_of "$work/est${#label}.pem" | tr A-F a-f)" '{serial: $s}' >"$work/est${#label}.json"
		est_send 409 simpleenroll nobody one -u "mac48=$(random_mac):$second"
		est_send 501 serverkeygen nobody one
		est_send 401 simplereenroll nobody one
		est_send 409 simplereenroll "est${#label}" "est${#label}"
		age "est${#label}" 20
		est_send 200 simplereenroll "est${#label}" "est${#label}"
		age "est${#label}" -20
		via 415 POST "$est$label/simpleenroll" station -H 'Content-Type: text/plain' --data-binary x
		token=$second
	done
	via 404 GET $est/no-such-lot/cacerts nobody
	jq -c --arg id "$lot-later" --arg at "$(date -ud '+1 hour' +%FT%TZ)" '.id = $id | .opens_at = $at' "$work/lot" | send 201 /v1/batches admin
	make_key late
	label=/$lot-later est_send 202 simpleenroll station late

	# changes
	via 200 GET /v1/changes verifier
	via 200 GET "/v1/changes?after=AAAAAAAAAAAAAAAA&wait=0" verifier
	via 400 GET "/v1/changes?wait=61" verifier
	via 410 GET "/v1/changes?after=AAAAAAAAAABBBBBB" verifier
	via 401 GET /v1/changes nobody
	via 403 GET /v1/changes station
	via 200 GET /v1/changes/snapshot verifier
	via 403 GET /v1/changes/snapshot officer
	via 200 GET /v1/trust-bundle nobody

	# for anybody
	local crl
	crl=$(crl_url "$work/one.pem")
	crl=/crl/${crl##*/crl/}
	via 200 GET "$crl" nobody
	via 304 GET "$crl" nobody -H 'If-None-Match: *'
	via 200 GET "$crl" nobody -H 'Accept-Encoding: gzip'
	via 404 GET /crl/0000000000000000/0000.crl nobody
	via 200 GET "${crl%.crl}/delta.crl" nobody
	via 304 GET "${crl%.crl}/delta.crl" nobody -H 'If-None-Match: *'
	via 404 GET /crl/0000000000000000/0000/delta.crl nobody
	via 200 GET "/ca/$(issuer_url "$work/one.pem" | sed 's|.*/ca/||')" nobody
	via 404 GET /ca/0000000000000000.cer nobody
	openssl ocsp -issuer <(jq -r '.chain[0]' "$work/one.json") -cert "$work/one.pem" -no_nonce -reqout "$work/ocsp"
	via 200 POST /ocsp nobody -H 'Content-Type: application/ocsp-request' --data-binary "@$work/ocsp"
	via 200 GET "/ocsp/$(base64 -w0 "$work/ocsp" | jq -sRr @uri)" nobody
	via 304 GET "/ocsp/$(base64 -w0 "$work/ocsp" | jq -sRr @uri)" nobody -H 'If-None-Match: *'
	via 200 GET /ocsp/MAA= nobody
	via 200 GET /ocsp/no.base64 nobody
	via 404 GET /ocsp/no%09text nobody
	via 200 GET /healthz nobody
	via 200 GET /readyz nobody
	via 200 GET /metrics nobody
	via 401 GET /metrics nobody -H 'Via: 1.1 a-proxy'
	via 403 GET /metrics officer -H 'Via: 1.1 a-proxy'
	via 404 GET /v1/nothing nobody
	via 405 PUT /v1/batches nobody
	printf '{"select": "%05000d"}' 0 | send 413 /v1/revocations officer
	via 200 GET /v1/openapi.yaml nobody
	cmp -s "$work/answer" "$top/api/openapi.yaml" || die "the service serves another description"
	via 304 GET /v1/openapi.yaml nobody -H 'If-None-Match: *'
}

sign_pending() {
	"$MONIKER_BIN/moniker" operator sign --database-url "$MONIKER_PGURL" --ring "$MONIKER_TEST_STATE/ca/operators.ring" \
		--passphrase-file "$MONIKER_TEST_STATE/operators.passphrase" --yes >/dev/null 2>&1
}

# age NAME YEARS: in the database its certificate began that many years earlier: what needs months is
# due now. With a minus sign it is as it was.
age() {
	psql -q -X "$MONIKER_PGURL" -c "UPDATE certificate SET not_before_at_s = not_before_at_s - $2 * 365 * 86400
		WHERE serial = '\\x$(jq -r .serial "$work/$1.json")'"
}

: >"$work/out"
start_proxy "$top/api/openapi.yaml" "$work/out"
everything
! grep '^mismatch' "$work/out" >&2 || die "answers or requests are not as api/openapi.yaml says (see above)"
ok "$(grep -c '^seen' "$work/out") answers are as described"
sed -n 's/^ *operationId: //p' "$top/api/openapi.yaml" | while read -r operation; do
	case $operation in estServerKeyGen*) wanted=501 ;; *) wanted='20[0124]' ;; esac
	grep -Eq "^seen $operation $wanted\$" "$work/out" || die "$operation never succeeded here"
done
ok "each operation succeeded at least once"
stop_proxy

# The proxy can tell: another description, and the same answers are mismatches.
tells() { # WHAT SED METHOD PATH STATUS
	sed -E "$2" "$top/api/openapi.yaml" >"$work/changed.yaml"
	! cmp -s "$work/changed.yaml" "$top/api/openapi.yaml" || die "nothing was changed: $1"
	: >"$work/changed"
	start_proxy "$work/changed.yaml" "$work/changed"
	via "$5" "$3" "$4" nobody
	stop_proxy
	shows "the proxy tells: $1" '^mismatch ' "$work/changed"
}
tells "a member that is missing" 's|required: \[status\]|required: [status, more]|' GET /healthz 200
tells "a member too many" 's|required: \[ready, components, warnings\]|required: [ready]|; s|^        warnings: .*||' GET /readyz 200
tells "a status that is not described" '/operationId: listBatches/,/"403"/s|"401"|"418"|' GET /v1/batches 401
tells "another content type" 's|application/yaml:|text/yaml:|' GET /v1/openapi.yaml 200
tells "a code that is not in the list" 's|^        - CALLER_MISSING||' GET /v1/batches 401
