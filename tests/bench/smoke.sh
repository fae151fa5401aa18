#!/usr/bin/env bash
# smoke.sh BUILD_DIR NAME WORK...: a handful of iterations of the measurement NAME. It ends well only
# if every answer was right, and its table has a row for each WORK, with a figure above 0.
set -euo pipefail
here=$(dirname "$0")
build=$1 name=$2
shift 2
out=$("$here/run" --few --json --build "$build" "$name")
jq -e '.machine | length > 20' <<<"$out" >/dev/null || { echo "it does not say what it ran on"; exit 1; }
for work in "$@"; do
	jq -e --arg work "$work" '.rows | map(select(.work == $work)) |
		length == 1 and .[0].figure > 0 and .[0].held > 0 and (.[0].limit == null or .[0].limit_figure > 0)' <<<"$out" >/dev/null ||
		{ echo "no row for: $work"; jq -c '.rows[]' <<<"$out"; exit 1; }
done
