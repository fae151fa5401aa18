#!/usr/bin/env bash
# Every named point of the line once (tests/support/strike.h), under load, and then the judge.
. "$(dirname "$0")/lib.sh"
clients=8
strikes=0

# survives WHAT: the load goes on, and the service is as it should be.
survives() {
	strikes=$((strikes + 1))
	within 60 "$1: ready again" ready
	within 60 "$1: clients are answered" holds_more_than "$(held)"
	keep_checkpoint "$strikes"
}
# at POINT ACTION [N]: the service is struck there, by itself.
at() {
	board arm "$@"
	board wait "$1" 90 || die "$1: nobody came by"
	survives "$2 at $1"
}
# comes_by POINT: else clients are answered again, and nobody came by on the way there.
comes_by() {
	local before
	before=$(held)
	for _ in $(seq 60); do
		! board wait "$1" 1 || return 0
		! holds_more_than $((before + 50)) || return 1
	done
	die "$1: nobody came by, and no clients are answered"
}
# while_recovering: struck again before it has recovered from the first. That is tried until there
# was something to recover: a batch without certificates leaves none to sign again.
while_recovering() { # FIRST ACTION POINT ACTION
	for _ in $(seq 20); do
		board arm "$3" "$4"
		board arm "$1" "$2"
		board wait "$1" 30 || die "$1: nobody came by"
		! comes_by "$3" || { survives "$2 at $1, then $4 at $3"; return; }
	done
	die "$3: nobody came by after any of 20 times $2 at $1"
}
# database_dies POINT: PostgreSQL is gone while the service stands there.
database_dies() {
	board arm "$1" hold
	board wait "$1" 30 || die "$1: nobody came by"
	pg_ctl -m immediate stop
	board release "$1"
	pg_ctl start
	survives "PostgreSQL killed at $1"
}
# supervisor_dies POINT WHY...: it is killed there, and whoever manages services starts it again.
supervisor_dies() {
	local pid point=$1
	shift
	pid=$(supervisor)
	board arm "$point" kill
	"$@"
	within 30 "the supervisor is killed at $point" gone "$pid"
	restart_service
	survives "supervisor killed at $point"
}
# A COMMIT that comes too late: its server process stands still until the service, on another
# connection, has taken the log over. If what it writes was written meanwhile, it fails at that;
# else only the fence can stop it.
owner() { psql -XqAt -h "$pg" -U postgres -d moniker -c "SELECT owner FROM audit_log"; }
taken_over() { [ "$(owner)" -gt "$1" ]; }
fenced() { grep -c 'fenced: another writer owns the log' "$pg/server.log" || true; }
late_commit() {
	local backend before
	board arm commit-before hold
	board wait commit-before 30 || die "commit-before: nobody came by"
	backend=$(psql -XqAt -h "$pg" -U postgres -c "SELECT pid FROM pg_stat_activity
		WHERE application_name = 'monikerd ledger' ORDER BY backend_start DESC LIMIT 1")
	before=$(owner)
	kill -STOP "$backend"
	board arm commit-sent drop
	board release commit-before
	within 30 "the log has another owner" taken_over "$before"
	kill -CONT "$backend"
	within 30 "the late COMMIT's server process has ended" gone "$backend"
	survives "a late COMMIT"
}
late_commits() { # until the fence stopped one
	local before
	before=$(fenced)
	for _ in $(seq 10); do
		late_commit
		[ "$(fenced)" = "$before" ] || { ok "the fence stopped a late COMMIT"; return; }
	done
	die "the fence stopped none of ten late COMMITs"
}

begin_later
start_load $clients 1
within 90 "clients work" holds_more_than 400

# ---- the service
for point in commit-before commit-sent commit-done signatures-before append-before append-half append-sent \
	results-taken reply-before reply-half reply-sent publish-staged publish-tile publish-tiled publish-note \
	publish-noted; do
	at $point kill 5
done
for point in commit-before commit-sent; do
	at $point drop 5
	database_dies $point
done
at reply-before drop
at append-sent drop
late_commits
while_recovering commit-sent drop takeover-sent drop
while_recovering commit-sent kill takeover-sent kill

# ---- the keeper
for point in journal-before journal-torn journal-written journal-synced results-before checkpoint-before \
	checkpoint-sent; do
	at $point kill 5
done
while_recovering journal-synced kill resign-taken kill
while_recovering journal-synced kill resign-sent kill

# ---- the supervisor
supervisor_dies child-reaped kill_child --service
supervisor_dies channels-half kill_child moniker-keeper

stop_load
board list
unstruck=$(board list | awk '$4 == 0 && $1 !~ /^erase-/ { print $1 }') # those are erase.sh's
same "points that nobody came by" "" "$unstruck"
judge_all
counted() { # WHAT: so many that a check of it says something
	[ "$(sed -n "s/^ *\([0-9]*\) *$1.*/\1/p" "$lab/judged")" -gt 0 ] || die "none: $1"
	ok "some: $1"
}
counted "of them with the certificate that an earlier attempt had recorded"
counted "certificates whose answer was lost, and that a replacement superseded"
counted "renewals"
counted "certificates revoked or superseded"

# The judge is judged: it finds what is changed in this evidence.
"$judge" --selftest "$lab"
