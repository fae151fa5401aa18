#!/usr/bin/env bash
# random.sh [ROUNDS [SEED]]: kills at random moments under load, again and again, and then the judge.
. "$(dirname "$0")/lib.sh"
rounds=${1:-20} seed=${2:-$(date +%N | sed 's/^0*//')}
echo "seed: $seed"
RANDOM=$((seed % 32768)) # of this shell: when, and whom
clients=8

pause() { sleep "0.$(printf '%03d' $((RANDOM % 700)))"; }
everything() { # the host: nobody drains
	kill -KILL "$(supervisor)" "$(child --service)" "$(child moniker-keeper)"
}
strike() { # VICTIM: false if it is just down
	case $1 in
	service) kill_child --service ;;
	keeper) kill_child moniker-keeper ;;
	supervisor) kill -KILL "$(supervisor)" && restart_service ;;
	postgresql) pg_ctl -m immediate restart ;;
	host) everything && pg_ctl -m immediate restart && restart_service ;;
	esac
}
victims=(service service service keeper keeper keeper postgresql postgresql supervisor host)

begin_later
start_load $clients "$((seed % 1000000))"
within 90 "clients work" holds_more_than 400
for round in $(seq "$rounds"); do
	pause
	victim=${victims[RANDOM % ${#victims[@]}]} second=
	# Every third time another one, before it has recovered.
	[ $((RANDOM % 3)) != 0 ] || second=${victims[RANDOM % ${#victims[@]}]}
	strike "$victim" 2>/dev/null || true
	if [ -n "$second" ]; then
		pause
		strike "$second" 2>/dev/null || true
	fi
	within 90 "round $round: $victim${second:+, $second}: ready again" ready
	within 60 "round $round: clients are answered" holds_more_than "$(held)"
	keep_checkpoint "$round"
done
stop_load
judge_all
