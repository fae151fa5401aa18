#!/usr/bin/env bash
# Erasure: on record first, the key deleted in another cluster then; what is left is noise in every
# copy, and the log still verifies.
. "$(dirname "$0")/lib.sh"
state=$MONIKER_TEST_STATE
case=$(openssl rand -hex 8) # nobody else says that, so that no leaf may
folder_of() { sed -n 's/^PGDIR=//p' "$1"; }
sql() { psql -qAtX -h "$(folder_of "$MONIKER_TEST_PG")" -U postgres -d moniker -c "$1"; }
shred() { psql -qAtX -h "$(folder_of "$MONIKER_TEST_SHRED")" -U postgres -d moniker -c "$1"; }
disclose() { # ROLE-VARIABLE WORDS...: as that person, in the role that the first letters say
	local who=$1 cert=MONIKER_$1_CERT key=MONIKER_$1_KEY role=officer
	shift
	[ "$who" != LEGAL ] || role=legal
	"$MONIKER_BIN/moniker" disclose "$@" --as $role --cert "${!cert}" --key "${!key}" --json
}
erase() { # CASE PSEUDONYM...
	local case=$1
	shift
	jq -cn --arg case "$case" '{pseudonyms: $ARGS.positional, basis: "SUBJECT_REQUEST", case: $case}' --args "$@" | send /v1/erasures legal
}

# ---- devices whose identity is sealed for seats that we hold
publish_seats legal:1 officer:1
open_lot erasure '. + {escrow: true}'
sealed_to_it() { # an enrollment is sealed to the new set
	make_key dev && request dev "$(random_mac)" | send /v1/enrollments station >"$work/p" &&
		[ "$(sql 'SELECT seat_set FROM escrow_record ORDER BY log DESC, seq DESC LIMIT 1')" = "$number" ]
}
within 70 "the set is in force" sealed_to_it
for name in gone kept late; do
	make_key $name
	mac=$(random_mac)
	request $name "$mac" | send /v1/enrollments station >"$work/$name"
	same "device $name is enrolled" 201 "$(cat "$work/status")"
	tr -d : <<<"$mac" >"$work/$name.mac"
	pseudonym=$(jq -r .pseudonym "$work/$name")
	echo "$pseudonym" >"$work/$name.pseudonym"
	sql "SELECT r.shred_id FROM escrow_record r JOIN certificate_body b USING (log, seq) JOIN certificate c USING (month, serial) WHERE c.pseudonym = '$pseudonym'" >"$work/$name.id"
	shred "SELECT encode(key, 'hex') FROM shred_key WHERE id = '$(cat "$work/$name.id")'" >"$work/$name.shred"
done
gone=$(cat "$work/gone.pseudonym") kept=$(cat "$work/kept.pseudonym")

# ---- a disclosure of two devices, approved by both roles, and its package from before
echo "the order" >"$work/order"
approved() { # CASE PSEUDONYM...: sets disclosure
	local case=$1
	shift
	disclose OFFICER2 request "$@" --basis STATUTE --case "$case" --order "$work/order" >"$work/p"
	disclosure=$(jq -r .id "$work/p")
	disclose OFFICER approve "$disclosure" >/dev/null 2>&1
	disclose LEGAL approve "$disclosure" >/dev/null 2>&1
}
call GET /audit/logs auditor >"$work/logs"
vkey=$(jq -r '.items[0].vkey' "$work/logs")
opened() { # PACKAGE PSEUDONYM: the hardware id, or why there is none
	"$MONIKER_BIN/moniker" disclose open --package "$1" --vkey "$vkey" --cacert "$MONIKER_CACERT" --seat "$work/legal:1" --passphrase-file "$work/pass" \
		--seat "$work/officer:1" --passphrase-file "$work/pass" --json 2>"$work/err" |
		jq -r --arg p "$2" '.devices[] | select(.pseudonym == $p) | .missing // .hardware_ids[0].value'
}
approved 1 "$gone" "$kept"
within 60 "before: the package is there" disclose LEGAL fetch "$disclosure" --out "$work/before"
same "before: the officers' keys open it" "$(cat "$work/gone.mac")" "$(opened "$work/before" "$gone")"

# ---- what is refused
erase 1 "$gone" >"$work/p"
refused "while a disclosure is open" 409 STATE_CONFLICT "$work/p"
disclose OFFICER receipt "$disclosure" --package "$work/before" >"$work/p"
for bad in '.basis = "BOREDOM"' '.case = "a b"' '.pseudonyms = []' '.pseudonyms += .pseudonyms' '.pseudonyms = [range(11) | tostring]' '.pseudonyms = [1]'; do
	jq -cn --arg p "$gone" "{pseudonyms: [\$p], basis: \"SUBJECT_REQUEST\", case: \"1\"} | $bad" | send /v1/erasures legal >"$work/p"
	refused "a request with $bad" 400 BAD_SYNTAX "$work/p"
done
erase 1 00000000-0000-4000-8000-000000000000 >"$work/p"
refused "a pseudonym that nobody has" 404 UNKNOWN_DEVICE "$work/p"
open_lot unsealed
make_key plain
request plain "$(random_mac)" | send /v1/enrollments station >"$work/plain"
erase 1 "$(jq -r .pseudonym "$work/plain")" >"$work/p"
refused "a device without a sealed identity" 409 STATE_CONFLICT "$work/p"
for role in officer auditor admin station; do
	echo '{}' | send /v1/erasures $role >"$work/p"
	refused "a caller who is $role" 403 ROLE_DENIED "$work/p"
done
same "nothing was erased" 1 "$(shred "SELECT count(*) FROM shred_key WHERE id = '$(cat "$work/gone.id")'")"

# ---- the main cluster's data folder and a dump, as a thief or a backup has them; the key's traces
copy_main() { # NAME: a dump and a copy of the data folder
	pg_dump -h "$(folder_of "$MONIKER_TEST_PG")" -U postgres moniker >"$work/$1.dump"
	sql CHECKPOINT
	for _ in $(seq 20); do # a file may go while it is copied
		rm -rf "$work/$1.data"
		! cp -r "$(folder_of "$MONIKER_TEST_PG")/data" "$work/$1.data" 2>"$work/err" || return 0
	done
	die "the data folder cannot be copied: $(cat "$work/err")"
}
traces() { # HEX FOLDER...: files that hold these octets, raw or in hex
	python3 - "$@" <<'PY'
import os, sys
raw = bytes.fromhex(sys.argv[1])
needles = (raw, sys.argv[1].encode(), sys.argv[1].upper().encode())
count = 0
for top in sys.argv[2:]:
    for folder, _, names in os.walk(top):
        for name in names:
            try:
                with open(os.path.join(folder, name), 'rb') as file:
                    content = file.read()
            except OSError:
                continue
            count += any(needle in content for needle in needles)
print(count)
PY
}
shred_folder=$(folder_of "$MONIKER_TEST_SHRED")/data
main_folder=$(folder_of "$MONIKER_TEST_PG")/data
key=$(cat "$work/gone.shred")
shred CHECKPOINT
[ "$(traces "$key" "$shred_folder")" -ge 1 ] || die "the search does not find a key that is there"
ok "before: the search finds the key in its cluster"
same "before: and not in the main one" 0 "$(traces "$key" "$main_folder")"
copy_main before

# ---- erased
erase "$case-7" "$gone" >"$work/erasure"
same "erased" "201 erased 1 true" "$(cat "$work/status") $(jq -r '"\(.status) \(.records) \(.flushed)"' "$work/erasure")"
id=$(jq -r .id "$work/erasure")
call GET "/v1/erasures/$id" legal >"$work/p"
same "its state" "$(jq -cS . "$work/erasure")" "$(jq -cS . "$work/p")"
call GET /v1/erasures/aaaaaaaaaaaaaaaa legal >"$work/p"
refused "an erasure that is not there" 404 NOT_FOUND "$work/p"
erase "$case-7" "$gone" >"$work/p"
same "the same again is the same" "200 $id" "$(cat "$work/status") $(jq -r .id "$work/p")"
erase "$case-8" "$gone" >"$work/p"
refused "another request for it" 410 ERASED "$work/p"
same "the key is gone" 0 "$(shred "SELECT count(*) FROM shred_key WHERE id = '$(cat "$work/gone.id")'")"
same "its neighbor is not" 1 "$(shred "SELECT count(*) FROM shred_key WHERE id = '$(cat "$work/kept.id")'")"
same "no file of its cluster has its octets: pages, log, statistics" 0 "$(traces "$key" "$shred_folder")"
[ "$(traces "$(cat "$work/kept.shred")" "$shred_folder")" -ge 1 ] || die "the search finds nothing any more"
ok "and the search still finds its neighbor's"

# ---- what remains is noise: nobody opens it, from no copy
! disclose OFFICER2 request "$gone" "$kept" --basis STATUTE --case 2 --order "$work/order" >"$work/p" 2>/dev/null || die "a disclosure of an erased device"
same "a disclosure is refused" ERASED "$(jq -r .code "$work/p")"
approved 3 "$kept"
within 60 "after: the package is there" disclose LEGAL fetch "$disclosure" --out "$work/after"
same "its neighbor's opens" "$(cat "$work/kept.mac")" "$(opened "$work/after" "$kept")"
copy_main after
for copy in before after; do
	same "$copy: no key and no id in the dump and the data folder" "0 0" \
		"$(traces "$key" "$work/$copy.data") $(grep -ci "$key\|$(cat "$work/gone.mac")" "$work/$copy.dump" || true)"
done
record=$(sql "SELECT encode(body, 'hex') FROM escrow_record WHERE shred_id = '$(cat "$work/gone.id")'")
[ "$(grep -c "$record" "$work/before.dump")" = 1 ] && [ "$(grep -c "$record" "$work/after.dump")" = 1 ] || die "the record is not in the copies"
ok "the sealed record is in both copies, in a wrap whose key is nowhere"
same "a package from before opens still: it has left the service" "$(cat "$work/gone.mac")" "$(opened "$work/before" "$gone")"

# ---- the device goes on under its pseudonym, and its hardware is on record as before
same "its certificate is good" good "$(verdict "$work/gone")"
make_key twin
request twin "$(sed 's/../&:/g;s/:$//' "$work/gone.mac")" | send /v1/enrollments station >"$work/p"
refused "its hardware again: a duplicate, by its tag" 409 DUPLICATE_HARDWARE "$work/p"

# ---- a board that was replaced has a sealed identity for each of its pseudonyms: both are named
key_of() { # PSEUDONYM: how many keys its sealed identities have
	shred "SELECT count(*) FROM shred_key WHERE id IN ($(sql "SELECT quote_literal(r.shred_id) || '::bytea' FROM escrow_record r JOIN certificate_body b USING (log, seq) JOIN certificate c USING (month, serial) WHERE c.pseudonym = '$1'" | paste -sd,))"
}
open_lot replaced '. + {escrow: true}'
mac=$(random_mac)
make_key first
request first "$mac" | send /v1/enrollments station >"$work/first"
make_key second
request second "$mac" '.replace = true' | send /v1/enrollments station >"$work/second"
same "a board is replaced" 201 "$(cat "$work/status")"
first=$(jq -r .pseudonym "$work/first") second=$(jq -r .pseudonym "$work/second")
erase "$case-11" "$first" >"$work/p"
same "its old pseudonym's is erased, the new one's is not" "201 0 1" "$(cat "$work/status") $(key_of "$first") $(key_of "$second")"
erase "$case-11" "$first" "$second" >"$work/p"
refused "both, when one is erased" 410 ERASED "$work/p"
same "then nothing of the other is" 1 "$(key_of "$second")"
make_key third
request third "$(random_mac)" | send /v1/enrollments station >"$work/third"
third=$(jq -r .pseudonym "$work/third")
erase "$case-12" "$second" "$third" >"$work/p"
same "two in one request" "201 2 0 0" "$(cat "$work/status") $(jq .records "$work/p") $(key_of "$second") $(key_of "$third")"

# ---- a device of the unlinkable mode is named by its birth certificate's pseudonym
open_lot born '. + {escrow: true, mode: "unlinkable"}'
make_key born
request born "$(random_mac)" | send /v1/enrollments station >"$work/born"
same "born" 201 "$(cat "$work/status")"
erase "$case-13" "$(jq -r .pseudonym "$work/born")" >"$work/p"
same "erased by the birth certificate's pseudonym" "201 0" "$(cat "$work/status") $(key_of "$(jq -r .pseudonym "$work/born")")"

# ---- a key that a restored backup brings back is deleted again when the service starts
shred "INSERT INTO shred_key VALUES ('$(cat "$work/gone.id")', '\\x$key', 1)"
kill -TERM "$(cat "$state/pid")"
stopped() { ! kill -0 "$(cat "$state/pid")" 2>/dev/null; }
within 60 "the service stops" stopped
"$(dirname "$0")/../../support/service_start.sh" "$(dirname "$MONIKER_TEST_ENV")"
again_gone() { [ "$(shred "SELECT count(*) FROM shred_key WHERE id = '$(cat "$work/gone.id")'")" = 0 ]; }
within 100 "a key that came back is deleted again" again_gone
rewritten() { [ "$(traces "$key" "$shred_folder")" = 0 ]; }
within 100 "and what it left" rewritten

# ---- the shred cluster is away: recorded, not disclosed, done when it is back
late=$(cat "$work/late.pseudonym")
pg_ctl=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)/pg_ctl
as_postgres() { if [ "$(id -u)" = 0 ]; then (cd / && setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"); else "$@"; fi; }
as_postgres "$pg_ctl" -D "$shred_folder" -m fast -w -s stop
erase "$case-9" "$late" >"$work/p"
same "recorded" "202 recorded null" "$(cat "$work/status") $(jq -r '"\(.status) \(.erased_at)"' "$work/p")"
waiting=$(jq -r .id "$work/p")
! disclose OFFICER2 request "$late" --basis STATUTE --case 4 --order "$work/order" >"$work/p" 2>/dev/null || die "a disclosure of what is being erased"
same "it is not disclosed any more" ERASED "$(jq -r .code "$work/p")"
waits() { [ "$(call GET /metrics nobody | sed -n 's/^moniker_erasures_waiting //p')" = "$1" ]; }
waits 1 || die "the metric does not tell of it"
ok "a metric tells that it waits"
as_postgres "$pg_ctl" -D "$shred_folder" -l "$(dirname "$shred_folder")/server.log" -w -s start
kill -HUP "$(cat "$state/pid")" # looks at once what is to be done
done_later() { call GET "/v1/erasures/$waiting" legal >"$work/p" && [ "$(jq -r .status "$work/p")" = erased ]; }
within 100 "erased when its cluster is back" done_later
waits 0 || die "the metric does not tell that it is done"
same "its key left no octet either" 0 "$(traces "$(cat "$work/late.shred")" "$shred_folder")"

# ---- the log
call GET "/v1/audit/events?ev=privacy.*&limit=10000" auditor >"$work/events"
same "its leaves" "privacy.erase privacy.erased" "$(jq -r --arg id "e:$id" 'select(.sub == $id) | .ev' "$work/events" | tr '\n' ' ' | sed 's/ $//')"
same "the first says who, how many, and commits to the request" "legal 1 true" "$(jq -r --arg id "e:$id" 'select(.sub == $id and .ev == "privacy.erase") | "\(.act | split(":")[0]) \(.cnt) \(has("e"))"' "$work/events")"
same "the nonce and the request make its e" "$(jq -r --arg id "e:$id" 'select(.sub == $id and .ev == "privacy.erase") | .e' "$work/events")" \
	"$(sql "SELECT encode(sha256(nonce || body), 'base64') FROM erasure WHERE id = '$id'")"
recorded STATE_CONFLICT privacy.refused
recorded ERASED privacy.refused
recorded ERASED disclosure.refused
tree_fits
same "no leaf has a pseudonym or the case" 0 "$(grep -cE "$gone|$late|$case-" "$work/leaves" || true)"
"$MONIKER_BIN/moniker" audit verify "$MONIKER_AUDIT_DIR/$log_name" --vkey "$vkey" >"$work/p" 2>&1 || die "the log does not verify: $(cat "$work/p")"
python3 "$(dirname "$0")/../../../docs/verify/verify.py" "$vkey" "$MONIKER_AUDIT_DIR/$log_name" >"$work/p" 2>&1 || die "verify.py: $(cat "$work/p")"
ok "the log verifies, twice: what was erased was never in it"

# ---- the command
! "$MONIKER_BIN/moniker" erase request "$kept" --basis STATUTE 2>"$work/p" || die "an erasure without a case"
"$MONIKER_BIN/moniker" erase request "$kept" --basis STATUTE --case 10 2>"$work/p" && grep -q 'Nothing was done' "$work/p" || die "without --apply: $(cat "$work/p")"
same "without --apply nothing is done" 1 "$(shred "SELECT count(*) FROM shred_key WHERE id = '$(cat "$work/kept.id")'")"
disclose OFFICER receipt "$disclosure" --package "$work/after" >"$work/p"
"$MONIKER_BIN/moniker" erase request "$kept" --basis STATUTE --case 10 --apply --json >"$work/p"
same "with it, it is" "erased" "$(jq -r .status "$work/p")"
"$MONIKER_BIN/moniker" erase show "$(jq -r .id "$work/p")" >"$work/shown"
same "and shown" "$(jq -r '"\(.id)  \(.status)"' "$work/p")" "$(head -n 1 "$work/shown")"
