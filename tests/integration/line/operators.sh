#!/usr/bin/env bash
# Persons: their certificates are renewed side by side with the old ones, and nobody takes away the
# last admin, however many try at once.
. "$(dirname "$0")/lib.sh"
moniker=$MONIKER_BIN/moniker
call DELETE /v1/operators/admin admin >"$work/p"
refused "the last admin is not removed" 409 STATE_CONFLICT "$work/p"
recorded STATE_CONFLICT admin.grant
call GET /v1/operators/admin admin >"$work/p"
same "and still signed" signed "$(jq -r .status "$work/p")"

# ---- renewal
sql() { psql -q -X -At "$MONIKER_PGURL" -c "$1"; }
sign_pending() {
	"$moniker" operator sign --database-url "$MONIKER_PGURL" --ring "$MONIKER_TEST_STATE/ca/operators.ring" \
		--passphrase-file "$MONIKER_TEST_STATE/operators.passphrase" --yes 2>"$work/signed" >/dev/null
}
person=renews-$$
"$moniker" operator add "$person" --role officer --role auditor --new-key "$work/old.key" >/dev/null
sign_pending
"$moniker" operator cert "$person" --out "$work/old.pem"
export MONIKER_OLD_CERT=$work/old.pem MONIKER_OLD_KEY=$work/old.key MONIKER_NEW_CERT=$work/new.pem MONIKER_NEW_KEY=$work/new.key
renew_own() { "$moniker" operator renew --cert "$work/$1.pem" --key "$work/$1.key" --new-key "$work/$2.key" --out "$work/$2.pem" 2>"$work/said"; }
ask() { # KEY: as the old certificate's holder, with a CSR of that key
	openssl req -new -key "$work/$1.key" -subj / -out "$work/$1.csr"
	jq -cn --rawfile csr "$work/$1.csr" '{csr: $csr}' | send /v1/operators/renewals old >"$work/p"
}
of_person() { sql "SELECT $1 FROM person AS p WHERE p.name = '$person'"; }
certificates="(SELECT count(*) FROM operator_certificate WHERE person = p.id)"
roles="(SELECT string_agg(role, ',' ORDER BY role) FROM person_role WHERE person = p.id)"
before=$(of_person "p.id, p.handle, $roles")

! renew_own old new || die "a renewal is done before it is signed"
shows "it is pending, and what to do" 'is pending: run .moniker operator sign' "$work/said"
[ ! -e "$work/new.pem" ] || die "a certificate is there before it is signed"
! renew_own old new || die "the second run is done before it is signed"
same "the same again is recorded once" 2 "$(of_person "$certificates")"
ask new
same "the API says so, too" "202 pending null" "$(cat "$work/status") $(jq -r '"\(.status) \(.certificate)"' "$work/p")"
where=$(header location)
same "and where" "/v1/operators/renewals/$(jq -r .serial "$work/p")" "$where"
call GET "$where" old >"$work/p"
same "there it is pending" 202 "$(cat "$work/status")"
call GET "$where" officer >"$work/p"
refused "to others it is not there" 404 NOT_FOUND "$work/p"
make_key other
ask other
refused "one at a time" 409 STATE_CONFLICT "$work/p"
recorded STATE_CONFLICT admin.grant
ask old
refused "a key has one certificate" 409 KEY_REUSED "$work/p"
cp "$MONIKER_OFFICER_KEY" "$work/officers.key"
ask officers
refused "and one person" 409 KEY_REUSED "$work/p"
recorded KEY_REUSED admin.grant
openssl genrsa -out "$work/weak.key" 1024 2>/dev/null
ask weak
refused "a weak key" 422 WEAK_KEY "$work/p"
jq -cn --rawfile csr "$work/other.csr" '{csr: $csr, roles: ["admin"]}' | send /v1/operators/renewals old >"$work/p"
refused "roles cannot be asked for" 400 BAD_SYNTAX "$work/p"
same "none of it was recorded" 2 "$(of_person "$certificates")"

sign_pending
shows "what is signed is shown" "^$(basename "$where")  $person  officer auditor\$" "$work/signed"
renew_own old new || die "a signed renewal is not fetched: $(cat "$work/said")"
same "the certificate is of the new key" "$(openssl pkey -in "$work/new.key" -pubout)" "$(openssl x509 -in "$work/new.pem" -noout -pubkey)"
same "and of the same person" "$(openssl x509 -in "$work/old.pem" -noout -subject)" "$(openssl x509 -in "$work/new.pem" -noout -subject)"
call GET "$where" new >"$work/p"
same "signed, with its chain" "200 signed 1" "$(cat "$work/status") $(jq -r '"\(.status) \(.chain | length)"' "$work/p")"
jq -r '.chain[0]' "$work/p" >"$work/issuer.pem"
openssl verify -partial_chain -trusted "$work/issuer.pem" "$work/new.pem" >/dev/null || die "the chain is not that of the certificate"
for who in old new; do
	call GET /v1/audit/events?limit=1 $who >"$work/p"
	same "the $who certificate may what the person may" 200 "$(cat "$work/status")"
	call GET /v1/operators $who >"$work/p"
	refused "the $who one no more" 403 ROLE_DENIED "$work/p"
done
same "person, handle and roles are as they were" "$before" "$(of_person "p.id, p.handle, $roles")"
call GET '/v1/audit/events?ev=cert.issue&limit=10000' auditor |
	jq -r --arg sub "p:$(of_person p.handle)/" 'select(.sub | startswith($sub)) | .act | split(":")[0]' >"$work/acts"
same "who asked for the certificates" "admin officer" "$(tr '\n' ' ' <"$work/acts" | sed 's/ $//')"
! renew_own new new || die "the new certificate was renewed with its own key"
shows "the next one needs the next key" 'KEY_REUSED' "$work/said"
! renew_own new third || die "a third is done before it is signed"
call DELETE "/v1/operators/$person" admin
for who in old new; do
	call GET /v1/audit/events?limit=1 $who >"$work/p"
	refused "removal shuts the $who certificate out" 403 CALLER_REVOKED "$work/p"
	! renew_own $who fourth || die "who was removed renews"
done
sign_pending
same "what was pending is never signed, and all are taken away" "1|0" \
	"$(sql "SELECT count(*) FILTER (WHERE signature IS NULL), count(*) FILTER (WHERE revoked_at_s IS NULL)
		FROM operator_certificate WHERE person = $(of_person p.id)")"

# ---- without the service
person=locked-out-$$
offline() {
	"$moniker" operator add "$person" --role "${1-admin}" --new-key "$work/new-$$.key" --offline --config "$MONIKER_CONFIG" \
		--database-url "$MONIKER_PGURL" --url https://localhost:1 --out "$work/new-$$.pem" 2>"$work/said"
}
! offline || die "added offline, it is there before it is signed"
shows "added offline it is pending" 'is pending' "$work/said"
! offline king || die "there is a role of any name"
! offline officer || die "the person changes roles"
shows "roles stay" 'STATE_CONFLICT' "$work/said"
sign_pending
offline || die "a signed certificate is not written: $(cat "$work/said")"
same "recorded once" 1 "$(of_person "$certificates")"
MONIKER_NEW_CERT=$work/new-$$.pem MONIKER_NEW_KEY=$work/new-$$.key
call GET /v1/operators new >"$work/p"
same "who was locked out is an admin" 200 "$(cat "$work/status")"
handle=$(of_person p.handle)
leaves() {
	call GET '/v1/audit/events?act=system:offline&limit=10000' auditor | jq -r --arg p "p:$handle" 'select(.sub | startswith($p)) | .ev' >"$work/leaves"
	[ "$(tr '\n' ' ' <"$work/leaves")" = "admin.grant cert.issue " ]
}
within 30 "and the log says so" leaves
call DELETE "/v1/operators/$person" new
same "and may what an admin may" 204 "$(cat "$work/status")"

# ---- the last admin
# Two admins, each to be removed at the same moment. Whatever comes of it, the fixture's admin is
# put back for the tests that follow.
put_back() {
	sql "UPDATE person SET active = true WHERE name = 'admin';
		INSERT INTO person_role SELECT id, 'admin' FROM person WHERE name = 'admin' ON CONFLICT DO NOTHING;
		UPDATE operator_certificate SET revoked_at_s = NULL WHERE person = (SELECT id FROM person WHERE name = 'admin');
		DELETE FROM person_role WHERE person = (SELECT id FROM person WHERE name = 'second-$$')"
}
trap put_back EXIT
"$moniker" operator add "second-$$" --role admin --new-key "$work/second.key" >/dev/null
removing=()
for name in admin "second-$$"; do
	curl -sS --cacert "$MONIKER_CACERT" --cert "$MONIKER_ADMIN_CERT" --key "$MONIKER_ADMIN_KEY" -X DELETE \
		-o /dev/null "$MONIKER_URL/v1/operators/$name" &
	removing+=($!)
done
wait "${removing[@]}"
same "two removals of two admins at once leave one" 1 \
	"$(sql "SELECT count(*) FROM person AS p JOIN person_role AS r ON r.person = p.id WHERE p.active AND r.role = 'admin'")"
