#!/usr/bin/env bash
# monikerd.sh BUILD: monikerd is small, since it holds the passphrase: it links what it uses and nothing else. It finds
# the programs that it starts in its own folder, wherever that is installed, and the service is not run by hand.
set -euo pipefail
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
die() { echo "$*" >&2; [ ! -s "$work/said" ] || cat "$work/said" >&2; exit 1; }

# exits STATUS PATTERN COMMAND...: what it says is left in $work/said
exits() {
	local wanted=$1 pattern=$2 status=0
	shift 2
	"$@" >"$work/said" 2>&1 </dev/null || status=$?
	[ "$status" = "$wanted" ] || die "$* ends with $status instead of $wanted"
	grep -Eq -- "$pattern" "$work/said" || die "$* does not say: $pattern"
}
needed() { readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort | tr '\n' ' '; }

# Where nobody would look: the programs have to find each other.
cmake --install "$build" --prefix "$work/away" >/dev/null
bin=$(dirname "$(find "$work/away" -type f -name monikerd)")
for program in moniker monikerd moniker-service moniker-keeper; do
	[ -x "$bin/$program" ] || die "$program is not installed"
done
for page in moniker.1 monikerd.8 moniker-service.8 moniker-keeper.8; do
	[ -n "$(find "$work/away" -name "$page")" ] || die "$page is not installed"
done

# Guarded memory and the configuration's format.
needs=$(needed "$bin/monikerd")
[ "$needs" = "libc.so.6 libinih.so.1 libsodium.so.23 " ] || die "monikerd needs $needs"
# And whatever those bring: read from the program as it would be loaded.
alien=$(ldd "$bin/monikerd" | grep -E 'lib(curl|pq|microhttpd|gnutls|ssl|crypto|ldap|krb5)' || true)
[ -z "$alien" ] || die "monikerd loads $alien"
alien=$(needed "$bin/moniker-keeper" | tr ' ' '\n' | grep -E 'lib(curl|pq|microhttpd|gnutls|ssl)\.' || true)
[ -z "$alien" ] || die "moniker-keeper needs $alien"
needed "$bin/moniker-service" | grep -q libpq || die "readelf shows nothing"

cat >"$work/moniker.conf" <<END
[service]
state_dir = $work/state
[http]
public_http_url = http://localhost
[database]
url = host=$work dbname=moniker
[keeper]
dir = $work/keeper
[audit]
dir = $work/audit
name = moniker.test
END

exits 0 '^monikerd [0-9]' "$bin/monikerd" --version
exits 0 '^moniker-service [0-9]' "$bin/moniker-service" --version
exits 0 '^usage: moniker-service' "$bin/moniker-service" --help
exits 2 '^usage: monikerd' "$bin/monikerd"
exits 2 '^usage: monikerd' "$bin/monikerd" --config "$work/moniker.conf" --service

# By hand: without a word of what it should do, without a supervisor, with half of one.
exits 2 'not run by hand' "$bin/moniker-service" --config "$work/moniker.conf"
exits 1 'started by monikerd, not by hand' "$bin/moniker-service" --config "$work/moniker.conf" --service
exits 1 'started by monikerd, not by hand' env MONIKER_LOG_NAME=x "$bin/moniker-service" --config "$work/moniker.conf" --service 3<"$work/moniker.conf"

# --check is the service's: here it finds no log, then no database, then what is wrong with the file.
exits 1 'cannot open .*/keeper/log' "$bin/monikerd" --config "$work/moniker.conf" --check
mkdir "$work/keeper"
echo node1-2026 >"$work/keeper/log"
exits 1 'database' "$bin/monikerd" --config "$work/moniker.conf" --check
sed 's/^dir =/folder =/' "$work/moniker.conf" >"$work/wrong.conf"
exits 1 'line [0-9]+: there is no key' "$bin/monikerd" --check --config "$work/wrong.conf"
rm "$bin/moniker-service"
exits 1 'cannot run .*/moniker-service \(No such file' "$bin/monikerd" --config "$work/moniker.conf" --check
