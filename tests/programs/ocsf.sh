#!/usr/bin/env bash
# docs/ocsf.md and docs/ocsf.jq have every event of proof/event.def once, say the same, and make events
# that are right in themselves.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
die() { echo "$*" >&2; exit 1; }
sed -n 's/^EVENT([A-Z_]*, *"\([^"]*\)").*/\1/p' proof/event.def >"$work/events"
[ "$(wc -l <"$work/events")" -gt 30 ] || die "proof/event.def cannot be read"
# event class activity type, of the document
sed -n 's/^| `\([a-z.]*\)` | \([0-9]*\) [^|]* | \([0-9]*\) [^|]* | \([0-9]*\) |$/\1 \2 \3 \4/p' docs/ocsf.md >"$work/table"
cut -d' ' -f1 "$work/table" | diff "$work/events" - || die "docs/ocsf.md does not have the events of proof/event.def in their order"
awk '$4 != $2 * 100 + $3 { print; bad = 1 } END { exit bad }' "$work/table" || die "type_uid is class and activity"
# One name for one number, in every row.
for column in 'class' 'activity'; do
	sed -n 's/^| `[a-z.]*` | \([0-9]* [^|]*\) | \([0-9]* [^|]*\) | [0-9]* |$/\1|\2/p' docs/ocsf.md |
		if [ $column = class ]; then cut -d'|' -f1; else sed 's/^\([0-9]*\) [^|]*|/\1 /'; fi | sort -u |
		awk -v column=$column '{ key = column == "class" ? $1 : $1 " " $2 } seen[key]++ { print; bad = 1 } END { exit bad }' ||
		die "an OCSF $column has two names"
done
leaf() { # EVENT
	printf '{"seq":7,"st":"2026-01-01T00:00:02Z","v":1,"ev":"%s","rc":"OK","sev":4,"out":"failure","t":"2026-01-01T00:00:01Z","n":"AAECAwQFBgcICQoLDA0ODw","act":"nobody","sub":"h:onsxg43jn5xhgzlt","cnt":3,"win":60}\n' "$1"
}
while read -r event; do leaf "$event"; done <"$work/events" >"$work/leaves"
jq -c -f docs/ocsf.jq "$work/leaves" >"$work/ocsf"
jq -r '[.metadata.event_code, .class_uid, .activity_id, .type_uid] | map(tostring) | join(" ")' "$work/ocsf" | diff "$work/table" - ||
	die "docs/ocsf.jq and docs/ocsf.md differ"
jq -e -s 'all(.category_uid == (.class_uid / 1000 | floor) and .severity_id == 4 and .status_id == 2 and .time == 1767225601000 and
	.metadata.logged_time == 1767225602000 and .metadata.sequence == 7 and .count == 3 and .duration == 60000 and
	.actor.user.uid == "nobody" and .resources[0].uid == "h:onsxg43jn5xhgzlt")' "$work/ocsf" >/dev/null || die "a member is not the leaf's"
jq -r .raw_data "$work/ocsf" | cmp - "$work/leaves" || die "the leaf does not travel octet for octet"
leaf of.tomorrow | jq -e -f docs/ocsf.jq | jq -e '.class_uid == 0 and .activity_id == 99' >/dev/null || die "an unknown event is lost"
echo "$(wc -l <"$work/events") events are mapped"
