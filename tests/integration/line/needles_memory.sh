#!/usr/bin/env bash
# What the server never saw is in no process's memory: canaries are enrolled blind, and then the memory of supervisor,
# service, keeper and PostgreSQL is searched for them. What was planted in each of these processes is found.
. "$(dirname "$0")/lib.sh"
moniker=$MONIKER_BIN/moniker
here=$(dirname "$0")
support=$here/../../support
. "$here/needles_flows.sh"
need pgrep procps
# The service's processes are not dumpable: only root reads their memory.
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo -n)
devices=66

"$here/needles.py" make $devices >"$work/ids"
mapfile -t ids <"$work/ids"
planted=0a5e$(openssl rand -hex 10) shown=0b5e$(openssl rand -hex 10)
"$here/needles.py" forms "$work/ids" >"$work/blind.needles"
for name in planted shown; do
	echo "soc_uid=${!name}" >"$work/id"
	"$here/needles.py" forms "$work/id" >"$work/$name.needles"
done
# The memory of processes begins with their environment.
export PLANTED=$planted
pg_ctl -m fast restart
strike_service
unset PLANTED
cleanup() { # without what was planted
	pg_ctl -m fast restart
	strike_service
}

# ---- blind: enrolled, again, refused, listed; then the keeper is killed, and the line goes on

enroll() { # NAME: blind
	"$moniker" enroll --out "$work/$1" --batch "$batch" --blind --hardware-id "$id"
}
lot blind '. + {hardware_ids: "blind"}'
for i in $(seq 20); do
	take
	enroll "d$i" >/dev/null
	refuses "device $i again" DUPLICATE_HARDWARE enroll "again$i"
	[ "$i" != 10 ] || { strike_keeper; within 60 "the keeper is back" ready; }
done
publish_seats legal:1 officer:1
blind_escrow_flow
for name in unlinkable listed; do
	[ $name = unlinkable ] && lot unlinkable '. + {hardware_ids: "blind", mode: "unlinkable"}' ||
		lot listed '. + {hardware_ids: "blind", manifest: true}'
	first=$used
	for i in $(seq 10); do
		take
		echo "$id"
	done >"$work/list"
	[ $name = unlinkable ] || accepts "a list" "$moniker" manifest add "$batch" - <"$work/list"
	used=$first
	for i in $(seq 10); do
		take
		accepts "$name, device $i" enroll "$name$i"
	done
done
while [ $used -lt $devices ]; do
	take
	refuses "not on the list" NOT_ON_MANIFEST enroll "x$used"
done

# ---- one that is shown: half a request, which the service holds until the rest comes

mkfifo "$work/open"
openssl s_client -quiet -connect "${MONIKER_URL#https://}" -CAfile "$MONIKER_CACERT" -cert "$MONIKER_STATION_CERT" \
	-key "$MONIKER_STATION_KEY" <"$work/open" >/dev/null 2>&1 &
exec 5>"$work/open"
printf 'POST /v1/enrollments HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"hardware_ids": [{"type": "soc_uid", "value": "%s"' "$shown" >&5

# ---- and the search

supervisor=$(cat "$MONIKER_TEST_STATE/pid")
service=$(pgrep -P "$supervisor" -f -- --service) keeper=$(pgrep -P "$supervisor" -f moniker-keeper)
postmaster=$(head -n 1 "$pg/data/postmaster.pid")
search() { # NEEDLES PID...: prints "process PID<tab>NAME" lines; true: the memory of all was read
	"${as_root[@]}" "$MONIKER_TEST_SCAN" "$work/$1.needles" --memory "${@:2}" >"$work/found" 2>"$work/read" || [ $? = 1 ]
}
search_all() { # NEEDLES: backends come and go
	mapfile -t backends < <(pgrep -P "$postmaster")
	search "$1" "$supervisor" "$service" "$keeper" "$postmaster" "${backends[@]}"
}
shown_is_found() { search shown "$service" && grep -q . "$work/found"; }
within 30 "what is shown to the service is found in its memory" shown_is_found
within 30 "all is searched for what was planted" search_all planted
for pid in "$supervisor" "$service" "$keeper" "$postmaster" "${backends[@]}"; do
	grep -q "^process $pid	soc_uid: hex #" "$work/found" || die "what was planted is not found in $pid: $(cat "$work/found")"
done
ok "what was planted is found in ${#backends[@]} backends and 4 other processes"
within 30 "all is searched for what was shown to nobody" search_all blind
same "hardware ids that were never shown" "" "$(head -n 5 "$work/found")"
ok "$(paste -sd' ' "$work/read")"
exec 5>&-
