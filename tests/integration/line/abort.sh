#!/usr/bin/env bash
# What the keeper's policy refuses is given up, and all that it took is free again.
. "$(dirname "$0")/lib.sh"
pid=$(cat "$MONIKER_TEST_STATE/pid")
keeper() { pgrep -P "$pid" -f -- moniker-keeper; }
ready() { [ "$(curl -s -o /dev/null -w '%{http_code}' --cacert "$MONIKER_CACERT" "$MONIKER_URL/readyz")" = 200 ]; }
policy=$MONIKER_TEST_STATE/keeper/policy.json
cp "$policy" "$work/policy.json"
attached() { call GET /metrics nobody | sed -n 's/^moniker_keeper_attached_total //p'; }
another_keeper() { local now; now=$(keeper) && [ "$now" != "$1" ] && [ "$(attached)" -gt "$2" ] && ready; }
with_policy() { # FILE: the keeper reads it at its next start
	local old before
	old=$(keeper) before=$(attached)
	cat "$1" >"$policy"
	kill -KILL "$old"
	within 30 "a keeper with another policy" another_keeper "$old" "$before"
}
restore() { cat "$work/policy.json" >"$policy"; }
trap 'restore; cleanup' EXIT
issued() { call GET "/v1/batches/$batch" admin | jq -r .issued; }
aborts() { call GET '/v1/audit/events?ev=cert.abort&rc=KEEPER_REFUSED&limit=10000' auditor | wc -l; }

open_lot abort '.quota = 2'
token=$(jq -c '{count: 1}' <<<null | send "/v1/batches/$batch/tokens" admin | jq -r '.tokens[0]')
before=$(aborts) board=$(random_mac) other=$(random_mac)
make_key station; request station "$board" >"$work/station.json"
make_key token; request token "$other" ". + {token: \"$token\"}" >"$work/token.json"

jq '(.issuers[] | select(.form == "device") | .validity_max_s) = 60' "$work/policy.json" >"$work/strict.json"
with_policy "$work/strict.json"
for try in 1 2 3; do # more often than the quota and the token allow, if they were taken
	send /v1/enrollments station <"$work/station.json" >"$work/p"
	refused "refused by policy, station, try $try" 500 INTERNAL "$work/p"
	send /v1/enrollments nobody <"$work/token.json" >"$work/p"
	refused "refused by policy, token, try $try" 500 INTERNAL "$work/p"
done
same "a leaf for each" $((before + 6)) "$(aborts)"
same "the quota is free" 0 "$(issued)"

with_policy "$work/policy.json"
same "nothing is given up twice" $((before + 6)) "$(aborts)"
send /v1/enrollments station <"$work/station.json" >"$work/p"
same "the same key and board enroll" 201 "$(cat "$work/status")"
send /v1/enrollments nobody <"$work/token.json" >"$work/p"
same "and so does the token" 201 "$(cat "$work/status")"
same "the quota counts them" 2 "$(issued)"
within 30 "the tree fits its checkpoint" tree_fits
