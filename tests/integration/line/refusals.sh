#!/usr/bin/env bash
# Floods of refusals: a known caller's are ten leaves and a summary a minute, nobody's a summary.
. "$(dirname "$0")/lib.sh"
flood=2000 per_window=10
call GET '/v1/audit/events?limit=1' auditor >"$work/p"
after=$(($(header moniker-log-size) - 1))
events() { call GET "/v1/audit/events?after=$after&limit=10000&$1" auditor; }

# A batch that there is not, over one connection; the handle of the station is in its leaves.
storm() { # STATUS CURL_OPTION...: `flood` requests
	local status=$1 i
	shift
	for i in $(seq $flood); do
		printf 'url = "%s/v1/enrollments"\ncacert = "%s"\n' "$MONIKER_URL" "$MONIKER_CACERT"
		printf '%s\n' "$@"
		printf 'header = "Content-Type: application/json"\ndata = "{\\"batch\\":\\"no-such-lot\\",\\"csr\\":\\"x\\"}"\noutput = "%s"\nwrite-out = "%%{http_code}\\n"\n' "$work/answer"
		[ "$i" = $flood ] || echo next
	done >"$work/storm"
	curl -s -K "$work/storm" | sort | uniq -c | sed 's/^ *//' >"$work/statuses"
	same "$flood refusals" "$flood $status" "$(cat "$work/statuses")"
}
storm 404 "cert = \"$MONIKER_STATION2_CERT\"" "key = \"$MONIKER_STATION2_KEY\""
storm 401

total() { jq -s 'map(.cnt // 1) | add // 0' "$work/leaves"; }
# summed WHAT QUERY ACTOR: all are accounted for once the minutes they fell in are over.
summed() {
	events "$1" | jq -c "select(.act | test(\"$2\"))" >"$work/leaves"
	[ "$(total)" -ge $flood ]
}
within 90 "the station's are all accounted for" summed 'ev=enroll.refused&rc=UNKNOWN_BATCH' '^station:'
same "none twice" $flood "$(total)"
same "one station" 1 "$(jq -r .act "$work/leaves" | sort -u | wc -l)"
[ "$(jq -c 'select(.cnt)' "$work/leaves" | wc -l)" -ge 1 ] || die "no summary"
# The flood may have come in two minutes, and in one of them not beyond ten.
jq -es --argjson most $per_window 'group_by(.t[:16]) | all(([.[] | select(.cnt | not)] | length) as $single
	| ([.[] | select(.cnt)] | length) as $sums | $single <= $most and $sums <= 1 and ($sums == 0 or $single == $most))' \
	"$work/leaves" >/dev/null || die "not ten leaves and a summary a minute: $(jq -c '[.t, .cnt]' "$work/leaves")"
ok "ten leaves and a summary a minute"
same "of a minute each" 60 "$(jq -c 'select(.cnt) | .win' "$work/leaves" | sort -u)"

within 90 "nobody's are all accounted for" summed 'ev=admin.login.refused&rc=CALLER_MISSING' '^nobody$'
same "as summaries only" 0 "$(jq -c 'select(.cnt | not)' "$work/leaves" | wc -l)"
[ "$(wc -l <"$work/leaves")" -le 4 ] || die "more than one summary a minute"
ok "one a minute"
