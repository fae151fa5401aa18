#!/usr/bin/env bash
# deploy/verifiers/nginx/moniker-ocsp.conf with nginx: it asks the service at each handshake, without any CRL.
. "$(dirname "$0")/lib.sh"
need nginx nginx-light

start_nginx() { # RESPONDER
	configuration nginx/moniker-ocsp.conf "s/listen 443/listen 127.0.0.1:$port/" "s/127.0.0.1:8000/127.0.0.1:$behind/" \
		"s,http://crl.example.com/ocsp,$1," >"$work/moniker.conf"
	run_nginx
	within 30 listens "$port" || die "nginx does not start: $(tail -n 3 "$work/error.log")"
}
asks() {
	curl -sS --fail --tlsv1.3 --cacert "$etc/server.pem" --cert "$work/$1.chain" --key "$work/$1.key" "https://localhost:$port/" 2>"$work/why"
}
asks_loudly() { asks "$1" || { cat "$work/why"; return 1; }; }
let_in() { same "$1 is let in $2" "$(jq -r .pseudonym "$work/$1.json")" "$(asks "$1")"; }
kept_out() { refuses "$1 is kept out $2" 'returned error: 400' asks_loudly "$1"; }

open_batch
for name in good bad held; do enroll $name; done
party
port=$(free_port)
behind=$(free_port)
start_nginx "$MONIKER_HTTP_URL/ocsp"
for name in good bad held; do let_in $name "at first"; done
revoke bad
act hold held
kept_out bad "with the answer to the revocation"
shows "because the service says so" 'client SSL certificate verify error: certificate revoked' "$work/error.log"
kept_out held "when it is held"
let_in good "still"
act release held
let_in held "with the answer to the release"

# Nobody to ask is no yes.
kill "$(cat "$work/nginx.pid")"
within 30 ended "${started##* }" || die "nginx does not end"
port=$(free_port)
behind=$(free_port)
start_nginx "http://127.0.0.1:$(free_port)/ocsp"
kept_out good "while the service cannot be reached"
