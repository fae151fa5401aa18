#!/usr/bin/env bash
# Builds the release preset, starts a private service, and measures enrollment (tests/bench/enroll.c).
# The load client and the server share the cores: only ratios of one run count.
set -euo pipefail
cd "$(dirname "$0")/../.."
cmake --preset release -DBUILD_TESTING=ON >/dev/null
cmake --build --preset release -j "$(nproc)" --target monikerd moniker moniker-keeper bench_enroll >/dev/null
bin=$PWD/build/release/bin
dir=$(mktemp -d /tmp/moniker-bench-XXXXXX)
trap 'tests/support/service_down.sh "$dir"; rm -rf "$dir"' EXIT
tests/support/service_up.sh "$bin" "$dir" >/dev/null
. "$dir/env"

cpu() { # seconds of CPU so far: keeper and service, PostgreSQL's processes
	local pids
	pids=$(pgrep -P "$(cat "$MONIKER_TEST_STATE/pid")"; pgrep -P "$(head -n1 "$(sed -n 's/^PGDIR=//p' "$MONIKER_TEST_PG")/data/postmaster.pid")")
	for pid in $pids; do cat "/proc/$pid/stat" 2>/dev/null || true; done |
		awk -v hz="$(getconf CLK_TCK)" '{sub(/.*\) /, ""); s += $12 + $13} END {printf "%.2f", s / hz}'
}
printf '%s, %s cores, %s, fsync on, client on the same machine\n' "$(uname -sr)" "$(nproc)" "$(psql --version | cut -d' ' -f3 | sed 's/^/PostgreSQL /')"
before=$(cpu)
build/release/tests/bench/bench_enroll 127.0.0.1 "${MONIKER_URL##*:}" "$MONIKER_CACERT" "$MONIKER_STATION_CERT" "$MONIKER_STATION_KEY" demo-lot
after=$(cpu)
issued=$(curl -sS --cacert "$MONIKER_CACERT" --cert "$MONIKER_ADMIN_CERT" --key "$MONIKER_ADMIN_KEY" "$MONIKER_URL/v1/batches/demo-lot" | jq .issued)
awk -v s="$(echo "$after $before" | awk '{print $1 - $2}')" -v n="$issued" 'BEGIN {printf "server CPU per enrollment     %8.0f us (%d enrolled)\n", s * 1e6 / n, n}'
