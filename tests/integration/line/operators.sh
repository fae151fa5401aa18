#!/usr/bin/env bash
# Persons: nobody takes away the last admin, however many try at once.
. "$(dirname "$0")/lib.sh"
moniker=$MONIKER_BIN/moniker
call DELETE /v1/operators/admin admin >"$work/p"
refused "the last admin is not removed" 409 STATE_CONFLICT "$work/p"
recorded STATE_CONFLICT admin.grant
call GET /v1/operators/admin admin >"$work/p"
same "and still signed" signed "$(jq -r .status "$work/p")"

# Two admins, each to be removed at the same moment. Whatever comes of it, the fixture's admin is
# put back for the tests that follow.
sql() { psql -q -X -At "$MONIKER_PGURL" -c "$1"; }
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
