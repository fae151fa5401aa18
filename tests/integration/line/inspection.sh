#!/usr/bin/env bash
# What is changed behind the service's back, in the database by its superuser and in the published files
# by root, is found by the service itself and told by the log: each thing once, by the leaf that commits to
# it, until it is mended. With a service of its own; MONIKER_TEST_BIN names the programs.
. "$(dirname "$0")/own.sh"
pg=$(sed -n 's/^PGDIR=//p' "$MONIKER_TEST_PG")
sql() { psql -XqAt -v ON_ERROR_STOP=1 -h "$pg" -U postgres -d moniker -c "$1"; }
superuser() { sql "BEGIN; SET LOCAL session_replication_role = replica; $1; COMMIT"; } # no trigger sees it
stopped() { ! kill -0 "$(cat "$MONIKER_TEST_STATE/pid")" 2>/dev/null; }
restart() { # PER_S [SQL]: leaves a second; passes follow each other at once
	kill -TERM "$(cat "$MONIKER_TEST_STATE/pid")"
	within 60 "the service stops" stopped
	[ -z "${2-}" ] || sql "$2"
	sed -i '/^inspect_/d; s/^name = moniker.test$/&\ninspect_per_s = '"$1"'\ninspect_rest_s = 1/' "$MONIKER_CONFIG"
	"$support/service_start.sh" "$fixture"
}
metric() { curl -s --cacert "$MONIKER_CACERT" "$MONIKER_URL/metrics" | sed -n "s/^moniker_inspection_$1 //p"; }
metric_is() { [ "$(metric "$1")" = "$2" ]; }
detail() { curl -s --cacert "$MONIKER_CACERT" "$MONIKER_URL/readyz" | jq -r .components.inspection.detail; }
pass() { sql "SELECT coalesce(max(pass), 1) FROM inspection"; }
pass_is_past() { [ "$(pass)" -gt "$1" ]; }
whole_pass() { # one that begins after now: the one under way, and the next
	local now
	now=$(pass)
	within 120 "$1" pass_is_past $((now + 1))
}

call GET /audit/logs auditor >"$work/logs"
log_name=$(jq -r '.items[0].origin | split("/")[-1]' "$work/logs")
folder=$MONIKER_AUDIT_DIR/$log_name
published_past() { [ "$(sed -n 2p "$folder/checkpoint")" -gt "$1" ]; }

# ---- a log of three bundles; the devices are in the one that is not full

sql "INSERT INTO audit_outbox (tail) SELECT convert_to('\"v\":1,\"ev\":\"svc.heartbeat\",\"rc\":\"OK\",\"sev\":1,\"out\":\"success\",'
	|| '\"t\":\"2026-01-01T00:00:00Z\",\"n\":\"' || translate(encode(substring(sha256(n::text::bytea) FOR 16), 'base64'), '+/=', '-_')
	|| '\"}', 'UTF8') FROM generate_series(1, 600) AS n"
within 60 "600 leaves are published" published_past 600
open_lot inspection
for i in 1 2 3 4 5 6 7 8; do
	make_key "d$i"
	request "d$i" "$(random_mac)" | send /v1/enrollments station >"$work/d$i"
	same "d$i is enrolled" 201 "$(cat "$work/status")"
done
for i in 6 7 8; do
	jq -c '{select: {pseudonym}, action: "revoke", reason: "KEY_COMPROMISE"}' "$work/d$i" | send /v1/revocations officer >"$work/r$i"
	same "d$i is revoked" 201 "$(cat "$work/status")"
done
serial() { jq -r '.serial // .certificates[0].serial' "$work/d$1"; }
of() { echo "serial = '\x$(serial "$1")'"; }
leaf_of() { sql "SELECT seq FROM certificate_body WHERE $(of "$1")"; }
revoked_by() { # N: the leaf that says so
	sql "SELECT l.seq FROM audit_leaf AS l, certificate AS c WHERE c.$(of "$1")
		AND convert_from(l.body, 'UTF8') LIKE '%\"ev\":\"cert.revoke\"%\"sub\":\"h:' || c.handle || '\"%'"
}
place_of() { sql "SELECT seq FROM revocation WHERE $(of "$1")"; }

# ---- in steps, and from where it was when the service starts again

restart 1 "DELETE FROM inspection"
within 30 "the first bundle is looked at" metric_is next_leaf 256
within 30 "and no more for minutes" metric_is leaves_total 256
restart 1
within 30 "a restart goes on behind it" metric_is next_leaf 512
within 30 "and does not look at it again" metric_is leaves_total 256
same "no pass has ended" 0 "$(metric done_timestamp_seconds)"

# ---- nobody did anything

restart 100000
whole_pass "all of it is looked at"
same "there is nothing to be found" 0 "$(metric faults)"
same "nothing is told" null "$(detail)"
faults() {
	call GET '/v1/audit/events?ev=data.fault&limit=1000' auditor >"$work/faults"
	jq -r 'select(.ev == "data.fault") | "\(.sub) \(.d.table // .d.file) \(.d.level // "-") \(.d.leaf // .d.place) \(.rc)"' "$work/faults" | sort
}
same "and no leaf says so" "" "$(faults)"

# ---- planted: everything at once

edited=100 deleted=101 # heartbeats of the first bundle
sql "CREATE SCHEMA saved;
	CREATE TABLE saved.audit_leaf AS SELECT * FROM audit_leaf WHERE seq IN ($edited, $deleted);
	CREATE TABLE saved.certificate_body AS SELECT * FROM certificate_body;
	CREATE TABLE saved.certificate AS SELECT * FROM certificate;
	CREATE TABLE saved.device AS SELECT * FROM device;
	CREATE TABLE saved.revocation AS SELECT * FROM revocation;
	CREATE TABLE saved.status_change AS SELECT * FROM status_change"
cp "$folder/tile/entries/001" "$work/entries"
cp "$folder/tile/0/001" "$work/tile"
{
	echo "row audit_leaf - $edited BAD_PROOF"
	echo "row audit_leaf - $deleted RECORD_UNAVAILABLE"
	echo "row certificate_body - $(leaf_of 1) BAD_PROOF"
	echo "row certificate_body - $(leaf_of 2) RECORD_UNAVAILABLE"
	echo "row certificate - $(leaf_of 3) BAD_PROOF"
	echo "row certificate - $(leaf_of 4) RECORD_UNAVAILABLE"
	echo "row device - $(leaf_of 5) BAD_PROOF"
	echo "row revocation - $(revoked_by 6) RECORD_UNAVAILABLE"
	echo "row revocation - $(revoked_by 7) BAD_PROOF"
	echo "row revocation - $(place_of 7) BAD_PROOF"
	echo "row revocation - $(place_of 8) BAD_PROOF"
	echo "row status_change - $(place_of 8) BAD_PROOF"
	echo "tile entries - $((256 + 7)) BAD_PROOF"
	echo "tile tile 0 $((256 + 5)) BAD_PROOF"
} | sort >"$work/planted"
# Of the certificate of d1 its last octet, of d3's row the handle, and so on: with no trace but the values.
superuser "UPDATE audit_leaf SET body = convert_to(replace(convert_from(body, 'UTF8'), 'svc.heartbeat', 'svc.Heartbeat'), 'UTF8') WHERE seq = $edited;
	DELETE FROM audit_leaf WHERE seq = $deleted;
	UPDATE certificate_body SET tbs = set_byte(tbs, octet_length(tbs) - 1, get_byte(tbs, octet_length(tbs) - 1) # 1) WHERE $(of 1);
	DELETE FROM certificate_body WHERE $(of 2);
	UPDATE certificate SET handle = 'aaaaaaaaaaaaaaaa' WHERE $(of 3);
	UPDATE device SET batch = (SELECT id FROM batch WHERE name = 'demo-lot') WHERE id = (SELECT device FROM certificate WHERE $(of 5));
	DELETE FROM certificate WHERE $(of 4);
	DELETE FROM revocation WHERE $(of 6);
	UPDATE revocation SET reason = 5 WHERE $(of 7);
	UPDATE status_change SET at_s = at_s - 86400 WHERE seq = $(place_of 8)"
flip "$folder/tile/0/001" $((5 * 32 + 3))
LC_ALL=C sed -i "s/\"seq\":$((256 + 7)),\"st\":\"2/\"seq\":$((256 + 7)),\"st\":\"3/" "$folder/tile/entries/001"
all_told() { [ "$(faults | wc -l)" -ge "$(wc -l <"$work/planted")" ]; }
within 120 "the log tells of them" all_told
same "of each, and of nothing else" "$(cat "$work/planted")" "$(faults)"
same "by the service, as severe" "system:node1 5 failure" "$(jq -r 'select(.ev == "data.fault") | "\(.act) \(.sev) \(.out)"' "$work/faults" | sort -u)"
within 60 "the metric counts them" metric_is faults "$(wc -l <"$work/planted")"
detail_is() { [ "$(detail)" = "$1" ]; }
within 60 "so does readiness, which is not withheld" detail_is "$(wc -l <"$work/planted") stored things are not what the log commits to: see data.fault"
whole_pass "another pass finds them again"
same "and tells nothing twice" "$(cat "$work/planted")" "$(faults)"
restart 100000
whole_pass "and so does one of the next process"
same "nor does that" "$(cat "$work/planted")" "$(faults)"

# ---- mended

superuser "DELETE FROM audit_leaf WHERE seq = $edited; INSERT INTO audit_leaf SELECT * FROM saved.audit_leaf;
	DELETE FROM certificate_body WHERE $(of 1); INSERT INTO certificate_body SELECT * FROM saved.certificate_body WHERE $(of 1) OR $(of 2);
	DELETE FROM certificate WHERE $(of 3); INSERT INTO certificate SELECT * FROM saved.certificate WHERE $(of 3) OR $(of 4);
	UPDATE device AS d SET batch = s.batch FROM saved.device AS s WHERE s.id = d.id;
	DELETE FROM revocation WHERE $(of 7); INSERT INTO revocation SELECT * FROM saved.revocation WHERE $(of 6) OR $(of 7);
	UPDATE status_change AS c SET at_s = s.at_s FROM saved.status_change AS s WHERE s.seq = c.seq"
put_back() { cp "$1" "$2.new" && mv "$2.new" "$2"; } # never half of it
put_back "$work/entries" "$folder/tile/entries/001"
put_back "$work/tile" "$folder/tile/0/001"
within 120 "nothing stands any more" metric_is faults 0
within 60 "and readiness has nothing to say" detail_is null
whole_pass "one more pass"
same "the log still tells what was" "$(cat "$work/planted")" "$(faults)"

# ---- only the log says that something was dropped in order (inspection_test.c), not a table that can be written

superuser "INSERT INTO audit_pruned SELECT id, 'audit_leaf', 0 FROM audit_log; DELETE FROM audit_leaf WHERE seq = $deleted"
within 120 "no leaf says that it was dropped" metric_is faults 1
same "it is told again, by its number" 2 "$(faults | grep -cx "row audit_leaf - $deleted RECORD_UNAVAILABLE")"
whole_pass "another pass misses it, too"
same "and tells nothing twice" "1 2" "$(metric faults) $(faults | grep -cx "row audit_leaf - $deleted RECORD_UNAVAILABLE")"
superuser "DELETE FROM audit_pruned"
whole_pass "a pass without that row"
same "it is the same thing" "1 2" "$(metric faults) $(faults | grep -cx "row audit_leaf - $deleted RECORD_UNAVAILABLE")"
superuser "INSERT INTO audit_leaf SELECT * FROM saved.audit_leaf WHERE seq = $deleted"
within 120 "it is back" metric_is faults 0
