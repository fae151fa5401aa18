#!/usr/bin/env bash
# The tamper matrix: everything that must be caught, done to a real log by the database's superuser, by
# root on its files, by whoever holds the log's key, and found by who has no part in it. Each finding
# names the leaf. With a service of its own; MONIKER_TEST_BIN names the programs.
. "$(dirname "$0")/own.sh"
before_end() { [ -z "${witness_pid:-}" ] || kill "$witness_pid" 2>/dev/null || true; }
moniker=$MONIKER_BIN/moniker
PATH=$PATH:$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
pg=$(sed -n 's/^PGDIR=//p' "$MONIKER_TEST_PG")
sql() { psql -XqAt -v ON_ERROR_STOP=1 -h "$pg" -U postgres -d moniker -c "$1"; } # as superuser
board() { "$MONIKER_TEST_BOARD" "$fixture/board" "$@"; }
board init
supervisor() { cat "$MONIKER_TEST_STATE/pid"; }
gone() { ! kill -0 "$1"; }
stop_service() {
	local pid
	pid=$(supervisor)
	kill -TERM "$pid"
	within 60 "the service stops" gone "$pid"
}
launch() { # struck: with a clock of its own, and points to be held at
	(cd / && LD_PRELOAD=$MONIKER_TEST_STRIKE STRIKE_BOARD=$fixture/board exec setsid "$MONIKER_BIN/monikerd" \
		--config "$MONIKER_CONFIG") >>"$MONIKER_TEST_STATE/monikerd.log" 2>&1 </dev/null &
	echo $! >"$MONIKER_TEST_STATE/pid"
}
ready() { [ "$(LD_PRELOAD=$MONIKER_TEST_STRIKE STRIKE_BOARD=$fixture/board curl -s -o /dev/null -w '%{http_code}' --cacert "$MONIKER_CACERT" "$MONIKER_URL/readyz")" = 200 ]; }
start_service() {
	launch
	within 60 "the service is ready" ready
}
logged() { grep -q "$1" <(tail -c "+$((logged_from + 1))" "$MONIKER_TEST_STATE/monikerd.log"); }
mark_log() { logged_from=$(stat -c %s "$MONIKER_TEST_STATE/monikerd.log"); }

# ---- what the auditor does: no part of the service, but for what is copied

call GET /audit/logs auditor >"$work/logs"
origin=$(jq -r '.items[0].origin' "$work/logs") log_name=${origin##*/} vkey=$(jq -r '.items[0].vkey' "$work/logs")
folder=$MONIKER_AUDIT_DIR/$log_name
copy() { copy_log "$folder" "$1"; } # DIR: the published log
leaves_of_database() { sql "SELECT convert_from(body, 'UTF8') FROM audit_leaf ORDER BY seq"; }
# exits WHAT STATUS PATTERN COMMAND...
exits() {
	local what=$1 want=$2 pattern=$3 status=0
	shift 3
	"$@" >"$work/said" 2>&1 || status=$?
	[ "$status" = "$want" ] || { cat "$work/said" >&2; die "$what: exit status $status, not $want"; }
	shows "$what" "$pattern" "$work/said"
}
verify() { "$moniker" audit verify "$@" --vkey "$vkey"; }
size_of() { sed -n 2p "$1/checkpoint"; }
enroll_one() { # NAME
	make_key "$1"
	request "$1" "$(random_mac)" | send '/v1/enrollments?proof=1' station >"$work/$1"
	same "$1 is enrolled" 201 "$(cat "$work/status")"
	jq -j .proof "$work/$1" >"$work/$1.tlog-proof"
}
seq_of() { sed -n 's/^index //p' "$work/$1.tlog-proof"; }
edit() { sed "$(($1 + 1))s/\"sub\":\"b:./\"sub\":\"b:_/" "$2"; } # SEQ FILE: the leaf names another batch
resign() { rm -rf "$2"; mkdir "$2"; "$MONIKER_TEST_RESIGN" "$MONIKER_TEST_STATE/keeper/keeper.ring" "$MONIKER_TEST_STATE/keeper.passphrase" "$origin" "$1" "$2"; }

stop_service
start_service
open_lot tamper
for i in 1 2 3; do enroll_one "d$i"; done
victim=$(seq_of d2)
cp "$folder/checkpoint" "$work/kept-before" # by somebody, at that time
copy "$work/kept"
kept=$(size_of "$work/kept")
pg_dump -Fc -h "$pg" -U postgres moniker >"$work/backup"
for i in 4 5 6; do enroll_one "d$i"; done
late=$(seq_of d5)
copy "$work/true"
size=$(size_of "$work/true")
leaves_of_database | sed -n "1,${size}p" >"$work/leaves"
head -n "$kept" "$work/leaves" >"$work/leaves-kept"

# ---- nobody did anything

exits "the log as it is" 0 "^good: $origin, $size leaves" verify "$work/true" --since "$work/kept-before" --leaves "$work/leaves"
call GET "/v1/audit/events?size=$size&limit=10000" auditor >"$work/served"
exits "what the service gives is the log" 0 '^good' verify "$work/true" --leaves "$work/served"

# ---- rows, by the superuser: triggers do not see it

superuser() { sql "BEGIN; SET LOCAL session_replication_role = replica; $1; COMMIT"; }
refuses "the service's role may not edit" 'permission denied' psql -XqAt -h "$pg" -U moniker_service -d moniker -c "UPDATE audit_leaf SET body = body"
refuses "nor the owner: by accident" 'append-only' psql -XqAt -h "$pg" -U moniker_owner -d moniker -c "DELETE FROM audit_leaf WHERE seq = $victim"
dump() { leaves_of_database | sed -n "1,${size}p" >"$work/dump"; }
row() { sql "SELECT encode(body, 'hex') FROM audit_leaf WHERE seq = $1"; }
original=$(row "$victim")
superuser "UPDATE audit_leaf SET body = convert_to(replace(convert_from(body, 'UTF8'), '\"sub\":\"b:', '\"sub\":\"b:_'), 'UTF8') WHERE seq = $victim"
dump
exits "a row edited" 1 "^tampered: leaf $victim: " verify "$work/true" --leaves "$work/dump"
call GET "/v1/audit/events?size=$size&limit=10000" auditor >"$work/served"
exits "the same, by who only reads the service" 1 "^tampered: leaf $victim: " verify "$work/true" --leaves "$work/served"
exits "and its receipt still proves what it was" 0 "^leaf $victim: .*enroll.ok" verify "$work/d2.tlog-proof"
superuser "DELETE FROM audit_leaf WHERE seq = $victim"
dump
exits "a row deleted in the middle" 1 "^tampered: leaf $victim: it is missing" verify "$work/true" --leaves "$work/dump"
superuser "INSERT INTO audit_leaf (log, seq, body) SELECT id, $victim, '\x$original' FROM audit_log"
dump
exits "as it was" 0 '^good' verify "$work/true" --leaves "$work/dump"

# ---- row and tile: all that is not signed

edit "$victim" "$work/leaves" >"$work/edited"
resign "$work/edited" "$work/forged"
cp "$work/true/checkpoint" "$work/forged/" # no key: the checkpoint that there is
exits "row and tiles edited" 1 '^tampered: leaf 0: the first .* do not lead to the root of the checkpoint' verify "$work/forged"
exits "the same, by who kept leaves" 1 "^tampered: leaf $victim: the one that is held" verify "$work/forged" --leaves "$work/leaves-kept"
edit "$late" "$work/leaves" >"$work/edited-late"
resign "$work/edited-late" "$work/forged"
cp "$work/true/checkpoint" "$work/forged/"
exits "edited after a checkpoint that was kept: from there on" 1 "^tampered: leaf $kept: .*those before this one do" verify "$work/forged" --since "$work/kept-before"
exits "only the tile" 1 "^tampered: leaf $victim: its octets" bash -c "rm -rf '$work/one'; cp -r '$work/true' '$work/one'; sed -i '0,/\"seq\":$victim,/s//\"seq\":$victim;/' '$work/one'/tile/entries/*.p/* && '$moniker' audit verify '$work/one' --vkey '$vkey'"

# ---- rewritten and signed again: whoever has host, passphrase and key

resign "$work/edited" "$work/rewritten"
exits "rewritten and signed again: alone, it looks good" 0 '^good' verify "$work/rewritten"
exits "not to who kept a checkpoint" 1 "^tampered: leaf 0: the first $kept leaves do not lead to the root of the checkpoint that was kept" verify "$work/rewritten" --since "$work/kept-before"
exits "nor to who kept leaves" 1 "^tampered: leaf $victim: " verify "$work/rewritten" --leaves "$work/leaves-kept"
receipt_fits() { # FOLDER: the leaf of the receipt is the log's
	sed -n 's/^extra //p' "$work/d2.tlog-proof" | base64 -d >"$work/receipt.leaf"
	verify "$1" --leaves "$work/receipt.leaf"
}
exits "nor to the station with its receipt" 1 "^tampered: leaf $victim: " receipt_fits "$work/rewritten"

"$moniker" witness init --dir "$work/witness" --name witness.test/w1 >/dev/null
printf 'log %s\n' "$vkey" >"$work/logs.policy"
"$moniker" witness run --dir "$work/witness" --policy "$work/logs.policy" --port 0 >"$work/witness.log" 2>&1 &
witness_pid=$!
witness_port() { sed -n 's/.*"witness.start".*on port \([0-9]*\).*/\1/p' "$work/witness.log" | grep .; }
within 30 "a witness listens" witness_port
submit() { # OLD CHECKPOINT PROOF
	{ printf 'old %s\n' "$1"; cat "$3"; echo; cat "$2"; } |
		curl -s -o "$work/cosigned" -w '%{http_code}' --data-binary @- "http://127.0.0.1:$(witness_port)/add-checkpoint"
}
: >"$work/nothing"
"$moniker" audit proof --from-size "$kept" --size "$size" >"$work/growth"
same "the witness cosigns" 200 "$(submit 0 "$work/kept-before" "$work/nothing")"
same "it does not cosign what was rewritten" 422 "$(submit "$kept" "$work/rewritten/checkpoint" "$work/growth")"
same "but what the log has grown to" 200 "$(submit "$kept" "$work/true/checkpoint" "$work/growth")"

# ---- two versions for two readers

exits "two versions of one size: the other reader's checkpoint tells" 1 "^tampered: leaf 0: the first $size leaves" verify "$work/true" --since "$work/rewritten/checkpoint"
exits "and the other way round" 1 "^tampered: leaf 0: the first $size leaves" verify "$work/rewritten" --since "$work/true/checkpoint"
exits "his leaves tell which" 1 "^tampered: leaf $victim: " verify "$work/rewritten" --leaves "$work/leaves"
same "the witness has seen the other one" 409 "$(submit "$size" "$work/rewritten/checkpoint" "$work/nothing")"

# ---- the clock set back

sed "$((victim + 1))s/\"st\":\"[0-9]*/\"st\":\"2020/" "$work/leaves" >"$work/early"
resign "$work/early" "$work/backdated"
exits "a clock set back, by who has the key" 1 "^tampered: leaf $victim: its time is [0-9]* s before" verify "$work/backdated"
stop_service
board shift -7200
start_service
enroll_one back
copy "$work/back"
exits "a clock set back two hours: time in the log does not go back" 0 '^good' verify "$work/back" --since "$work/true/checkpoint"
same "nor in the database" true "$(leaves_of_database | jq -s '[.[].st] | . == sort')"

# ---- the sequencer stopped

stop_service
copy "$work/stopped"
stopped=$(size_of "$work/stopped")
board shift 3600
start_service
enroll_one after
copy "$work/resumed"
exits "the sequencer stopped for an hour" 0 "^notice: leaf [0-9]*: service not operating from .* to " verify "$work/resumed" --since "$work/stopped/checkpoint"
silent=$(sed -n 's/^notice: leaf \([0-9]*\): .*/\1/p' "$work/said" | tail -n 1)
[ "$silent" -ge "$stopped" ] || die "the notice is of leaf $silent, before the stop at $stopped"

# ---- a leaf removed before it is published

mark_log
chmod 000 "$folder/.new" # what is published waits
make_key hidden
request hidden "$(random_mac)" | send /v1/enrollments station >"$work/hidden"
same "a device is enrolled meanwhile" 201 "$(cat "$work/status")"
hidden=$(sql "SELECT seq FROM certificate_body WHERE serial = '\x$(jq -r .serial "$work/hidden")'")
original=$(row "$hidden")
superuser "DELETE FROM audit_leaf WHERE seq = $hidden"
before=$(size_of "$folder")
[ "$before" -le "$hidden" ] || die "the leaf is published already"
chmod 755 "$folder/.new"
within 30 "a leaf removed before it was published" logged "leaf $hidden is not in the database"
same "nothing is published that does not lead to the signed root" "$before" "$(size_of "$folder")"
fault_recorded() { call GET '/v1/audit/events?ev=data.fault&limit=100' auditor >"$work/faults" && grep -q '"sub":"tile"' "$work/faults"; }
within 90 "and the log says so" fault_recorded
copy "$work/stale"
exits "what is published is still good" 0 '^good' verify "$work/stale" --since "$work/stopped/checkpoint"
superuser "INSERT INTO audit_leaf (log, seq, body) SELECT id, $hidden, '\x$original' FROM audit_log"
published_past() { [ "$(size_of "$folder")" -gt "$1" ]; }
within 90 "with the leaf in its place again the log goes on" published_past "$hidden"

# ---- what no leaf commits to: the superuser gives the service another certificate to be signed

unsigned() { sql "SELECT encode(serial, 'hex') FROM certificate_body AS b WHERE NOT EXISTS (SELECT FROM certificate_signature AS s WHERE s.month = b.month AND s.serial = b.serial)"; }
none_unsigned() { [ -z "$(unsigned)" ]; }
one_unsigned() { [ -n "$(unsigned)" ]; }
within 30 "all that is recorded is signed" none_unsigned
board arm append-before hold
make_key swapped
request swapped "$(random_mac)" >"$work/swapped.json"
(call POST /v1/enrollments station -H 'Content-Type: application/json' --data-binary "@$work/swapped.json" >"$work/lost" 2>&1 || true) &
client=$!
for _ in $(seq 20); do # a batch of something else may come first
	board wait append-before 60 || die "nothing is appended"
	! one_unsigned || break
	board next append-before
done
serial=$(unsigned)
seq=$(sql "SELECT seq FROM certificate_body WHERE serial = '\x$serial'")
for pid in $(supervisor) $(pgrep -P "$(supervisor)"); do kill -KILL "$pid"; done
wait $client || true
board release append-before
superuser "UPDATE certificate_body SET tbs = set_byte(tbs, octet_length(tbs) - 100, get_byte(tbs, octet_length(tbs) - 100) # 1) WHERE serial = '\x$serial'"
mark_log
start_service
within 30 "the keeper does not sign what no leaf commits to" logged 'the leaf commits to something else'
signatures() { sql "SELECT count(*) FROM certificate_signature WHERE serial = '\x$serial'"; }
same "there is no signature" 0 "$(signatures)"
aborted() { [ "$(sql "SELECT count(*) FROM certificate_abort WHERE serial = '\x$serial'")" = 1 ]; }
within 30 "the certificate is given up" aborted
subject=$(sql "SELECT substring(convert_from(body, 'UTF8') FROM '\"sub\":\"([^\"]*)') FROM audit_leaf WHERE seq = $seq")
call GET '/v1/audit/events?ev=cert.abort&limit=10' auditor >"$work/aborts"
same "with a leaf that names it" "$subject" "$(jq -r .sub "$work/aborts")"

# ---- rows deleted at the end, and an old backup: the keeper's journal remembers

stop_service
copy "$work/last"
last=$(size_of "$work/last")
sql "SELECT size, last_st_at_s FROM audit_log" >"$work/head"
superuser "DELETE FROM audit_leaf WHERE seq >= $((last - 2)); UPDATE audit_log SET size = $((last - 2))"
leaves_of_database >"$work/dump"
exits "rows deleted at the end" 2 "^incomplete: leaf $((last - 2)): those that are held against the log end before it" verify "$work/last" --leaves "$work/dump"
mark_log
launch
within 30 "and the keeper's journal remembers them" logged "the keeper's journal has leaf $((last - 2)), and the database ends before it"
! ready || die "the service is ready with a log that lost its end"
stop_service
psql -XqAt -h "$pg" -U postgres -d postgres -c "DROP DATABASE moniker" -c "CREATE DATABASE moniker OWNER moniker_owner"
pg_restore -h "$pg" -U postgres -d moniker "$work/backup"
restored=$(sql "SELECT size FROM audit_log")
[ "$restored" -ge "$kept" ] && [ "$restored" -lt "$last" ] || die "the backup is not an old one"
mark_log
launch
within 30 "an old backup restored: the journal is ahead" logged "the keeper's journal has leaf $restored, and the database ends before it"
! ready || die "the service is ready with an old backup"
exits "its published log, for who has a newer checkpoint" 1 "^tampered: leaf $kept: the log has $kept leaves, and a checkpoint of $last was kept" verify "$work/kept" --since "$work/last/checkpoint"
