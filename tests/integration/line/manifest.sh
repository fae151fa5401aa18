#!/usr/bin/env bash
# Manifests: a batch enrolls the hardware that is listed, and no other; the list is tags, made on the admin's machine.
. "$(dirname "$0")/lib.sh"
moniker=$MONIKER_BIN/moniker
enroll() { # NAME MAC [jq filter]
	make_key "$1"
	request "$1" "$2" "${3:-.}" | send /v1/enrollments station >"$work/p"
}
coverage() { call GET "/v1/batches/$batch/manifest" admin | jq -c '[.listed, .enrolled, .missing]'; }
changes() { call GET "/v1/audit/events?ev=batch.change&limit=10000" auditor | jq -c "select(.sub == \"b:$handle\") | .cnt" | paste -sd' '; }

open_lot manifest '. + {manifest: true}'
same "the batch says so" true "$(jq .manifest "$work/lot")"
handle=$(jq -r .handle "$work/lot")
same "nothing is listed" "[0,0,0]" "$(coverage)"
one=$(random_mac) two=$(random_mac) three=$(random_mac) serial=$(openssl rand -hex 8)
enroll first "$one"
refused "hardware that is not listed" 403 NOT_ON_MANIFEST "$work/p"

cat >"$work/list" <<EOF
# two boards
mac48=$one,soc_uid=${serial:0:8} ${serial:8}

mac48=$(tr a-f A-F <<<"$two" | tr : -)
EOF
accepts "a list is taken" "$moniker" manifest add "$batch" "$work/list"
same "three ids are listed" "[3,0,3]" "$(coverage)"
same "with a leaf that counts them" 3 "$(changes)"
same "again adds nothing" '{"read":3,"added":0}' "$("$moniker" manifest add "$batch" - --json <"$work/list")"
same "and leaves no leaf" 3 "$(changes)"
enroll first "$one"
same "listed hardware is enrolled" 201 "$(cat "$work/status")"
same "and covered" "[3,1,2]" "$(coverage)"
enroll second "$two" '.hardware_ids += [{type: "se_serial", value: "0102030405"}]'
refused "one listed id beside one that is not" 403 NOT_ON_MANIFEST "$work/p"
enroll second "$two" ".hardware_ids += [{type: \"soc_uid\", value: \"$serial\"}]"
same "two listed ids" 201 "$(cat "$work/status")"
same "cover two" "[3,3,0]" "$(coverage)"
enroll again "$one"
refused "listed hardware twice" 409 DUPLICATE_HARDWARE "$work/p"
accepts "blind, too" "$moniker" manifest add "$batch" - <<<"mac48=$three"
accepts "listed hardware is enrolled blind" "$moniker" enroll --out "$work/blind" --batch "$batch" --blind --hardware-id "mac48=$three"
refuses "other hardware is not" NOT_ON_MANIFEST "$moniker" enroll --out "$work/other" --batch "$batch" --blind --hardware-id "mac48=$(random_mac)"

# A token that is bound to hardware stands for it.
four=$(random_mac)
for mac in "$four" "$(random_mac)"; do
	jq -c --arg mac "$mac" '{for: [{hardware_ids: [{type: "mac48", value: $mac}]}]}' <<<null | send "/v1/batches/$batch/tokens" admin >"$work/p"
	jq -r '.tokens[0]' "$work/p"
done >"$work/tokens"
accepts "its hardware is listed" "$moniker" manifest add "$batch" - <<<"mac48=$four"
enroll bound x "del(.hardware_ids) | . + {token: \"$(sed -n 1p "$work/tokens")\"}"
same "a token bound to listed hardware" 201 "$(cat "$work/status")"
enroll unbound x "del(.hardware_ids) | . + {token: \"$(sed -n 2p "$work/tokens")\"}"
refused "a token bound to other hardware" 403 NOT_ON_MANIFEST "$work/p"
same "all is covered" "[5,5,0]" "$(coverage)"
recorded NOT_ON_MANIFEST enroll.refused

# What is no list.
refuses "a line that is no hardware id" "line 2" "$moniker" manifest add "$batch" - <<<"mac48=$(random_mac)
mac48=02:00"
refuses "which is not repeated" HARDWARE_ID_INVALID "$moniker" manifest add "$batch" - <<<"mac48=02:ca:fe:zz"
! grep -i 'ca:fe' "$work/refusal" >&2 || die "the error repeats the id"
kid=$(jq -c --arg point e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76 '{points: [$point]}' <<<null | send /v1/hardware-tags/evaluate admin | jq .kid)
add() { jq -c "$1" <<<null | send "/v1/batches/$batch/manifest" "${2-admin}" >"$work/p"; }
point=e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76
add "{kid: $kid, tags: [\"$point\"]}" station
refused "a station lists nothing" 403 ROLE_DENIED "$work/p"
add "{kid: $kid, tags: [\"${point//[0-9a-f]/0}\"]}"
refused "the identity is no tag" 422 TAG_INVALID "$work/p"
add "{kid: 250, tags: [\"$point\"]}"
refused "a tag of no key" 503 TAG_KEY_CHANGED "$work/p"
add "{kid: $kid, tags: []}"
refused "no tag" 400 BAD_SYNTAX "$work/p"
add "{kid: $kid, tags: [\"$point\", \"$point\"]}"
same "a tag twice is listed once" '{"added":1}' "$(jq -c . "$work/p")"
batch=no-such-lot
add "{kid: $kid, tags: [\"$point\"]}"
refused "an unknown batch" 404 UNKNOWN_BATCH "$work/p"
open_lot open
add "{kid: $kid, tags: [\"$point\"]}"
refused "a batch without manifest" 409 STATE_CONFLICT "$work/p"
call GET "/v1/batches/$batch/manifest" admin >"$work/p"
refused "has no coverage" 409 STATE_CONFLICT "$work/p"
