#!/usr/bin/env bash
# The parts of the service that stop working, for real: /readyz and metrics say so meanwhile, and the
# log has when it began and how long it lasted.
. "$(dirname "$0")/lib.sh"
supervisor() { cat "$MONIKER_TEST_STATE/pid"; }
child() { pgrep -P "$(supervisor)" -f -- "$1"; }
ready() { [ "$(curl -s -o /dev/null -w '%{http_code}' --cacert "$MONIKER_CACERT" "$MONIKER_URL/readyz")" = 200 ]; }
pg=$(sed -n 's/^PGDIR=//p' "$MONIKER_TEST_PG")
pg_bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
as_postgres=()
[ "$(id -u)" != 0 ] || as_postgres=(setpriv --reuid=postgres --regid=postgres --clear-groups)
pg_ctl() { (cd / && "${as_postgres[@]}" "$pg_bin/pg_ctl" -D "$pg/data" -l "$pg/server.log" -w -s "$@"); }
start=$(dirname "$0")/../../support/service_start.sh fixture=$(dirname "$MONIKER_TEST_ENV")
ring=$MONIKER_TEST_STATE/keeper/keeper.ring
log_folder=$(ls -d "$MONIKER_AUDIT_DIR"/*/)
restart() { # [COMMAND...]: what is done while it is stopped
	local pid
	pid=$(supervisor)
	kill -TERM "$pid"
	within 60 "it stops" gone "$pid"
	"$@"
	"$start" "$fixture"
}
gone() { ! kill -0 "$1"; }
manager=
restore() {
	[ -z "$manager" ] || kill "$manager" 2>/dev/null || true
	[ ! -f "$ring.away" ] || mv "$ring.away" "$ring"
	chmod 755 "$log_folder" || true
	rm -f "$MONIKER_AUDIT_DIR/filled"
	if mountpoint -q "$MONIKER_AUDIT_DIR"; then restart unmount_audit || true; fi
	sed -i '/^disk_min_mib/d' "$MONIKER_CONFIG"
	pg_ctl start 2>/dev/null || true
	cleanup
}
trap restore EXIT

up() { call GET /metrics nobody | sed -n "s/^moniker_component_up{component=\"$1\"} //p"; }
is_down() { [ "$(up "$1")" = 0 ]; }
is_up() { [ "$(up "$1")" = 1 ]; }
unready() { [ "$(call GET /readyz nobody | jq ".components.$1.ready")" = false ]; }
leaf() { # EVENT COMPONENT: the newest since the test began
	call GET "/v1/audit/events?ev=$1&from=$began&limit=10000" auditor | jq -c --arg sub "$2" 'select(.sub == $sub)' | tail -n 1
}
has_leaf() { [ -n "$(leaf "$@")" ]; }
lasted() { # COMPONENT: the leaf of its interval fits what was done
	within 30 "$1: the log has the interval" has_leaf svc.down "$1"
	leaf svc.down "$1" >"$work/leaf"
	jq -e --arg from "$from" '.out == "failure" and .sev == 4 and .cnt == 1 and .win >= 5 and
		(.t | fromdate) >= ($from | fromdate) - 1 and (.t | fromdate) + .win <= now + 1' "$work/leaf" >/dev/null || die "$1: $(cat "$work/leaf")"
	ok "$1: from, to, and which it was"
}
told() { # COMPONENT: where the log could be written meanwhile
	within 30 "$1: the log says that it is degraded" has_leaf svc.degraded "$1"
}
restored() { within 30 "$1: and that it is restored" has_leaf svc.restored "$1"; }
now() { from=$(date -u +%FT%TZ); }

within 30 "ready" ready
now; began=$from
sleep 1

# ---- the database
now
pg_ctl -m fast stop
within 30 "database: down" is_down database
pg_ctl start
within 60 "database: ready again" ready
lasted database
[ -z "$(leaf svc.degraded database)" ] || die "database: the log was written without it"
within 30 "database: up" is_up database

# ---- the keeper: it does not start without its ring
now
mv "$ring" "$ring.away"
kill -KILL "$(child moniker-keeper)"
within 30 "keeper: down" is_down keeper
told keeper
mv "$ring.away" "$ring"
within 60 "keeper: ready again" ready
lasted keeper
restored keeper

# ---- the publisher: its folder cannot be written
as_owner=()
[ "$(id -u)" != 0 ] || as_owner=(setpriv --reuid="$(stat -c %u "$log_folder")" --clear-groups)
now
"${as_owner[@]}" chmod 555 "$log_folder"
call GET /v1/batches station2 >"$work/p" # a station may
call POST /v1/batches station -d '{}' >"$work/p" || true
refused "publisher: something to publish" 403 ROLE_DENIED "$work/p"
within 30 "publisher: down" is_down publisher
within 30 "publisher: /readyz says so" unready publisher
told publisher
"${as_owner[@]}" chmod 755 "$log_folder"
within 30 "publisher: ready again" ready
lasted publisher
restored publisher

# ---- the disk: a small one that is filled; where nothing can be mounted, one whose room is not enough
mount_audit() {
	cp -a "$MONIKER_AUDIT_DIR" "$work/audit"
	mount -t tmpfs -o size=96m,mode=755 none "$MONIKER_AUDIT_DIR" 2>"$work/mount" || return 1
	chown --reference="$work/audit" "$MONIKER_AUDIT_DIR"
	cp -a "$work/audit/." "$MONIKER_AUDIT_DIR/"
}
unmount_audit() {
	rm -rf "$work/audit"
	cp -a "$MONIKER_AUDIT_DIR" "$work/audit"
	umount "$MONIKER_AUDIT_DIR"
	cp -a "$work/audit/." "$MONIKER_AUDIT_DIR/"
}
demand() { sed -i "/^disk_min_mib/d; s/^\[service\]/&\ndisk_min_mib = $1/" "$MONIKER_CONFIG"; }
mounted=no
mount_or_not() { ! mount_audit || mounted=yes; }
restart mount_or_not
if [ $mounted = yes ]; then
	sleep 6
	is_up disk || die "disk: full from the beginning"
	now
	fallocate -l 64M "$MONIKER_AUDIT_DIR/filled"
	within 30 "disk: down" is_down disk
	within 30 "disk: /readyz says so" unready disk
	told disk
	# And now there is no octet left: what is signed cannot be published.
	dd if=/dev/zero of="$MONIKER_AUDIT_DIR/filled2" bs=1M 2>/dev/null || true
	call POST /v1/batches station -d '{}' >"$work/p" || true
	refused "disk: still answers" 403 ROLE_DENIED "$work/p"
	within 30 "disk: nor is there a publisher" is_down publisher
	rm "$MONIKER_AUDIT_DIR"/filled*
	within 30 "disk: ready again" ready
	lasted disk
	restored disk
	within 30 "disk: the publisher, too" is_up publisher
	restart unmount_audit
else
	echo "nothing can be mounted here ($(cat "$work/mount")): a bound that no disk has instead"
	restart demand 1048576
	within 30 "disk: down" is_down disk
	told disk
	restart demand 64
	sleep 6
	is_up disk || die "disk: it is down with a bound that it has"
fi

# ---- a start without a keeper says whom it waits for, to who reads the log and to the service manager
log=$MONIKER_TEST_STATE/monikerd.log
python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True: print(s.recv(4096).decode(), flush=True)' "$work/notify.sock" >"$work/notify" &
manager=$!
within 10 "a service manager listens" test -S "$work/notify.sock"
pid=$(supervisor)
kill -TERM "$pid"
within 60 "it stops" gone "$pid"
mv "$ring" "$ring.away"
lines=$(wc -l <"$log")
since() { tail -n "+$((lines + 1))" "$log"; }
waits() { since | grep '"event":"service.waiting"' | grep -c '"the log is not ready: .*; for [0-9]* of 120 s"' >"$work/waits"; }
NOTIFY_SOCKET=$work/notify.sock "$start" "$fixture" 2>/dev/null &
starting=$!
within 60 "the log says what a start waits for" waits
same "the manager knows, and was told once" "STATUS=Waiting for the keeper" "$(cat "$work/notify")"
mv "$ring.away" "$ring"
within 90 "with its keeper it is ready" ready
wait "$starting" || true # it may have given up before that
manager_knows() { [ "$(tail -n 1 "$work/notify")" = "$1" ]; }
within 10 "the manager knows that, too" manager_knows "STATUS=Keeper and service are ready"
grep -qx READY=1 "$work/notify" || die "the manager was not told that it is ready: $(cat "$work/notify")"
within 30 "ready at the end" ready
within 30 "the tree fits its checkpoint" tree_fits
