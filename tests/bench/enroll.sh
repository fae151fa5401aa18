#!/usr/bin/env bash
# enroll.sh [BUILD_DIR]: builds the release preset, starts a private service, and measures
# enrollment (tests/bench/enroll.c).
# The load client and the server share the cores: only ratios of one run count.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-} # a build directory that has all four programs; without it the release preset is built
if [ -z "$build" ]; then
	build=$PWD/build/release
	cmake --preset release -DBUILD_TESTING=ON >/dev/null
	cmake --build --preset release -j "$(nproc)" --target monikerd moniker moniker-keeper bench_enroll >/dev/null
fi
bin=$build/bin bench=$build/tests/bench/bench_enroll
dir=$(mktemp -d /tmp/moniker-bench-XXXXXX)
trap 'tests/support/service_down.sh "$dir"; rm -rf "$dir"' EXIT
tests/support/service_up.sh "$bin" "$dir" >/dev/null
. "$dir/env"

# shellcheck disable=SC2046,SC2183 # three words come from psql
printf '%s, %s cores, PostgreSQL %s, fsync %s, synchronous_commit %s; client and server share the machine\n' "$(uname -sr)" "$(nproc)" \
	$(psql -X -At "$MONIKER_PGURL" -c 'SHOW server_version' -c 'SHOW fsync' -c 'SHOW synchronous_commit' | sed 's/ .*//')
postgres=$(sed -n 's/^PGDIR=//p' "$MONIKER_TEST_PG")
echo "CPU: of monikerd, moniker-keeper and PostgreSQL, per enrollment. The client's is not in it."
"$bench" 127.0.0.1 "${MONIKER_URL##*:}" "$MONIKER_CACERT" "$MONIKER_STATION_CERT" "$MONIKER_STATION_KEY" demo-lot \
	"$(cat "$MONIKER_TEST_STATE/pid")" "$(head -n1 "$postgres/data/postmaster.pid")"
