#!/usr/bin/env bash
# The key of hardware tags is changed while the line runs, and killed on its way: no duplicate is missed.
. "$(dirname "$0")/lib.sh"
moniker=$MONIKER_BIN/moniker
fillers=20000
sql() { psql -q -X -At "$MONIKER_PGURL" -c "$1"; }
rotate() { "$moniker" tag rotate --config "$MONIKER_CONFIG" --database-url "$MONIKER_PGURL" --json "$@"; }
states() { sql "SELECT string_agg(state, ' ' ORDER BY kid) FROM tag_key WHERE kid >= $old"; }
leaves() { call GET "/v1/audit/events?ev=$1&act=system:tag&limit=10000" auditor | grep -c "\"sub\":\"tag:$2\"" || true; }
cleanup() {
	touch "$work/stop"
	wait
	sql "DELETE FROM device_tag WHERE device = -1"
}
# answer NAME MAC: the status, once it is not "try again"; its answer is NAME.json. As enrolling with a key of its own.
# Without the keeper it was on record already, and the next try gets what is: that is the 201 of this board.
answer() {
	local status recorded="" _
	make_key "$1"
	for _ in $(seq 1 300); do
		request "$1" "$2" >"$work/$1.body"
		status=$(curl -sS --cacert "$MONIKER_CACERT" --cert "$MONIKER_STATION_CERT" --key "$MONIKER_STATION_KEY" -o "$work/$1.json" \
			-w '%{http_code}' -H 'Content-Type: application/json' --data-binary "@$work/$1.body" "$MONIKER_URL/v1/enrollments")
		[ "$status" = 503 ] || break
		jq -r .code "$work/$1.json" | tee -a "$work/again" | grep -qx KEEPER_UNAVAILABLE && recorded=1
		sleep 0.1
	done
	[ "$status$recorded" != 2001 ] || status=201
	echo "$status"
}

open_lot rotate
old=$(sql "SELECT kid FROM tag_key WHERE state = 'active'")
sql "UPDATE tag_key SET active_from_s = 0 WHERE state = 'active'" # as if it were long ago
for i in $(seq 1 8); do
	macs[i]=$(random_mac)
	same "device $i is enrolled" 201 "$(answer "d$i" "${macs[i]}")"
done
bound_mac=$(random_mac)
jq -c --arg mac "$bound_mac" '{for: [{hardware_ids: [{type: "mac48", value: $mac}]}]}' <<<null | send "/v1/batches/$batch/tokens" admin >"$work/p"
token=$(jq -r '.tokens[0]' "$work/p")
lot=$batch
open_lot listed '. + {manifest: true}'
listed=$batch listed_mac=$(random_mac)
accepts "a manifest" "$moniker" manifest add "$listed" - <<<"mac48=$listed_mac"
batch=$lot
jq -c '{select: {pseudonym}, action: "revoke", reason: "KEY_COMPROMISE"}' "$work/d8.json" | send /v1/revocations officer >"$work/r"
same "device 8 is revoked" 201 "$(cat "$work/status")"
# What there is to move, so that it takes a while.
"$MONIKER_TEST_POINTS" $fillers | sed "s/.*/$old\t\\\\\\\\x&\t-1/" | psql -q -X "$MONIKER_PGURL" -c "COPY device_tag (kid, tag, device) FROM STDIN"

# The line: new boards, and boards that were there before, until it is told to stop. All of it is judged afterwards.
line() {
	local n=0 mac
	while [ ! -e "$work/stop" ]; do
		n=$((n + 1))
		mac=$(random_mac)
		echo "new $mac $(answer "line-$1-$n" "$mac")" >>"$work/line.$1"
		echo "again $mac $(answer "line-$1-$n-again" "$mac")" >>"$work/line.$1"
		echo "again ${macs[n % 7 + 1]} $(answer "line-$1-$n-old" "${macs[n % 7 + 1]}")" >>"$work/line.$1"
	done
}
line a & line_a=$!
line b & line_b=$!
blind() { # blind stations, too
	local n=0 mac
	while [ ! -e "$work/stop" ]; do
		n=$((n + 1))
		mac=$(random_mac)
		"$moniker" enroll --out "$work/blind-$n" --batch "$lot" --blind --hardware-id "mac48=$mac" >/dev/null 2>>"$work/blind.errors" &&
			echo "$mac" >>"$work/blind"
		sleep 0.2
	done
}
blind & blind_pid=$!

# Killed at every moment, and each time the duplicates are looked for.
stages=
for pause in 0.02 0.05 0.1 0.2 0.3 0.4 0.6 0.8 1.0 1.3; do
	timeout -s KILL "$pause" "$moniker" tag rotate --config "$MONIKER_CONFIG" --database-url "$MONIKER_PGURL" >/dev/null 2>&1 || true
	left=$(sql "SELECT count(*) FROM device_tag WHERE kid = $old AND device = -1")
	[ "$left" = 0 ] || [ "$left" = $fillers ] || stages+=" $left"
	same "killed after $pause s, $left left: a duplicate" 409 "$(answer dup "${macs[1]}")"
	same "... is one" DUPLICATE_HARDWARE "$(jq -r .code "$work/dup.json")"
done
echo "left when it was killed on the way:$stages"
accepts "the rotation is finished" rotate
same "what there is: the new key, and nothing of the old" "destroyed active" "$(states)"
new=$(sql "SELECT kid FROM tag_key WHERE state = 'active'")
same "a kid higher" $((old + 1)) "$new"
same "no tag is left under the old key" 0 "$(sql "SELECT (SELECT count(*) FROM device_tag WHERE kid <> $new) + (SELECT count(*) FROM token WHERE bound_kid <> $new) + (SELECT count(*) FROM manifest_tag WHERE kid <> $new)")"
same "and none was lost" $fillers "$(sql "SELECT count(*) FROM device_tag WHERE device = -1")"
sleep 1
touch "$work/stop"
wait "$line_a" "$line_b" "$blind_pid"

# The line's judgement.
cat "$work/line.a" "$work/line.b" >"$work/line"
same "every new board was enrolled" "" "$(grep '^new' "$work/line" | grep -v ' 201$' || true)"
same "and no board twice" "" "$(grep '^again' "$work/line" | grep -v ' 409$' || true)"
[ "$(wc -l <"$work/line")" -ge 12 ] || die "the line did too little: $(wc -l <"$work/line")"
[ -s "$work/blind" ] || die "no blind station enrolled anything: $(cat "$work/blind.errors")"
! grep -v -e KEY_CHANGED -e KEEPER_UNAVAILABLE -e RATE_LIMITED -e '^ ' "$work/blind.errors" | grep . || die "a blind station failed"
ok "$(wc -l <"$work/line") boards on the line, $(wc -l <"$work/blind") blind; told to try again: $(sort "$work/again" 2>/dev/null | uniq -c | tr -s ' \n' ' ')"
same "only for this" "" "$(grep -v -e TAG_KEY_CHANGED -e KEEPER_UNAVAILABLE "$work/again" 2>/dev/null || true)"

# Afterwards, each kind of thing that has a tag.
for mac in $(awk '$1 == "new" { print $2 }' "$work/line") $(cat "$work/blind") "${macs[@]:1:7}"; do
	[ "$(answer after "$mac")" = 409 ] && [ "$(jq -r .code "$work/after.json")" = DUPLICATE_HARDWARE ] || die "missed: $(cat "$work/after.json")"
done
ok "all are found afterwards"
same "a revoked one is still blocked" 403 "$(answer after "${macs[8]}")"
same "by its name" DEVICE_BLOCKED "$(jq -r .code "$work/after.json")"
make_key bound
request bound x "del(.hardware_ids) | . + {token: \"$token\"}" | send /v1/enrollments nobody >"$work/p"
same "a token that was bound before fits" 201 "$(cat "$work/status")"
same "its hardware is a duplicate" 409 "$(answer after "$bound_mac")"
batch=$listed
same "what was listed before is listed" 201 "$(answer listed "$listed_mac")"
same "other hardware is not" 403 "$(answer after "$(random_mac)")"
same "the listed one is covered" '[1,1]' "$(call GET "/v1/batches/$listed/manifest" admin | jq -c '[.listed, .enrolled]')"
batch=$lot

# On record, and the old key gone.
recorded_once() { [ "$(leaves key.create "$new") $(leaves key.rotate "$new") $(leaves key.destroy "$old")" = "1 1 1" ]; }
within 30 "key.create, key.rotate and key.destroy are in the log once" recorded_once
same "again within a day does nothing" "done $new" "$(rotate | jq -r '"\(.stage) \(.kid)"')"
jq -n --arg point e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76 --argjson kid "$old" '{$kid, tags: [$point]}' |
	send "/v1/batches/$listed/manifest" admin >"$work/p"
refused "the keeper has the old key no more" 503 TAG_KEY_CHANGED "$work/p"
sql "INSERT INTO manifest_tag (batch, kid, tag) SELECT id, $old, sha256('') FROM batch WHERE name = '$listed'" 2>"$work/err" && die "a tag of a destroyed key was listed"
grep -q 'the tag key is no more' "$work/err" || die "$(cat "$work/err")"
ok "nothing can be bound to it or listed under it"

# Prepared ahead for other nodes, and the next rotation.
same "prepared" "new $new true" "$(rotate --prepare --again | jq -r '"\(.stage) \(.kid) \(.prepared)"')"
same "which changes nothing" "destroyed active" "$(states)"
same "and then done" "$((new + 1))" "$(rotate --again | jq .kid)"
same "a duplicate after two" 409 "$(answer after "${macs[2]}")"
