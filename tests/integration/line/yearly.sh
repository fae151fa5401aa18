#!/usr/bin/env bash
# A node's log is rolled over, as each year: announced, continued, verified with the one before; and what happens where
# the one before was not closed, or where a log is not announced; and whoever has it forwarded misses nothing of either.
# With a service of its own; MONIKER_TEST_BIN names the programs.
. "$(dirname "$0")/own.sh"
receiver=
before_end() { [ -z "$receiver" ] || kill -KILL "$receiver" 2>/dev/null || true; }
moniker=$MONIKER_TEST_BIN/moniker
pg=$(sed -n 's/^PGDIR=//p' "$MONIKER_TEST_PG")
owner="host=$pg user=moniker_owner dbname=moniker"
sql() { psql -q -X -A -t -h "$pg" -U postgres -d moniker -c "$1"; }

stopped() { ! kill -0 "$(cat "$MONIKER_TEST_STATE/pid")" 2>/dev/null; }
stop() {
	kill -TERM "$(cat "$MONIKER_TEST_STATE/pid")"
	within 30 "the service stops" stopped
}
start() { "$support/service_start.sh" "$fixture"; }
roll() { "$moniker" log roll --config "$MONIKER_CONFIG" --database-url "$owner" "$@"; }
exits() { # WHAT STATUS PATTERN COMMAND...
	local what=$1 want=$2 pattern=$3 got=0
	shift 3
	"$@" >"$work/said" 2>&1 || got=$?
	grep -Eq "$pattern" "$work/said" || die "$what: $(cat "$work/said")"
	same "$what: exit status" "$want" "$got"
}
copy() { # the folder of all logs, of a service that is stopped
	rm -rf "$work/logs.copy"
	cp -r "$MONIKER_AUDIT_DIR" "$work/logs.copy"
}
verify() { "$moniker" audit verify "$work/logs.copy" --vkey "$vkey"; }
leaf() { # LOG SEQ
	every "$1" >"$work/every"
	sed -n "$(($2 + 1))p" "$work/every"
}
every() { call GET "/v1/audit/events?log=$1&limit=10000" auditor; }

need python3 python3
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$work/siem.key" -out "$work/siem.pem" \
	-subj /CN=siem.example -addext subjectAltName=DNS:siem.example -days 2 2>/dev/null
chmod 755 "$work"
chmod 644 "$work/siem.pem"
touch "$work/received"
listens() { [ -s "$work/siem.port" ]; }
start_receiver() { # [PORT]
	: >"$work/siem.port"
	python3 "$(dirname "$0")/siem.py" "$work/siem.pem" "$work/siem.key" "$work/received" "$@" >"$work/siem.port" &
	receiver=$!
	within 30 "the receiver listens" listens
}
received() { awk -v origin="$1" '$1 == origin && !seen[$2]++ { sub(/^[^ ]* [^ ]* /, ""); print }' "$work/received"; } # ORIGIN

call GET /audit/logs auditor >"$work/logs"
vkey=$(jq -r '.items[0].vkey' "$work/logs")
first=$(jq -r '.items[0].origin' "$work/logs")
year=$(date -u +%Y)
same "the first leaf opens the log" "log.open null" "$(leaf "$first" 0 | jq -r '"\(.ev) \(.d)"')"
open_lot old
make_key a
request a "$(openssl rand -hex 6)" | send /v1/enrollments station >"$work/a"
same "an enrollment of the old year" 201 "$(cat "$work/status")"

# ---- rolled while it runs

roll --json >"$work/rolled"
second=$(jq -r .log "$work/rolled")
same "its name" "${first%-"$year"}-$year-2" "$second"
same "its key is the same key by another name" "$(cut -d+ -f3- <<<"$vkey")" "$(jq -r .vkey "$work/rolled" | cut -d+ -f3-)"
every "$first" >"$work/leaves"
same "the old one announces it" "log:${second##*/}" "$(jq -r 'select(.ev == "log.open" and .seq > 0) | .sub' "$work/leaves")"
roll --json >"$work/again"
same "again it is the same" "$(cat "$work/rolled")" "$(cat "$work/again")"
every "$first" >"$work/leaves"
same "and it is announced once" 1 "$(jq -r 'select(.ev == "log.open" and .seq > 0) | .sub' "$work/leaves" | wc -l)"
make_key b
request b "$(openssl rand -hex 6)" | send /v1/enrollments station >"$work/b"
same "enrollments go on in the old one" 201 "$(cat "$work/status")"

# ---- the old one was not closed: killed, and a leaf that its keeper and its folder do not have

kill -KILL "$(cat "$MONIKER_TEST_STATE/pid")"
within 30 "the service is gone" stopped
within 60 "and its processes with it" no_processes
sql "BEGIN; INSERT INTO audit_leaf SELECT 1, size, convert_to(replace(convert_from(f.body, 'UTF8'), '\"seq\":' || f.seq || ',', '\"seq\":' || l.size || ','), 'UTF8') FROM audit_log l JOIN audit_leaf f ON f.log = 1 AND f.seq = l.size - 1 WHERE l.id = 1; UPDATE audit_log SET size = size + 1 WHERE id = 1; COMMIT"
if start >"$work/said" 2>&1; then die "it began a log though the one before is not closed"; fi
grep -q "is not closed: it has" "$MONIKER_TEST_STATE/monikerd.log" || die "it does not say why: $(cat "$work/said")"
ok "a log is not begun before the one before is closed"
stop
exits "no other log's name" 1 'no journal' "$moniker" log use node9-2026 --config "$MONIKER_CONFIG"
"$moniker" log use "${first##*/}" --config "$MONIKER_CONFIG" >/dev/null
start_receiver
port=$(cat "$work/siem.port")
printf '[syslog]\nhost = 127.0.0.1\nport = %s\nname = siem.example\nca_file = %s\n' "$port" "$work/siem.pem" >>"$MONIKER_CONFIG"
start
forwarded() { [ -s "$work/received" ]; }
within 30 "it is forwarded" forwarded
kill -KILL "$receiver" # what the old one has from here on waits
wait "$receiver" 2>/dev/null || true
call GET "/audit/${first##*/}/checkpoint" nobody >/dev/null
ok "the one before is taken up again"
roll >/dev/null
stop

# ---- the new one

closed=$(sed -n 2p "$MONIKER_AUDIT_DIR/${first##*/}/checkpoint")
root=$(sed -n 3p "$MONIKER_AUDIT_DIR/${first##*/}/checkpoint")
start
leaf "$second" 0 >"$work/leaf"
same "its first leaf continues the old one" "log.open {\"log\":\"${first##*/}\",\"size\":$closed,\"root\":\"$root\"}" "$(jq -r '"\(.ev) \(.d)"' "$work/leaf")"
same "no downtime was made up" null "$(every "$second" | jq -s '[.[] | select(.ev == "svc.down")][0]')"
make_key c
request c "$(openssl rand -hex 6)" | send '/v1/enrollments?proof=1' station >"$work/c"
same "an enrollment of the new year" 201 "$(cat "$work/status")"
jq -j .proof "$work/c" >"$work/c.tlog-proof"
grep -q "^$second\$" "$work/c.tlog-proof" || die "its receipt is not of the new log"
same "a device of the old year" good "$(verdict "$work/a")"
if "$moniker" log use "${first##*/}" --config "$MONIKER_CONFIG" >/dev/null; then
	stop
	if start >"$work/said" 2>&1; then die "the old log was written to again"; fi
	ok "there is no way back to the old one"
	stop
fi
"$moniker" log use "${second##*/}" --config "$MONIKER_CONFIG" >/dev/null
start

# ---- whoever has them forwarded gets the end of the old one, and then the new one

start_receiver "$port"
both() { received "$second" >"$work/new" && [ -s "$work/new" ]; }
within 60 "the new one is forwarded" both
received "$first" >"$work/old"
every "$first" >"$work/leaves"
same "after all of the old one" "$(sha256sum <"$work/leaves")" "$(sha256sum <"$work/old")"
same "whose end came before" "$first $second" "$(cut -d' ' -f1 "$work/received" | uniq | paste -sd' ')"
every "$second" >"$work/leaves"
head -n "$(wc -l <"$work/new")" "$work/leaves" | cmp - "$work/new" || die "of the new one something is missing"
ok "leaf by leaf"

# ---- exports of either

export_log() { "$moniker" audit export --log "$1" --vkey "$2" --out "$work/$1.tar"; } # NAME KEY
exits "all of the old one is exported" 0 "^complete: leaves 0 to $((closed - 1)), and none" export_log "${first##*/}" "$vkey"
exits "and verifies by the old one's key" 0 '^complete' "$moniker" audit verify "$work/${first##*/}.tar" --vkey "$vkey"
exits "of the new one, too" 0 '^complete: leaves 0 to' export_log "${second##*/}" "$(jq -r .vkey "$work/rolled")"
exits "the old one's key is not the new one's" 2 'no key for the log' "$moniker" audit verify "$work/${second##*/}.tar" --vkey "$vkey"
echo '{}' | send /v1/audit/exports auditor >"$work/p"
refused "of neither" 400 INCOMPLETE "$work/p"
stop

# ---- both, by an auditor who has the first key

copy
exits "both verify, with the first one's key" 0 '^good: 2 logs' verify
exits "the new one alone says what it continues" 0 "notice: leaf 0: it continues ${first##*/}" "$moniker" audit verify "$work/logs.copy/${second##*/}" --vkey "$(jq -r .vkey "$work/rolled")"
"$moniker" audit verify "$work/logs.copy" --vkey "$vkey" --json >"$work/json"
same "as JSON" "good 2" "$(jq -r '"\(.verdict) \(.logs | length)"' "$work/json")"
exits "the old one alone" 0 '^good' "$moniker" audit verify "$work/logs.copy/${first##*/}" --vkey "$vkey"
rm -rf "$work/logs.copy/${first##*/}"
exits "the old one is missing" 2 "it continues ${first##*/}, which is not here" verify
copy
mv "$work/logs.copy/${second##*/}" "$work/logs.copy/node1-1999"
exits "under another name" 1 'its folder is of another name' verify

# What somebody can do who has the log's key, but not what the others say: a log that nobody announced, and an old
# one that was cut back.
entries() { # LOG: its leaves, a line each, from the copy
	python3 - "$work/logs.copy/$1" <<'END'
import os, sys
size = int(open(sys.argv[1] + "/checkpoint").read().split("\n")[1])
for n in range((size + 255) // 256):
    full = "%s/tile/entries/%03d" % (sys.argv[1], n)
    data, at = open(full if os.path.exists(full) else "%s.p/%d" % (full, size % 256), "rb").read(), 0
    for _ in range(min(256, size - 256 * n)):
        end = at + 2 + int.from_bytes(data[at:at + 2], "big")
        print(data[at + 2:end].decode())
        at = end
END
}
resign() { "$MONIKER_TEST_RESIGN" "$MONIKER_TEST_STATE/keeper/keeper.ring" "$MONIKER_TEST_STATE/keeper.passphrase" "$1" "$2" "$3"; }
copy
entries "${first##*/}" >"$work/entries"
head -n 1 "$work/entries" >"$work/shadow"
mkdir "$work/logs.copy/node7-$year"
resign "moniker.test/node7-$year" "$work/shadow" "$work/logs.copy/node7-$year"
exits "a log that nobody announced" 1 "^tampered: node7-$year: no other log announces it" verify
copy
rm -rf "$work/logs.copy/${first##*/}"
mkdir "$work/logs.copy/${first##*/}"
head -n -1 "$work/entries" >"$work/cut"
resign "$first" "$work/cut" "$work/logs.copy/${first##*/}"
exits "an old log that was cut back and signed again" 1 "^tampered: ${second##*/}: it continues ${first##*/}, which ended with $closed leaves and has $((closed - 1))" verify
