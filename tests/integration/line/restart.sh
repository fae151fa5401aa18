#!/usr/bin/env bash
# Killed at any point, nothing is lost and nothing happens twice.
. "$(dirname "$0")/lib.sh"
pid=$(cat "$MONIKER_TEST_STATE/pid")
child() { pgrep -P "$pid" -f -- "$1"; }
ready() { [ "$(curl -s -o /dev/null -w '%{http_code}' --cacert "$MONIKER_CACERT" "$MONIKER_URL/readyz")" = 200 ]; }
open_lot restart
for i in $(seq 12); do make_key "r$i"; request "r$i" "$(random_mac)" >"$work/r$i.json"; done

enroll_until_answered() { # I: as a station does: the same request until there is an answer
	local i=$1 try
	for try in $(seq 100); do
		curl -s --cacert "$MONIKER_CACERT" --cert "$MONIKER_STATION_CERT" --key "$MONIKER_STATION_KEY" -H 'Content-Type: application/json' \
			--data-binary "@$work/r$i.json" -o "$work/r$i.$try" -w '%{http_code}' "$MONIKER_URL/v1/enrollments" >"$work/r$i.status" || true
		case $(cat "$work/r$i.status") in 200|201) cp "$work/r$i.$try" "$work/r$i.done"; return ;; esac
		sleep 0.1
	done
}
under_load() { # WHAT FIRST LAST COMMAND...: kills while stations enroll
	local what=$1 first=$2 last=$3 i
	shift 3
	for i in $(seq "$first" "$last"); do enroll_until_answered "$i" & done
	sleep 0.05
	"$@"
	wait
	for i in $(seq "$first" "$last"); do
		[ -s "$work/r$i.done" ] || die "$what: request $i was never answered"
	done
	within 30 "$what: ready again" ready
}
under_load "service killed" 1 4 kill -KILL "$(child --service)"
under_load "keeper killed" 5 8 kill -KILL "$(child moniker-keeper)"
pg=$(sed -n 's/^PGDIR=//p' "$MONIKER_TEST_PG")
as_postgres=()
[ "$(id -u)" != 0 ] || as_postgres=(setpriv --reuid=postgres --regid=postgres --clear-groups)
pg_bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
restart_postgres() { (cd / && "${as_postgres[@]}" "$pg_bin/pg_ctl" -D "$pg/data" -l "$pg/server.log" -m immediate -w -s restart); }
under_load "PostgreSQL crashed" 9 12 restart_postgres

for i in $(seq 12); do
	call POST /v1/enrollments station -H 'Content-Type: application/json' --data-binary "@$work/r$i.json" >"$work/r$i.last"
	same "request $i again" 200 "$(cat "$work/status")"
	same "request $i: one certificate" "$(jq -r .serial "$work/r$i.done")" "$(jq -r .serial "$work/r$i.last")"
done
handle=$(call GET "/v1/batches/$batch" admin | jq -r .handle)
same "a leaf for each, none twice" 12 "$(call GET '/v1/audit/events?ev=enroll.ok&limit=10000' auditor | grep -c "\"sub\":\"b:$handle/")"

kill -TERM "$pid"
gone() { ! kill -0 "$pid"; }
within 40 "a clean stop" gone
"$(dirname "$0")/../../support/service_start.sh" "$(dirname "$MONIKER_TEST_ENV")"
same "still there after a restart" good "$(verdict "$work/r1.last")"
