#!/usr/bin/env bash
# The service is killed at each step of an erasure: in the ledger's two transactions, and between the
# statements in the shred keys' database. When it is back the erasure is done, or nothing of it was
# recorded and the same request does it; never is an identity disclosed after its record.
. "$(dirname "$0")/lib.sh"
shred_pg=$(sed -n 's/^PGDIR=//p' "$MONIKER_TEST_SHRED")
sql() { psql -qAtX -h "$pg" -U postgres -d moniker -c "$1"; }
shred() { psql -qAtX -h "$shred_pg" -U postgres -d moniker -c "$1"; }
erase() { jq -cn --arg p "$pseudonym" '{pseudonyms: [$p], basis: "RETENTION_END", case: "crash"}' | send /v1/erasures legal; }
leaves() { # ID: events of one erasure, in order
	call GET "/v1/audit/events?ev=privacy.*&limit=10000" auditor | jq -r --arg id "e:$1" 'select(.sub == $id) | .ev' | paste -sd' '
}
keys() { shred "SELECT count(*) FROM shred_key WHERE id = '$key_id'"; }
traces() { # files of the keys' cluster that have the key's octets
	python3 - "$key" "$shred_pg/data" <<'PY'
import os, sys
needle = bytes.fromhex(sys.argv[1])
count = 0
for folder, _, names in os.walk(sys.argv[2]):
    for name in names:
        try:
            with open(os.path.join(folder, name), 'rb') as file:
                count += needle in file.read()
        except OSError:
            pass
print(count)
PY
}

another() { [ -n "$(child --service)" ] && [ "$(child --service)" != "$before" ]; }
done_now() { [ "$(sql "SELECT state FROM erasure WHERE id = '$id'")" = erased ]; }

(umask 277; openssl rand -base64 12 >"$work/pass")
for role in legal officer; do
	"$MONIKER_BIN/moniker" seat new --role $role --number 1 --out "$work/$role" --passphrase-file "$work/pass" --kdf-memory-mib 8 >/dev/null
done
"$MONIKER_BIN/moniker" seat publish --database-url "$MONIKER_PGURL" --ring "$MONIKER_TEST_STATE/ca/roots.ring" --passphrase-file "$MONIKER_TEST_STATE/roots.passphrase" \
	--yes --seat "$work/legal.pub" --seat "$work/officer.pub" >/dev/null 2>&1
stop_service
start_service
open_lot erase '. + {escrow: true}'
work_list=(erase-recorded erase-deleted erase-rewritten erase-flushed commit-before:1 commit-sent:1 commit-done:1 commit-before:2 commit-sent:2 commit-done:2)

for step in "${work_list[@]}"; do
	point=${step%:*} nth=1
	[ "$point" = "$step" ] || nth=${step#*:}
	within 60 "$step: ready" ready
	make_key one
	request one "$(random_mac)" | send /v1/enrollments station >"$work/one"
	same "$step: enrolled" 201 "$(cat "$work/status")"
	pseudonym=$(jq -r .pseudonym "$work/one")
	key_id=$(sql "SELECT r.shred_id FROM escrow_record r JOIN certificate_body b USING (log, seq) JOIN certificate c USING (month, serial) WHERE c.pseudonym = '$pseudonym'")
	key=$(shred "SELECT encode(key, 'hex') FROM shred_key WHERE id = '$key_id'")
	shred CHECKPOINT
	[ "$(traces)" -ge 1 ] || die "$step: the search does not find a key that is there"
	before=$(child --service)
	board arm "$point" kill "$nth"
	erase >"$work/p" || true # the connection breaks
	board wait "$point" 30 || die "$step: nobody came by"
	within 60 "$step: the service is another one" another
	within 60 "$step: ready again" ready
	# On record: then it is done without anybody asking. Not: then the same request does it.
	id=$(sql "SELECT erasure FROM erasure_record WHERE shred_id = '$key_id'")
	if [ -n "$id" ]; then
		jq -cn --arg p "$pseudonym" '{pseudonyms: [$p], basis: "STATUTE", case: "1", order_sha256: ("a" * 64)}' | send /v1/disclosures officer2 >"$work/p"
		refused "$step: from the record on nothing is disclosed" 410 ERASED "$work/p"
		within 60 "$step: done without being asked" done_now
	else
		same "$step: nothing on record, nothing deleted" "1 0" "$(keys) $(sql "SELECT count(*) FROM erasure WHERE state = 'recorded'")"
	fi
	erase >"$work/p"
	same "$step: the same request again" erased "$(jq -r .status "$work/p")"
	id=$(jq -r .id "$work/p")
	same "$step: each leaf once" "privacy.erase privacy.erased" "$(leaves "$id")"
	same "$step: no key, no octet of it" "0 0" "$(keys) $(traces)"
done
same "each was erased once" "${#work_list[@]}" "$(sql "SELECT count(*) FROM erasure WHERE state = 'erased'")"
vkey=$(call GET /audit/logs auditor | jq -r '.items[0].vkey')
stop_service
"$MONIKER_BIN/moniker" audit verify "$MONIKER_AUDIT_DIR"/* --vkey "$vkey" >"$work/p" 2>&1 || die "the log does not verify: $(cat "$work/p")"
ok "the log verifies"
