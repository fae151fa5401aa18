#!/usr/bin/env bash
# Killed at any point, nothing is lost and nothing happens twice.
. "$(dirname "$0")/lib.sh"
pid=$(cat "$MONIKER_TEST_STATE/pid")
child() { pgrep -P "$pid" -f -- "$1"; }
ready() { [ "$(curl -s -o /dev/null -w '%{http_code}' --cacert "$MONIKER_CACERT" "$MONIKER_URL/readyz")" = 200 ]; }
open_lot restart
clients=8 each=2 # requests of one client, one after the other
load=$((clients * each)) all=0

enroll_until_answered() { # I: as a station does: the same request until there is an answer
	local i=$1 try
	for try in $(seq 100); do
		curl -s --cacert "$MONIKER_CACERT" --cert "$MONIKER_STATION_CERT" --key "$MONIKER_STATION_KEY" -H 'Content-Type: application/json' \
			--data-binary "@$work/r$i.json" -o "$work/r$i.$try" -w '%{http_code}' "$MONIKER_URL/v1/enrollments" >"$work/r$i.status" ||
			echo cut >"$work/r$i.status" # half an answer is none
		case $(cat "$work/r$i.status") in 200|201) cp "$work/r$i.$try" "$work/r$i.done"; return ;; esac
		sleep 0.1
	done
}
answered_of() { # FIRST LAST: how many have their answer
	local i count=0
	for i in $(seq "$1" "$2"); do [ ! -s "$work/r$i.done" ] || count=$((count + 1)); done
	echo $count
}
some_answered() { [ "$(answered_of "$1" "$2")" -gt 0 ]; }
client() { local i; for i in $(seq "$1" $(($1 + each - 1))); do enroll_until_answered "$i"; done; }
# enrolling: stations enroll new devices, first to last, and some have their answer; false: all have it already.
enrolling() {
	local i
	first=$((all + 1)) last=$((all + load)) all=$last
	for i in $(seq "$first" "$last"); do make_key "r$i"; request "r$i" "$(random_mac)" >"$work/r$i.json"; done
	for i in $(seq "$first" "$each" "$last"); do client "$i" & done
	until some_answered "$first" "$last"; do # at once, as the others do not take long
		[ -n "$(jobs -pr)" ] || some_answered "$first" "$last" || die "nobody is answered"
	done
	[ "$(answered_of "$first" "$last")" -lt $load ]
}
under_load() { # WHAT COMMAND...: strikes while stations enroll
	local what=$1 first last i
	shift
	for _ in $(seq 10); do
		! enrolling || break
		wait
	done
	[ "$(answered_of "$first" "$last")" -lt $load ] || die "$what: too late each time, all have their answer"
	"$@"
	wait
	for i in $(seq "$first" "$last"); do
		[ -s "$work/r$i.done" ] || die "$what: request $i was never answered"
	done
	within 30 "$what: ready again" ready
}
under_load "service killed" kill -KILL "$(child --service)"
under_load "keeper killed" kill -KILL "$(child moniker-keeper)"
pg=$(sed -n 's/^PGDIR=//p' "$MONIKER_TEST_PG")
as_postgres=()
[ "$(id -u)" != 0 ] || as_postgres=(setpriv --reuid=postgres --regid=postgres --clear-groups)
pg_bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
restart_postgres() { (cd / && "${as_postgres[@]}" "$pg_bin/pg_ctl" -D "$pg/data" -l "$pg/server.log" -m immediate -w -s restart); }
under_load "PostgreSQL crashed" restart_postgres

for i in $(seq $all); do
	call POST /v1/enrollments station -H 'Content-Type: application/json' --data-binary "@$work/r$i.json" >"$work/r$i.last"
	same "request $i again" 200 "$(cat "$work/status")"
	same "request $i: one certificate" "$(jq -r .serial "$work/r$i.done")" "$(jq -r .serial "$work/r$i.last")"
done
handle=$(call GET "/v1/batches/$batch" admin | jq -r .handle)
same "a leaf for each, none twice" $all "$(call GET '/v1/audit/events?ev=enroll.ok&limit=10000' auditor | grep -c "\"sub\":\"b:$handle/")"

within 30 "the tree still fits its checkpoint" tree_fits

# ---- without a database: 503, and back
pg_ctl() { (cd / && "${as_postgres[@]}" "$pg_bin/pg_ctl" -D "$pg/data" -l "$pg/server.log" -w -s "$@"); }
make_key down; request down "$(random_mac)" >"$work/down.json"
enroll_down() { call POST /v1/enrollments station -H 'Content-Type: application/json' --data-binary "@$work/down.json" >"$work/down"; }
pg_ctl -m fast stop
enroll_down || true
down=$(cat "$work/status")
retry=$(header retry-after)
not_ready() { ! ready; }
within 30 "not ready without a database" not_ready
pg_ctl start
same "without a database: status" 503 "$down"
[ "${retry:-0}" -ge 1 ] || die "without a database: no Retry-After"
within 30 "with it: ready again" ready
answered() { enroll_down && grep -qx '20[01]' "$work/status"; }
within 30 "and it enrolls" answered

# ---- a clean stop
of_nobody() { call GET '/v1/audit/events?rc=CALLER_MISSING&limit=10000' auditor | wc -l; }
counted=$(of_nobody)
call GET /v1/batches nobody >"$work/p" # counted in memory until a minute is over, or the service stops
refused "a refusal that is only counted yet" 401 CALLER_MISSING "$work/p"
kill -TERM "$pid"
gone() { ! kill -0 "$pid"; }
within 40 "a clean stop" gone
start=$(dirname "$0")/../../support/service_start.sh
"$start" "$(dirname "$MONIKER_TEST_ENV")"
[ "$(of_nobody)" -gt "$counted" ] || die "what was only counted is not in the log after a clean stop"
ok "what was only counted is in the log after a clean stop"
same "still there after a restart" good "$(verdict "$work/r1.last")"

# As a child of ours, for its exit status; and where regulation allows no unlinkable mode.
strict=$MONIKER_CONFIG.strict
sed 's/^\[pseudonyms\]/&\nallowed = no/' "$MONIKER_CONFIG" >"$strict"
chmod 644 "$strict"
kill -TERM "$(cat "$MONIKER_TEST_STATE/pid")"
pid=$(cat "$MONIKER_TEST_STATE/pid")
within 30 "a clean stop again" gone
(cd / && exec setsid "$MONIKER_BIN/monikerd" --config "$strict") >>"$MONIKER_TEST_STATE/monikerd.log" 2>&1 </dev/null &
pid=$!
echo "$pid" >"$MONIKER_TEST_STATE/pid"
within 30 "it serves" ready
denied() { call GET '/v1/audit/events?ev=batch.refused&rc=ANONYMITY_DENIED&limit=10000' auditor | wc -l; }
count=$(denied)
anonymous=$(jq -nc --arg id "anonymous-$RANDOM$RANDOM" '{id: $id, model: "Test", quota: 1, mode: "unlinkable"}')
send /v1/batches admin <<<"$anonymous" >"$work/p"
refused "not by regulation" 403 ANONYMITY_DENIED "$work/p"
same "which is on record" $((count + 1)) "$(denied)"
kill -TERM "$pid"
within 30 "it ends" gone
code=0
wait "$pid" || code=$?
same "with exit status" 0 "$code"
"$start" "$(dirname "$MONIKER_TEST_ENV")"
send /v1/batches admin <<<"$anonymous" >"$work/p"
same "the same is granted where it is allowed" 201 "$(cat "$work/status")"
same "and that is on record" unlinkable "$(call GET '/v1/audit/events?ev=batch.open&limit=10000' auditor | jq -r --arg b "b:$(jq -r .handle "$work/p")" 'select(.sub == $b) | .d.mode')"
within 30 "the tree fits its checkpoint at the end" tree_fits
