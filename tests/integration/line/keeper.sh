#!/usr/bin/env bash
# The keeper cannot write, or hangs: nothing is signed, revocations go on, and nothing is lost.
. "$(dirname "$0")/lib.sh"
pid=$(cat "$MONIKER_TEST_STATE/pid")
keeper() { pgrep -P "$pid" -f -- moniker-keeper; }
ready() { [ "$(curl -s -o /dev/null -w '%{http_code}' --cacert "$MONIKER_CACERT" "$MONIKER_URL/readyz")" = 200 ]; }
not_ready() { ! ready; }
journal=$(ls "$MONIKER_TEST_STATE"/keeper/journal/*.journal)
# A limit on the size of files makes write() fail in the middle of a record, as a full disk does.
as_keeper=()
[ "$(id -u)" != 0 ] || as_keeper=(setpriv --reuid="$(stat -c %u "$journal")" --regid="$(stat -c %g "$journal")" --clear-groups)
limit() { "${as_keeper[@]}" prlimit --pid "$(keeper)" --fsize="$1:"; }
no_room() { limit $(($(stat -c %s "$journal") + 100)); }
room() { limit unlimited; }
trap 'kill -CONT "$(keeper)"; room || true; cleanup' EXIT
enroll() { send /v1/enrollments station <"$work/$1.json" >"$work/$1.answer"; }
enrolls() { enroll "$1" && grep -qx '20[01]' "$work/status"; }
unavailable() { # WHAT NAME
	enroll "$2" || true
	same "$1: status" 503 "$(cat "$work/status")"
	grep -qE '^(KEEPER|RECORD)_UNAVAILABLE$' <<<"$(jq -r .code "$work/$2.answer")" || die "$1: $(cat "$work/$2.answer")"
	[ "$(header retry-after)" -ge 1 ] || die "$1: no Retry-After"
}
revoke() { # NAME: as an officer
	jq -c '{select: {serial}, action: "revoke", reason: "KEY_COMPROMISE"}' "$work/$1.answer" | send /v1/revocations officer >"$work/p"
}
revoked_leaves() { call GET '/v1/audit/events?ev=cert.revoke&limit=10000' auditor | wc -l; }

open_lot keeper
for name in first second third fourth fifth; do make_key $name; request $name "$(random_mac)" >"$work/$name.json"; done
enroll first
same "enrolled" 201 "$(cat "$work/status")"
enroll second
same "enrolled" 201 "$(cat "$work/status")"
within 30 "ready" ready

# ---- no room
no_room
unavailable "no room" third
within 30 "no room: not ready" not_ready
unavailable "no room, again" third
before=$(revoked_leaves)
revoke first
same "no room: an officer revokes" 201 "$(cat "$work/status")"
same "no room: it is recorded" $((before + 1)) "$(revoked_leaves)"
same "no room: the verdict" revoked "$(verdict "$work/first.answer")"
room
within 30 "room: ready again" ready
within 30 "room: the same request has its answer" enrolls third
same "room: what was revoked stays" revoked "$(verdict "$work/first.answer")"
handle=$(call GET "/v1/batches/$batch" admin | jq -r .handle)
leaves_of_batch() { call GET '/v1/audit/events?ev=enroll.ok&limit=10000' auditor | grep -c "\"sub\":\"b:$handle/"; }
same "room: a leaf for each" 3 "$(leaves_of_batch)"
within 30 "room: the tree fits its checkpoint" tree_fits

# ---- killed without room
no_room
unavailable "no room, killed" fourth
kill -KILL "$(keeper)"
within 30 "killed without room: ready again" ready
within 30 "killed without room: the request has its answer" enrolls fourth

# ---- hanging: no channel closes, no answer comes
kill -STOP "$(keeper)"
unavailable "hanging" fifth
revoke second
same "hanging: an officer revokes" 201 "$(cat "$work/status")"
kill -CONT "$(keeper)"
within 60 "going on: ready again" ready
within 30 "going on: the request has its answer" enrolls fifth
same "a leaf for each" 5 "$(leaves_of_batch)"
within 30 "the tree fits its checkpoint" tree_fits
