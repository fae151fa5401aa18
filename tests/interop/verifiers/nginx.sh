#!/usr/bin/env bash
# deploy/verifiers/nginx with nginx: who is let in, and that neither resumption nor a connection that was open outlives
# a revocation.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/web.sh"
need nginx nginx-light

start_web() {
	configuration nginx/moniker.conf "s/listen 443/listen 127.0.0.1:$port/" "s/127.0.0.1:8000/127.0.0.1:$behind/" >"$work/moniker.conf"
	run_nginx
	master=$(cat "$work/nginx.pid") signal=HUP
}

test_web
