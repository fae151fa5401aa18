#!/usr/bin/env bash
# The service's TLS certificate is renewed by time alone, and open connections do not notice. With a service of its
# own, whose certificate is good for a minute; MONIKER_TEST_BIN names the programs.
export MONIKER_TEST_TLS_VALIDITY_MIN=1
. "$(dirname "$0")/own.sh"
asking=
before_end() { [ -z "$asking" ] || kill "$asking" 2>/dev/null || true; }
log=$MONIKER_TEST_STATE/monikerd.log

serve() { openssl s_client -CAfile "$MONIKER_CACERT" -verify_return_error -connect "${MONIKER_URL#https://}" </dev/null 2>/dev/null; }
served() { serve | openssl x509 -noout "$@"; }
at() { date -d "$(openssl x509 -noout "-$1" | cut -d= -f2)" +%s; } # of the certificate on standard input

# A connection that is open all the time (idle connections end after 10 s: it speaks up), and what the
# service showed on it.
mkfifo "$work/in"
openssl s_client -CAfile "$MONIKER_CACERT" -verify_return_error -connect "${MONIKER_URL#https://}" <"$work/in" >"$work/kept" 2>/dev/null &
asking=$!
exec 9>"$work/in"
answers() { grep -c '"status":"alive"' "$work/kept" || true; }
more_answers() { [ "$(answers)" -gt "$1" ]; }
speak() {
	local before
	before=$(answers)
	printf 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n' >&9
	within 30 "the open connection is served" more_answers "$before" >/dev/null
}
speak
first=$(openssl x509 -noout -serial -in "$work/kept")
began=$(at startdate <"$work/kept") ended=$(at enddate <"$work/kept")
same "the certificate is good for a minute" 60 $((ended - began))
pid=$(cat "$MONIKER_TEST_STATE/pid")

another() {
	local serial
	speak
	serial=$(served -serial) && [ "$serial" != "$first" ]
}
within 90 "new connections see another certificate" another
[ "$(serve | at startdate)" -ge $((began + 40)) ] || die "it is renewed before two thirds of the time"
ok "renewed after two thirds of the time"
same "for the same names" "$(openssl x509 -noout -ext subjectAltName -in "$work/kept")" "$(served -ext subjectAltName)"
[ "$(served -pubkey)" != "$(openssl x509 -noout -pubkey -in "$work/kept")" ] || die "the key is the old one"
ok "with another key"
speak
serve >/dev/null || die "the new certificate is not trusted"
call GET /v1/batches/demo-lot station >"$work/p"
same "stations go on" 200 "$(cat "$work/status")"

# Past the end of the first: the open connection still goes on.
past() { speak; [ "$(date +%s)" -gt "$ended" ]; }
within 60 "the first certificate has expired" past
speak
same "one connection all the time" 1 "$(grep -c '^Server certificate' "$work/kept")"
same "and one process" "$pid" "$(cat "$MONIKER_TEST_STATE/pid")"
kill -0 "$pid" || die "the service has ended"
shows "the log says so" '"event":"service.tls".*renewed' "$log"
call GET '/v1/audit/events?ev=cert.issue&limit=10000' auditor | jq -r 'select(.act | startswith("system:")) | .sub' >"$work/leaves"
[ "$(grep -c '^h:' "$work/leaves")" -ge 2 ] || die "a certificate of the service has no leaf"
ok "each certificate of the service has its leaf"
