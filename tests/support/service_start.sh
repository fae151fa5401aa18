#!/usr/bin/env bash
# service_start.sh DIR: starts monikerd of DIR/env and waits until it is ready. For tests that stopped it.
# Exit status 3: somebody else has one of its ports.
set -euo pipefail
. "$1/env"
(cd / && exec setsid "$MONIKER_BIN/monikerd" --config "$MONIKER_CONFIG") >>"$MONIKER_TEST_STATE/monikerd.log" 2>&1 </dev/null &
pid=$!
echo "$pid" >"$MONIKER_TEST_STATE/pid"
while [ $SECONDS -lt 120 ]; do
	[ "$(curl -s -o /dev/null -w '%{http_code}' --cacert "$MONIKER_CACERT" "$MONIKER_URL/readyz" || true)" != 200 ] || exit 0
	kill -0 "$pid" 2>/dev/null || break
	! tail -n 5 "$MONIKER_TEST_STATE/monikerd.log" | grep -q 'port [0-9]* of [^ ]* is in use' || exit 3
	sleep 0.1
done
echo "monikerd does not become ready:" >&2
tail -n 20 "$MONIKER_TEST_STATE/monikerd.log" >&2
exit 1
