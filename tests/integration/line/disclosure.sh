#!/usr/bin/env bash
# Disclosure, from the request to the receipt: by two roles, or not at all.
. "$(dirname "$0")/lib.sh"
state=$MONIKER_TEST_STATE
sql() { psql -qAtX -h "$(sed -n 's/^PGDIR=//p' "$MONIKER_TEST_PG")" -U postgres -d moniker -c "$1"; }
disclose() { "$MONIKER_BIN/moniker" disclose "$@"; }
as() { # ROLE-VARIABLE WORDS...: as that person, in the role that the first letters say
	local who=$1 cert=MONIKER_$1_CERT key=MONIKER_$1_KEY role=officer
	shift
	[ "$who" != LEGAL ] || role=legal
	disclose "$@" --as $role --cert "${!cert}" --key "${!key}" --json
}

publish_seats legal:1 legal:2 officer:1 officer:2 officer:3
open_lot disclosure '. + {escrow: true, model: "Gateway A"}'
mac=$(random_mac)
sealed_to_it() { # an enrollment is sealed to the new set
	make_key dev && request dev "$(random_mac)" | send /v1/enrollments station >"$work/p" &&
		[ "$(sql 'SELECT seat_set FROM escrow_record ORDER BY log DESC, seq DESC LIMIT 1')" = "$number" ]
}
within 70 "the set is in force" sealed_to_it
make_key one
element=$(openssl rand -hex 8)
request one "$mac" ".hardware_ids += [{type: \"se_serial\", value: \"${element^^}\"}]" | send /v1/enrollments station >"$work/one"
same "a device is enrolled" 201 "$(cat "$work/status")"
pseudonym=$(jq -r .pseudonym "$work/one")
call GET /audit/logs auditor >"$work/logs"
vkey=$(jq -r '.items[0].vkey' "$work/logs")
echo "the order" >"$work/order"

# ---- what is refused at once
for bad in '.basis = "CURIOSITY"' '.case = "a b"' '.order_sha256 = "00"' '.pseudonyms = []' '.pseudonyms += .pseudonyms' '.pseudonyms = [range(11) | tostring]'; do
	jq -c --arg p "$pseudonym" "{pseudonyms: [\$p], basis: \"COURT_ORDER\", case: \"1\", order_sha256: (\"a\" * 64)} | $bad" <<<null | send /v1/disclosures officer2 >"$work/p"
	refused "a request with $bad" 400 BAD_SYNTAX "$work/p"
done
jq -c '{pseudonyms: ["00000000-0000-4000-8000-000000000000"], basis: "COURT_ORDER", case: "1", order_sha256: ("a" * 64)}' <<<null | send /v1/disclosures officer2 >"$work/p"
refused "a pseudonym that nobody has" 404 UNKNOWN_DEVICE "$work/p"
echo '{}' | send /v1/disclosures auditor >"$work/p"
refused "an auditor" 403 ROLE_DENIED "$work/p"

# ---- the request, and who may approve it
as OFFICER2 request "$pseudonym" --basis COURT_ORDER --case 17/2026 --order "$work/order" >"$work/p"
id=$(jq -r .id "$work/p")
same "it is submitted" submitted "$(jq -r .status "$work/p")"
same "72 hours are left" 259200 "$(jq '(.expires_at | fromdate) - (.requested_at | fromdate)' "$work/p")"
! as OFFICER2 approve "$id" >"$work/p" 2>/dev/null || die "who asked approved"
same "who asked does not approve" SAME_PERSON "$(jq -r .code "$work/p")"
! as OFFICER fetch "$id" --out "$work/early" >"$work/p" 2>&1 || die "a package without approvals"
grep -q 'the disclosure is submitted' "$work/p" || die "no reason why there is no package"
ok "no package before the approvals"
as OFFICER approve "$id" >"$work/p" 2>"$work/shown"
same "the officer saw what was signed" "$(jq -r .request "$work/p")" "$(cat "$work/shown")"
same "one role is not enough" "submitted 1" "$(jq -r '"\(.status) \(.approvals | length)"' "$work/p")"
! as OFFICER approve "$id" >"$work/p" 2>/dev/null || die "one person approved twice"
same "one person approves once" SAME_PERSON "$(jq -r .code "$work/p")"
! as OFFICER fetch "$id" --out "$work/early" >"$work/p" 2>&1 || die "a package with one approval"
ok "no package for one role"
echo '{"role": "legal", "signature": "MEUCIQDx"}' | send "/v1/disclosures/$id/approval" legal >"$work/p"
refused "an approval that nobody signed" 422 BAD_PROOF "$work/p"
echo '{"role": "legal", "signature": "MEUCIQDx"}' | send "/v1/disclosures/$id/approval" officer >"$work/p"
refused "an officer as legal" 403 ROLE_DENIED "$work/p"
as LEGAL approve "$id" >"$work/p" 2>/dev/null
same "both roles" "approved 2" "$(jq -r '"\(.status) \(.approvals | length)"' "$work/p")"

# ---- the package
within 60 "the package is there" as LEGAL fetch "$id" --out "$work/package"
same "it is sealed: the ids are not in it" 0 "$(grep -ci "$(tr -d : <<<"$mac")" "$work/package" || true)"
same "it has proofs of request, approvals and enrollment" 4 "$(jq '[.. | .proof? // empty] | length' "$work/package")"
open() { # PACKAGE SEAT SEAT...
	local package=$1 args=() seat
	shift
	for seat; do args+=(--seat "$work/$seat" --passphrase-file "$work/pass"); done
	unshare -n "$MONIKER_BIN/moniker" disclose open --package "$package" --vkey "${vkey_used:-$vkey}" --cacert "${cacert_used:-$MONIKER_CACERT}" "${args[@]}" --json 2>/dev/null
}
for pair in "legal:1 officer:3" "officer:1 legal:2"; do
	open "$work/package" $pair >"$work/told" || die "seats $pair do not open it"
	same "seats $pair: the MAC address" "$(tr -d : <<<"$mac")" "$(jq -r '.devices[0].hardware_ids[0].value' "$work/told")"
	same "seats $pair: all of it" "$pseudonym se_serial:$element Gateway A" "$(jq -r '.devices[0] | "\(.pseudonym) \(.hardware_ids[1].type):\(.hardware_ids[1].value) \(.model)"' "$work/told")"
done
for pair in "legal:1 legal:2" "officer:1 officer:2"; do
	! open "$work/package" $pair >"$work/p" || die "seats $pair of one role opened it"
	same "seats $pair of one role" ESCROW_UNREADABLE "$(jq -r .code "$work/p")"
done

# ---- a package that was changed is not opened, whoever has the seats
closed() { # WHAT CODE jq-filter
	jq -c "$3" "$work/package" >"$work/changed"
	! open "$work/changed" legal:1 officer:1 >"$work/p" || die "opened: $1"
	same "not opened: $1" "$2" "$(jq -r .code "$work/p")"
}
closed "without the request's proof" BAD_SYNTAX 'del(.request.proof)'
closed "with another's proof" BAD_PROOF '.request.proof = .approvals[0].proof'
closed "another case" BAD_PROOF '.request.text |= sub("case 17"; "case 18")'
closed "one approval" BAD_PROOF '.approvals |= .[0:1]'
closed "one approval, twice" SAME_PERSON '.approvals[1] = .approvals[0]'
closed "an approval's role changed" BAD_PROOF '.approvals[0].role = "officer" | .approvals[1].role = "officer"'
closed "an approval without the log's proof" BAD_SYNTAX 'del(.approvals[1].proof)'
closed "a proof of another tree" BAD_PROOF '.approvals[0].proof |= sub("index [0-9]+"; "index 1")'
closed "another certificate" BAD_PROOF '.approvals[0].certificate = .approvals[1].certificate'
closed "another signature" BAD_PROOF '.approvals[0].signature = .approvals[1].signature'
closed "no authority" BAD_PROOF '.chain = []'
closed "another record" BAD_PROOF '.records[0].record |= (.[0:200] + (if .[200:201] == "A" then "B" else "A" end) + .[201:])'
closed "another device's certificate" BAD_PROOF '.records[0].tbs_nonce = .records[0].nonce'
closed "a record that nobody asked for" BAD_SYNTAX '.records += .records'
cacert_used=$MONIKER_TRUST closed "under another root" BAD_PROOF .
vkey_used="${vkey%+*}+AXm1Vi6P5lT5QHixEuipi6eQH4U65pW+1+DjkQutBJZk" closed "a log of another key" BAD_SYNTAX .
closed_is_not_always() { open "$work/package" legal:1 officer:1 >"$work/p"; }
closed_is_not_always || die "the package itself does not open any more"
ok "unchanged, it opens"

# ---- the receipt, and the log
as OFFICER receipt "$id" --package "$work/package" >"$work/p"
same "closed" "closed fulfilled" "$(jq -r '"\(.status) \(.outcome)"' "$work/p")"
! as LEGAL fetch "$id" --out "$work/late" >"$work/p" 2>&1 || die "a package of a closed disclosure"
ok "no package once it is closed"
call GET "/v1/audit/events?limit=10000" auditor | jq -r --arg id "d:$id" 'select(.sub == $id) | .ev' >"$work/events"
for event in disclosure.submit disclosure.approve disclosure.export disclosure.close disclosure.refused; do
	grep -qx "$event" "$work/events" || die "no leaf $event"
done
same "both approvals are leaves" 2 "$(grep -cx disclosure.approve "$work/events")"
tree_fits
same "no leaf has the pseudonym, the case or the order" 0 "$(grep -cE "$pseudonym|17/2026|$(sha256sum <"$work/order" | cut -c1-64)" "$work/leaves" || true)"

# ---- rejected, and expired
as OFFICER2 request "$pseudonym" --basis RECALL --case 18 --order "$work/order" >"$work/p"
as LEGAL reject "$(jq -r .id "$work/p")" >"$work/p"
same "rejected" "closed rejected" "$(jq -r '"\(.status) \(.outcome)"' "$work/p")"
as OFFICER2 request "$pseudonym" --basis STATUTE --case 19 --order "$work/order" >"$work/p"
id=$(jq -r .id "$work/p")
sql "UPDATE disclosure SET at_s = at_s - 259201, expires_at_s = expires_at_s - 259201 WHERE id = '$id'"
! as LEGAL approve "$id" >"$work/p" 2>/dev/null || die "an expired request was approved"
same "an expired request" STATE_CONFLICT "$(jq -r .code "$work/p")"
same "is closed" "closed|expired" "$(sql "SELECT state, outcome FROM disclosure WHERE id = '$id'")"

# ---- the database's own rules, whatever the service does
! sql "INSERT INTO disclosure_approval SELECT id, 'legal', person, nonce, nonce, nonce, log, seq FROM disclosure LIMIT 1" 2>"$work/err" || die "who asked approved, in the database"
grep -q 'who asks does not approve' "$work/err" || die "another reason"
ok "the schema refuses an approval by who asked"

# ---- without escrow there is nothing to disclose
open_lot plain
make_key two
request two "$(random_mac)" | send /v1/enrollments station >"$work/two"
as OFFICER2 request "$(jq -r .pseudonym "$work/two")" "$pseudonym" --basis INCIDENT --case 20 --order "$work/order" >"$work/p"
id=$(jq -r .id "$work/p")
as OFFICER approve "$id" >/dev/null 2>&1
as LEGAL approve "$id" >/dev/null 2>&1
within 60 "the package is there" as LEGAL fetch "$id" --out "$work/package2"
open "$work/package2" legal:1 officer:2 >"$work/told"
same "one of two has no record" NO_ESCROW "$(jq -r --arg p "$(jq -r .pseudonym "$work/two")" '.devices[] | select(.pseudonym == $p) | .missing' "$work/told")"
same "the other opens" 2 "$(jq --arg p "$pseudonym" '.devices[] | select(.pseudonym == $p) | .hardware_ids | length' "$work/told")"

# ---- shredded: the sealed record is noise
shred() { psql -qAtX -h "$(sed -n 's/^PGDIR=//p' "$MONIKER_TEST_SHRED")" -U postgres -d moniker -c "$1"; }
shred "DELETE FROM shred_key WHERE id = '$(sql "SELECT r.shred_id FROM escrow_record r JOIN certificate_body b USING (log, seq) JOIN certificate c USING (month, serial) WHERE c.pseudonym = '$pseudonym'")'"
within 60 "the package is there" as LEGAL fetch "$id" --out "$work/package3"
open "$work/package3" legal:1 officer:2 >"$work/told"
same "without its key" ERASED "$(jq -r --arg p "$pseudonym" '.devices[] | select(.pseudonym == $p) | .missing' "$work/told")"
