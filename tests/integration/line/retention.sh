#!/usr/bin/env bash
# What is old goes from the database, by a whole part of the log, unless it is held; and every proof of
# it stays. With a service of its own and a log of a million leaves; MONIKER_TEST_BIN names the programs.
export MONIKER_TEST_LOG_LEVEL=info
. "$(dirname "$0")/own.sh"
moniker=$MONIKER_BIN/moniker
pg=$(sed -n 's/^PGDIR=//p' "$MONIKER_TEST_PG")
sql() { psql -XqAt -v ON_ERROR_STOP=1 -h "$pg" -U postgres -d moniker -c "$1"; }
gone() { ! kill -0 "$1"; }
log() { "$moniker" log "$@" --database-url "$MONIKER_PGURL"; }
part=1048576

call GET /audit/logs auditor >"$work/logs"
origin=$(jq -r '.items[0].origin' "$work/logs") log_name=${origin##*/} vkey=$(jq -r '.items[0].vkey' "$work/logs")
folder=$MONIKER_AUDIT_DIR/$log_name
open_lot retention
make_key early
request early "$(random_mac)" | send '/v1/enrollments?proof=1' station >"$work/early"
jq -j .proof "$work/early" >"$work/early.tlog-proof"
early=$(sed -n 's/^index //p' "$work/early.tlog-proof")

# ---- a million leaves, as if they had been committed and the service killed: it catches up

pid=$(cat "$MONIKER_TEST_STATE/pid")
kill -TERM "$pid"
within 60 "the service stops" gone "$pid"
sql "INSERT INTO audit_leaf SELECT id, n, convert_to('{\"seq\":' || n || ',\"st\":\"' || st || '\",\"v\":1,\"ev\":\"svc.heartbeat\"'
	|| ',\"rc\":\"OK\",\"sev\":1,\"out\":\"success\",\"t\":\"' || st || '\",\"n\":\"'
	|| translate(encode(substring(sha256(n::text::bytea) FOR 16), 'base64'), '+/=', '-_') || '\"}', 'UTF8')
	FROM (SELECT id, size, to_char(to_timestamp(last_st_at_s) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS st FROM audit_log) AS l,
	generate_series(size, $part + 5) AS n;
	UPDATE audit_log SET size = $part + 6"
(cd / && exec setsid "$MONIKER_BIN/monikerd" --config "$MONIKER_CONFIG") >>"$MONIKER_TEST_STATE/monikerd.log" 2>&1 </dev/null &
echo $! >"$MONIKER_TEST_STATE/pid"
published() { [ "$(sed -n 2p "$folder/checkpoint")" -gt $((part + 5)) ]; }
within 400 "a million leaves are published" published
ready() { [ "$(curl -s -o /dev/null -w '%{http_code}' --cacert "$MONIKER_CACERT" "$MONIKER_URL/readyz")" = 200 ]; }
within 60 "the service is ready" ready

# ---- what stops it

prune() { log prune "$origin" --config "$MONIKER_CONFIG" "$@"; }
in_database() { sql "SELECT count(*) FROM audit_leaf WHERE seq < $part"; }
same "nothing is older than a day" "Nothing of $origin is old enough." "$(prune --keep-days 1)"
refuses "days that are none" 'number' prune --keep-days soon
refuses "without days" 'usage' prune
refuses "another log" 'no log' log prune moniker.test/nobody-2026 --config "$MONIKER_CONFIG" --keep-days 0
log hold case-1 "$origin" >/dev/null
jq -cn '{name: "case-2"}' | send /v1/audit/holds legal >/dev/null # by the API, while it is due
same "held by the API: status" 201 "$(cat "$work/status")"
refuses "a log that is held" 'held: case-1' prune --keep-days 0
same "both are listed" "case-1 case-2" "$(log holds | cut -d' ' -f1 | paste -sd' ')"
same "as JSON" "$origin null" "$(log holds --json | jq -r .log | paste -sd' ')"
log release case-1 >/dev/null
refuses "held by the other" 'held: case-2' prune --keep-days 0
call DELETE /v1/audit/holds/case-2 legal >/dev/null
same "released by the API: status" 204 "$(cat "$work/status")"
refuses "released twice" 'no hold' log release case-2
cp "$folder/tile/entries/x001/234" "$work/234"
sed -i '0,/svc.heartbeat/s//svc.Heartbeat/' "$folder/tile/entries/x001/234"
refuses "a published log that does not verify" "leaf $((1234 * 256)): its octets" prune --keep-days 0
cp "$work/234" "$folder/tile/entries/x001/234"
same "nothing is gone" $part "$(in_database)"

# ---- it goes

same "a whole part goes" "0 $((part - 1))" "$(prune --keep-days 0 --json | jq -r '"\(.first) \(.last)"')"
same "from the database" 0 "$(in_database)"
same "and no more" $part "$(sql "SELECT min(seq) FROM audit_leaf")"
same "twice is once" "Nothing of $origin is old enough." "$(prune --keep-days 0)"
same "blobs, too" 0 "$(prune --keep-days 0 --blobs --json | jq -r .first)"
noted() { call GET "/v1/audit/events?ev=log.*&limit=100" auditor >"$work/noted" && [ "$(jq -r 'select(.ev == "log.prune").ev' "$work/noted" | wc -l)" = 2 ]; }
within 30 "leaves say so" noted
same "which ones" "0 $((part - 1)) $part" "$(jq -r 'select(.ev == "log.prune" and .d.first != null) | "\(.d.first) \(.d.last) \(.cnt)"' "$work/noted")"
same "and who held it" "log.hold hold:case-1/$log_name,log.hold hold:case-2,log.release hold:case-1/$log_name,log.release hold:case-2" \
	"$(jq -r 'select(.ev == "log.hold" or .ev == "log.release") | "\(.ev) \(.sub)"' "$work/noted" | sort | paste -sd,)"
pruned_at=$(jq -r 'select(.ev == "log.prune" and .d.first != null).seq' "$work/noted")

# ---- what can still be proven

verify() { "$moniker" audit verify "$@" --vkey "$vkey"; }
exits() { # WHAT STATUS PATTERN COMMAND...
	local what=$1 want=$2 pattern=$3 status=0
	shift 3
	"$@" >"$work/said" 2>&1 || status=$?
	[ "$status" = "$want" ] || { cat "$work/said" >&2; die "$what: exit status $status, not $want"; }
	shows "$what" "$pattern" "$work/said"
}
exits "a receipt of a leaf that is gone" 0 '"ev":"enroll.ok"' verify "$work/early.tlog-proof"
"$moniker" audit proof "$early" --out "$work/again.tlog-proof"
exits "a new proof of it, from the tiles" 0 '"ev":"enroll.ok"' verify "$work/again.tlog-proof"
call GET "/v1/audit/events?limit=1" auditor >"$work/first"
same "the service gives what it has" $part "$(jq .seq "$work/first")"
make_key late
request late "$(random_mac)" | send '/v1/enrollments?proof=1' station >"$work/late"
same "and goes on" 201 "$(cat "$work/status")"
published_past() { [ "$(sed -n 2p "$folder/checkpoint")" -gt "$pruned_at" ]; }
within 30 "the leaf is published" published_past
# What is exported is read from the published log, of which nothing went.
"$moniker" audit export --log "$log_name" --vkey "$vkey" --out "$work/pruned.tar" --after 999 --limit 300 >/dev/null
exits "an export of leaves that are gone" 0 '^complete: leaves 1000 to 1299, and none' verify "$work/pruned.tar"
copy=$work/copy
copy_log "$folder" "$copy"
exits "the published log is whole" 0 "^good: $origin, " verify "$copy"
sql "SELECT convert_from(body, 'UTF8') FROM audit_leaf ORDER BY seq" >"$work/rows"
exits "the rows that are left are its own" 0 '^good' verify "$copy" --leaves "$work/rows"
# Somebody who does not keep what was pruned, either.
rm -r "$copy/tile/entries/x001" "$copy/tile/entries/x002" "$copy/tile/entries/x003" "$copy"/tile/entries/[0-9][0-9][0-9]
exits "a copy without the leaves that were pruned" 0 "^notice: leaf 0: leaves 0 to 1023999 were pruned" verify "$copy"
exits "the second verifier says by which leaf" 0 "^pruned: leaves 0 to 1023999, by leaf $pruned_at;" \
	python3 "$(dirname "$0")/../../../docs/verify/verify.py" "$vkey" "$copy"
rm -r "$copy/tile/0/x002"
exits "not without their hashes" 2 '^incomplete: leaf 512000: tile/0/x002/000' verify "$copy"
