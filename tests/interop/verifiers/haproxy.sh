#!/usr/bin/env bash
# deploy/verifiers/haproxy with haproxy: who is let in, and that neither resumption nor a connection that was open
# outlives a revocation.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/web.sh"
need haproxy haproxy

start_web() {
	cat "$etc/server.key" >>"$etc/server.pem"
	configuration haproxy/haproxy.cfg "s/bind :443/bind 127.0.0.1:$port/" "s/127.0.0.1:8000/127.0.0.1:$behind/" \
		's/hard-stop-after 30s/hard-stop-after 2s/' >"$work/haproxy.cfg"
	# The service behind it: it says who the proxy says is calling.
	cat >>"$work/haproxy.cfg" <<-CONF

		frontend behind
			bind 127.0.0.1:$behind
			http-request return status 200 content-type text/plain lf-string "%[req.hdr(X-Device)]\n"
	CONF
	haproxy -W -p "$work/haproxy.pid" -f "$work/haproxy.cfg" >>"$work/error.log" 2>&1 &
	master=$! signal=USR2
	was_started "$master"
}

test_web
