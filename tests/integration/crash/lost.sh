#!/usr/bin/env bash
# A node is lost under load, and another takes its place: its address, not its log. The clients go on, and
# the judge looks at both logs.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/nodes.sh"
some_unsigned() { [ "$(unsigned)" -gt 0 ]; }
# one_stands: a certificate is in the batch that stands; of those before it only the note of the signature may be missing.
size=
one_stands() {
	local before=$size
	size=$(sql "SELECT size FROM audit_log")
	[ -n "$before" ] && [ "$(sql "SELECT count(*) FROM certificate_body WHERE seq >= $before")" -gt 0 ]
}

node node1
begin_later
start_load 8 1
within 90 "clients work" holds_more_than 400
keep_checkpoint before
board arm append-before hold
hold_until one_stands
destroy
keep_checkpoint lost
same "something is recorded and not signed" yes "$(some_unsigned && echo yes)"

make_node node2 ports
open_log node2
retire "$(origin node1)" --force
node node2
board shift "$later_s"
start_node
within 60 "clients are answered" holds_more_than "$(held)"
within 60 "and go on" holds_more_than $(($(held) + 200))
stop_load
within 30 "nothing is left unsigned" unsigned_are 0
judge_all
[ "$(sed -n 's/^ *\([0-9]*\) *of them adopted.*/\1/p' "$lab/judged")" -gt 0 ] || die "none was adopted"
ok "some were adopted"

# The judge is judged: it finds what is changed in this evidence.
"$judge" --selftest "$lab"
