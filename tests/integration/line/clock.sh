#!/usr/bin/env bash
# The clock of a service that runs jumps: ahead, and back behind what it was. The log tells how far, and
# of the time that it was wrong; its own time never goes back. With a service of its own, whose clock is
# a board's; MONIKER_TEST_BIN names the programs.
. "$(dirname "$0")/own.sh"
board() { "$MONIKER_TEST_BOARD" "$fixture/board" "$@"; }
board init
gone() { ! kill -0 "$1"; }
ready() { [ "$(curl -s -o /dev/null -w '%{http_code}' --cacert "$MONIKER_CACERT" "$MONIKER_URL/readyz")" = 200 ]; }
pid=$(cat "$MONIKER_TEST_STATE/pid")
kill -TERM "$pid"
within 60 "the service stops" gone "$pid"
(cd / && LD_PRELOAD=$MONIKER_TEST_STRIKE STRIKE_BOARD=$fixture/board exec setsid "$MONIKER_BIN/monikerd" \
	--config "$MONIKER_CONFIG") >>"$MONIKER_TEST_STATE/monikerd.log" 2>&1 </dev/null &
echo $! >"$MONIKER_TEST_STATE/pid"
within 60 "it starts by a clock of its own" ready

leaf() { # EVENT [jq filter]: the newest about the clock
	call GET "/v1/audit/events?ev=$1&limit=10000" auditor | jq -c "select(.sub == \"clock\" and (${2:-true}))" | tail -n 1
}
has_leaf() { leaf "$@" >"$work/leaf" && [ -s "$work/leaf" ]; }
up() { call GET /metrics nobody | sed -n 's/^moniker_component_up{component="clock"} //p'; }
is() { [ "$(up)" = "$1" ]; }
detail() { call GET /readyz nobody | jq -r '.components.clock.detail // empty'; }
enroll() { # NAME
	make_key "$1"
	request "$1" "$(random_mac)" | send /v1/enrollments station >"$work/$1"
	same "$1 is enrolled" 201 "$(cat "$work/status")"
}
open_lot clock
within 30 "the clock is looked at" is 1
sleep 2 # so that it was seen before it jumps

# ---- ahead: what was later is later still

board shift 120
within 30 "ahead: the log tells" has_leaf data.fault '.d.ahead != null'
same "ahead: how far, and why that matters" "true CLOCK_SKEW failure" "$(jq -r '"\(.d.ahead >= 117 and .d.ahead <= 123) \(.rc) \(.out)"' "$work/leaf")"
enroll ahead
same "ahead: the clock is well" "1 " "$(up) $(detail)"

# ---- back: until it has caught up it is behind what it was

board shift 80
within 30 "back: the log tells" has_leaf data.fault '.d.back != null'
same "back: how far" true "$(jq '.d.back >= 37 and .d.back <= 43' "$work/leaf")"
within 30 "back: it is down" is 0
same "back: /readyz says so" "behind what it was" "$(detail)"
enroll back # it goes on
within 30 "back: the log says that it is degraded" has_leaf svc.degraded
within 90 "back: it has caught up" is 1
within 30 "back: the log has the interval" has_leaf svc.down
same "back: how long" true "$(jq '.cnt == 1 and .win >= 5 and .win <= 120' "$work/leaf")"
within 30 "back: and that it is restored" has_leaf svc.restored
within 30 "ready" ready
within 30 "the tree fits its checkpoint" tree_fits
same "the log's time never goes back" true "$(jq -s '[.[].st] | . == sort' "$work/leaves")"
