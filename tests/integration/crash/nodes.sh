# shellcheck shell=bash source=lib.sh
# What the tests share in which a node is lost: several nodes on one database. Sourced after lib.sh.
owner_url=$MONIKER_PGURL
sql() { psql -XqAt -h "$pg" -U postgres -d moniker -c "$1"; }
first_conf=$MONIKER_CONFIG first_url=$MONIKER_URL first_state=$MONIKER_TEST_STATE

# ---- nodes: each is a folder with state, keeper, configuration, and a board of strikes of its own

free_port() {
	local port
	while :; do
		port=$((20000 + RANDOM % 12000))
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	echo $port
}
make_node() { # NAME [ports]: another host's files, with copies of the first node's ring and policy; in
	# the first one's place, if it is to have its ports
	local at=$fixture/$1 port=${first_url##*:} http_port=${MONIKER_HTTP_URL##*:}
	mkdir -p "$at/keeper"
	[ -n "${2-}" ] || { port=$(free_port) http_port=$(free_port); }
	cp "$first_state"/keeper/{keeper.ring,policy.json} "$at/keeper/"
	cp "$first_state/keeper.passphrase" "$at/"
	sed -e "s/^node = .*/node = $1/" -e "s/^port = .*/port = $port/" -e "s/^http_port = .*/http_port = $http_port/" \
		-e "s/^est_legacy_port = .*/est_legacy_port = 0/" \
		-e "s|$first_state/|$at/|" "$first_conf" >"$at/moniker.conf"
	sed -e "s|^MONIKER_TEST_STATE=.*|MONIKER_TEST_STATE=$at|" -e "s|AUDIT_DIR=$first_state/|AUDIT_DIR=$at/|" \
		-e "s|$first_url|https://localhost:$port|" -e "s|$first_conf|$at/moniker.conf|" "$fixture/env" >"$at/env"
	"$MONIKER_TEST_BOARD" "$at/board" init
	chmod 666 "$at/board"
}
# node NAME: the functions of lib.sh speak of this one from here on.
node() {
	node_dir=$fixture/$1
	[ "$1" != node1 ] || node_dir=$fixture
	. "$node_dir/env"
}
board() { "$MONIKER_TEST_BOARD" "$node_dir/board" "$@"; }
launch() { # does not wait: it may be held before it is ready
	(cd / && LD_PRELOAD=$MONIKER_TEST_STRIKE STRIKE_BOARD=$node_dir/board exec setsid "$MONIKER_BIN/monikerd" \
		--config "$MONIKER_CONFIG") >>"$MONIKER_TEST_STATE/monikerd.log" 2>&1 </dev/null &
	echo $! >"$MONIKER_TEST_STATE/pid"
}
start_node() {
	launch
	within 60 "$(basename "$node_dir") is ready" ready
}
# destroy: the whole node at once, by process id.
destroy() {
	local pids
	pids="$(supervisor) $(child --service || true) $(child moniker-keeper || true)"
	# shellcheck disable=SC2086
	kill -KILL $pids
	wait "$(supervisor)" 2>/dev/null || true
	for pid in $pids; do within 30 "process $pid is gone" gone "$pid"; done
	rm "$MONIKER_TEST_STATE/pid"
}
stop_nodes() { # those that run, in peace; for the end of the test, however it ends
	local file pid
	for file in "$fixture"/node*/pid; do
		[ -f "$file" ] || continue
		pid=$(cat "$file")
		kill -TERM "$pid" 2>/dev/null || true
		for _ in $(seq 200); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
		kill -KILL "$pid" 2>/dev/null || true
	done
}
before_end() { stop_nodes; }
# hold_until CONDITION: the node stands before an append once the condition holds; others pass.
hold_until() {
	for _ in $(seq 20); do
		board wait append-before 60 || die "nothing is appended"
		! "$@" || return 0
		board next append-before
	done
	die "it never stood where it should"
}
unsigned() {
	sql "SELECT count(*) FROM certificate_body AS b WHERE NOT EXISTS (SELECT FROM certificate_signature AS s
		WHERE s.month = b.month AND s.serial = b.serial)"
}
unsigned_are() { [ "$(unsigned)" = "$1" ]; }
retire() { struck "$MONIKER_BIN/moniker" log retire --database-url "$owner_url" "$@"; }
open_log() { struck "$MONIKER_BIN/moniker" log open --config "$fixture/$1/moniker.conf" --database-url "$owner_url"; }
origin() { sql "SELECT origin FROM audit_log WHERE origin LIKE '%/$1-%'"; }
