#!/usr/bin/env bash
# The log on request: gapless, filtered, paged, and the tree under its checkpoint.
. "$(dirname "$0")/lib.sh"
open_lot audit
make_key a; mac=$(random_mac)
request a "$mac" | send /v1/enrollments station >"$work/a"
make_key b
request b "$mac" | send /v1/enrollments station >"$work/p"
refused "a refusal of our own" 409 DUPLICATE_HARDWARE "$work/p"

every_leaf
same "in order from 0, without a gap" true "$(jq -s '[.[].seq] == [range(length)]' "$work/leaves")"
same "time never goes back" true "$(jq -s '[.[].st] | . == sort' "$work/leaves")"
same "the first leaf opens the log" log.open "$(head -n1 "$work/leaves" | jq -r .ev)"
order='["seq","st","v","ev","rc","sev","out","t","n","act","sub","c","e","cnt","win","d"]'
same "keys in their order, and no other" 0 \
	"$(jq -c --argjson order "$order" 'select(keys_unsorted as $k | $k != [$order[] | select(. as $o | $k | index($o))])' "$work/leaves" | wc -l)"
same "the first nine always" 0 "$(jq -c --argjson order "$order" 'select(keys_unsorted[:9] != $order[:9])' "$work/leaves" | wc -l)"
same "no two leaves share their random part" "$(wc -l <"$work/leaves")" "$(jq -r .n "$work/leaves" | sort -u | wc -l)"
same "a leaf is ASCII of at most 2048 octets" 0 "$(LC_ALL=C grep -cE '[^ -~]|.{2049}' "$work/leaves" || true)"

# ---- the tree
grown=$(wc -l <"$work/leaves")
covers() { tree_fits && [ "$(sed -n 2p "$work/checkpoint")" -ge "$grown" ]; }
within 30 "a checkpoint covers these leaves" covers
tree_fits || die "the leaves do not fit the checkpoint"
ok "signature and root of the checkpoint"
published() {
	call GET "/audit/$log_name/checkpoint" nobody >"$work/checkpoint"
	cmp -s "$work/checkpoint" "$MONIKER_AUDIT_DIR/$log_name/checkpoint"
}
within 30 "the checkpoint on disk is the one that is served" published
tree_fits || die "the leaves do not fit the later checkpoint"
cp "$work/leaves" "$work/all"
sed -i '0,/enroll/s/enroll/enrolL/' "$work/leaves"
refuses "a changed leaf does not fit the tree" 'root' "$MONIKER_TEST_TREE" "$vkey" "$work/checkpoint" "$work/leaves"
sed '$d' "$work/all" | head -n "$(($(sed -n 2p "$work/checkpoint") - 1))" >"$work/leaves"
refuses "nor does the tree without its last leaf" 'root' "$MONIKER_TEST_TREE" "$vkey" "$work/checkpoint" "$work/leaves"
sed '2s/.*/1/' "$work/checkpoint" >"$work/forged"
refuses "a changed checkpoint is not signed" . "$MONIKER_TEST_TREE" "$vkey" "$work/forged" "$work/all"

# ---- filters: what they give is what jq picks from all leaves, at one size of the tree
every_leaf
size=$(wc -l <"$work/leaves")
actor=$(jq -r --arg b "b:$(jq -r .handle "$work/lot")/" 'select(.ev == "enroll.ok" and (.sub | startswith($b))).act' "$work/leaves")
filtered() { # WHAT QUERY [jq condition]
	call GET "/v1/audit/events?size=$size&limit=10000&$2" auditor >"$work/some"
	same "$1: status" 200 "$(cat "$work/status")"
	[ -s "$work/some" ] || die "$1: nothing is left to compare"
	jq -c "select($3) | .seq" "$work/leaves" >"$work/expected"
	same "$1" "$(cat "$work/expected")" "$(jq .seq "$work/some")"
}
filtered "by event" ev=enroll.ok '.ev == "enroll.ok"'
filtered "by a prefix of events" 'ev=enroll.*' '.ev | startswith("enroll.")'
filtered "by reason" rc=DUPLICATE_HARDWARE '.rc == "DUPLICATE_HARDWARE"'
filtered "by actor" "act=$actor" ".act == \"$actor\""
filtered "by all three" "ev=enroll.refused&rc=DUPLICATE_HARDWARE&act=$actor" \
	".ev == \"enroll.refused\" and .rc == \"DUPLICATE_HARDWARE\" and .act == \"$actor\""
filtered "after a leaf" after=3 '.seq > 3'
cmp -s "$work/some" <(sed 1,4d "$work/leaves") || die "leaves are not served as they are"
call GET "/v1/audit/events?size=$size&after=1&limit=2" auditor >"$work/some"
same "a page of two" "2 3" "$(jq .seq "$work/some" | paste -sd' ')"
same "and where the next begins" 3 "$(header moniker-next)"
same "the tree size that it is pinned to" "$size" "$(header moniker-log-size)"
call GET "/v1/audit/events?size=$size&after=$((size - 2))&limit=2" auditor >"$work/some"
same "the last page has no next" "" "$(header moniker-next)"

for query in ev=no.such limit=0 limit=10001 after=x; do
	call GET "/v1/audit/events?$query" auditor >"$work/p"
	refused "$query" 400 BAD_SYNTAX "$work/p"
done
call GET /v1/audit/events officer >"$work/p"
refused "an officer is no auditor" 403 ROLE_DENIED "$work/p"
call GET /v1/audit/events nobody >"$work/p"
refused "nobody even less" 401 CALLER_MISSING "$work/p"
same "no leaf names the pseudonym" 0 "$(grep -c "$(jq -r .pseudonym "$work/a")" "$work/leaves" || true)"
same "nor the serial" 0 "$(grep -ci "$(jq -r .serial "$work/a")" "$work/leaves" || true)"
