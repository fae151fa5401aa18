#!/bin/sh -eu
# pg_up.sh DIR [shred]: starts a private PostgreSQL on a Unix socket and writes DIR/env:
#   PGURL   a superuser's connection string
#   PGDIR   the cluster's folder, for pg_down.sh
# With `shred`: small, for shred keys, and set up as deploy/quickstart does.
dir=$1
kind=${2:-}
top=$(cd "$(dirname "$0")/../.." && pwd)
bin=${PG_BIN:-$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)}
"$top/tests/support/pg_down.sh" "$dir" # of a run that was cut short
cluster=$(mktemp -d /tmp/moniker-pg-XXXXXX)

# PostgreSQL refuses to run as root.
as_postgres=
if [ "$(id -u)" = 0 ]; then
	chown postgres:postgres "$cluster"
	as_postgres="setpriv --reuid=postgres --regid=postgres --clear-groups --"
fi

cd "$cluster"
$as_postgres "$bin/initdb" -D "$cluster/data" -A trust -U postgres --no-locale -E UTF8 ${kind:+--wal-segsize=1} \
	--no-instructions >"$cluster.log" 2>&1 || { cat "$cluster.log" >&2; exit 1; }
cat >>"$cluster/data/postgresql.conf" <<EOF
listen_addresses = ''
unix_socket_directories = '$cluster'
shared_buffers = 64MB
max_connections = 200
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_error_verbosity = terse
EOF
[ "$kind" != shred ] || cat "$top/deploy/postgres/shred.conf" >>"$cluster/data/postgresql.conf"
$as_postgres "$bin/pg_ctl" -D "$cluster/data" -l "$cluster/server.log" -w -s start
"$bin/psql" -q -X -v ON_ERROR_STOP=1 -h "$cluster" -U postgres -f "$top/deploy/postgres/roles.sql" postgres
rm "$cluster.log"

mkdir -p "$dir"
printf 'PGURL=host=%s user=postgres dbname=postgres\nPGDIR=%s\n' "$cluster" "$cluster" >"$dir/env"
cat "$dir/env"
