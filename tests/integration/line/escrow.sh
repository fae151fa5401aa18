#!/usr/bin/env bash
# Escrow: seats, a signed set of them, and enrollments whose identity is sealed before they count.
. "$(dirname "$0")/lib.sh"
state=$MONIKER_TEST_STATE
sql() { psql -qAtX -h "$(sed -n 's/^PGDIR=//p' "$MONIKER_TEST_PG")" -U postgres -d moniker -c "$1"; }
shred() { psql -qAtX -h "$(sed -n 's/^PGDIR=//p' "$MONIKER_TEST_SHRED")" -U postgres -d moniker -c "$1"; }

# Before there is a seat set nothing can be sealed, so no batch promises it.
if [ "$(sql 'SELECT count(*) FROM seat_set')" = 0 ]; then
	echo '{"id": "too-early", "model": "Test", "quota": 1, "escrow": true}' | send /v1/batches admin >"$work/p"
	refused "escrow without seats" 409 STATE_CONFLICT "$work/p"
	same "it says which member" "#/escrow" "$(jq -r '.errors[0].pointer' "$work/p")"
fi

# Five seats, made by their holders; the wrapped key never shows the secret half.
(umask 277; openssl rand -base64 12 >"$work/pass")
for seat in legal:1 legal:2 officer:1 officer:2 officer:3; do
	"$MONIKER_BIN/moniker" seat new --role "${seat%:*}" --number "${seat#*:}" --out "$work/$seat" --passphrase-file "$work/pass" --kdf-memory-mib 8 >"$work/line"
	same "seat $seat: what is printed is what the admin gets" "$(cat "$work/line")" "$(cat "$work/$seat.pub")"
	same "seat $seat: its key is its holder's alone" 600 "$(stat -c %a "$work/$seat")"
done
! "$MONIKER_BIN/moniker" seat new --role legal --number 1 --out "$work/legal:1" --passphrase-file "$work/pass" 2>"$work/err" ||
	die "a seat's key was overwritten"
ok "a seat's key is not overwritten"
publish() {
	"$MONIKER_BIN/moniker" seat publish --database-url "$MONIKER_PGURL" --ring "$state/ca/roots.ring" --passphrase-file "$state/roots.passphrase" --yes --json "$@" 2>"$work/err"
}
! publish --seat "$work/legal:1.pub" --seat "$work/legal:2.pub" || die "a set of one role was published"
ok "a set of one role is refused"
before=$(sql 'SELECT coalesce(max(number), 0) FROM seat_set')
publish $(for seat in legal:1 legal:2 officer:1 officer:2 officer:3; do echo --seat "$work/$seat.pub"; done) >"$work/set"
same "the set is published" "{\"number\":$((before + 1)),\"seats\":5}" "$(cat "$work/set")"
"$MONIKER_BIN/moniker" seat list --database-url "$MONIKER_PGURL" >"$work/list"
same "it has all seats" 5 "$(grep -cE '^(legal|officer) ' "$work/list")"
within 30 "its leaf is there" is_recorded OK seatset.change

# A batch with escrow: its leaves commit to the sealed record, its answers look like any other's.
open_lot escrow '. + {escrow: true}'
same "the batch says so" true "$(jq .escrow "$work/lot")"
keys=$(shred 'SELECT count(*) FROM shred_key')
mac=$(random_mac)
make_key one
request one "$mac" | send /v1/enrollments station >"$work/one"
same "a device is enrolled" 201 "$(cat "$work/status")"
call GET "/v1/audit/events?ev=enroll.ok&limit=10000" auditor | jq -c --arg b "$(jq -r .handle "$work/lot")" 'select(.sub | startswith("b:" + $b))' >"$work/leaf"
same "one leaf" 1 "$(wc -l <"$work/leaf")"
same "it commits to certificate and identity" true "$(jq 'has("c") and has("e") and .c != .e' "$work/leaf")"
seq=$(jq .seq "$work/leaf")
same "one sealed record, of 5 seats in its wrap" "$((40 + 358 + 6 + 5 * 114))" "$(sql "SELECT octet_length(body) FROM escrow_record WHERE seq = $seq")"
same "under the set in force" "$((before + 1))" "$(sql "SELECT seat_set FROM escrow_record WHERE seq = $seq")"
same "and the key of its wrap" 1 "$(shred "SELECT count(*) FROM shred_key WHERE id = '$(sql "SELECT shred_id FROM escrow_record WHERE seq = $seq")'")"
same "which is not in the main database" 0 "$(sql 'SELECT count(*) FROM shred_key')"

# A retry seals nothing; a refusal leaves a key that the sweep will find.
request one "$mac" | send /v1/enrollments station >"$work/p"
same "the retry gets the certificate" "200 $(jq -r .serial "$work/one")" "$(cat "$work/status") $(jq -r .serial "$work/p")"
make_key two
request two "$mac" | send /v1/enrollments station >"$work/p"
refused "the same hardware again" 409 DUPLICATE_HARDWARE "$work/p"
same "still one record" 1 "$(sql "SELECT count(*) FROM escrow_record r JOIN certificate_body b USING (log, seq) JOIN certificate c USING (month, serial) JOIN device d ON d.id = c.device JOIN batch ON batch.id = d.batch WHERE batch.name = '$batch'")"
same "each try drew a key" "$((keys + 3))" "$(shred 'SELECT count(*) FROM shred_key')"

# Many in one call.
for i in 1 2 3 4 5 6 7 8 9 10; do
	make_key "m$i"
	request "m$i" "$(random_mac)"
done >"$work/many"
call POST /v1/enrollments station -H 'Content-Type: application/x-ndjson' --data-binary @"$work/many" >"$work/p"
same "ten in one call" 10 "$(jq -s '[.[] | select(.status == 201)] | length' "$work/p")"
same "each has its record" 11 "$(sql "SELECT count(*) FROM escrow_record r JOIN certificate_body b USING (log, seq) JOIN certificate c USING (month, serial) JOIN device d ON d.id = c.device JOIN batch ON batch.id = d.batch WHERE batch.name = '$batch'")"

# Tags cannot be disclosed, so a bound token alone does not do here.
jq -c --arg mac "$(random_mac)" '{for: [{hardware_ids: [{type: "mac48", value: $mac}]}]}' <<<null | send "/v1/batches/$batch/tokens" admin >"$work/p"
same "a bound token" 201 "$(cat "$work/status")"
token=$(jq -r '.tokens[0]' "$work/p")
make_key bound
jq -c --rawfile csr "$work/bound.csr" --arg token "$token" '{csr: $csr, token: $token, hardware_ids: []}' <<<null | send /v1/enrollments nobody >"$work/p"
refused "a bound token without hardware ids" 422 HARDWARE_ID_MISSING "$work/p"

# A set that the root did not sign is not taken up, however new it is.
sql "INSERT INTO seat_set SELECT number + 1, convert_to(replace(convert_from(body, 'UTF8'), 'number ' || number, 'number ' || number + 1), 'UTF8'), root, signature, made_at_s FROM seat_set ORDER BY number DESC LIMIT 1"
! "$MONIKER_BIN/moniker" seat list --database-url "$MONIKER_PGURL" >"$work/p" 2>"$work/err" || die "a forged seat set was listed"
grep -q 'not signed by the Operations Root' "$work/err" || die "no reason for the forged set"
sql "DELETE FROM seat_set WHERE number = $((before + 2))"
ok "a set without the root's signature is refused"

# No process of the service can open a seal: the function is not in there.
for program in monikerd moniker-service moniker-keeper; do nm -D --undefined-only "$MONIKER_BIN/$program" >"$work/$program.symbols"; done
grep -q ' crypto_box_seal$' "$work/moniker-service.symbols" || die "nm shows nothing"
! grep -q crypto_box_seal_open "$work/monikerd.symbols" "$work/moniker-service.symbols" "$work/moniker-keeper.symbols" || die "the service can open seals"
ok "the service seals and cannot open"
