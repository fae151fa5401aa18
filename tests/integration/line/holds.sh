#!/usr/bin/env bash
# Legal holds by the API: who may, what is on record, and two at once. That nothing that is held is dropped:
# retention.sh.
. "$(dirname "$0")/lib.sh"
name=case-$(openssl rand -hex 6)
place() { jq -cn --arg name "$1" "${2:-{\}} + {name: \$name}" | send /v1/audit/holds legal; } # NAME [jq filter]
release() { call DELETE "/v1/audit/holds/$1" legal; }
leaves() { call GET "/v1/audit/events?ev=log.*&limit=10000" auditor | grep "\"sub\":\"hold:$1" || true; }
last() { leaves "$1" | tail -n 1 | jq -r "$2"; }
call GET /audit/logs auditor >"$work/logs"
origin=$(jq -r '.items[0].origin' "$work/logs")

# ---- of all logs

place "$name" >"$work/hold"
same "placed: status" 201 "$(cat "$work/status")"
same "it says where" "/v1/audit/holds/$name" "$(header location)"
same "of all logs" "$name null" "$(jq -r '"\(.name) \(.log)"' "$work/hold")"
by=$(jq -r .placed_by "$work/hold")
[[ $by =~ ^legal:[a-z2-7]{16}$ ]] || die "it is not by a legal officer: $by"
same "the leaf is there with the answer, and names who it was" "log.hold success $by" "$(last "$name" '"\(.ev) \(.out) \(.act)"')"
same "one by one it is the same" "$(jq -c . "$work/hold")" "$(call GET "/v1/audit/holds/$name" auditor | jq -c .)"
same "in the list, too" "$(jq -c . "$work/hold")" "$(call GET /v1/audit/holds legal | jq -c --arg name "$name" '.items[] | select(.name == $name)')"
same "and on the host" "$name all logs $by" \
	"$("$MONIKER_BIN/moniker" log holds --database-url "$MONIKER_PGURL" | sed -n "s/^$name [^ ]* /$name /p")"
place "$name" >"$work/p"
refused "the same name again" 409 STATE_CONFLICT "$work/p"
same "is on record, once" "log.hold failure STATE_CONFLICT 2" "$(last "$name" '"\(.ev) \(.out) \(.rc)"') $(leaves "$name" | wc -l)"
release "$name" >"$work/p"
same "released: status" 204 "$(cat "$work/status")"
same "and on record" "log.release success $by" "$(last "$name" '"\(.ev) \(.out) \(.act)"')"
release "$name" >"$work/p"
refused "released twice" 404 NOT_FOUND "$work/p"
call GET "/v1/audit/holds/$name" legal >"$work/p"
refused "it is gone" 404 NOT_FOUND "$work/p"

# ---- of one log, and what the host placed

place "$name" "{log: \"${origin##*/}\"}" >"$work/hold"
same "of one log, by its name" "$origin" "$(jq -r .log "$work/hold")"
same "the leaf says which" "hold:$name/${origin##*/}" "$(last "$name" .sub)"
release "$name" >"$work/p"
same "its release, too" "log.release hold:$name/${origin##*/}" "$(last "$name" '"\(.ev) \(.sub)"')"
"$MONIKER_BIN/moniker" log hold "$name-host" --database-url "$MONIKER_PGURL" >/dev/null
same "the host's is by the host" system:host "$(call GET "/v1/audit/holds/$name-host" auditor | jq -r .placed_by)"
release "$name-host" >"$work/p"
same "a legal officer releases it" 204 "$(cat "$work/status")"

# ---- by the command

moniker() { "$MONIKER_BIN/moniker" audit hold "$@"; }
moniker place "$name-cli" --log "${origin##*/}" 2>"$work/p" && grep -q 'Nothing was done' "$work/p" || die "place without --apply: $(cat "$work/p")"
call GET "/v1/audit/holds/$name-cli" legal >"$work/p"
refused "nothing was" 404 NOT_FOUND "$work/p"
same "placed by the command" "$name-cli $origin $by" \
	"$(moniker place "$name-cli" --log "${origin##*/}" --apply --json | jq -r '"\(.name) \(.log) \(.placed_by)"')"
moniker place "$name-all" --apply >/dev/null
same "the list has both" "$name-all all logs $by;$name-cli $origin $by" \
	"$(moniker list | sed -n "s/^\($name-[a-z]*\)  [^ ]*  \(.*\)  /\1 \2 /p" | sort | paste -sd';')"
same "an auditor sees them, too" "$(moniker list)" "$(env -u MONIKER_LEGAL_CERT -u MONIKER_LEGAL_KEY "$MONIKER_BIN/moniker" audit hold list)"
same "as JSON" "$(call GET /v1/audit/holds legal | jq -c .)" "$(moniker list --json | jq -c .)"
moniker release "$name-cli" 2>"$work/p" | grep -q "^$name-cli " && grep -q 'Nothing was done' "$work/p" || die "release without --apply: $(cat "$work/p")"
same "it is still there" "$name-cli" "$(call GET "/v1/audit/holds/$name-cli" legal | jq -r .name)"
moniker release "$name-cli" --apply
moniker release "$name-all" --apply
same "both are on record" "log.release log.release" "$(last "$name-cli" .ev) $(last "$name-all" .ev)"
! moniker release "$name-cli" --apply 2>"$work/p" && grep -q NOT_FOUND "$work/p" || die "released twice by the command: $(cat "$work/p")"
for bad in 'a/b' .. 'a?b' "a b"; do
	code=0
	moniker release "$bad" --apply 2>/dev/null || code=$?
	same "no name for the command: $bad" 2 "$code"
done

# ---- while a part is being dropped: not the log waits for that, but who asks

mkfifo "$work/dropping"
exec 7<>"$work/dropping"
psql -X -q -At "$MONIKER_PGURL" <"$work/dropping" >"$work/dropped" 7>&- &
echo "BEGIN; LOCK TABLE legal_hold IN SHARE MODE; SELECT 'locked';" >&7
within 30 "a part is being dropped" grep -q locked "$work/dropped"
jq -cn --arg name "$name-meanwhile" '{name: $name}' >"$work/body"
call POST /v1/audit/holds legal --max-time 100 -H 'Content-Type: application/json' --data-binary "@$work/body" >"$work/p"
refused "a hold meanwhile" 503 DATABASE_UNAVAILABLE "$work/p"
same "it can be asked for again soon" 1 "$(header retry-after)"
echo "COMMIT;" >&7
exec 7>&-
wait
place "$name-meanwhile" >"$work/p"
same "and afterwards" 201 "$(cat "$work/status")"
release "$name-meanwhile" >"$work/p"
same "released: status" 204 "$(cat "$work/status")"

# ---- two at once: one holds, and the other is told so

for n in 1 2; do
	jq -cn --arg name "$name-race" '{name: $name}' | curl -sS -o /dev/null -w '%{http_code}\n' --cacert "$MONIKER_CACERT" \
		--cert "$MONIKER_LEGAL_CERT" --key "$MONIKER_LEGAL_KEY" -H 'Content-Type: application/json' --data-binary @- \
		"$MONIKER_URL/v1/audit/holds" >"$work/race.$n" &
done
wait
same "two of one name at once" '201 409' "$(sort "$work/race.1" "$work/race.2" | paste -sd' ')"
same "one is in force" 1 "$(call GET /v1/audit/holds auditor | jq --arg name "$name-race" '[.items[] | select(.name == $name)] | length')"
release "$name-race" >"$work/p"

# ---- who may not, and what is no hold

for role in auditor officer admin station verifier; do
	jq -cn --arg name "$name" '{name: $name}' | send /v1/audit/holds "$role" >"$work/p"
	refused "$role holds nothing" 403 ROLE_DENIED "$work/p"
	call DELETE "/v1/audit/holds/$name" "$role" >"$work/p"
	refused "$role releases nothing" 403 ROLE_DENIED "$work/p"
done
for bad in '' . .. -x 'a b' 'a/b' 'a"b' 123456789012345678901234567890123; do
	place "$bad" >"$work/p"
	refused "no name: '$bad'" 400 BAD_SYNTAX "$work/p"
done
recorded BAD_SYNTAX log.hold
place "$name" '{log: "no-such-log"}' >"$work/p"
refused "no such log" 404 NOT_FOUND "$work/p"
place "$name" '{reason: "free text"}' >"$work/p"
refused "what is unknown" 400 BAD_SYNTAX "$work/p"
call DELETE "/v1/audit/holds/$(printf 'a%.0s' $(seq 200))" legal >"$work/p"
refused "a long name" 404 NOT_FOUND "$work/p"
same "nothing is left of it" 0 "$(call GET /v1/audit/holds auditor | jq --arg name "$name" '[.items[] | select(.name | startswith($name))] | length')"
