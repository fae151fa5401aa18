#!/usr/bin/env bash
# Of 64 at once exactly one wins: one token, one hardware id, a quota's last place.
. "$(dirname "$0")/lib.sh"
at_once=64

for i in $(seq $at_once); do
	openssl ecparam -name prime256v1 -genkey -noout -out "$work/$i.key" 2>/dev/null
	openssl req -new -key "$work/$i.key" -subj / -out "$work/$i.csr"
done

race() { # ROLE: all $work/$i.json at once, each on a connection of its own
	local role=${1^^} cert key config=$work/race.conf
	cert=MONIKER_${role}_CERT key=MONIKER_${role}_KEY
	: >"$config"
	for i in $(seq $at_once); do
		[ "$i" = 1 ] || echo next >>"$config"
		{
			printf 'url = "%s/v1/enrollments"\ncacert = "%s"\n' "$MONIKER_URL" "$MONIKER_CACERT"
			[ "$role" = NOBODY ] || printf 'cert = "%s"\nkey = "%s"\n' "${!cert}" "${!key}"
			printf 'header = "Content-Type: application/json"\ndata-binary = "@%s/%s.json"\n' "$work" "$i"
			printf 'output = "%s/%s.answer"\nwrite-out = "%%{http_code}\\n"\n' "$work" "$i"
		} >>"$config"
	done
	curl -sS --no-progress-meter --parallel --parallel-immediate --parallel-max $at_once --config "$config" >"$work/codes"
	same "$at_once answers" $at_once "$(wc -l <"$work/codes")"
}
winners() { grep -c '^201$' "$work/codes" || true; }
leaves() { # of this batch: enroll.ok
	local handle
	handle=$(call GET "/v1/batches/$batch" admin | jq -r .handle)
	call GET '/v1/audit/events?ev=enroll.ok&limit=10000' auditor | grep -c "\"sub\":\"b:$handle/" || true
}
only() { # CODE: all other answers have it
	same "all others: $1" $((at_once - 1)) "$(cat "$work"/*.answer | jq -r .code | grep -c "^$1$")"
}

open_lot token
token=$(jq -c '{count: 1}' <<<null | send "/v1/batches/$batch/tokens" admin | jq -r '.tokens[0]')
for i in $(seq $at_once); do request "$i" "$(random_mac)" ". + {token: \"$token\"}" >"$work/$i.json"; done
race nobody
same "one token: winners" 1 "$(winners)"
same "one token: leaves" 1 "$(leaves)"
only TOKEN_SPENT

open_lot hardware
mac=$(random_mac)
for i in $(seq $at_once); do
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj / -out "$work/$i.csr" 2>/dev/null
	request "$i" "$mac" >"$work/$i.json"
done
race station
same "one hardware id: winners" 1 "$(winners)"
same "one hardware id: leaves" 1 "$(leaves)"
only DUPLICATE_HARDWARE

open_lot quota '. + {quota: 1}'
for i in $(seq $at_once); do
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj / -out "$work/$i.csr" 2>/dev/null
	request "$i" "$(random_mac)" >"$work/$i.json"
done
race station
same "the last place: winners" 1 "$(winners)"
same "the last place: leaves" 1 "$(leaves)"
only QUOTA_EXHAUSTED
same "the last place: issued" 1 "$(call GET "/v1/batches/$batch" admin | jq .issued)"
same "the last place: refused" $((at_once - 1)) "$(call GET "/v1/batches/$batch" admin | jq .refused)"
