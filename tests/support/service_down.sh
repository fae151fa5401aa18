#!/usr/bin/env bash
# service_down.sh DIR: stops what service_up.sh started for DIR, by process id, and removes it.
# Fails when it does not stop by itself, or a sanitizer had something to say.
set -euo pipefail
failed=0
top=$(cd "$(dirname "$0")/../.." && pwd)
if [ -f "$1/env" ]; then
	state=$(sed -n 's/^MONIKER_TEST_STATE=//p' "$1/env")
	if [ -n "$state" ] && [ -f "$state/pid" ]; then
		pid=$(cat "$state/pid")
		kill -TERM "$pid" 2>/dev/null || true
		for _ in $(seq 1 300); do
			kill -0 "$pid" 2>/dev/null || break
			sleep 0.1
		done
		! kill -0 "$pid" 2>/dev/null || { echo "monikerd does not stop" >&2; kill -KILL "$pid"; failed=1; }
		if grep -a -A 20 -E 'Sanitizer|runtime error:' "$state/monikerd.log" >&2; then failed=1; fi
	fi
	case $state in /tmp/moniker-service-*) rm -rf -- "$state" ;; esac
	rm -f "$1/env"
fi
for cluster in pg shred; do
	[ ! -d "$1/$cluster" ] || "$top/tests/support/pg_down.sh" "$1/$cluster"
done
exit $failed
