#!/usr/bin/env bash
# Thousands of idle connections take little memory and nobody's place.
. "$(dirname "$0")/lib.sh"
need python3 python3
each_max_kib=48
# Its red zones and shadow are no memory of the service: with it, this sees only what grows without end.
! grep -q __asan_init "$MONIKER_BIN/moniker-service" || each_max_kib=96
count=5000
room=$(($(nproc) * 4096 * 3 / 4)) # connections_max holds for each loop, and the kernel deals unevenly
[ $count -le $room ] || count=$room
[ "$(ulimit -Hn)" -ge $((count + 100)) ] || die "the limit of open files is below $((count + 100))"
service=$(pgrep -P "$(cat "$MONIKER_TEST_STATE/pid")" -f -- --service)
[ "$(awk '/^Max open files/ { print $4 }' "/proc/$service/limits")" -gt $((count + 100)) ] || die "the service may not open that many files"
python3 "$(dirname "$0")/idle.py" "${MONIKER_URL##*:}" $count "$service" >"$work/said"
shows "another client is served meanwhile" '^another is served: True$' "$work/said"
read -r alive kib < <(tail -n 1 "$work/said")
same "all are open" $count "$alive"
[ "$kib" -le $each_max_kib ] || die "$kib KiB for each connection"
ok "$kib KiB for each connection"
open_now() { curl -sS --cacert "$MONIKER_CACERT" "$MONIKER_URL/metrics" | awk '/^moniker_http_connections\{port="tls"/ { n += $2 } END { print n }'; }
few() { [ "$(open_now)" -lt 50 ]; }
within 30 "and they are gone with their client" few
