#!/usr/bin/env bash
# What will lapse is told ahead in /readyz, and makes the service unready only when it has lapsed.
. "$(dirname "$0")/lib.sh"
sql() { psql -q -X -At "$MONIKER_PGURL" -c "$1"; }
ready() { call GET /readyz nobody >"$work/ready"; cat "$work/status"; }
warned() { ready >/dev/null; jq -e --arg what "$1" '[.warnings[] | select(.what == $what)] | length > 0' "$work/ready" >/dev/null; }
calm() { ! warned "$1"; }
answers() { [ "$(ready)" = "$1" ]; }
log=$MONIKER_TEST_STATE/monikerd.log
logged() { grep -q "\"text\":\"$1 " <(grep '"event":"expiry.due"' "$log"); }
told() { call GET /metrics nobody | grep -o '^moniker_expiry_timestamp_seconds{what="[a-z-]*"' | sed 's/.*"\(.*\)"/\1/' | sort -u | tr '\n' ' '; }

same "ready" 200 "$(ready)"
calm root-crl || die "a new service warns already"
root=$(sql "SELECT encode(id, 'hex') FROM ca_issuer WHERE kind = 'device-root'")
good=$(sql "SELECT next_update_at_s FROM crl WHERE issuer = '\x$root'")
lapse() { sql "UPDATE crl SET next_update_at_s = $1 WHERE issuer = '\x$root'"; }
trap 'lapse "$good"' EXIT

lapse $(($(date +%s) + 59 * 86400))
within 30 "59 days before its end a root's CRL is warned of" warned root-crl
same "and the service is ready" 200 "$(cat "$work/status")"
same "by the authority's id" "$root" "$(jq -r '.warnings[] | select(.what == "root-crl").id' "$work/ready")"
jq -e '.warnings[0].remedy | test("moniker ca crl")' "$work/ready" >/dev/null || die "no remedy"
# What the service knows of itself is still there after the database was asked anew.
same "the metrics have all that lapses" "issuer log ocsp operators partitions root root-crl status-signer tls " "$(told)"
# The log has it at the first look of a day, and so of a process.
! logged root-crl || die "the log had it before"
kill -KILL "$(pgrep -P "$(cat "$MONIKER_TEST_STATE/pid")" -f -- --service)"
within 30 "the log warns of it, too" logged "root-crl $root"
within 30 "and the service is ready" answers 200
lapse $(($(date +%s) - 1))
within 30 "past its end the service is not ready" answers 503
same "and says so" false "$(jq -r .components.expiry.ready "$work/ready")"
lapse "$good"
within 30 "renewed, it is ready again" answers 200
calm root-crl || die "still warned"

serial=$(sql "SELECT encode(c.serial, 'hex') FROM operator_certificate AS c JOIN person AS p ON p.id = c.person WHERE p.name = 'legal'")
end=$(sql "SELECT not_after_at_s FROM operator_certificate WHERE serial = '\x$serial'")
due() { sql "UPDATE operator_certificate SET not_after_at_s = $1 WHERE serial = '\x$serial'"; }
trap 'lapse "$good"; due "$end"' EXIT
due $(($(date +%s) + 29 * 86400))
within 30 "a person's certificate is warned of" warned operators
same "as a number" 1 "$(jq -r '.warnings[] | select(.what == "operators").count' "$work/ready")"
same "and nobody's name" null "$(jq -r '.warnings[] | select(.what == "operators").id' "$work/ready")"
due "$end"
within 30 "until it is renewed" calm operators
