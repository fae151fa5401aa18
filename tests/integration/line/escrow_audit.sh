#!/usr/bin/env bash
# Escrow audits: records that the log draws are opened by two roles, and what does not open is a fault on record.
. "$(dirname "$0")/lib.sh"
state=$MONIKER_TEST_STATE
sql() { psql -qAtX -h "$(sed -n 's/^PGDIR=//p' "$MONIKER_TEST_PG")" -U postgres -d moniker -c "$1"; }
shred() { psql -qAtX -h "$(sed -n 's/^PGDIR=//p' "$MONIKER_TEST_SHRED")" -U postgres -d moniker -c "$1"; }
as() { # ROLE-VARIABLE WORDS...
	local who=$1 cert=MONIKER_$1_CERT key=MONIKER_$1_KEY role=officer
	shift
	[ "$who" != LEGAL ] || role=legal
	"$MONIKER_BIN/moniker" disclose "$@" --as $role --cert "${!cert}" --key "${!key}" --json
}
open() { # PACKAGE SEAT...
	local package=$1 args=() seat
	shift
	for seat; do args+=(--seat "$work/$seat" --passphrase-file "$work/pass"); done
	unshare -n "$MONIKER_BIN/moniker" disclose open --package "$package" --vkey "$vkey" --cacert "$MONIKER_CACERT" "${args[@]}" --json 2>/dev/null
}

publish_seats legal:1 officer:1
open_lot escrow-audit '. + {escrow: true}'
sealed_to_it() {
	make_key dev && request dev "$(random_mac)" | send /v1/enrollments station >"$work/p" &&
		[ "$(sql "SELECT count(*) > 0 FROM escrow_record WHERE seat_set = $number")" = t ]
}
within 70 "the set is in force" sealed_to_it
for i in $(seq 60); do
	make_key m
	request m "$(random_mac)"
done >"$work/many"
call POST /v1/enrollments station -H 'Content-Type: application/x-ndjson' --data-binary @"$work/many" >"$work/p"
same "sixty devices" 60 "$(jq -s '[.[] | select(.status == 201)] | length' "$work/p")"
vkey=$(call GET /audit/logs auditor | jq -r '.items[0].vkey')
echo "the plan of audits" >"$work/order"

# ---- nobody picks
jq -c '{pseudonyms: ["00000000-0000-4000-8000-000000000000"], basis: "ESCROW_AUDIT", case: "1", order_sha256: ("a" * 64)}' <<<null | send /v1/disclosures officer2 >"$work/p"
refused "an audit of chosen pseudonyms" 400 BAD_SYNTAX "$work/p"
for bad in '.sample.count = 0' '.sample.count = 51' '.basis = "INCIDENT"' '.sample.from = 7'; do
	jq -c "{sample: {count: 5}, basis: \"ESCROW_AUDIT\", case: \"1\", order_sha256: (\"a\" * 64)} | $bad" <<<null | send /v1/disclosures officer2 >"$work/p"
	refused "a sample with $bad" 400 BAD_SYNTAX "$work/p"
done
jq -c '{sample: {count: 5, log: "nowhere/node9"}, basis: "ESCROW_AUDIT", case: "1", order_sha256: ("a" * 64)}' <<<null | send /v1/disclosures officer2 >"$work/p"
refused "a log that is not here" 404 NOT_FOUND "$work/p"

# ---- two roles approve what the log draws; until a record of this set is among it
audit() {
	as OFFICER2 request --basis ESCROW_AUDIT --sample 50 --case "audit-$number" --order "$work/order" >"$work/p"
	id=$(jq -r .id "$work/p")
	as OFFICER approve "$id" >/dev/null 2>&1
	! as OFFICER fetch "$id" --out "$work/early" >/dev/null 2>&1 || die "a package for one role"
	as LEGAL approve "$id" >/dev/null 2>&1
	within 60 "the package is there" as LEGAL fetch "$id" --out "$work/package"
	open "$work/package" legal:1 officer:1 >"$work/told" || die "the package does not open"
	[ "$(jq .found.opened "$work/told")" -ge 5 ]
}
within 300 "an audit draws five records of this set" audit
same "no fault" 0 "$(jq '.found.faults | length' "$work/told")"
same "what was drawn is told, and nobody's identity" "basis,case,found,id,package_sha256 drawn,erased,faults,log,opened,other_seats,size" "$(jq -r '"\(keys | join(",")) \(.found | keys | join(","))"' "$work/told")"
same "the package names no pseudonym and no certificate" 0 "$(jq '[.records[] | has("pseudonym", "tbs") | select(.)] | length' "$work/package")"
open "$work/package" legal:1 legal:1 >"$work/p" || die "two seats of one role cannot even look"
same "two seats of one role open none" 0 "$(jq .found.opened "$work/p")"

# ---- the draw is held to the log
closed() { # WHAT CODE jq-filter
	jq -c "$3" "$work/package" >"$work/changed"
	! open "$work/changed" legal:1 officer:1 >"$work/p" || die "opened: $1"
	same "not opened: $1" "$2" "$(jq -r .code "$work/p")"
}
closed "the first record left out" BAD_PROOF '.records |= .[1:]'
closed "the last record left out" BAD_PROOF '.records |= .[:-1]'
closed "another in its place" BAD_PROOF '.records[0] = .records[1]'
closed "one more" BAD_PROOF '.records += .records[0:1]'
closed "a smaller sample" BAD_PROOF '.request.text |= sub("sample 50"; "sample 1")'
closed "a smaller log" BAD_PROOF '.request.text |= sub("(?<s>sample 50 [^ ]+) [0-9]+"; "\(.s) 1")'
closed "a proof of another leaf" BAD_PROOF '.records[0].proof = .request.proof'

# ---- bad records: changed, swapped, lost, and one that was erased
mapfile -t drawn < <(jq -r --argjson n "$number" '.records[] | select(.record != null) | select((.record | @base64d | explode | length) > 0) | .proof | capture("index (?<i>[0-9]+)").i' "$work/package" |
	while read -r seq; do sql "SELECT r.seq FROM escrow_record r JOIN audit_log l ON l.id = r.log WHERE r.seq = $seq AND r.seat_set = $number AND l.origin = '${vkey%%+*}'"; done | sort -n)
[ ${#drawn[@]} -ge 5 ] || die "too few of this set"
opened=$(jq .found.opened "$work/told") erased=$(jq .found.erased "$work/told")
own="FROM audit_log l WHERE l.id = log AND l.origin = '${vkey%%+*}' AND seq ="
these=$(IFS=,; echo "${drawn[*]:0:4}")
sql "CREATE TABLE kept_for_the_test AS SELECT r.* FROM escrow_record r JOIN audit_log l ON l.id = r.log WHERE l.origin = '${vkey%%+*}' AND r.seq IN ($these)"
sql "UPDATE escrow_record SET body = set_byte(body, 100, get_byte(body, 100) # 1) $own ${drawn[0]}"
sql "UPDATE escrow_record SET (body, nonce, shred_id) = (SELECT body, nonce, shred_id FROM escrow_record o WHERE o.seq = ${drawn[3]} AND o.log = escrow_record.log) $own ${drawn[1]}"
sql "DELETE FROM escrow_record USING audit_log l WHERE l.id = log AND l.origin = '${vkey%%+*}' AND seq = ${drawn[2]}"
within 60 "the package is there" as LEGAL fetch "$id" --out "$work/package"
open "$work/package" legal:1 officer:1 >"$work/told" || die "the second package does not open"
same "three of them do not open any more" "$((opened - 3))" "$(jq .found.opened "$work/told")"
same "and are told, each with its leaf" "$(printf '%s\n' "${drawn[@]:0:3}" | sort -n | paste -sd' ')" "$(jq -r '[.found.faults[].leaf] | join(" ")' "$work/told")"
same "and why" "DAMAGED LOST not" "$(jq -r '[.found.faults[].why | capture("(?<w>DAMAGED|LOST|not)").w] | sort | join(" ")' "$work/told")"

# ---- what went with its part of the log, and what legal had erased, is no fault: it is counted
counted() { jq -c '.found | [.opened, .erased, (.faults | length)]' "$work/counted"; }
again() {
	as LEGAL fetch "$id" --out "$work/again"
	open "$work/again" legal:1 officer:1 >"$work/counted" || die "$1: the package does not open"
}
part="FROM audit_log WHERE origin = '${vkey%%+*}'"
sql "INSERT INTO audit_pruned SELECT id, 'audit_leaf', ${drawn[2]} / 1048576 $part"
again "leaves that were pruned"
same "the leaves' rows are not the records" LOST "$(jq -r '.found.faults[].why | select(test("LOST")) | capture("(?<w>LOST)").w' "$work/counted")"
sql "UPDATE audit_pruned SET what = 'audit_blob' WHERE what = 'audit_leaf' AND part = ${drawn[2]} / 1048576 AND log = (SELECT id $part)"
again "a record that was pruned"
sql "DELETE FROM audit_pruned WHERE log = (SELECT id $part)"
same "a pruned one is erased, and no fault" "[$((opened - 3)),$((erased + 1)),2]" "$(counted)"
same "the two others stay faults" "$(printf '%s\n' "${drawn[@]:0:2}" | sort -n | paste -sd' ')" "$(jq -r '[.found.faults[].leaf] | join(" ")' "$work/counted")"
again "nothing was pruned"
same "it was pruned by nobody: lost" "[$((opened - 3)),$erased,3]" "$(counted)"
pseudonym=$(sql "SELECT c.pseudonym FROM certificate c JOIN certificate_body b USING (month, serial) JOIN audit_log l ON l.id = b.log
	WHERE l.origin = '${vkey%%+*}' AND b.seq = ${drawn[4]}")
"$MONIKER_BIN/moniker" erase request "$pseudonym" --basis RETENTION_END --case "audit-$number" --apply --json >"$work/p"
again "a record that was erased"
erased=$((erased + 1))
same "one that legal had erased is no fault" "[$((opened - 4)),$erased,3]" "$(counted)"
shred "DELETE FROM shred_key WHERE id = '$(sql "SELECT shred_id FROM kept_for_the_test WHERE seq = ${drawn[3]}")'"
within 60 "the package is there" as LEGAL fetch "$id" --out "$work/package"
open "$work/package" legal:1 officer:1 >"$work/told" || die "the third package does not open"
same "an erased one is no fault" "$((erased + 2)) 2" "$(jq -r '"\(.found.erased) \(.found.faults | length)"' "$work/told")"

# ---- the receipt: what was found is on record
jq -c '{package_sha256: .package_sha256}' "$work/told" | send "/v1/disclosures/$id/receipt" officer >"$work/p"
refused "a receipt that tells nothing" 400 BAD_SYNTAX "$work/p"
jq -c '{package_sha256: .package_sha256, found: {opened: 1, erased: 0, other_seats: 0, faults: [2, 1]}}' "$work/told" | send "/v1/disclosures/$id/receipt" officer >"$work/p"
refused "faults out of order" 400 BAD_SYNTAX "$work/p"
as OFFICER receipt "$id" --package "$work/package" --found "$work/told" >"$work/p"
same "closed" "closed fulfilled" "$(jq -r '"\(.status) \(.outcome)"' "$work/p")"
call GET "/v1/audit/events?limit=10000" auditor | jq -c --arg id "d:$id" 'select(.sub == $id)' >"$work/events"
same "the result is a leaf" "$(jq -c '.found | {outcome: "fulfilled", opened, erased, other_seats, faults: (.faults | length)}' "$work/told")" "$(jq -c 'select(.ev == "disclosure.close") | .d' "$work/events")"
same "each fault is one" "$(jq -r '[.found.faults[].leaf] | join(" ")' "$work/told")" "$(jq -rs '[.[] | select(.ev == "data.fault" and .rc == "ESCROW_UNREADABLE") | .d.leaf] | join(" ")' "$work/events")"

# As it was, for those who come after.
sql "DELETE FROM escrow_record USING kept_for_the_test t WHERE t.log = escrow_record.log AND t.seq = escrow_record.seq"
sql "INSERT INTO escrow_record SELECT * FROM kept_for_the_test"
sql "DROP TABLE kept_for_the_test"
