#!/usr/bin/env bash
# Blind batches with escrow: the station seals for the officers what the service never sees. What can be seen of a record is
# checked when it comes; garbage that looks right is found by an escrow audit.
. "$(dirname "$0")/lib.sh"
state=$MONIKER_TEST_STATE moniker=$MONIKER_BIN/moniker
sql() { psql -qAtX -h "$(sed -n 's/^PGDIR=//p' "$MONIKER_TEST_PG")" -U postgres -d moniker -c "$1"; }
as() { # ROLE-VARIABLE WORDS...
	local who=$1 cert=MONIKER_$1_CERT key=MONIKER_$1_KEY role=officer
	shift
	[ "$who" != LEGAL ] || role=legal
	"$moniker" disclose "$@" --as $role --cert "${!cert}" --key "${!key}" --json
}
open() { # PACKAGE: with a seat of each role
	unshare -n "$moniker" disclose open --package "$1" --vkey "$vkey" --cacert "$MONIKER_CACERT" --seat "$work/legal:1" \
		--passphrase-file "$work/pass" --seat "$work/officer:1" --passphrase-file "$work/pass" --json 2>/dev/null
}
approve() { # WORDS OF THE REQUEST...: sets id; the package is in $work/package
	as OFFICER2 request "$@" --order "$work/order" >"$work/p"
	id=$(jq -r .id "$work/p")
	as OFFICER approve "$id" >/dev/null 2>&1
	as LEGAL approve "$id" >/dev/null 2>&1
	within 60 "the package is there" as LEGAL fetch "$id" --out "$work/package"
}
publish() { # SEAT...
	local seat seats=()
	for seat; do seats+=(--seat "$work/$seat.pub"); done
	accepts "a set of $# seats" "$moniker" seat publish --database-url "$MONIKER_PGURL" --ring "$state/ca/roots.ring" \
		--passphrase-file "$state/roots.passphrase" --yes "${seats[@]}"
	open_lot blind-sealed '. + {hardware_ids: "blind", escrow: true, model: "Gateway B"}' # and the set is in force
	number=$("$moniker" seat list --database-url "$MONIKER_PGURL" | sed -n 's/^number //p')
}
enroll() { # NAME ARGUMENT...
	local name=$1
	shift
	"$moniker" enroll --out "$work/$name" --batch "$batch" --blind --json "$@"
}

(umask 277; openssl rand -base64 12 >"$work/pass")
echo "the order" >"$work/order"
for seat in legal:1 officer:1 officer:2; do
	"$moniker" seat new --role "${seat%:*}" --number "${seat#*:}" --out "$work/$seat" --passphrase-file "$work/pass" --kdf-memory-mib 8 >/dev/null
done
publish legal:1 officer:1
vkey=$(call GET /audit/logs auditor | jq -r '.items[0].vkey')

# ---- the seats, for those who trust the Operations Root alone
call GET /v1/seat-sets station >"$work/set"
same "the set is there for a station" 200 "$(cat "$work/status")"
same "it is what was published" "$("$moniker" seat list --database-url "$MONIKER_PGURL")" "$(jq -r ".items[0].text" "$work/set")"
same "under its number" "$number" "$(jq ".items[0].number" "$work/set")"
call GET /v1/seat-sets verifier >"$work/p"
refused "a verifier may not" 403 ROLE_DENIED "$work/p"
call GET /v1/seat-sets nobody >"$work/p"
refused "nor does nobody" 401 CALLER_MISSING "$work/p"

# ---- enrolled, and disclosed
mac=$(random_mac) serial=$(openssl rand -hex 8)
accepts "a device" enroll one --hardware-id "mac48=$mac" --hardware-id "se_serial=$serial"
accepts "again is a replay" enroll one --hardware-id "mac48=$mac" --hardware-id "se_serial=$serial"
refuses "its hardware is a duplicate" DUPLICATE_HARDWARE enroll two --hardware-id "mac48=$mac"
handle=$(jq -r .handle "$work/lot")
call GET "/v1/audit/events?ev=enroll.ok&limit=10000" auditor | jq -c --arg b "$handle" 'select(.sub | startswith("b:" + $b))' >"$work/leaf"
same "one leaf, which commits to the record" "1 true" "$(wc -l <"$work/leaf") $(jq 'has("e")' "$work/leaf")"
same "it is kept under the set" "$number" "$(sql "SELECT seat_set FROM escrow_record WHERE seq = $(jq .seq "$work/leaf") ORDER BY log DESC LIMIT 1")"
pseudonym=$(openssl x509 -in "$work/one/cert.pem" -noout -subject -nameopt multiline | sed -n 's/ *commonName *= //p')
approve "$pseudonym" --basis COURT_ORDER --case 18/2026
open "$work/package" >"$work/told" || die "the package does not open"
same "the hardware ids" "mac48=${mac//:/} se_serial=$serial" "$(jq -r '[.devices[0].hardware_ids[] | "\(.type)=\(.value)"] | join(" ")' "$work/told")"
same "the model" "Gateway B" "$(jq -r '.devices[0].model' "$work/told")"
same "the station" "station:$(jq -r '.devices[0].station' "$work/told")" "$(jq -r .act "$work/leaf")"

# ---- what can be seen of a record
kid=$(echo '{"points": ["e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76"]}' | send /v1/hardware-tags/evaluate station | jq .kid)
noise() { openssl rand -hex "$1"; }
share() { printf '%02x%02x%s' "$1" "$1" "$(noise 112)"; } # SEAT
record() { # SET [GROUPS]: one that is well-formed, and noise where it is sealed
	printf '455343310101%02x00%s%08x%s%s0110%s' "${3-2}" "$(noise 16)" "$1" "$(noise 32)" "$(noise 24)" "$(noise 272)"
	printf '%s' "${2-010101$(share 1)020101$(share 1)}"
}
sealed() { # HEX [jq filter]: the request of a new device, with its tag
	[ -e "$work/dev.csr" ] || make_key dev
	jq -c --rawfile csr "$work/dev.csr" --arg batch "$batch" --arg tag "$("$MONIKER_TEST_POINTS" 1)" --argjson kid "$kid" --arg sealed "$(tr a-f A-F <<<"$1" | basenc --base16 -d | base64 -w0)" \
		"{batch: \$batch, csr: \$csr, hardware_tags: {kid: \$kid, tags: [\$tag]}, sealed: \$sealed} | ${2:-.}" <<<null
}
is_refused() { # WHAT STATUS CODE HEX [jq filter]
	sealed "$4" "${5:-.}" | send /v1/enrollments station >"$work/p"
	refused "$1" "$2" "$3" "$work/p"
	[ "$2" = 503 ] || same "$1: it says where" "#/sealed" "$(jq -r '.errors[0].pointer' "$work/p")"
}
good=$(record "$number")
is_refused "no record" 400 INCOMPLETE "$good" 'del(.sealed)'
is_refused "no base64" 422 SEALED_INVALID "$good" '.sealed = "?"'
is_refused "half a record" 422 SEALED_INVALID "${good:0:700}"
is_refused "a record without its last octet" 422 SEALED_INVALID "${good%??}"
is_refused "a record and an octet" 422 SEALED_INVALID "${good}00"
is_refused "another format" 422 SEALED_INVALID "45534332${good:8}"
is_refused "one role only" 422 SEALED_INVALID "$(record "$number" "010101$(share 1)" 1)"
is_refused "one role twice" 422 SEALED_INVALID "$(record "$number" "010101$(share 1)010101$(share 1)")"
is_refused "a role that is none" 422 SEALED_INVALID "$(record "$number" "010101$(share 1)030101$(share 1)")"
is_refused "a seat that is not in the set" 422 SEALED_INVALID "$(record "$number" "010101$(share 1)020101$(share 2)")"
is_refused "a seat more" 422 SEALED_INVALID "$(record "$number" "010101$(share 1)020102$(share 1)$(share 2)")"
is_refused "two seats needed of a role" 422 SEALED_INVALID "$(record "$number" "010101$(share 1)020202$(share 1)$(share 2)")"
is_refused "the set before" 503 SEAT_SET_CHANGED "$(record $((number - 1)))"
same "say when to try again" 1 "$(header retry-after)"
is_refused "a set to come" 503 SEAT_SET_CHANGED "$(record $((number + 1)))"
sealed "$good" '.sealed *= 20' | send /v1/enrollments station >"$work/p"
refused "a record that is too long" 400 BAD_SYNTAX "$work/p"
for code in SEALED_INVALID SEAT_SET_CHANGED; do recorded $code enroll.refused; done

# ---- one record, one device
sealed "$good" >"$work/first"
send /v1/enrollments station <"$work/first" >"$work/one.json"
same "a record that looks right" 201 "$(cat "$work/status")"
send /v1/enrollments station <"$work/first" >"$work/p"
same "the same request again" "200 $(jq -r .serial "$work/one.json")" "$(cat "$work/status") $(jq -r .serial "$work/p")"
rm "$work/dev.csr"
is_refused "its record for another device" 422 SEALED_INVALID "$good"
good=$(record "$number")
for i in 1 2; do rm -f "$work/dev.csr"; sealed "$good"; done >"$work/pair"
call POST /v1/enrollments station -H 'Content-Type: application/x-ndjson' --data-binary @"$work/pair" >"$work/p"
same "one record for two at once" "201 422" "$(jq -rs '[.[].status] | sort | join(" ")' "$work/p")"
same "because of the record" SEALED_INVALID "$(jq -r 'select(.status == 422) | .problem.code' "$work/p")"

# ---- other batches
lot=$batch
for filter in '.' '. + {hardware_ids: "blind"}' '. + {escrow: true}'; do
	open_lot other "$filter"
	rm -f "$work/dev.csr"
	if [ "$filter" = '. + {escrow: true}' ]; then plain="del(.hardware_tags) | .hardware_ids = [{type: \"mac48\", value: \"$(random_mac)\"}]"; else plain=.; fi
	is_refused "a record for a batch of $filter" 422 SEALED_INVALID "$(record "$number")" "$plain"
done
batch=$lot

# ---- garbage inside: an audit finds it
for i in $(seq 40); do
	rm -f "$work/dev.csr"
	sealed "$(record "$number")"
done >"$work/many"
call POST /v1/enrollments station -H 'Content-Type: application/x-ndjson' --data-binary @"$work/many" >"$work/p"
same "forty records of noise" 40 "$(jq -s '[.[] | select(.status == 201)] | length' "$work/p")"
for i in 1 2 3 4 5 6 7 8; do
	accepts "among honest ones, $i" enroll "honest$i" --hardware-id "mac48=$(random_mac)"
done
audit() {
	approve --basis ESCROW_AUDIT --sample 50 --case "blind-$number"
	open "$work/package" >"$work/told" || die "the package does not open"
	[ "$(jq '.found.faults | length' "$work/told")" -ge 1 ]
}
within 120 "an audit draws one of them" audit
jq -r '.found.faults[] | .why' "$work/told" | sort -u >"$work/why"
same "it does not open" "the share of seat legal 1 does not open, or is of another record" "$(cat "$work/why")"
jq -r '.found.faults[].leaf' "$work/told" | while read -r leaf; do
	[ "$(sql "SELECT count(*) FROM escrow_record WHERE seq = $leaf AND seat_set = $number")" != 0 ] || die "leaf $leaf is no record of this set"
done
as OFFICER receipt "$id" --package "$work/package" --found "$work/told" >"$work/p"
call GET "/v1/audit/events?ev=data.fault&rc=ESCROW_UNREADABLE&limit=10000" auditor | jq -rs --arg id "d:$id" '[.[] | select(.sub == $id) | .d.leaf] | join(" ")' >"$work/p"
same "each is on record" "$(jq -r '[.found.faults[].leaf] | join(" ")' "$work/told")" "$(cat "$work/p")"

# ---- another set comes into force
old=$number
publish legal:1 officer:1 officer:2
is_refused "sealed to the set before" 503 SEAT_SET_CHANGED "$(record "$old")"
accepts "the client seals to the new one" enroll three --hardware-id "mac48=$(random_mac)"
same "it is kept under the new set" "$number" "$(sql "SELECT max(seat_set) FROM escrow_record")"
