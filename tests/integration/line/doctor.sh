#!/usr/bin/env bash
# The doctor finds each fault that is planted, names its check, and nothing else.
. "$(dirname "$0")/lib.sh"
state=$MONIKER_TEST_STATE
folder_of() { sed -n 's/^PGDIR=//p' "$1"; }
super() { psql -qAtX -h "$(folder_of "$MONIKER_TEST_PG")" -U postgres -d moniker -c "$1"; }
shred() { psql -qAtX -h "$(folder_of "$MONIKER_TEST_SHRED")" -U postgres -d moniker -c "$1"; }
pg_ctl=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)/pg_ctl
as_postgres() { if [ "$(id -u)" = 0 ]; then (cd / && setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"); else "$@"; fi; }
examine() { # [CONFIG]: the report goes to $work/report, the exit status to $work/exit
	local status=0
	"$MONIKER_BIN/moniker" doctor --config "${1:-$MONIKER_CONFIG}" --json >"$work/report" 2>"$work/err" || status=$?
	echo $status >"$work/exit"
}
verdicts() { jq -r '.checks[] | "\(.verdict) \(.check)"' "$work/report" | sort -u; }
worse() { verdicts | { grep -v '^ok ' || true; } | paste -sd,; }

# What a machine of its own may have: no daemon that keeps the clock, a cluster without checksums, another
# test's leavings. What is planted below is found beside that.
examine
same "no fault" "0" "$(jq .faults "$work/report")"
usual=$(worse)
case ,$usual, in *fault*) die "a fault: $usual" ;; esac
[ "$(cat "$work/exit")" = "$([ -z "$usual" ] && echo 0 || echo 3)" ] || die "exit status $(cat "$work/exit") with warnings '$usual'"
ok "its exit status tells warnings from faults"
for check in config keeper-dir keeper-ring keeper-policy passphrase state-dir audit-dir core-dumps disk clock database database-durability database-role database-log seats shred shred-apart erasure erasures-waiting; do
	verdicts | grep -qx "ok $check" || die "$check is not ok: $(jq -c ".checks[] | select(.check == \"$check\")" "$work/report")"
done
ok "all checks are made"
same "supervisor, service and keeper were looked at" "3 processes, none dumps core" "$(jq -r '.checks[] | select(.check == "core-dumps").detail' "$work/report")"
same "what is erased is gone at once" 0 "$(jq .erased_after_s "$work/report")"
"$MONIKER_BIN/moniker" doctor --config "$MONIKER_CONFIG" >"$work/text" || true
grep -qE '^ok +keeper-ring ' "$work/text" && grep -q '^0 faults, ' "$work/text" || die "the text: $(cat "$work/text")"
ok "as text"
status=0
"$MONIKER_BIN/moniker" doctor 2>/dev/null || status=$?
same "without a configuration: usage" 2 $status
status=0
"$MONIKER_BIN/moniker" doctor --config "$work/none" 2>/dev/null || status=$?
same "a configuration that is not there" 1 $status

# planted WHAT VERDICT CHECK WORDS PLANT UNDO [CONFIG]: found by this check, and by no other; then undone.
planted() {
	local before=$usual
	eval "$5"
	examine "${7:-}"
	eval "$6"
	jq -e --arg c "$3" --arg v "$2" --arg w "$4" '.checks[] | select(.check == $c and .verdict == $v and (.detail | contains($w)))' "$work/report" >/dev/null ||
		die "$1 is not found: $(jq -c --arg c "$3" '[.checks[] | select(.check == $c)]' "$work/report") $(cat "$work/err")"
	same "found: $1" "$(printf '%s\n' "${before//,/$'\n'}" "$2 $3" | sort -u | sed '/^$/d' | paste -sd,)" "$(worse)"
	same "$1: exit status" "$([ "$2" = fault ] && echo 1 || echo 3)" "$(cat "$work/exit")"
}
without() { tr , '\n' | { grep -v " $1\$" || true; } | paste -sd,; } # CHECK: of what is worse than ok, the rest
mode_of() { stat -c %a "$1"; }

# ---- files
for row in "keeper-dir:$state/keeper:750" "keeper-ring:$state/keeper/keeper.ring:640" "keeper-policy:$state/keeper/policy.json:666" \
	"passphrase:$state/keeper.passphrase:444" "config:$MONIKER_CONFIG:666" "state-dir:$state/service:777" "audit-dir:$state/audit:777"; do
	IFS=: read -r check file mode <<<"$row"
	was=$(mode_of "$file")
	planted "mode $mode of $check" fault "$check" "mode 0$mode" "chmod $mode $file" "chmod $was $file"
done
mv "$state/keeper/policy.json" "$state/keeper/policy.away"
planted "no policy" fault keeper-policy "No such file" : 'mv "$state/keeper/policy.away" "$state/keeper/policy.json"'
if [ "$(id -u)" = 0 ]; then
	owner=$(stat -c %u "$state/keeper/keeper.ring")
	planted "a ring of somebody else's" fault keeper-ring "belongs to user 12345" 'chown 12345 "$state/keeper/keeper.ring"' 'chown $owner "$state/keeper/keeper.ring"'
fi

# ---- processes, disks
# Another keeper of this folder, as far as its name says: the real ones lower their own limit for good.
(ulimit -c "$(ulimit -Hc)" && exec -a moniker-keeper tail -f /dev/null "$state/keeper" >"$work/tail" 2>&1) &
dumper=$!
runs() { tr '\0' ' ' <"/proc/$dumper/cmdline" | grep -q '^moniker-keeper'; }
within 30 "a process that may dump core runs" runs
planted "a process that may dump core" fault core-dumps "process $dumper may dump core" : 'kill "$dumper"; wait "$dumper" || true'
sed '/^\[service\]/a disk_min_mib = 1048576' "$MONIKER_CONFIG" >"$state/full.conf"
[ "$(df -Pm "$state" | awk 'NR == 2 { print $4 }')" -ge 1048576 ] ||
	{ examine "$state/full.conf" && verdicts | grep -qx 'fault disk' || die "a full disk is not found"; }
rm "$state/full.conf"
ok "found: too little room"
# What the kernel says of its clock is told otherwise, both ways: a machine may keep it or not.
for row in "lost:warning:does not say" "kept:ok:synchronized"; do
	IFS=: read -r said verdict words <<<"$row"
	LD_PRELOAD=$MONIKER_TEST_KERNEL_CLOCK KERNEL_CLOCK=$said examine
	jq -e --arg v "$verdict" --arg w "$words" '.checks[] | select(.check == "clock-source" and .verdict == $v and (.detail | contains($w)))' "$work/report" >/dev/null ||
		die "a clock that is $said: $(jq -c '.checks[] | select(.check == "clock-source")' "$work/report")"
	same "a clock that is $said, and nothing else" "$(printf '%s' "$usual" | without clock-source)" "$(worse | without clock-source)"
done

# ---- the database
planted "a service that owns the schema" fault database-role "may change the schema" 'super "GRANT CREATE ON SCHEMA public TO moniker_service"' 'super "REVOKE CREATE ON SCHEMA public FROM moniker_service"'
planted "a superuser" fault database-role "may change the schema" 'super "ALTER ROLE moniker_service SUPERUSER"' 'super "ALTER ROLE moniker_service NOSUPERUSER"'
planted "logged parameters" fault database-log "logs parameters" 'super "ALTER ROLE moniker_service SET log_parameter_max_length = 64"' 'super "ALTER ROLE moniker_service SET log_parameter_max_length = 0"'
planted "commits that may be lost" fault database-durability synchronous_commit 'super "ALTER ROLE moniker_service SET synchronous_commit = off"' 'super "ALTER ROLE moniker_service RESET synchronous_commit"'
hash=$(super "SELECT sha256 FROM schema_migration WHERE number = 1")
super "UPDATE schema_migration SET sha256 = repeat('0', 64) WHERE number = 1"
examine
super "UPDATE schema_migration SET sha256 = '$hash' WHERE number = 1"
verdicts | grep -qx 'fault database' || die "another schema is not found"
ok "found: another schema"
serial=$(super "SELECT encode(serial, 'hex') FROM operator_certificate ORDER BY created_at_s LIMIT 1")
end=$(super "SELECT not_after_at_s FROM operator_certificate WHERE serial = '\\x$serial'")
planted "a person's certificate that ends next week" warning expiry operators "super \"UPDATE operator_certificate SET not_after_at_s = extract(epoch FROM now())::int8 + 604800 WHERE serial = '\\\\x$serial'\"" \
	"super \"UPDATE operator_certificate SET not_after_at_s = $end WHERE serial = '\\\\x$serial'\""

# What the server tells of itself, told otherwise to this role: a schema that is looked into first.
instead() { # WHAT: a function or view
	super "CREATE SCHEMA instead; GRANT USAGE ON SCHEMA instead TO moniker_service; CREATE $1; GRANT SELECT ON ALL TABLES IN SCHEMA instead TO moniker_service"
	super "ALTER ROLE moniker_service SET search_path = instead, pg_catalog, public"
}
as_before() { super "ALTER ROLE moniker_service RESET search_path; SET client_min_messages = warning; DROP SCHEMA instead CASCADE"; }
planted "a clock that differs by a minute" fault clock "differ by" 'instead "FUNCTION instead.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS \$\$SELECT pg_catalog.clock_timestamp() - interval '"'1 minute'"'\$\$"' as_before
planted "an archive that fails" fault database-archive "failed" 'instead "VIEW instead.pg_stat_archiver AS SELECT now() AS last_failed_time, NULL::timestamptz AS last_archived_time"' as_before
planted "no connection left" warning database-connections "hardly any" \
	'instead "VIEW instead.pg_stat_activity AS SELECT '"'client backend'"'::text AS backend_type FROM generate_series(1, 200)"' as_before
for row in "off:warning:not noticed" "on:ok:is on"; do # both ways, whatever this cluster has
	IFS=: read -r said verdict words <<<"$row"
	instead "FUNCTION instead.current_setting(text) RETURNS text LANGUAGE sql AS \$\$SELECT CASE \$1 WHEN 'data_checksums' THEN '$said' ELSE pg_catalog.current_setting(\$1) END\$\$"
	examine
	as_before
	jq -e --arg v "$verdict" --arg w "$words" '.checks[] | select(.check == "database-checksums" and .verdict == $v and (.detail | contains($w)))' "$work/report" >/dev/null ||
		die "checksums that are $said: $(jq -c '.checks[] | select(.check == "database-checksums")' "$work/report")"
	same "checksums that are $said, and nothing else" "$(printf '%s' "$usual" | without database-checksums)" "$(worse | without database-checksums)"
done
root=$(super "SELECT encode(c.issuer, 'hex') FROM crl AS c JOIN ca_issuer AS i ON i.id = c.issuer WHERE i.parent IS NULL AND c.shard = 0 ORDER BY 1 LIMIT 1")
next=$(super "SELECT next_update_at_s FROM crl WHERE issuer = '\\x$root' AND shard = 0")
until_then() { super "UPDATE crl SET next_update_at_s = $1 WHERE issuer = '\\x$root' AND shard = 0"; }
planted "a root's CRL that ends next week" warning expiry root-crl 'until_then "extract(epoch FROM now())::int8 + 604800"' 'until_then $next'
planted "a root's CRL that has ended" fault expiry root-crl 'until_then "extract(epoch FROM now())::int8 - 60"' 'until_then $next'

# ---- shred keys, and what keeps them
alter() { shred "ALTER SYSTEM $1" && shred "SELECT pg_reload_conf()" >/dev/null; }
setting() { [ "$(shred "SHOW $1")" = "$2" ]; }
alter "SET wal_recycle = on"
within 30 "wal_recycle is on" setting wal_recycle on
planted "recycled write-ahead log" warning erasure wal_recycle : 'alter "RESET wal_recycle"'
within 30 "wal_recycle is off" setting wal_recycle off
alter "SET wal_keep_size = 64"
within 30 "wal_keep_size is set" setting wal_keep_size 64MB
planted "kept write-ahead log" warning erasure wal_keep_size : 'alter "RESET wal_keep_size"'
within 30 "wal_keep_size is not" setting wal_keep_size 0
planted "statistics of keys" warning erasure pg_statistic 'shred "ALTER TABLE shred_key ALTER COLUMN key SET STATISTICS 10"' 'shred "ALTER TABLE shred_key ALTER COLUMN key SET STATISTICS 0"'
planted "an owner who may not flush" warning erasure "may not drop" 'shred "REVOKE pg_checkpoint FROM moniker_owner"' 'shred "GRANT pg_checkpoint TO moniker_owner"'
same "then there is no bound" null "$(jq .erased_after_s "$work/report")"
planted "a key left in the main database" warning erasure "moniker migrate" "super \"INSERT INTO shred_key SELECT decode(repeat('f', 32), 'hex'), decode(repeat('f', 64), 'hex'), 1\"" 'super "DELETE FROM shred_key"'
sed '/^backup_days/d' "$MONIKER_CONFIG" >"$state/unsaid.conf"
planted "backups that nobody tells of" warning erasure backup_days : 'rm "$state/unsaid.conf"' "$state/unsaid.conf"
sed 's/^backup_days.*/backup_days = 7/' "$MONIKER_CONFIG" >"$state/week.conf"
examine "$state/week.conf"
rm "$state/week.conf"
same "backups of a week are the bound" 604800 "$(jq .erased_after_s "$work/report")"
planted "a cluster of another schema" fault shred "not the one" "shred \"UPDATE shred_migration SET name = '0001_another'\"" "shred \"UPDATE shred_migration SET name = '0001_shred'\""
log=$(super "SELECT min(id) FROM audit_log")
planted "an erasure that hangs" fault erasures-waiting "1 are recorded" \
	"super \"INSERT INTO erasure (id, person, asked, body, nonce, log, seq, at_s) SELECT repeat('a', 16), min(id), decode(repeat('0', 64), 'hex'), 'x', decode(repeat('0', 64), 'hex'), $log, 0, extract(epoch FROM now())::int8 - 3600 FROM person\"" \
	"super \"DELETE FROM erasure WHERE id = repeat('a', 16)\""
as_postgres "$pg_ctl" -D "$(folder_of "$MONIKER_TEST_SHRED")/data" -m fast -w -s stop
examine
as_postgres "$pg_ctl" -D "$(folder_of "$MONIKER_TEST_SHRED")/data" -l "$(folder_of "$MONIKER_TEST_SHRED")/server.log" -w -s start
verdicts | grep -qx 'fault shred' || die "a cluster that is away is not found"
same "then nobody knows" null "$(jq .erased_after_s "$work/report")"

# In the main cluster: said, with what it costs.
sed '/^shred_url/d' "$MONIKER_CONFIG" >"$state/together.conf"
examine "$state/together.conf"
rm "$state/together.conf"
verdicts | grep -qx 'warning shred-apart' || die "keys in the main cluster are not told of"
ok "found: keys in the main cluster"

examine
same "all is as it was" "$usual" "$(worse)"
