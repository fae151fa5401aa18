# shellcheck shell=bash source=../line/own.sh
# What the crash tests share: a service of their own, clients that repeat until they are answered
# (load), and the judge. Sourced; MONIKER_TEST_BIN names the programs, MONIKER_TEST_BUILD a folder
# to build and to run in.
set -Eeuo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "${MONIKER_TEST_BUILD:?}"
command -v go >/dev/null || { echo "go is missing: install the Debian package golang-go" >&2; exit 1; }
export GO111MODULE=off GOPATH=/usr/share/gocode GOFLAGS="" GOTOOLCHAIN=local GOCACHE=$MONIKER_TEST_BUILD/gocache
[ -d "$GOPATH/src/golang.org/x/mod/sumdb/tlog" ] ||
	{ echo "golang.org/x/mod is missing: install the Debian package golang-golang-x-mod-dev" >&2; exit 1; }
for program in load judge; do
	(cd "$here" && go build -o "$MONIKER_TEST_BUILD/$program" "./$program")
done
load=$MONIKER_TEST_BUILD/load judge=$MONIKER_TEST_BUILD/judge

. "$here/../line/own.sh"
before_end() { [ -z "${load_pid:-}" ] || kill "$load_pid" 2>/dev/null || true; }
lab=$fixture/lab
mkdir -p "$lab/checkpoints" "$lab/db"

# ---- strikes, and a later day

board() { "$MONIKER_TEST_BOARD" "$fixture/board" "$@"; }
# struck COMMAND...: with libstrike.so, which also tells it what time it is.
struck() { LD_PRELOAD=$MONIKER_TEST_STRIKE STRIKE_BOARD=$fixture/board "$@"; }
board init
chmod 666 "$fixture/board"
later_s=$((250 * 86400)) # certificates of a year are due for renewal
start_service() { struck "$support/service_start.sh" "$fixture"; }
stop_service() {
	local pid
	pid=$(supervisor)
	kill -TERM "$pid"
	within 60 "it stops in peace" gone "$pid"
}
# begin_later: enrolls devices, and goes on 250 days later, when they are due.
begin_later() {
	"$load" prepare "$lab"
	stop_service
	board shift $later_s
	export MONIKER_TEST_SHIFT_S=$later_s
	start_service
}

# ---- processes

pg=$(sed -n 's/^PGDIR=//p' "$MONIKER_TEST_PG")
pg_bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
as_postgres=()
[ "$(id -u)" != 0 ] || as_postgres=(setpriv --reuid=postgres --regid=postgres --clear-groups)
pg_ctl() { (cd / && "${as_postgres[@]}" "$pg_bin/pg_ctl" -D "$pg/data" -l "$pg/server.log" -w -s "$@"); }
supervisor() { cat "$MONIKER_TEST_STATE/pid"; }
child() { pgrep -P "$(supervisor)" -f -- "$1"; } # --service, moniker-keeper
ready() { [ "$(struck curl -s -o /dev/null -w '%{http_code}' --cacert "$MONIKER_CACERT" "$MONIKER_URL/readyz")" = 200 ]; }
gone() { ! kill -0 "$1"; }
kill_child() { kill -KILL "$(child "$1")"; }
# restart_service: after the supervisor was killed. Its keeper dies with it; the service drains first.
restart_service() {
	within 60 "the service is gone, too" no_processes
	start_service
}

# ---- the load

start_load() { # CLIENTS SEED
	rm -f "$lab/stop"
	"$load" run "$lab" "$1" "$2" >"$lab/load.log" 2>&1 &
	load_pid=$!
}
stop_load() { # each client has the answer to its last request then
	touch "$lab/stop"
	wait "$load_pid" || { cat "$lab/load.log" >&2; die "the clients gave up"; }
	load_pid=
}
held() { wc -l <"$lab/held.jsonl"; }
holds_more_than() { [ "$(held)" -gt "$1" ]; }
keep_checkpoint() { # NAME: the one that is published now
	cp "$MONIKER_AUDIT_DIR"/*/checkpoint "$lab/checkpoints/$1"
}

# ---- the verdict

dump() {
	local table
	for table in audit_log audit_leaf ca_issuer certificate certificate_body certificate_adoption certificate_signature operator_certificate \
		device device_key device_tag token renewal batch revocation status_change status_head; do
		psql -XqAt -h "$pg" -U postgres -d moniker -c "SELECT to_jsonb(t) FROM $table AS t" >"$lab/db/$table.jsonl"
	done
}
# judge_all: repeats every request, looks at all that the service shows, stops it in peace, and judges.
judge_all() {
	within 60 "the service is ready" ready
	"$load" again "$lab"
	"$load" collect "$lab"
	stop_service
	keep_checkpoint last
	dump
	"$judge" "$lab" | tee "$lab/judged" || { save_evidence; die "the judge found violations"; }
}
save_evidence() {
	[ -n "${MONIKER_TEST_KEEP:-}" ] || return 0
	mkdir -p "$MONIKER_TEST_KEEP"
	cp -r "$lab" "$MONIKER_TEST_STATE/monikerd.log" "$MONIKER_TEST_KEEP/"
}
