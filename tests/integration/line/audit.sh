#!/usr/bin/env bash
# The log on request: gapless, filtered, paged, and the tree under its checkpoint.
. "$(dirname "$0")/lib.sh"
enroll_some() { open_lot audit; make_key a; request a "$(random_mac)" | send /v1/enrollments station >"$work/a"; }
enroll_some

all() { # every leaf, page by page
	local after=-1
	: >"$work/leaves"
	while :; do
		call GET "/v1/audit/events?after=$after&limit=500" auditor -D "$work/headers" >>"$work/leaves"
		after=$(sed -n 's/^[Mm]oniker-[Nn]ext: *\([0-9]*\).*/\1/p' "$work/headers")
		[ -n "$after" ] || break
	done
}
all
same "no gap in seq" "$(jq -s 'length' "$work/leaves")" "$(jq -s '[.[].seq] | map(select(. >= 0)) | unique | length' "$work/leaves")"
same "in order from 0" true "$(jq -s '[.[].seq] == [range(length)]' "$work/leaves")"
same "the first leaf opens the log" log.open "$(head -n1 "$work/leaves" | jq -r .ev)"
log=$(call GET /audit/logs auditor | jq -r '.items[0].origin')
vkey=$(call GET /audit/logs auditor | jq -r '.items[0].vkey')
checks() {
	all
	call GET "/audit/${log##*/}/checkpoint" nobody >"$work/checkpoint"
	"$MONIKER_TEST_TREE" "$vkey" "$work/checkpoint" "$work/leaves"
}
within 5 "signature and root of the checkpoint" checks
cmp -s "$work/checkpoint" <(cat "$MONIKER_AUDIT_DIR/${log##*/}/checkpoint") || checks
sed -i '0,/enroll/s/enroll/enrolL/' "$work/leaves"
refuses "a changed leaf does not fit the tree" 'root' "$MONIKER_TEST_TREE" "$vkey" "$work/checkpoint" "$work/leaves"

call GET '/v1/audit/events?ev=enroll.ok&limit=10000' auditor >"$work/some"
same "filter by event" '["enroll.ok"]' "$(jq -sc '[.[].ev] | unique' "$work/some")"
call GET '/v1/audit/events?ev=no.such' auditor >"$work/p"
refused "an unknown event" 400 BAD_SYNTAX "$work/p"
call GET /v1/audit/events officer >"$work/p"
refused "an officer is no auditor" 403 ROLE_DENIED "$work/p"
same "no leaf names a pseudonym" 0 "$(grep -c "$(jq -r .pseudonym "$work/a")" "$work/some" || true)"
