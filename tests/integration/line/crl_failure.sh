#!/usr/bin/env bash
# A CRL that cannot be built: the revocation is accepted and in force, the failure is told, and the list
# follows when its cause is gone. Made to fail for real: the database refuses, and the keeper does.
. "$(dirname "$0")/lib.sh"
sql() { psql -q -X -At "$MONIKER_PGURL" -c "$1"; }
enroll() { # NAME
	make_key "$1"
	request "$1" "$(random_mac)" | send /v1/enrollments station >"$work/$1"
	jq -r .certificate "$work/$1" >"$work/$1.pem"
}
revoke() { # NAME
	jq -c '{select: {pseudonym}, action: "revoke", reason: "KEY_COMPROMISE"}' "$work/$1" | send /v1/revocations officer >"$work/act"
	same "the revocation of $1 is accepted" 201 "$(cat "$work/status")"
	same "and in force at once" revoked "$(verdict "$work/$1")"
}
on_crl() { fetch_crl "$work/$1.pem" "$work/crl" && crl_lists "$work/crl" "$(serial_of "$work/$1.pem")"; }
metric() { call GET /metrics nobody | sed -n "s/^moniker_crl_build_$1{$labels} //p"; }
told() { # CODE: by /readyz, which stays ready, and by metrics
	call GET /readyz nobody | jq -e --arg detail "building $key fails: $1" '.components.crl.detail == $detail' >/dev/null &&
		[ "$(metric failing)" = 1 ] && [ "$(metric failures_total)" -gt "$failures" ]
}
silent() { call GET /readyz nobody | jq -e '.components.crl == {ready: true}' >/dev/null && [ "$(metric failing)" = 0 ]; }
leaf() { call GET "/v1/audit/events?ev=crl.fail&rc=$1&limit=10000" auditor >"$work/leaf" && grep -qF "\"sub\":\"crl:$key\"" "$work/leaf"; }
# fails NAME CODE: as it is now, with a device that is revoked.
fails() {
	failures=$(metric failures_total)
	enroll "$1"
	revoke "$1"
	within 30 "$2 is told by /readyz and metrics" told "$2"
	same "the service is ready all the same" true "$(call GET /readyz nobody | jq .components.crl.ready)"
	within 30 "and is in the audit log" leaf "$2"
	on_crl "$1" && die "it is on the CRL: nothing failed"
	ok "the CRL does not have it yet"
}
mended() { # NAME
	within 30 "the cause gone, the list has it" on_crl "$1"
	within 30 "and all is well" silent
}

open_lot failure
enroll first
key=$(crl_url "$work/first.pem" | sed 's/.*\/crl\/\(.*\)\.crl/\1/')
labels="issuer=\"${key%/*}\",shard=\"${key#*/}\""
row="issuer = '\\x${key%/*}' AND shard = ${key#*/}::int"
restore() {
	sql "GRANT INSERT ON crl_part TO moniker_service"
	[ -z "${number-}" ] || sql "UPDATE crl SET number = $number WHERE $row"
}
cleanup() { restore; }
within 30 "at first all is well" silent

sql "REVOKE INSERT ON crl_part FROM moniker_service"
fails database INTERNAL
sql "GRANT INSERT ON crl_part TO moniker_service"
mended database

number=$(sql "SELECT number FROM crl WHERE $row")
sql "UPDATE crl SET number = 410244480000000 WHERE $row" # beyond what the keeper lets anybody use up
fails keeper KEEPER_REFUSED
sql "UPDATE crl SET number = $number WHERE $row"
mended keeper
