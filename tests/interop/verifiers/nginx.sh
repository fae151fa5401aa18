#!/usr/bin/env bash
# deploy/verifiers/nginx with nginx: who is let in, and that neither resumption nor a connection that was open outlives
# a revocation.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/web.sh"
need nginx nginx-light

start_web() {
	configuration nginx/moniker.conf "s/listen 443/listen 127.0.0.1:$port/" "s/127.0.0.1:8000/127.0.0.1:$behind/" >"$work/moniker.conf"
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
			# The service behind it: it says who the proxy says is calling.
			server { listen 127.0.0.1:$behind; location / { return 200 "\$http_x_device\n"; } }
		}
	CONF
	nginx -p "$work" -c "$work/nginx.conf" -e "$work/error.log"
	master=$(cat "$work/nginx.pid") signal=HUP
	was_started "$master"
}

test_web
