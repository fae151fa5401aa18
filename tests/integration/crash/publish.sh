#!/usr/bin/env bash
# publish.sh [ROUNDS [SEED]]: the publisher is killed at each of its steps, again and again, while stations
# enroll. Whatever is published then verifies, continues all that was published before, and no size
# was ever signed that cannot be served; and then the judge.
. "$(dirname "$0")/lib.sh"
rounds=${1:-20} seed=${2:-$(date +%N | sed 's/^0*//')}
echo "seed: $seed"
RANDOM=$((seed % 32768)) # of this shell: at which file
points=(publish-staged publish-tile publish-tiled publish-note publish-noted)
folder=$(echo "$MONIKER_AUDIT_DIR"/*)
vkey=$(call GET /audit/logs auditor | jq -r '.items[0].vkey')
published() { sed -n 2p "$folder/checkpoint"; }

is_whole() { # WHAT: it verifies, and continues the newest that was seen
	copy_log "$folder" "$work/log"
	"$MONIKER_BIN/moniker" audit verify "$work/log" --vkey "$vkey" --since "$work/seen" >"$work/said" ||
		{ cat "$work/said" >&2; die "$1: what is published does not verify"; }
	cp "$work/log/checkpoint" "$work/seen"
}
grew_past() { [ "$(published)" -gt "$1" ]; }

begin_later
start_load 4 "$((seed % 1000000))"
within 90 "clients work" holds_more_than 200
cp "$folder/checkpoint" "$work/seen"
for round in $(seq "$rounds"); do
	point=${points[round % ${#points[@]}]}
	board arm "$point" kill $((1 + RANDOM % 7))
	board wait "$point" 60 || die "$point: nobody came by"
	is_whole "round $round, killed at $point"
	before=$(published)
	within 60 "round $round, killed at $point: published again" grew_past "$before"
	is_whole "round $round, after $point"
	keep_checkpoint "$round"
done
within 60 "the service is ready" ready
stop_load
judge_all
