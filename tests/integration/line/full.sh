#!/usr/bin/env bash
# PostgreSQL's disk is full: nothing is issued, revocations are taken all the same and hold, and when
# there is room again all goes on. A small disk that is filled, with a service of its own; where
# nothing can be mounted (or with MONIKER_TEST_NO_MOUNT), PostgreSQL is told so for every file that it
# makes longer. MONIKER_TEST_BIN names the programs, MONIKER_TEST_FULL what is preloaded then.
. "$(dirname "$0")/own.sh"
mounted=no
before_end() {
	rm -f "$work/no-room"
	if [ -n "${pg:-}" ]; then rm -f "$pg/data/filled"; fi
	if [ $mounted = yes ]; then
		pg_ctl -m immediate stop 2>/dev/null || true
		umount "$pg/data" || true
	fi
}
pg=$(sed -n 's/^PGDIR=//p' "$MONIKER_TEST_PG")
pg_bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
as_postgres=()
[ "$(id -u)" != 0 ] || as_postgres=(setpriv --reuid=postgres --regid=postgres --clear-groups)
pg_ctl() { (cd / && "${as_postgres[@]}" "$pg_bin/pg_ctl" -D "$pg/data" -l "$pg/server.log" -w -s "$@"); }
gone() { ! kill -0 "$1"; }
stop_service() {
	local pid
	pid=$(cat "$MONIKER_TEST_STATE/pid")
	kill -TERM "$pid"
	within 60 "the service stops" gone "$pid"
}
chmod 755 "$work" # PostgreSQL looks for a file there
no_room=$work/no-room

# ---- a disk of its own

stop_service
pg_ctl -m fast stop
mv "$pg/data" "$pg/moved"
mkdir "$pg/data"
if [ -z "${MONIKER_TEST_NO_MOUNT-}" ] && mount -t tmpfs -o size=256m none "$pg/data" 2>"$work/mount"; then
	mounted=yes
	cp -a "$pg/moved/." "$pg/data/"
	chown --reference="$pg/moved" "$pg/data"
	chmod 700 "$pg/data"
	pg_ctl start
else
	echo "nothing is mounted here ($(cat "$work/mount" 2>/dev/null || echo "not wanted")): PostgreSQL is told that its disk is full"
	rmdir "$pg/data"
	mv "$pg/moved" "$pg/data"
	(export LD_PRELOAD=${MONIKER_TEST_FULL:?} FULL_WHEN=$no_room; pg_ctl start)
fi
rm -rf "$pg/moved"
fill() {
	if [ $mounted = yes ]; then dd if=/dev/zero of="$pg/data/filled" bs=64k 2>/dev/null || true; else touch "$no_room"; fi
}
make_room() { rm -f "$pg/data/filled" "$no_room"; }
"$support/service_start.sh" "$fixture"

enroll() { # NAME
	make_key "$1"
	request "$1" "$(random_mac)" | send /v1/enrollments station >"$work/$1" || true
}
revoke() { # NAME
	jq -c '{select: {serial}, action: "revoke", reason: "KEY_COMPROMISE"}' "$work/$1" | send /v1/revocations officer >"$work/act" || true
}
verify() { jq -c '{certificate}' "$work/$1" | send /v1/verifications verifier; }
request_is() { [ "$(call GET "/v1/revocations/$1" officer | jq -r .status)" = "$2" ]; }
leaves_of() { # NAME: how many cert.revoke of its certificate
	local handle
	handle=$(psql -q -X -At "$MONIKER_PGURL" -c "SELECT handle FROM certificate WHERE serial = '\\x$(jq -r .serial "$work/$1")'")
	call GET '/v1/audit/events?ev=cert.revoke&limit=10000' auditor | grep -cF "\"sub\":\"h:$handle\"" || true
}
open_lot full
devices=40
for i in $(seq $devices); do
	enroll "d$i"
	[ "$(cat "$work/status")" = 201 ] || die "d$i: $(cat "$work/d$i")"
done
ok "$devices devices"
kept() {
	[ "$(psql -q -X -At "$MONIKER_PGURL" -c "SELECT count(*) FROM certificate_body AS b WHERE NOT EXISTS (SELECT FROM
		certificate_signature AS s WHERE s.month = b.month AND s.serial = b.serial)")" = 0 ]
}
within 30 "their signatures are on record" kept

# ---- full: each table has the rest of a page, and then no more

fill
tries=0
while enroll late && [ "$(cat "$work/status")" = 201 ]; do
	tries=$((tries + 1))
	[ $tries -lt 200 ] || die "$tries devices are enrolled on a disk that is full"
done
same "full: nothing is issued" 503 "$(cat "$work/status")"
grep -qx 'DATABASE_UNAVAILABLE\|RECORD_UNAVAILABLE' <<<"$(jq -r .code "$work/late")" || die "full: $(cat "$work/late")"
grep -q 'No space left on device' "$pg/server.log" || die "PostgreSQL does not know that its disk is full"
ok "PostgreSQL says so, too"
for i in $(seq $devices); do
	revoke "d$i"
	grep -qx '201 applied\|202 spooled' <<<"$(cat "$work/status") $(jq -r .status "$work/act")" || die "full: d$i: $(cat "$work/act")"
	same "full: d$i is revoked" revoked "$(verify "d$i" | jq -r .verdict)"
	[ "$(cat "$work/status")" = 200 ] || die "full: no verdict"
	[ "$(jq -r .status "$work/act")" != spooled ] || break
done
same "full: a revocation is spooled" spooled "$(jq -r .status "$work/act")"
spooled=d$i id=$(jq -r .id "$work/act")
same "full: it is alive" 200 "$(call GET /healthz nobody >/dev/null; cat "$work/status")"

# ---- room again

make_room
enrolls() { enroll late && [ "$(cat "$work/status")" = 201 ]; }
within 90 "room: it issues" enrolls
within 60 "room: what was spooled is on record" request_is "$id" applied
same "room: it holds" revoked "$(verify $spooled | jq -r .verdict)"
same "room: with one leaf" 1 "$(leaves_of $spooled)"
ready() { [ "$(curl -s -o /dev/null -w '%{http_code}' --cacert "$MONIKER_CACERT" "$MONIKER_URL/readyz")" = 200 ]; }
within 60 "room: ready" ready
within 30 "the tree fits its checkpoint" tree_fits
