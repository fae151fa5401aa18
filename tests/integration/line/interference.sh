#!/usr/bin/env bash
# Non-interference: the same things happen to one installation again and again, with the same chance and the same clock.
# Whatever hardware ids the devices have, all that is published and all that anybody is told is the same, octet for octet,
# but for what docs/privacy.md names (interference.py). With a service of its own, whose state is put back before each run;
# MONIKER_TEST_BIN names the programs.
. "$(dirname "$0")/own.sh"
leak=
here=$(cd "$(dirname "$0")" && pwd)
. "$here/interference_script.sh"
state=$MONIKER_TEST_STATE
folder_of() { sed -n 's/^PGDIR=//p' "$1"; }
cluster() { psql -qAtX -v ON_ERROR_STOP=1 -h "$(folder_of "$1")" -U postgres -d "$2" -c "$3"; } # ENV DATABASE STATEMENT
sql() { cluster "$MONIKER_TEST_PG" moniker "$1"; }
gone() { ! kill -0 "$1"; }
stop() {
	local pid
	pid=$(cat "$state/pid")
	kill -TERM "$pid"
	within 60 "the service stops" gone "$pid"
}

# ---- the clock, and the service under it

now() { # SECONDS: it is that late
	python3 -c 'import struct, sys; open(sys.argv[1], "r+b").write(struct.pack("=q", int(sys.argv[2])))' "$fixture/board" "$1"
}
repeated=(env "LD_PRELOAD=$MONIKER_TEST_REPEAT" "REPEAT_BOARD=$fixture/board")
ready() { grep -q '"text":"service is ready"' "$state/monikerd.log"; }
start() {
	: >"$state/monikerd.log"
	(cd / && exec "${repeated[@]}" ${leak:+REPEAT_LEAK=1} setsid "$MONIKER_BIN/monikerd" --config "$MONIKER_CONFIG") >>"$state/monikerd.log" 2>&1 </dev/null &
	echo $! >"$state/pid"
	within 60 "it starts" ready
	log_name=$(ls "$state/audit")
}

# ---- the state before a run

keep() {
	for env in "$MONIKER_TEST_PG" "$MONIKER_TEST_SHRED"; do
		cluster "$env" postgres "CREATE DATABASE fresh TEMPLATE moniker"
	done
	mkdir "$fixture/fresh"
	cp -a "$state/service" "$state/keeper" "$state/audit" "$fixture/fresh"
}
put_back() {
	for env in "$MONIKER_TEST_PG" "$MONIKER_TEST_SHRED"; do
		cluster "$env" postgres "DROP DATABASE moniker WITH (FORCE)"
		cluster "$env" postgres "CREATE DATABASE moniker TEMPLATE fresh OWNER moniker_owner"
	done
	rm -rf "$state/service" "$state/keeper" "$state/audit"
	cp -a "$fixture/fresh/." "$state"
}

# ---- a run, and what comes of it

# run NAME IDS STEPS...: into $work/NAME
run() {
	out=$work/$1 ids=$work/ids-$2
	rm -rf "$out"
	mkdir -p "$out/answers"
	put_back
	now "$noon"
	start
	for step in "${@:3}"; do "$step"; done
	stop
	cp -a "$state/audit" "$out/audit"
	cp "$state/monikerd.log" "$out/log"
}
judge() { (cd "$work" && "$here/interference.py" "$@"); }

# ---- seats for the sealed identities, and the service's first day is over

publish_seats legal:1 officer:1
within 70 "the seat set is in force" is_recorded OK seatset.change
stop
# Its pace would be the machine's, and the script ages a row.
sed -i 's/^\[audit\]$/&\ninspect_per_s = 0/' "$MONIKER_CONFIG"
keep

# ---- the installation, and its devices: no run makes any of it anew

fleet=$work/fleet
mkdir "$fleet"
"$MONIKER_TEST_CSRS" "$fleet/d" 18
head -c 4096 /dev/zero >"$fixture/board"
chmod 666 "$fixture/board"
noon=$((($(date +%s) / 60 + 1) * 60)) # at a full minute: the next heartbeat is 61 s away, and comes in no run
seed=$(openssl rand -hex 8)
judge ids "$seed" ids-one ids-other
all=(script_enroll script_live script_officers script_read)

# ---- the same ids: the same octets
# Where a thread is kept waiting for seconds more happens than the script says: the clock is taken for one that jumps, a part
# of the service for one that is down. Then that run is no measure: again.

run one one "${all[@]}"
for try in 1 2 3; do
	run again one "${all[@]}"
	! judge same one again || break
	[ $try -lt 3 ] || die "two runs with the same ids differ, each time"
	rm -rf "$work/one"
	mv "$work/again" "$work/one"
done
ok "two runs with the same ids are the same, octet for octet"

# ---- other ids: the same octets, but for what has a name

for try in 1 2 3; do
	run other other "${all[@]}"
	! judge other one other || break
	[ $try -lt 3 ] || die "hardware ids (seed $seed) interfere with what is published"
done
ok "nothing but what is named depends on hardware ids"

# ---- and it would be found

judge planted one ids-one || die "an id that is planted in a file is not found"
ok "an id in any of the files is found"
leak=1
run leak-one one script_enroll
run leak-other other script_enroll
judge leaks leak-one leak-other || die "pseudonyms that depend on hardware ids are not found"
ok "pseudonyms that depend on hardware ids are found"
