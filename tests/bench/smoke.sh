#!/usr/bin/env bash
# smoke.sh BUILD_DIR WORK...: a handful of iterations of every measurement. It ends well only if every
# answer was right, and the table has exactly one row for each WORK, with figures above 0.
set -euo pipefail
build=$1
shift
out=$("$(dirname "$0")/run" --few --json --build "$build")
jq -e '.machine | length > 20' <<<"$out" >/dev/null || { echo "it does not say what it ran on"; exit 1; }
jq -e '.rows | all(.figure > 0 and .held > 0 and (.limit == null or .limit_figure > 0))' <<<"$out" >/dev/null ||
	{ echo "a figure is nothing"; jq -c '.rows[]' <<<"$out"; exit 1; }
diff <(printf '%s\n' "$@" | sort) <(jq -r '.rows[].work' <<<"$out" | sort) || { echo "these rows differ"; exit 1; }
