#!/bin/sh -eu
# pg_down.sh DIR: stops what pg_up.sh DIR started, and removes it.
dir=$1
[ -f "$dir/env" ] || exit 0
bin=${PG_BIN:-$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)}
cluster=$(sed -n 's/^PGDIR=//p' "$dir/env")
as_postgres=
[ "$(id -u)" != 0 ] || as_postgres="setpriv --reuid=postgres --regid=postgres --clear-groups --"
cd /
case $cluster in
/tmp/moniker-pg-*)
	$as_postgres "$bin/pg_ctl" -D "$cluster/data" -m immediate -s stop || true
	rm -rf "$cluster"
	;;
esac
rm -f "$dir/env"
