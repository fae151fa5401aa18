# Functions of deploy/quickstart; sourced with repo, prefix, port, http_port, est_legacy_port and devices set.

# PostgreSQL and the services run as other users. Where they cannot reach the prefix (a home folder
# with mode 700), and where a socket's path would be too long, state lives in a folder of its own.
if [ -f "$prefix/state-dir" ]; then
	state=$(cat "$prefix/state-dir")
else
	state=$prefix
	if ! setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$prefix" 2>/dev/null || [ ${#prefix} -gt 60 ]; then
		state=/var/lib/moniker-$(printf %s "$prefix" | sha256sum | cut -c1-8)
	fi
fi

# What an earlier run chose stays, unless said otherwise.
saved() { [ -f "$state/moniker.conf" ] && sed -n "s/^$1 = //p" "$state/moniker.conf"; }
[ -n "$port" ] || port=$(saved port || echo 8443)
saved_http_port=$(saved http_port || true)
[ -n "$http_port" ] || http_port=${saved_http_port:-8080}
[ "$http_port" = "${saved_http_port:-$http_port}" ] ||
	fail "--http-port was $saved_http_port at the first run and is burned into certificates: reset first"

[ -n "$est_legacy_port" ] || est_legacy_port=$(saved est_legacy_port || true)
est_legacy_port=${est_legacy_port:-0}

socket_dir=$state/pg
env_file=$prefix/env
owner_url="host=$socket_dir port=5432 user=moniker_owner dbname=moniker"
service_url="host=$socket_dir port=5432 user=moniker_service dbname=moniker"
# The keys of sealed identities are in a small cluster of their own, in the same folder of sockets.
shred_url="host=$socket_dir port=5433 dbname=moniker user="
bin=$state/bin
moniker=$bin/moniker
pg_bin=/usr/lib/postgresql/15/bin

packages="gcc make cmake pkg-config libssl-dev libpq-dev libmicrohttpd-dev libgnutls28-dev libsodium-dev
libjansson-dev libinih-dev libseccomp-dev libcurl4-openssl-dev zlib1g-dev libcmocka-dev postgresql-15 openssl curl jq"

install_packages() {
	local missing="" package
	for package in $packages; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
	done
	if [ -z "$missing" ]; then
		echo "All there."
		return
	fi
	echo "Installing:$missing"
	export DEBIAN_FRONTEND=noninteractive
	# The cluster is ours: Debian's own default cluster is not made.
	mkdir -p /etc/postgresql-common
	[ -f /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf
	apt-get update -q >"$prefix/apt.log" 2>&1 || true
	# shellcheck disable=SC2086
	apt-get install -q -y --no-install-recommends $missing >>"$prefix/apt.log" 2>&1 ||
		fail "packages could not be installed: see $prefix/apt.log"
}

build() {
	local dir=$repo/build/release
	(cd "$repo" && cmake --preset release -DBUILD_TESTING=OFF >"$prefix/build.log" 2>&1 &&
		cmake --build "$dir" -j "$(nproc)" >>"$prefix/build.log" 2>&1) || fail "the build failed: see $prefix/build.log"
	echo "Built in $dir/bin."
}

make_users() {
	local user
	for user in moniker moniker-keeper; do
		getent passwd $user >/dev/null || useradd --system --user-group --no-create-home --shell /usr/sbin/nologin $user
	done
}

make_state() {
	mkdir -p "$state" "$bin"
	chmod 755 "$state" "$bin"
	printf '%s\n' "$state" > "$prefix/state-dir"
	local program
	for program in moniker monikerd moniker-service moniker-keeper; do
		cmp -s "$repo/build/release/bin/$program" "$bin/$program" && continue
		# A newer build takes over: what runs is stopped first.
		stop_service
		install -m 755 "$repo/build/release/bin/$program" "$bin/$program"
	done
	mkdir -p "$state/secrets" "$state/operators" "$prefix/devices"
	chmod 700 "$state/secrets" "$state/operators" "$prefix/devices"
	local name
	for name in keeper roots operators; do
		[ -f "$state/secrets/$name.passphrase" ] || (umask 277; openssl rand -base64 24 > "$state/secrets/$name.passphrase")
	done
	cat > "$state/moniker.conf.new" <<TXT
[service]
user = moniker
keeper_user = moniker-keeper
node = node1
state_dir = $state/service

[http]
address = 127.0.0.1
port = $port
http_port = $http_port
est_legacy_port = $est_legacy_port
server_names = localhost,127.0.0.1
public_http_url = http://localhost:$http_port

[database]
url = $service_url

[escrow]
shred_url = ${shred_url}moniker_service
backup_days = 0

[keeper]
dir = $state/keeper
passphrase_file = $state/secrets/keeper.passphrase

[audit]
dir = $state/audit
name = moniker.quickstart
TXT
	# What runs goes by the old file, and takes up ports at a start only.
	if [ -f "$state/moniker.conf" ] && ! cmp -s "$state/moniker.conf" "$state/moniker.conf.new"; then
		stop_service
	fi
	mv "$state/moniker.conf.new" "$state/moniker.conf"
}

# ---- PostgreSQL: two private clusters on Unix sockets, pgdata and shred

pg_running() { [ -f "$state/$1/postmaster.pid" ] && kill -0 "$(head -n1 "$state/$1/postmaster.pid")" 2>/dev/null; }
as_postgres() { (cd / && setpriv --reuid=postgres --regid=postgres --clear-groups env -i PATH=/usr/bin:/bin "$@"); }

make_cluster() { # FOLDER PORT [initdb options]
	local data=$state/$1 port=$2
	shift 2
	install -d -o postgres -g postgres -m 700 "$data"
	install -d -o postgres -g postgres -m 755 "$socket_dir"
	as_postgres "$pg_bin/initdb" -D "$data" -U postgres --auth=reject -E UTF8 --locale=C.UTF-8 "$@" >"$prefix/initdb.log" 2>&1 ||
		fail "initdb failed: see $prefix/initdb.log"
	# Who may be which role is decided by the unix user at the other end of the socket.
	cat > "$data/pg_hba.conf" <<'TXT'
local all all peer map=moniker
TXT
	cat > "$data/pg_ident.conf" <<'TXT'
moniker postgres postgres
moniker root postgres
moniker root moniker_owner
moniker root moniker_service
moniker moniker moniker_service
TXT
	cat >> "$data/postgresql.conf" <<TXT
listen_addresses = ''
port = $port
unix_socket_directories = '$socket_dir'
max_connections = 100
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_error_verbosity = terse
TXT
}

start_cluster() { # FOLDER
	if pg_running "$1"; then
		echo "PostgreSQL ($1) runs."
		return
	fi
	as_postgres "$pg_bin/pg_ctl" -D "$state/$1" -l "$state/$1/server.log" -w -t 60 start >/dev/null ||
		fail "PostgreSQL does not start: see $state/$1/server.log"
	echo "PostgreSQL ($1) started, socket in $socket_dir."
}

start_postgres() {
	[ -d "$state" ] || fail "nothing is installed under $prefix yet"
	[ -f "$state/pgdata/PG_VERSION" ] || make_cluster pgdata 5432
	if [ ! -f "$state/shred/PG_VERSION" ]; then
		make_cluster shred 5433 --wal-segsize=1
		cat "$repo/deploy/postgres/shred.conf" >> "$state/shred/postgresql.conf"
	fi
	start_cluster pgdata
	start_cluster shred
}

make_database() {
	local port sql
	for port in 5432 5433; do
		sql="psql -X -q -v ON_ERROR_STOP=1 -h $socket_dir -p $port -U postgres"
		$sql -d postgres -f "$repo/deploy/postgres/roles.sql"
		$sql -d postgres -Atc "SELECT 1 FROM pg_database WHERE datname = 'moniker'" | grep -q 1 ||
			$sql -d postgres -c 'CREATE DATABASE moniker OWNER moniker_owner'
	done
	$sql -d moniker -f "$repo/deploy/postgres/shred.sql"
	"$moniker" migrate --database-url "$owner_url" --shred-url "${shred_url}moniker_owner"
}

# ---- the service

initialize() {
	if [ -f "$state/keeper/keeper.ring" ]; then
		echo "There already."
		return
	fi
	"$moniker" init --config "$state/moniker.conf" --database-url "$owner_url" --dir "$state/ca" \
		--admin admin --admin-key "$state/operators/admin.key" \
		--roots-passphrase-file "$state/secrets/roots.passphrase" \
		--operators-passphrase-file "$state/secrets/operators.passphrase"
	cp "$state/ca/admin.pem" "$state/operators/admin.pem"
	chmod 755 "$state/ca"
	chmod 600 "$state/ca/roots.ring" "$state/ca/operators.ring"
}

service_pid() { [ -f "$state/monikerd.pid" ] && kill -0 "$(cat "$state/monikerd.pid")" 2>/dev/null && cat "$state/monikerd.pid"; }
call_ready() { curl -s -o "$prefix/ready.json" -w '%{http_code}' --cacert "$state/ca/cacert.pem" "https://localhost:$port/readyz" 2>/dev/null || true; }

start_service() {
	local i
	if service_pid >/dev/null; then
		echo "monikerd runs (pid $(service_pid))."
	else
		# exec: the pid that is noted is monikerd's own.
		(cd / && exec setsid "$bin/monikerd" --config "$state/moniker.conf") >>"$state/monikerd.log" 2>&1 </dev/null &
		echo $! > "$state/monikerd.pid"
	fi
	for i in $(seq 1 600); do
		[ "$(call_ready)" = 200 ] && break
		service_pid >/dev/null || fail "monikerd ended: see $state/monikerd.log"
		[ "$i" != 600 ] || fail "the service does not become ready: see $state/monikerd.log and $prefix/ready.json"
		sleep 0.1
	done
	write_env
	echo "Ready: https://localhost:$port (pid $(service_pid)). Environment: $env_file"
}

write_env() {
	{
		printf 'export MONIKER_URL=https://localhost:%s MONIKER_HTTP_URL=http://localhost:%s\n' "$port" "$http_port"
		printf 'export MONIKER_CACERT=%q MONIKER_TRUST=%q\n' "$state/ca/cacert.pem" "$state/ca/trust.pem"
		local role
		for role in station verifier officer officer2 auditor legal admin; do
			printf 'export MONIKER_%s_CERT=%q MONIKER_%s_KEY=%q\n' "${role^^}" "$state/operators/$role.pem" "${role^^}" "$state/operators/$role.key"
		done
		printf 'export MONIKER_CONFIG=%q MONIKER_BATCH=demo-lot MONIKER_PGURL=%q MONIKER_AUDIT_DIR=%q\n' "$state/moniker.conf" "$owner_url" "$state/audit"
		[ "$est_legacy_port" = 0 ] || printf 'export MONIKER_EST_LEGACY_URL=https://localhost:%s\n' "$est_legacy_port"
		printf 'export MONIKER_BIN=%q\n' "$bin"
	} > "$env_file.tmp"
	mv "$env_file.tmp" "$env_file"
}

wait_gone() {
	local i
	for i in $(seq 1 600); do
		kill -0 "$1" 2>/dev/null || return 0
		sleep 0.1
	done
	return 1
}

stop_service() {
	local pid
	if pid=$(service_pid); then
		kill -TERM "$pid"
		wait_gone "$pid" || fail "monikerd (pid $pid) does not stop"
		echo "monikerd stopped."
	fi
	rm -f "$state/monikerd.pid"
}

stop_all() {
	stop_service
	local cluster
	for cluster in pgdata shred; do
		pg_running $cluster || continue
		as_postgres "$pg_bin/pg_ctl" -D "$state/$cluster" -m fast -w stop >/dev/null
		echo "PostgreSQL ($cluster) stopped."
	done
}

show_status() {
	if pg_running pgdata; then echo "PostgreSQL  runs"; else echo "PostgreSQL  stopped"; fi
	if pg_running shred; then echo "shred keys  run"; else echo "shred keys  stopped"; fi
	if service_pid >/dev/null; then echo "monikerd    runs (pid $(service_pid))"; else echo "monikerd    stopped"; return 1; fi
	if [ "$(call_ready)" = 200 ]; then echo "ready       yes"; else echo "ready       no"; fi
	jq -r '.components | to_entries[] | "  \(.key): \(if .value.ready then "ready" else "not ready: \(.value.detail)" end)"' "$prefix/ready.json" 2>/dev/null || true
}

remove_state() {
	[ -n "$state" ] && [ -f "$prefix/state-dir" ] || return 0
	rm -rf -- "$state/pgdata" "$state/shred" "$state/pg" "$state/keeper" "$state/service" "$state/audit" "$state/ca" "$state/operators" \
		"$state/secrets" "$state/bin" "$state/moniker.conf" "$state/monikerd.log"
	rm -rf -- "$prefix/devices" "$prefix/env" "$prefix/state-dir" "$prefix"/*.log "$prefix/ready.json" "$prefix/status"
	rmdir "$state" "$prefix" 2>/dev/null || true
}

# ---- operators: requested through the API, signed on the host

make_operators() {
	. "$env_file"
	local pair name role new=0
	for pair in station:station verifier:verifier officer:officer officer2:officer auditor:auditor legal:legal; do
		name=${pair%%:*} role=${pair##*:}
		[ -f "$state/operators/$name.pem" ] && continue
		"$moniker" operator add "$name" --role "$role" --new-key "$state/operators/$name.key" >/dev/null
		new=1
	done
	if [ $new = 0 ]; then
		echo "All there."
		return
	fi
	"$moniker" operator sign --database-url "$owner_url" --ring "$state/ca/operators.ring" \
		--passphrase-file "$state/secrets/operators.passphrase" --yes
	for name in station verifier officer officer2 auditor legal; do
		"$moniker" operator cert "$name" --out "$state/operators/$name.pem"
	done
}
