#!/usr/bin/env bash
# Issuing CAs rolled over while the service runs: old and new certificates verify, both CRLs are served. With a
# service of its own, as there is no way back, and other tests name the authorities; MONIKER_TEST_BIN names the programs.
. "$(dirname "$0")/own.sh"
moniker=$MONIKER_BIN/moniker
ca=$MONIKER_TEST_STATE/ca
# roll KIND [options]
roll() {
	"$moniker" ca roll "$@" --config "$MONIKER_CONFIG" --database-url "$MONIKER_PGURL" --dir "$ca" \
		--passphrase-file "$MONIKER_TEST_STATE/roots.passphrase" \
		--operators-passphrase-file "$MONIKER_TEST_STATE/operators.passphrase" --json
}
sql() { psql -q -X -At "$MONIKER_PGURL" -c "$1"; }
authority() { # KIND STATE: the newest one's id
	"$moniker" ca list --database-url "$MONIKER_PGURL" --json |
		jq -r --arg kind "$1" --arg state "$2" '[.[] | select(.kind == $kind and .state == $state)] | last | .issuer // ""'
}
count() { "$moniker" ca list --database-url "$MONIKER_PGURL" --json | jq --arg kind "$1" '[.[] | select(.kind == $kind)] | length'; }
enroll() { # NAME MAC: NAME.json, NAME.pem, NAME.chain
	make_key "$1"
	request "$1" "$2" | send /v1/enrollments station >"$work/$1.json"
	same "$1 is enrolled" 201 "$(cat "$work/status")"
	jq -r .certificate "$work/$1.json" >"$work/$1.pem"
	jq -r '.chain[]' "$work/$1.json" >"$work/$1.chain"
}
issuer_of() { openssl x509 -in "$work/$1.chain" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -c1-16; }
address_of() { openssl x509 -in "$work/$1.pem" -noout -ext crlDistributionPoints | sed -n 's/.*URI://p'; }
crl_of() { curl -sS --fail "$(address_of "$1")" | openssl crl -inform DER; }
root_crls() {
	local root
	for root in $("$moniker" ca list --database-url "$MONIKER_PGURL" --json | jq -r '.[] | select(.kind == "device-root") | .issuer'); do
		curl -sS --fail "$MONIKER_HTTP_URL/crl/$root/0000.crl" | openssl crl -inform DER
	done
}
# strict NAME: openssl verifies it with its own CRL and the root's, by what verifiers trust.
strict() {
	{ root_crls; crl_of "$1"; } >"$work/crls"
	openssl verify -x509_strict -crl_check_all -CRLfile "$work/crls" -CAfile "$MONIKER_TRUST" "$work/$1.pem"
}
# on_crl NAME: its serial is on the CRL that it names.
on_crl() {
	local serial
	serial=$(openssl x509 -in "$work/$1.pem" -noout -serial | sed 's/.*=//')
	crl_of "$1" >"$work/listing" && crl_lists "$work/listing" "$serial"
}

open_lot roll
enroll old 02:42:ac:77:00:01
enroll old2 02:42:ac:77:00:02
old=$(authority device-ca active)
same "the old issuer" "$old" "$(issuer_of old)"

before=$(count device-ca)
roll device-ca --dry-run >"$work/plan"
same "a dry run says what it would do" "new true" "$(jq -r '"\(.stage) \(.dry_run)"' "$work/plan")"
same "and makes nothing" "$before" "$(count device-ca)"
refuses "a root is not rolled" CONFIG_INVALID roll device-root
refuses "no such many shards" CONFIG_INVALID roll device-ca --shards 10000

accepts "device-ca is rolled" roll device-ca --shards 4
new=$(authority device-ca active)
[ "$new" != "$old" ] || die "no new issuer"
same "the old one stands beside it" "$old" "$(authority device-ca rolled)"
same "the new one has its shards" 4 "$("$moniker" ca list --database-url "$MONIKER_PGURL" --json | jq --arg id "$new" '.[] | select(.issuer == $id).shards')"
same "rolled again at once it is done already" done "$(roll device-ca | jq -r .stage)"
same "with nothing new" "$((before + 1))" "$(count device-ca)"

enroll fresh 02:42:ac:77:00:03
same "new certificates come from the new issuer" "$new" "$(issuer_of fresh)"
[[ $(address_of fresh) == */crl/$new/000[0-3].crl ]] || die "the CRL's address: $(address_of fresh)"
accepts "an old certificate verifies, all CRLs checked" strict old
accepts "and so does a new one" strict fresh
same "the service finds the old one good" good "$(verdict "$work/old.json")"
same "and the new one" good "$(verdict "$work/fresh.json")"
make_key again
renew old again >/dev/null || true
[ "$(jq -r .code "$work/p")" = NOT_DUE ] || die "the old device is no caller any more: $(cat "$work/p")"
ok "an old device is still known as a caller"

jq -c '{select: {pseudonym}, action: "revoke", reason: "KEY_COMPROMISE"}' "$work/old.json" | send /v1/revocations officer >"$work/r"
same "an old one is revoked" 201 "$(cat "$work/status")"
jq -c '{select: {pseudonym}, action: "revoke", reason: "KEY_COMPROMISE"}' "$work/fresh.json" | send /v1/revocations officer >"$work/r"
same "and a new one" 201 "$(cat "$work/status")"
within 30 "the old one is on the old CRL" on_crl old
within 30 "the new one is on its shard of the new" on_crl fresh
refuses "openssl knows of both: the old" 'certificate revoked' strict old
refuses "the new" 'certificate revoked' strict fresh
accepts "the other old one is still good" strict old2
shard=$((16#$(openssl x509 -in "$work/fresh.pem" -noout -serial | sed 's/.*=//' | tail -c 3) % 4))
same "the shard is the serial modulo four" "000$shard" "$(address_of fresh | sed 's/.*\/\([0-9]*\)\.crl/\1/')"

# Each shard's lists have their own certificates' serials, and no other.
on_shards() { # FILE: "SHARD SERIAL" of each that is listed
	local shard
	for shard in 0000 0001 0002 0003; do
		curl -sS --fail "$MONIKER_HTTP_URL/crl/$new/$shard$1" | openssl crl -inform DER -noout -text |
			sed -n "s/^ *Serial Number: /$shard /p"
	done | sort
}
for i in 1 2 3 4 5 6 7 8; do
	enroll "spread$i" "02:42:ac:77:01:0$i" >/dev/null
	jq -c '{select: {pseudonym}, action: "revoke", reason: "SUPERSEDED"}' "$work/spread$i.json" | send /v1/revocations officer >"$work/r"
done
for name in fresh spread1 spread2 spread3 spread4 spread5 spread6 spread7 spread8; do
	serial=$(openssl x509 -in "$work/$name.pem" -noout -serial | sed 's/.*=//')
	printf '%04d %s\n' $((16#${serial: -2} % 4)) "$serial"
	[[ $(address_of "$name") == */$(printf %04d $((16#${serial: -2} % 4))).crl ]] || die "$name names another shard"
done | sort >"$work/expected"
lists_are_right() { cmp -s <(on_shards .crl) "$work/expected" && cmp -s <(on_shards /delta.crl) "$work/expected"; }
within 30 "each of nine is on the lists of its shard, and on no other" lists_are_right
for shard in 0000 0001 0002 0003; do
	points=$(curl -sS --fail "$MONIKER_HTTP_URL/crl/$new/$shard.crl" | openssl crl -inform DER -noout -text | sed -n 's/^ *URI:\([^ ]*\).*/\1/p' | paste -sd' ')
	same "shard $shard says so" "$MONIKER_HTTP_URL/crl/$new/$shard.crl $MONIKER_HTTP_URL/crl/$new/$shard/delta.crl" "$points"
done

"$moniker" ca list --database-url "$MONIKER_PGURL" --pem >"$work/trust"
cmp -s "$work/trust" "$MONIKER_TRUST" || die "trust.pem is not what ca list --pem prints"
same "trust has the root, both issuers and the Pseudonym CA" 4 "$(grep -c BEGIN "$MONIKER_TRUST")"
refuses "the old one is not retired before its time" 'STATE_CONFLICT' "$moniker" ca retire "$old" --config "$MONIKER_CONFIG" \
	--database-url "$MONIKER_PGURL" --dir "$ca"

leaves() { call GET "/v1/audit/events?ev=$1&act=system:ca" auditor | grep -c "ca:$2" || true; }
recorded_for() { [ "$(leaves key.create "$1") $(leaves cert.issue "$1") $(leaves key.rotate "$1")" = "1 1 1" ]; }
within 30 "key.create, cert.issue and key.rotate are in the log" recorded_for "$new"
tbs=$(sql "SELECT encode(sha256(nonce || tbs), 'base64') FROM ca_issuance WHERE issuer = '\x$new'")
call GET '/v1/audit/events?ev=cert.issue&act=system:ca' auditor >"$work/leaf"
grep -qF "\"c\":\"$tbs\"" "$work/leaf" || die "the leaf does not commit to the TBS"
ok "the leaf commits to what the root signed"

# The service's own certificate follows its CA, and a connection that is open goes on.
exec 3> >(openssl s_client -quiet -connect "${MONIKER_URL#https://}" -CAfile "$MONIKER_CACERT" -servername localhost >"$work/open" 2>/dev/null)
printf 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n' >&3
within 30 "a connection is open" grep -q alive "$work/open"
served() { openssl s_client -connect "${MONIKER_URL#https://}" -servername localhost -CAfile "$MONIKER_CACERT" -verify_return_error </dev/null 2>/dev/null | openssl x509 -noout -serial; }
serial=$(served)
accepts "service-ca is rolled" roll service-ca
changed() { [ -n "$(served)" ] && [ "$(served)" != "$serial" ]; }
within 30 "new handshakes see a certificate of the new CA" changed
printf 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n' >&3
answered_twice() { [ "$(grep -c alive "$work/open")" = 2 ]; }
within 30 "and the open connection is answered" answered_twice
exec 3>&-

# Operators: old certificates go on, the next is signed with the new key.
accepts "operators-ca is rolled" roll operators-ca
call GET /v1/batches admin >"$work/p"
same "the admin is still known" 200 "$(cat "$work/status")"
"$moniker" operator add "roll-$$" --role verifier --new-key "$work/person.key" >/dev/null
"$moniker" operator sign --database-url "$MONIKER_PGURL" --ring "$ca/operators.ring" \
	--passphrase-file "$MONIKER_TEST_STATE/operators.passphrase" --yes >/dev/null 2>&1
"$moniker" operator cert "roll-$$" --out "$work/person.pem"
openssl x509 -in "$work/person.pem" -noout -issuer | grep -q 'Operators CA [0-9]' || die "not of the new CA"
(
	export MONIKER_VERIFIER_CERT=$work/person.pem MONIKER_VERIFIER_KEY=$work/person.key
	same "a person of the new CA is known" good "$(verdict "$work/old2.json")"
)

# Cut short at any moment, it is finished by the next run.
sql "UPDATE ca_issuer SET rolled_at_s = rolled_at_s - 2 * 86400 WHERE rolled_at_s IS NOT NULL" # as if it were long ago
before=$(count device-ca)
for pause in 0.03 0.06 0.1 0.15 0.2 0.3 0.5 0.8; do
	timeout -s KILL "$pause" "$moniker" ca roll device-ca --config "$MONIKER_CONFIG" --database-url "$MONIKER_PGURL" --dir "$ca" \
		--passphrase-file "$MONIKER_TEST_STATE/roots.passphrase" >/dev/null 2>&1 || true
done
accepts "the roll is finished" roll device-ca
same "with one new issuer" "$((before + 1))" "$(count device-ca)"
same "none is left over" 0 "$(sql "SELECT count(*) FROM ca_issuer WHERE state = 'next'")"
same "nor on record alone" 0 "$(sql "SELECT count(*) FROM ca_issuance AS r WHERE NOT EXISTS (SELECT FROM ca_issuer AS i WHERE i.id = r.issuer)")"
within 30 "each step is in the log once" recorded_for "$(authority device-ca active)"
enroll last 02:42:ac:77:00:09
accepts "and it issues" strict last

# The service away: the new one waits for its CRLs.
sql "UPDATE ca_issuer SET rolled_at_s = rolled_at_s - 2 * 86400 WHERE rolled_at_s IS NOT NULL"
active=$(authority device-ca active)
kill "$(cat "$MONIKER_TEST_STATE/pid")"
gone() { ! kill -0 "$(cat "$MONIKER_TEST_STATE/pid")" 2>/dev/null; }
within 40 "the service stops" gone
refuses "without a service it is not active" TIMEOUT roll device-ca --wait 1
same "the old one is" "$active" "$(authority device-ca active)"
same "the next run would go on" waiting "$(roll device-ca --dry-run | jq -r .stage)"
accepts "the service starts" "$support/service_start.sh" "$fixture"
accepts "and the roll is finished" roll device-ca
[ "$active" != "$(authority device-ca active)" ] || die "nothing was rolled"

# Long after: the key is destroyed, the last CRL stays.
sql "UPDATE ca_issuer SET rolled_at_s = rolled_at_s - 367 * 86400 WHERE id = '\x$old'"
retire() { "$moniker" ca retire "$old" --config "$MONIKER_CONFIG" --database-url "$MONIKER_PGURL" --dir "$ca" --json; }
accepts "the first one is retired" retire
accepts "twice is as once" retire
same "it is no more trusted" 0 "$("$moniker" ca list --database-url "$MONIKER_PGURL" --json | jq --arg id "$old" '[.[] | select(.issuer == $id and .state != "retired")] | length')"
! grep -q "$old" "$MONIKER_TEST_STATE/keeper/policy.json" || die "the keeper's policy still has it"
destroyed() { [ "$(leaves key.destroy "$old")" = 1 ]; }
within 30 "with a leaf" destroyed
ready() { [ "$(curl -sS -o /dev/null -w '%{http_code}' --cacert "$MONIKER_CACERT" "$MONIKER_URL/readyz")" = 200 ]; }
within 30 "the service is ready" ready
enroll after 02:42:ac:77:00:0a
accepts "and issues" strict after

# ---- an installation that is older than the unlinkable mode: it has neither of its authorities, nor their keys

super() { psql -q -X -At -h "$(sed -n 's/^PGDIR=//p' "$MONIKER_TEST_PG")" -U postgres -d moniker -c "$1"; }
birth=$(authority birth-ca active) pseudonym=$(authority pseudonym-ca active)
kill "$(cat "$MONIKER_TEST_STATE/pid")"
within 40 "the service stops once more" gone
keeper=$MONIKER_TEST_STATE/keeper
"${MONIKER_TEST_FORGET:?}" "$keeper/keeper.ring" "$MONIKER_TEST_STATE/keeper.passphrase" "issuer:$birth" "issuer:$pseudonym" link:1 block:1
jq --arg b "$birth" --arg p "$pseudonym" '.issuers |= map(select(.id != $b and .id != $p))' "$keeper/policy.json" >"$work/policy"
same "the policy had both" "$(($(jq '.issuers | length' "$keeper/policy.json") - 2))" "$(jq '.issuers | length' "$work/policy")"
cat "$work/policy" >"$keeper/policy.json"
super "SET session_replication_role = replica; DO \$\$ DECLARE r record; BEGIN
	FOR r IN SELECT conrelid::regclass AS t, a.attname AS c FROM pg_constraint JOIN pg_attribute AS a ON a.attrelid = conrelid AND a.attnum = conkey[1]
			WHERE confrelid = 'ca_issuer'::regclass AND contype = 'f' LOOP
		EXECUTE format('DELETE FROM %s WHERE %I IN (%L, %L)', r.t, r.c, '\x$birth', '\x$pseudonym');
	END LOOP;
	DELETE FROM ca_issuer WHERE id IN ('\x$birth', '\x$pseudonym');
END \$\$"
accepts "it starts" "$support/service_start.sh" "$fixture"
enroll plain 02:42:ac:77:00:0b
accepts "devices of pseudonymous batches go on" strict plain
unlinkable() { jq -nc '{id: "unlinkable", model: "Test", quota: 9, mode: "unlinkable"}' | send /v1/batches admin >"$work/p"; }
unlinkable
refused "no unlinkable batch without its authorities" 422 PROFILE_DENIED "$work/p"
same "a dry run says so" "none new" "$(roll birth-ca --dry-run | jq -r '"\(.active) \(.stage)"')"
accepts "the first Birth CA" roll birth-ca
unlinkable
refused "nor without the Pseudonym CA" 422 PROFILE_DENIED "$work/p"
refuses "whose shards are its epochs'" CONFIG_INVALID roll pseudonym-ca --shards 4
accepts "the first Pseudonym CA" roll pseudonym-ca
opened() { unlinkable && [ "$(cat "$work/status")" = 201 ]; }
within 30 "an unlinkable batch is opened" opened
batch=unlinkable
make_key born
make_key pseudonym
request born 02:42:ac:77:00:0c | send /v1/enrollments station >"$work/born.json"
same "a device is born" 201 "$(cat "$work/status")"
jq -r .certificate "$work/born.json" >"$work/born.pem"
fetched() { # a pseudonym, by a keeper that has the new keys
	jq -c --rawfile csr "$work/pseudonym.csr" '{csr: $csr}' <<<null |
		curl -sS --cacert "$MONIKER_CACERT" --cert "$work/born.pem" --key "$work/born.key" -H 'Content-Type: application/json' \
			--data-binary @- -o "$work/pseudonym.json" -w '%{http_code}' "$MONIKER_URL/v1/pseudonyms" | grep -q 201
}
within 30 "and gets a pseudonym" fetched
jq -r .certificate "$work/pseudonym.json" >"$work/pseudonym.pem"
accepts "which verifiers trust" openssl verify -x509_strict -CAfile "$MONIKER_TRUST" "$work/pseudonym.pem"
same "one of each kind" "1 1" "$(count birth-ca) $(count pseudonym-ca)"
first_recorded() { [ "$(leaves key.create "$1") $(leaves cert.issue "$1")" = "1 1" ]; }
within 30 "the one is in the log" first_recorded "$(authority birth-ca active)"
within 30 "and the other" first_recorded "$(authority pseudonym-ca active)"
