# shellcheck shell=bash
# Sourced by interference.sh: what happens in a run, one thing after another. What a run's callers are told goes to
# $out/answers. The devices' ids are those of $ids; their keys and requests ($fleet) are the same in every run.

# ask STATUS NAME METHOD PATH ROLE [curl options]: the answer is told, under NAME.
ask() {
	local want=$1 name=$2
	call "${@:3}" >"$out/answers/$name.body"
	cp "$work/headers" "$out/answers/$name.head"
	[ "$want" = "$(cat "$work/status")" ] || die "$name: $(cat "$work/status"), not $want: $(head -c 1000 "$out/answers/$name.body")"
}
tell() { ask "$1" "$2" POST "$3" "$4" -H 'Content-Type: application/json' --data-binary @-; } # STATUS NAME PATH ROLE: JSON on standard input
answer() { jq -r "$2" "$out/answers/$1.body"; }                                                # NAME FILTER
# From now on this device is a ROLE, with the certificate that it was told under NAME, and its key.
device() { # ROLE NAME
	answer "$2" .certificate >"$out/$1.pem"
	export "MONIKER_${1^^}_CERT=$out/$1.pem" "MONIKER_${1^^}_KEY=$fleet/$1.key"
}

# enrollment DEVICE BATCH [IDS]: the body, with the ids that stand in $ids under DEVICE or IDS
enrollment() {
	jq -c --rawfile csr "$fleet/$1.csr" --arg batch "$2" --arg of "${3:-$1}" '{$batch, $csr, hardware_ids: .[$of]}' "$ids"
}
enroll() { # STATUS NAME DEVICE BATCH [IDS]
	enrollment "${@:3}" | tell "$1" "$2" /v1/enrollments station
}
est() { # STATUS NAME DEVICE BATCH IDS TOKEN: hardware ids in the user name
	local user
	user=$(jq -r --arg of "$5" '[.[$of][] | "\(.type)=\(.value)"] | join(",")' "$ids")
	openssl req -in "$fleet/$3.csr" -outform DER | base64 -w0 |
		ask "$1" "$2" POST "/.well-known/est/$4/simpleenroll" nobody -u "$user:$6" -H 'Content-Type: application/pkcs10' --data-binary @-
}

script_enroll() {
	local lot what of line=0
	for lot in plain sealed hidden; do
		jq -cn --arg id $lot '{$id, model: "Test", quota: 100} + {plain: {}, sealed: {escrow: true}, hidden: {escrow: true, mode: "unlinkable"}}[$id]' |
			tell 201 "batch-$lot" /v1/batches admin
	done
	enroll 201 d1 d1 plain
	enroll 201 d2 d2 plain
	enroll 201 d3 d3 sealed
	enroll 201 d4 d4 sealed
	enroll 201 d5 d5 hidden
	enroll 201 d6 d6 hidden
	enroll 200 replay d1 plain
	enroll 409 duplicate d7 plain d2
	enroll 409 duplicate-sealed d7 sealed d3
	enroll 409 duplicate-hidden d7 hidden d5
	enroll 409 duplicate-second d7 plain one-of-two
	for what in malformed zeros checksum missing; do enroll 422 $what d7 plain $what; done
	for of in d8 d2 d9 malformed; do enrollment d$((++line + 7)) plain $of; done |
		ask 200 many POST /v1/enrollments station -H 'Content-Type: application/x-ndjson' --data-binary @-
	echo '{"count": 2}' | tell 201 tokens /v1/batches/plain/tokens admin
	est 200 est d12 plain d12 "$(answer tokens '.tokens[0]')"
	est 409 est-duplicate d13 plain d1 "$(answer tokens '.tokens[1]')"
	est 422 est-malformed d13 plain malformed "$(answer tokens '.tokens[1]')"
}

# ---- what is done with what was enrolled

# A list is made at once and again a second after one of before: so that is over whenever a status changes.
listed() { [ "$(sql 'SELECT count(*) FROM crl, status_head AS h WHERE crl.status_seq = h.seq AND crl.delta_status_seq = h.seq')" -gt 0 ]; }
settle() {
	within 60 "the CRLs have it" listed
	sleep 1.2
}
revoke() { # NAME PSEUDONYM ACTION
	jq -cn --arg p "$2" --arg a "$3" '{select: {pseudonym: $p}, action: $a} + if $a == "revoke" then {reason: "keyCompromise"} else {} end' |
		tell 201 "$1" /v1/revocations officer
	settle
}
csr() { jq -c --rawfile csr "$fleet/$1.csr" '{$csr}' <<<null; }
verify() { # NAME ANSWER
	answer "$2" '{certificate}' | tell 200 "$1" /v1/verifications verifier
}
changed() { [ "$(sql 'SELECT seq FROM status_head')" -gt "$1" ]; }
disclose() { # NAME PERSON WORDS...
	local name=$1 cert=MONIKER_$2_CERT key=MONIKER_$2_KEY role=${2,,}
	"${repeated[@]}" "$MONIKER_BIN/moniker" disclose "${@:3}" --as "${role%2}" --cert "${!cert}" --key "${!key}" --json \
		>"$out/answers/$name.body" 2>"$out/answers/$name.err" || die "$name: $(cat "$out/answers/$name.err")"
}

script_live() {
	local pseudonym before
	device d2 d2
	csr d14 | tell 409 renewal-early /v1/renewals d2
	sql "UPDATE certificate SET not_before_at_s = not_before_at_s - 20 * 31536000 WHERE serial = '\\x$(answer d2 .serial)'"
	csr d14 | tell 201 renewal /v1/renewals d2
	csr d1 | tell 409 renewal-reused /v1/renewals d2
	device d5 d5
	device d6 d6
	csr d15 | tell 201 p1 /v1/pseudonyms d5
	csr d16 | tell 201 p2 /v1/pseudonyms d5
	csr d17 | tell 201 p3 /v1/pseudonyms d6
	csr d17 | tell 409 pseudonym-reused /v1/pseudonyms d5
	verify good d1
	verify good-pseudonym p1
	verify untrusted d5
	for name in d1 d3 p1; do
		ask 200 "device-$name" GET "/v1/devices/$(answer $name .pseudonym)" verifier
		ask 200 "certificate-$name" GET "/v1/certificates/$(answer $name .serial)" officer
	done
	revoke hold "$(answer d1 .pseudonym)" hold
	verify held d1
	revoke revoked "$(answer d3 .pseudonym)" revoke
	revoke revoked-pseudonym "$(answer p1 .pseudonym)" revoke
	before=$(sql 'SELECT seq FROM status_head')
	now $((noon + 4))
	within 60 "the tick's revocations" changed "$before"
	settle
	verify blocked p2
	verify other-device p3
	csr d18 | tell 403 pseudonym-blocked /v1/pseudonyms d5
}

script_officers() {
	local id
	echo "the order" >"$out/order"
	disclose disclosure OFFICER2 request "$(answer d4 .pseudonym)" "$(answer d1 .pseudonym)" "$(answer d6 .pseudonym)" \
		--basis COURT_ORDER --case 17/2026 --order "$out/order"
	id=$(answer disclosure .id)
	disclose approval-officer OFFICER approve "$id"
	disclose approval-legal LEGAL approve "$id"
	within 60 "all is published" published # the package has proofs for what is
	disclose fetched LEGAL fetch "$id" --out "$out/answers/package.body"
	disclose receipt OFFICER receipt "$id" --package "$out/answers/package.body"
	jq -cn --arg p "$(answer d3 .pseudonym)" '{pseudonyms: [$p], basis: "SUBJECT_REQUEST", case: "18"}' | tell 201 erasure /v1/erasures legal
}

script_read() {
	local list id
	for list in $(sql "SELECT encode(issuer, 'hex') || '/' || lpad(shard::text, 4, '0') FROM crl WHERE delta_number > 0 ORDER BY 1"); do
		ask 200 "crl-${list/\//-}" GET "/crl/$list.crl" nobody
		ask 200 "delta-${list/\//-}" GET "/crl/$list/delta.crl" nobody
		ask 200 "ca-${list%/*}" GET "/ca/${list%/*}.cer" nobody
	done
	answer d1 '.chain[0]' >"$out/issuer.pem"
	for name in d1 d3; do
		answer $name .certificate >"$out/$name.pem"
		openssl ocsp -issuer "$out/issuer.pem" -cert "$out/$name.pem" -no_nonce -reqout "$out/ocsp" >/dev/null 2>&1
		ask 200 "ocsp-$name" POST /ocsp nobody -H 'Content-Type: application/ocsp-request' --data-binary "@$out/ocsp"
	done
	ask 200 changes GET '/v1/changes?after=AAAAAAAAAAAAAAAA' verifier
	ask 200 snapshot GET /v1/changes/snapshot verifier
	ask 200 bundle GET /v1/trust-bundle nobody
	ask 200 cacerts GET /.well-known/est/cacerts nobody
	ask 200 batches GET /v1/batches admin
	ask 200 seats GET /v1/seat-sets station
	ask 202 export POST /v1/audit/exports auditor -H 'Content-Type: application/json' --data-binary '{}'
	id=$(answer export .id)
	within 60 "the export is done" exported "$id"
	ask 200 export-done GET "/v1/audit/exports/$id" auditor
	ask 200 export-result GET "/v1/audit/exports/$id/result" auditor
	within 60 "all is published" published
	ask 200 logs GET /audit/logs auditor
	ask 200 checkpoint GET "/audit/$log_name/checkpoint" nobody
	ask 200 events GET '/v1/audit/events?limit=1000' auditor
	ask 200 inclusion GET '/v1/audit/proofs/inclusion?seq=35' auditor
	ask 200 consistency GET '/v1/audit/proofs/consistency?old=31&new=60' auditor
	ask 200 tile GET "/audit/$log_name/tile/0/000.p/$(sed -n 2p "$out/answers/checkpoint.body")" auditor
	ask 200 ready GET /readyz nobody
	ask 200 metrics GET /metrics nobody
}
exported() { [ "$(sql "SELECT state FROM audit_export WHERE id = '$1'")" = done ]; }
published() { [ "$(sed -n 2p "$state/audit/$log_name/checkpoint")" = "$(sql 'SELECT count(*) FROM audit_leaf')" ]; }
