# shellcheck shell=bash
# Sourced by nginx.sh and haproxy.sh: the same questions to both. They define start_web, which starts a master with
# workers, its process id in $master, and name in $signal what makes it reload.

# asks NAME: prints the answer's body. False: no answer but a refusal.
asks() {
	curl -sS --fail --tlsv1.3 --cacert "$etc/server.pem" --cert "$work/$1.chain" --key "$work/$1.key" "https://localhost:$port/" 2>"$work/why"
}
let_in() { same "$1 is let in $2" "$(jq -r .pseudonym "$work/$1.json")" "$(asks "$1")"; }
kept_out() { refuses "$1 is kept out $2" '400|alert|reset|unexpected eof|SSL_ERROR' asks_loudly "$1"; }
asks_loudly() { asks "$1" || { cat "$work/why"; return 1; }; }

# talk NAME: a TLS connection that stays open; its answers come at 7, what is said goes to 8.
talk() {
	coproc talk { openssl s_client -connect "127.0.0.1:$port" -servername localhost -tls1_3 -quiet -no_ign_eof \
		-cert "$work/$1.pem" -cert_chain "$work/$1.chain" -key "$work/$1.key" 2>"$work/talk.log"; }
	was_started $!
	exec 7<&"${talk[0]}" 8>&"${talk[1]}"
}
# asks_again: on that connection; prints the status of the answer, or "closed".
asks_again() {
	local line status=closed length=0
	trap '' PIPE
	printf 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n' >&8 2>/dev/null || true
	while IFS= read -r -t 60 -u 7 line; do
		line=${line%$'\r'}
		case ${line,,} in
		http/1.1\ *) status=${line#* } status=${status%% *} ;;
		content-length:\ *) length=${line#*: } ;;
		"") IFS= read -r -t 60 -N "$length" -u 7 _ || true; break ;;
		esac
	done
	echo "$status"
}

# session NAME -sess_out|-sess_in: one request on a connection whose session is kept, or resumed.
session() {
	{ printf 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'; sleep 0.5; } |
		timeout 60 openssl s_client -connect "127.0.0.1:$port" -servername localhost -tls1_3 -ign_eof -cert "$work/$1.pem" \
			-cert_chain "$work/$1.chain" -key "$work/$1.key" "$2" "$work/$1.session" 2>&1
}

# What COMMAND is to crl-refresh: the reload, and until no worker answers that read the CRLs before it.
write_reload() {
	cat >"$work/reload" <<-RELOAD
		#!/bin/sh -eu
		children() { cat "/proc/$master/task/$master/children"; }
		old=\$(children)
		kill -$signal $master
		for _ in \$(seq 300); do
			left=""
			for pid in \$old; do case " \$(children) " in *" \$pid "*) left=1 ;; esac; done
			[ -n "\$left" ] || exit 0
			sleep 0.1
		done
		echo "a worker from before the reload is still there"
		exit 1
	RELOAD
	chmod +x "$work/reload"
}

test_web() {
	open_batch
	enroll good
	enroll bad
	enroll held
	party
	port=$(free_port)
	behind=$(free_port)
	refresh_until unlisted bad # before the server, which needs the file
	start_web
	within 30 listens "$port" || die "the server does not start: $(tail -n 3 "$work/error.log")"
	write_reload

	let_in good "at first"
	let_in bad "before it is revoked"
	session bad -sess_out >"$work/session.log"
	shows "a session is begun" 'HTTP/1.1 200' "$work/session.log"
	[ ! -s "$work/bad.session" ] || session bad -sess_in >"$work/session.log"
	same "and cannot be resumed, which would be without a verification" 0 "$(grep -c ^Reused, "$work/session.log" || true)"
	talk bad
	same "a connection is open" 200 "$(asks_again)"

	revoke bad
	act hold held
	refresh_until lists bad "$work/reload"
	refresh_until lists held "$work/reload"
	kept_out bad "when it is revoked"
	kept_out held "when it is held"
	let_in good "still"
	same "the connection that was open has ended" closed "$(asks_again)"

	act release held
	refresh_until unlisted held "$work/reload"
	let_in held "when it is released"
	kept_out bad "for ever"

	roots_crl_only no
	"$work/reload"
	kept_out good "when a CRL of its chain is missing"
}
