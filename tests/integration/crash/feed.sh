#!/usr/bin/env bash
# One feed of two nodes: each takes changes, each is lost and comes back meanwhile, and all who follow, at one
# node or at both in turn, hear of every change once and in one order.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/nodes.sh"
each=12 # devices of each node's officer
followers=()
before_end() {
	[ ${#followers[@]} = 0 ] || kill "${followers[@]}" 2>/dev/null || true
	stop_nodes
}
change() { # DEVICE ACTION: at the node of now; what is not answered is asked again
	local tries
	jq -c --arg a "$2" '{select: {pseudonym}, action: $a} + if $a == "revoke" then {reason: "KEY_COMPROMISE"} else {} end' "$work/$1" >"$work/$1.$2"
	for tries in $(seq 600); do
		curl -sS --cacert "$MONIKER_CACERT" --cert "$MONIKER_OFFICER_CERT" --key "$MONIKER_OFFICER_KEY" -o "$work/$1.answer" -w '%{http_code}' \
			-H 'Content-Type: application/json' --data-binary "@$work/$1.$2" "$MONIKER_URL/v1/revocations" >"$work/$1.status" 2>/dev/null || true
		case $(cat "$work/$1.status") in
		200 | 201) return 0 ;;
		esac
		sleep 0.1
	done
	die "$2 of $1: $(cat "$work/$1.status")"
}
officer() { # NODE ACTION: of each of its devices, one after the other
	node "$1"
	local i
	for i in $(seq $each); do change "$1-$i" "$2"; done
}
changes() { sql "SELECT count(*) FROM status_change"; }
follow() { # NAME URL...
	local name=$1
	shift
	python3 "$here/feed.py" "$work/$name" "$work/stop" "$@" >"$work/$name.said" 2>&1 &
	followers+=("$!")
}

# ---- two nodes, who follow, and devices

make_node node2
open_log node2
node node2
start_node
second_url=$MONIKER_URL
node node1
open_lot feed
for who in node1 node2; do
	for i in $(seq $each); do
		make_key "$who-$i"
		request "$who-$i" "$(random_mac)" | send /v1/enrollments station >"$work/$who-$i"
		[ "$(cat "$work/status")" = 201 ] || die "$who-$i is not enrolled"
	done
done
ok "devices are enrolled"
follow first "$first_url"
follow second "$second_url"
follow both "$first_url" "$second_url"

# ---- in turn

for i in $(seq 4); do
	for at in node1 node2; do
		node $at
		change "$at-$i" hold
		change "$at-$i" release
	done
done
same "changes are on record" 16 "$(changes)"

# ---- one node is stopped in peace, and the other goes on; its own officer asks until it is back

node node2
stop_service
(officer node2 hold) &
asking=$!
(officer node1 hold)
for name in second both; do within 60 "$name has seen its node away" test -e "$work/$name.away"; done
same "the node that is there took its changes" $((16 + each)) "$(changes)"
start_node
wait $asking || die "an officer gave up"
same "the other one took its own" $((16 + 2 * each)) "$(changes)"

# ---- both at once, while one is killed

(officer node1 revoke) &
officers=$!
(officer node2 revoke) &
officers+=" $!"
node node1
destroy
within 60 "first has seen its node away" test -e "$work/first.away"
start_node
for pid in $officers; do wait "$pid" || die "an officer gave up"; done
ok "every change was taken"
follow late "$second_url" "$first_url"
touch "$work/stop"
for pid in "${followers[@]}"; do wait "$pid" || die "$(cat "$work"/*.said)"; done
followers=()
ok "all have followed to the end"

# ---- each node exports its own log, and says of the other's where it is

call GET /audit/logs auditor >"$work/logs"
for at in node1 node2; do
	node $at
	own=$(jq -r --arg at "/$at-" '.items[] | select(.origin | contains($at)).origin' "$work/logs")
	other=$(jq -r --arg at "/$at-" '.items[] | select(.origin | contains($at) | not).origin' "$work/logs")
	accepts "$at exports its own log" "$MONIKER_BIN/moniker" audit export --log "$own" --out "$work/$at.tar" \
		--vkey "$(jq -r --arg origin "$own" '.items[] | select(.origin == $origin).vkey' "$work/logs")"
	shows "$at: all of it" '^complete: leaves 0 to' "$work/acceptance"
	jq -cn --arg log "$other" '{log: $log}' | send /v1/audit/exports auditor >"$work/p"
	refused "$at has not the files of the other's" 409 STATE_CONFLICT "$work/p"
	same "$at: it says who has" /log "$(jq -r '.errors[0].pointer' "$work/p" | tr -d '#')"
done

# ---- one order, without a gap, as it is on record

total=$((16 + 4 * each))
same "every change is there once" $total "$(changes)"
same "and that is the last place" $total "$(sql 'SELECT seq FROM status_head')"
sql "SELECT seq, encode(issuer, 'hex'), encode(serial, 'hex'), state, at_s, CASE state WHEN 'good' THEN 0 ELSE reason END
	FROM status_change ORDER BY seq" | tr '|' ' ' >"$work/record"
echo "hash $(sql "SELECT encode(hash, 'hex') FROM status_head")" >>"$work/record"
for name in first second both late; do
	accepts "$name: $(cat "$work/$name.said")" cmp "$work/record" "$work/$name"
done
for name in first second both; do
	grep -q ' [1-9][0-9]* times no answer' "$work/$name.said" || die "$name has not seen its node away"
done

# ---- signed, by whichever node

signer_key >"$work/signer.pub"
count=0
for page in "$work"/first.[0-9]* "$work"/second.[0-9]* "$work"/both.[0-9]* "$work"/late.[0-9]*; do
	sed '/^$/,$d' "$page" >"$work/text"
	grep '^— ' "$page" | sed 's/.* //' | base64 -d | tail -c 64 >"$work/signature"
	openssl pkeyutl -verify -pubin -inkey "$work/signer.pub" -rawin -in "$work/text" -sigfile "$work/signature" >/dev/null ||
		die "$(basename "$page") is not signed"
	count=$((count + 1))
done
ok "$count pages are signed"
