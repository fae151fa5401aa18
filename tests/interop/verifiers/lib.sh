# shellcheck shell=bash source=/dev/null
# Sourced by the tests of deploy/verifiers: a server of ours with the configuration that is there, only folders, ports
# and users changed, and devices that call it.

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
verifiers=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../../deploy/verifiers" && pwd)
etc=$work/etc
mkdir "$etc"

started=""                 # process ids
was_started() { started="$started $1"; }
cleanup() {
	local pid
	for pid in $started; do kill -- "$pid" 2>/dev/null || true; done
	for pid in $started; do tail --pid="${pid#-}" -f /dev/null 2>/dev/null || true; done
}

# within SECONDS COMMAND...: it succeeds at last.
within() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
ended() { ! kill -0 "$1" 2>/dev/null; }

# configuration FILE [SED...]: as delivered, in the folders of this test; every edit must change something.
configuration() {
	local text edit changed
	text=$(sed "s,/etc/moniker-verifier/,$etc/,g" "$verifiers/$1")
	for edit in "${@:2}"; do
		changed=$(sed "$edit" <<<"$text")
		[ "$changed" != "$text" ] || die "$1: nothing for $edit"
		text=$changed
	done
	printf '%s\n' "$text"
}

# party: trust, and a certificate and key of the server.
party() {
	cp "$MONIKER_TRUST" "$etc/trust.pem"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
		-addext 'subjectAltName=DNS:localhost' -keyout "$etc/server.key" -out "$etc/server.pem" 2>/dev/null
}

lists() { # SERIAL: of any CRL in the file at hand
	grep -q "Serial Number: $1\$" <(openssl storeutl -noout -text -crls "$etc/crl.pem" 2>/dev/null)
}
unlisted() { ! lists "$1"; }
# refresh_until lists|unlisted NAME COMMAND...: what a timer does, until the CRL knows.
refresh_until() {
	local known=$1 serial
	serial=$(serial_of "$work/$2.pem")
	shift 2
	refresh_once() { "$verifiers/crl-refresh" "$etc/trust.pem" "$MONIKER_HTTP_URL" "$etc/crl.pem" "$@" && "$known" "$serial"; }
	within 60 refresh_once "$@" || die "the CRL does not show $serial as $known"
}

# act ACTION NAME: hold, release or revoke.
act() {
	jq -c --arg action "$1" '{select: {pseudonym}, action: $action, reason: "unspecified"}' "$work/$2.json" |
		post /v1/revocations officer >"$work/$2.$1"
	same "$2: $1" applied "$(jq -r .status "$work/$2.$1")"
}

# roots_crl_only yes|no: of the CRLs at hand only the root's stays, or only the others.
roots_crl_only() {
	local root file
	roots_of "$MONIKER_TRUST" >"$work/root.pem"
	root=$etc/crl.pem.d/$(openssl x509 -in "$work/root.pem" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -c1-16)-0000.pem
	[ -f "$root" ] || die "there is no CRL of the root"
	for file in "$etc"/crl.pem.d/*.pem; do
		{ [ "$file" = "$root" ] && echo yes || echo no; } | grep -qx "$1" || rm "$file"
	done
	cat "$etc"/crl.pem.d/*.pem >"$etc/crl.pem"
}

# follow_with RELOAD...: the feed drives crl-refresh, which runs RELOAD; no timer does. Sets follower.
follow_with() {
	setsid "$verifiers/follow" "$work/cursor" "$etc/crl.pem" \
		"$verifiers/crl-refresh" "$etc/trust.pem" "$MONIKER_HTTP_URL" "$etc/crl.pem" "$@" >"$work/follow.log" 2>&1 &
	follower=$!
	was_started "-$follower" # with the curl that waits
}
stop_follow() {
	kill -- "-$follower"
	within 30 ended "$follower" || die "follow does not end"
}
placed() { [ -s "$work/cursor" ]; }

# run_nginx: with $work/moniker.conf, and behind it a service that says who the proxy says is calling.
run_nginx() {
	cat >"$work/nginx.conf" <<-CONF
		user $(id -un);
		pid $work/nginx.pid;
		error_log $work/error.log info;
		worker_processes 1;
		worker_shutdown_timeout 2s;
		events { worker_connections 64; }
		http {
			access_log off;
			client_body_temp_path $work/t1;
			proxy_temp_path $work/t2;
			fastcgi_temp_path $work/t3;
			uwsgi_temp_path $work/t4;
			scgi_temp_path $work/t5;
			include $work/moniker.conf;
			server { listen 127.0.0.1:$behind; location / { return 200 "\$http_x_device\n"; } }
		}
	CONF
	nginx -p "$work" -c "$work/nginx.conf" -e "$work/error.log"
	was_started "$(cat "$work/nginx.pid")"
}
