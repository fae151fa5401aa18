#!/usr/bin/env bash
# service_up.sh BIN DIR: starts a whole private service from the programs in BIN, on free loopback
# ports, and writes DIR/env: the variables of deploy/quickstart's env, and
#   MONIKER_TEST_STATE   its folder; in it, `pid` is the supervisor's process id
#   MONIKER_TEST_PG      the environment file of its PostgreSQL (pg_up.sh)
#   MONIKER_TEST_SHRED   the same of the shred keys' cluster
# As root, service and keeper run as two existing users; otherwise all share one.
set -euo pipefail
bin=$(cd "$1" && pwd)
top=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$2"
dir=$(cd "$2" && pwd)
"$top/tests/support/service_down.sh" "$dir" # of a run that was cut short
"$top/tests/support/pg_up.sh" "$dir/pg" >/dev/null
pg=$(sed -n 's/^PGDIR=//p' "$dir/pg/env")
"$top/tests/support/pg_up.sh" "$dir/shred" shred >/dev/null
shred=$(sed -n 's/^PGDIR=//p' "$dir/shred/env")
chmod 711 "$pg" "$shred" # the service runs as another user

state=$(mktemp -d /tmp/moniker-service-XXXXXX)
chmod 755 "$state"
printf 'MONIKER_TEST_STATE=%s\n' "$state" >"$dir/env"
mkdir "$state/operators"
(umask 277; for name in keeper roots operators; do openssl rand -base64 24 >"$state/$name.passphrase"; done)
psql -q -X -h "$pg" -U postgres -d postgres -c 'CREATE DATABASE moniker OWNER moniker_owner'
owner="host=$pg user=moniker_owner dbname=moniker"
psql -q -X -h "$shred" -U postgres -d postgres -c 'CREATE DATABASE moniker OWNER moniker_owner'
psql -q -X -h "$shred" -U postgres -d moniker -f "$top/deploy/postgres/shred.sql"

if [ "$(id -u)" = 0 ]; then user=daemon keeper=nobody; else user=$(id -un) keeper=$(id -un); fi
free_port() { # one that nobody listens on now
	local port
	while :; do
		port=$((20000 + RANDOM % 12000))
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	echo $port
}
port=$(free_port) http_port=$port est_port=$port
while [ "$http_port" = "$port" ]; do http_port=$(free_port); done
while [ "$est_port" = "$port" ] || [ "$est_port" = "$http_port" ]; do est_port=$(free_port); done
cat >"$state/moniker.conf" <<EOF
[service]
user = $user
keeper_user = $keeper
node = node1
state_dir = $state/service

[http]
address = 127.0.0.1
port = $port
http_port = $http_port
est_legacy_port = $est_port
server_names = localhost,127.0.0.1
public_http_url = http://localhost:$http_port
ocsp_validity_min = ${MONIKER_TEST_OCSP_VALIDITY_MIN:-0}
tls_validity_min = ${MONIKER_TEST_TLS_VALIDITY_MIN:-0}

[pseudonyms]
tick_s = ${MONIKER_TEST_TICK_S:-2}

[database]
url = host=$pg user=moniker_service dbname=moniker

[escrow]
shred_url = host=$shred user=moniker_service dbname=moniker
backup_days = 0

[keeper]
dir = $state/keeper
passphrase_file = $state/keeper.passphrase

[audit]
dir = $state/audit
name = moniker.test

[log]
level = ${MONIKER_TEST_LOG_LEVEL:-debug}
EOF
"$bin/moniker" init --config "$state/moniker.conf" --database-url "$owner" --dir "$state/ca" \
	--admin admin --admin-key "$state/operators/admin.key" --kdf-memory-mib 8 \
	--roots-passphrase-file "$state/roots.passphrase" \
	--operators-passphrase-file "$state/operators.passphrase" >/dev/null
"$bin/moniker" migrate --database-url "$owner" --shred-url "host=$shred user=moniker_owner dbname=moniker" >/dev/null
chmod 755 "$state/ca"
cp "$state/ca/admin.pem" "$state/operators/admin.pem"

{
	printf 'export MONIKER_URL=https://localhost:%s MONIKER_HTTP_URL=http://localhost:%s\n' "$port" "$http_port"
	printf 'export MONIKER_EST_LEGACY_URL=https://localhost:%s\n' "$est_port"
	printf 'export MONIKER_CACERT=%s/ca/cacert.pem MONIKER_TRUST=%s/ca/trust.pem\n' "$state" "$state"
	for role in station station2 verifier officer officer2 auditor legal admin; do
		printf 'export MONIKER_%s_CERT=%s/operators/%s.pem MONIKER_%s_KEY=%s/operators/%s.key\n' \
			"${role^^}" "$state" "$role" "${role^^}" "$state" "$role"
	done
	printf 'export MONIKER_CONFIG=%s/moniker.conf MONIKER_BATCH=demo-lot MONIKER_AUDIT_DIR=%s/audit\n' "$state" "$state"
	printf 'export MONIKER_PGURL=%q MONIKER_BIN=%s\n' "$owner" "$bin"
	printf 'export MONIKER_TEST_PG=%s/pg/env MONIKER_TEST_SHRED=%s/shred/env\n' "$dir" "$dir"
} >>"$dir/env"
. "$dir/env"
export MONIKER_TEST_STATE
started=0
"$top/tests/support/service_start.sh" "$dir" || started=$?
if [ $started = 3 ] && [ "${3:-1}" -lt 3 ]; then
	# A port was taken since we looked. It is in the authorities' certificates, too: all anew.
	exec "$0" "$bin" "$dir" $((${3:-1} + 1))
fi
[ $started = 0 ] || exit $started

for pair in station:station station2:station verifier:verifier officer:officer officer2:officer auditor:auditor legal:legal; do
	"$bin/moniker" operator add "${pair%%:*}" --role "${pair##*:}" --new-key "$state/operators/${pair%%:*}.key" >/dev/null
done
"$bin/moniker" operator sign --database-url "$owner" --ring "$state/ca/operators.ring" \
	--passphrase-file "$state/operators.passphrase" --yes >/dev/null 2>&1
for name in station station2 verifier officer officer2 auditor legal; do
	"$bin/moniker" operator cert "$name" --out "$state/operators/$name.pem"
done
"$bin/moniker" batch create demo-lot --model Test --quota 100000 >/dev/null
echo "The service of $dir/env is ready."
