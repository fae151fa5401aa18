#!/usr/bin/env bash
# nginx as a relying party: it trusts MONIKER_TRUST and the CRLs that the certificates point to,
# lets good devices in, and keeps revoked devices, stations and the service itself out.
. "$(dirname "$0")/lib.sh"
need nginx nginx-light

cleanup() {
	[ ! -s "$work/nginx.pid" ] || kill "$(cat "$work/nginx.pid")" 2>/dev/null || true
}

write_config() {
	cat >"$work/nginx.conf" <<CONF
user $(id -un);
worker_processes 1;
pid $work/nginx.pid;
error_log $work/error.log info;
events { worker_connections 64; }
http {
	log_format verdict '\$status \$ssl_client_verify';
	access_log $work/access.log verdict;
	client_body_temp_path $work/t1;
	proxy_temp_path $work/t2;
	fastcgi_temp_path $work/t3;
	uwsgi_temp_path $work/t4;
	scgi_temp_path $work/t5;
	ssl_certificate $work/party.pem;
	ssl_certificate_key $work/party.key;
	ssl_protocols TLSv1.3;
	ssl_session_cache off;
	ssl_session_tickets off;
	ssl_client_certificate $MONIKER_TRUST;
	ssl_verify_client on;
	ssl_verify_depth 2;
	server {
		listen 127.0.0.1:$port ssl;
		ssl_crl $work/crls.pem;
		location / { return 200 "\$ssl_client_s_dn\n"; }
	}
	# Without CRLs nothing but trust stands between a stranger and the door.
	server {
		listen 127.0.0.1:$careless_port ssl;
		location / { return 200 "\$ssl_client_s_dn\n"; }
	}
	# The other way round: nginx calls the service, and trusts what the file says.
	server {
		listen 127.0.0.1:$proxy_port;
		proxy_ssl_verify on;
		proxy_ssl_protocols TLSv1.3;
		proxy_ssl_name localhost;
		location /device-trust/ { proxy_ssl_trusted_certificate $MONIKER_TRUST; proxy_ssl_verify_depth 2; proxy_pass $MONIKER_URL/; }
		location /service-trust/ { proxy_ssl_trusted_certificate $MONIKER_CACERT; proxy_ssl_verify_depth 2; proxy_pass $MONIKER_URL/; }
	}
}
CONF
}

# fetch_crls fetch_crl|fetch_crl_with: the Device CA's, of the shard that our devices name, and the
# Device Root's.
fetch_crls() {
	"$1" "$work/revoked.pem" "$work/device.crl"
	fetch_crl "$work/ca.pem" "$work/root.crl"
	cat "$work/device.crl" "$work/root.crl" >"$work/crls.pem"
}

# calls PORT NAME: the status of the party's answer to $work/NAME.chain and NAME.key.
calls() {
	curl -sS -o "$work/body" -w '%{http_code}' --cacert "$work/party.pem" \
		--cert "$work/$2.chain" --key "$work/$2.key" "https://localhost:$1/" ||
		die "no answer; $(tail -n 3 "$work/error.log")"
}

# called PORT NAME: sets status, as calls prints it. What nginx logs is in access.log then: it does so after it has answered.
called() {
	local _
	: >"$work/access.log"
	status=$(calls "$1" "$2")
	for _ in $(seq 1 600); do
		[ ! -s "$work/access.log" ] || break
		sleep 0.05
	done
}
# presents WHAT PORT NAME STATUS REASON
presents() {
	called "$2" "$3"
	same "$1" "$4 $5" "$status $(sed 's/^[0-9]* //' "$work/access.log")"
}

# is_stranger WHAT NAME REASON: kept out with and without CRLs, and not for want of a CRL only.
is_stranger() {
	called "$port" "$2"
	same "$1 is refused" 400 "$status"
	presents "$1 is refused by a server without CRLs" "$careless_port" "$2" 400 "FAILED:$3"
}

open_batch
enroll good
enroll revoked
split_pem "$work/good.chain" "$work/part"
mv "$work/part.1" "$work/ca.pem"
same "both devices name one CRL" "$(crl_url "$work/good.pem")" "$(crl_url "$work/revoked.pem")"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
	-addext 'subjectAltName=DNS:localhost' -keyout "$work/party.key" -out "$work/party.pem" 2>/dev/null
port=$(free_port)
careless_port=$(free_port)
proxy_port=$(free_port)
write_config
fetch_crls fetch_crl
nginx -p "$work" -c "$work/nginx.conf" -e "$work/error.log"
for _ in $(seq 1 300); do
	(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
	sleep 0.1
done

presents "a good device is let in" "$port" good 200 SUCCESS
same "nginx reads the pseudonym" "CN=$(jq -r .pseudonym "$work/good.json")" "$(cat "$work/body")"
presents "the other one too, before it is revoked" "$port" revoked 200 SUCCESS

revoke revoked
fetch_crls fetch_crl_with
master=$(cat "$work/nginx.pid")
old_worker=$(cut -d" " -f1 "/proc/$master/task/$master/children")
kill -HUP "$master"
for _ in $(seq 1 300); do # the worker with the old CRLs answers until it is gone
	kill -0 "$old_worker" 2>/dev/null || break
	sleep 0.1
done
presents "a revoked device is refused" "$port" revoked 400 'FAILED:certificate revoked'
presents "a good device is still let in" "$port" good 200 SUCCESS

with_issuer "$MONIKER_STATION_CERT" >"$work/station.chain"
cp "$MONIKER_STATION_KEY" "$work/station.key"
is_stranger "a station" station 'unable to get local issuer certificate'

state_dir=$(sed -n 's/^state_dir *= *//p' "$MONIKER_CONFIG")
cp "$state_dir/tls.key" "$work/service.key" || die "the service's TLS key cannot be read: run as root"
cp "$state_dir/tls.pem" "$work/service.chain"
is_stranger "the service's own certificate" service 'unsuitable certificate purpose'

# A key of the caller's own with a chain that looks right: names alone open nothing.
openssl ecparam -name prime256v1 -genkey -noout -out "$work/forged.key"
openssl req -x509 -key "$work/forged.key" -days 2 -subj "/CN=$(jq -r .pseudonym "$work/good.json")" -out "$work/forged.chain"
is_stranger "a certificate that signs itself" forged 'self-signed certificate'

proxied() { curl -sS -o "$work/body" -w '%{http_code}' "http://127.0.0.1:$proxy_port/$1/healthz"; }
same "nginx calls the service, trusting MONIKER_CACERT" 200 "$(proxied service-trust)"
same "nginx does not, trusting MONIKER_TRUST" 502 "$(proxied device-trust)"
shows "because of its issuer" 'upstream SSL certificate verify error: \(20:unable to get local issuer' "$work/error.log"
