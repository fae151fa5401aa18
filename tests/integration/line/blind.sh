#!/usr/bin/env bash
# Blind mode: the station makes tags without showing hardware ids; duplicates are found all the same.
. "$(dirname "$0")/lib.sh"
moniker=$MONIKER_BIN/moniker

enroll() { # NAME ARGUMENT...: by the reference client, into $work/NAME
	local name=$1
	shift
	"$moniker" enroll --out "$work/$name" --batch "$batch" "$@"
}

open_lot blind '. + {hardware_ids: "blind"}'
same "the batch says that it is blind" blind "$(jq -r .hardware_ids "$work/lot")"
mac=$(random_mac) serial=$(openssl rand -hex 6)
accepts "a device is enrolled blind" enroll one --blind --hardware-id "mac48=$mac" --hardware-id "se_serial=0a-${serial:0:6}-${serial:6}"
accepts "again is a replay" enroll one --blind --hardware-id "mac48=$(tr a-f A-F <<<"$mac" | tr : -)" --hardware-id "se_serial=0A$serial"
refuses "other hardware with the same key" KEY_REUSED enroll one --blind --hardware-id "mac48=$(random_mac)"
refuses "one of the ids with another key is a duplicate" DUPLICATE_HARDWARE enroll two --blind --hardware-id "mac48=$mac"
refuses "and the other" DUPLICATE_HARDWARE enroll two --blind --hardware-id "se_serial=0A$serial"
make_key plain
request plain "$(random_mac)" | send /v1/enrollments station >"$work/p"
refused "the batch takes no hardware id" 422 HARDWARE_ID_INVALID "$work/p"
request plain "$mac" 'del(.hardware_ids)' | send /v1/enrollments station >"$work/p"
refused "nor none" 422 HARDWARE_ID_MISSING "$work/p"
jq -c --arg mac "$mac" '{for: [{hardware_ids: [{type: "mac48", value: $mac}]}]}' <<<null | send "/v1/batches/$batch/tokens" admin >"$work/p"
refused "nor a token that is bound to one" 422 HARDWARE_ID_INVALID "$work/p"

# Both ways of one id end at one tag.
open_lot seen
request plain "$mac" | send /v1/enrollments station >"$work/p"
refused "what was enrolled blind is a duplicate in plain" 409 DUPLICATE_HARDWARE "$work/p"
mac=$(random_mac)
request plain "$mac" | send /v1/enrollments station >"$work/p"
same "another is enrolled in plain" 201 "$(cat "$work/status")"
refuses "and is a duplicate blind" DUPLICATE_HARDWARE enroll three --blind --hardware-id "mac48=$mac"
recorded DUPLICATE_HARDWARE enroll.refused

# The points: of any caller's making.
point=e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76
evaluate() { jq -c "{points: $1}" <<<null | send /v1/hardware-tags/evaluate "${2-station}" >"$work/p"; }
evaluate "[\"$point\"]"
same "a point is evaluated" 200 "$(cat "$work/status")"
first=$(jq -r '.points[0]' "$work/p")
[[ $first =~ ^[0-9a-f]{64}$ && $first != "$point" ]] || die "not a point: $first"
kid=$(jq .kid "$work/p")
evaluate "[\"$point\"]" admin
same "an admin may, too, and gets the same" "$first" "$(jq -r '.points[0]' "$work/p")"
evaluate "[\"$point\"]" verifier
refused "a verifier may not" 403 ROLE_DENIED "$work/p"
evaluate "[\"$point\"]" nobody
refused "nor does nobody" 401 CALLER_MISSING "$work/p"
for bad in 0000000000000000000000000000000000000000000000000000000000000000 \
	ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f \
	0100000000000000000000000000000000000000000000000000000000000000; do
	evaluate "[\"$point\", \"$bad\"]"
	refused "the point ${bad:0:8}..." 422 TAG_INVALID "$work/p"
	request plain x ".hardware_ids = null | del(.hardware_ids) | . + {hardware_tags: {kid: $kid, tags: [\"$bad\"]}}" | send /v1/enrollments station >"$work/p"
	refused "a tag of it" 422 TAG_INVALID "$work/p"
done
evaluate '["00"]'
refused "half a point" 400 BAD_SYNTAX "$work/p"
evaluate '[]'
refused "no point" 400 BAD_SYNTAX "$work/p"
evaluate "[range(257) | \"$point\"]"
refused "257 points" 400 BAD_SYNTAX "$work/p"

# Who may bring tags, and how.
tags() { # jq filter of the request [role]
	request plain x "del(.hardware_ids) | . + {hardware_tags: {kid: $kid, tags: [\"$first\"]}} | $1" | send /v1/enrollments "${2-station}" >"$work/p"
}
make_key plain
tags '.hardware_tags.kid = 250'
refused "tags of a key that is not there" 503 TAG_KEY_CHANGED "$work/p"
same "say when to try again" 1 "$(header retry-after)"
tags '.hardware_tags.tags += .hardware_tags.tags'
refused "one tag twice" 422 HARDWARE_ID_INVALID "$work/p"
tags '. + {hardware_ids: [{type: "mac48", value: "02:42:ac:11:00:02"}]}'
refused "tags beside ids" 422 HARDWARE_ID_INVALID "$work/p"
token=$(echo '{"count": 1}' | send "/v1/batches/$batch/tokens" admin | jq -r '.tokens[0]')
tags ". + {token: \"$token\"}" nobody
refused "tags of a token's holder" 403 ROLE_DENIED "$work/p"
tags ". + {token: \"$token\"}"
same "tags of a station with a token" 201 "$(cat "$work/status")"

# 20 points a second: what is too much is told, and waited for.
for _ in $(seq 20); do # more than it can be in that time, however long it takes
	evaluate "[range(256) | \"$point\"]"
	[ "$(cat "$work/status")" != 429 ] || break
done
refused "too many points at once" 429 RATE_LIMITED "$work/p"
[ "$(header retry-after)" -ge 1 ] || die "no Retry-After"
refuses "the limit is each caller's own" DUPLICATE_HARDWARE enroll four --blind --hardware-id "mac48=$mac" \
	--cert "$MONIKER_STATION2_CERT" --key "$MONIKER_STATION2_KEY"
accepts "the client waits until it may" enroll five --blind --hardware-id "mac48=$(random_mac)"
for code in TAG_INVALID TAG_KEY_CHANGED ROLE_DENIED HARDWARE_ID_INVALID; do recorded $code enroll.refused; done
