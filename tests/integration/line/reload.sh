#!/usr/bin/env bash
# SIGHUP changes limits, log level, names and certificate in the running service, and drops nobody.
. "$(dirname "$0")/lib.sh"
pid=$(cat "$MONIKER_TEST_STATE/pid") log=$MONIKER_TEST_STATE/monikerd.log
cp "$MONIKER_CONFIG" "$work/before.conf"
events() { grep -c "\"event\":\"$1\"" "$log" || true; }
reloads() { echo $(($(events service.reload) + $(events service.reload_refused))); }
more_reloads() { [ "$(reloads)" -gt "$1" ]; }
hup() { # WHAT: and wait until it is done
	local before
	before=$(reloads)
	kill -HUP "$pid"
	within 20 "$1" more_reloads "$before"
}
configure() { # LINES: the configuration as it was, with these after it
	{ cat "$work/before.conf"; printf '%s\n' "$@"; } >"$MONIKER_CONFIG.new"
	chmod 644 "$MONIKER_CONFIG.new"
	mv "$MONIKER_CONFIG.new" "$MONIKER_CONFIG"
}
edit() { # SED_SCRIPT: the configuration as it was, changed
	sed "$1" "$work/before.conf" >"$MONIKER_CONFIG.new"
	chmod 644 "$MONIKER_CONFIG.new"
	mv "$MONIKER_CONFIG.new" "$MONIKER_CONFIG"
}
restore() { configure; kill -HUP "$pid"; }
cleanup() { [ -z "${kept-}" ] || kill "$kept" 2>/dev/null || true; restore; }
changes() { call GET '/v1/audit/events?ev=config.change&limit=10000' auditor; }
last_line() { grep "\"event\":\"$1\"" "$log" | tail -n 1; }

# A connection that stays open all the time (idle connections end after 10 s: it speaks up).
mkfifo "$work/in"
openssl s_client -quiet -verify_quiet -CAfile "$MONIKER_CACERT" -connect "${MONIKER_URL#https://}" <"$work/in" >"$work/kept" 2>/dev/null &
kept=$!
exec 9>"$work/in"
answers() { grep -c '"status":"alive"' "$work/kept" || true; }
answered() { [ "$(answers)" -ge "$1" ]; }
asked=0
still_there() {
	asked=$((asked + 1))
	printf 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n' >&9
	within 10 "the open connection is served, $1" answered $asked
}
still_there "before"

# ---- nothing has changed
count=$(changes | wc -l)
hup "a reload with nothing new"
same "it leaves no leaf" "$count" "$(changes | wc -l)"
still_there "after a reload"

# ---- limits
configure '[limits]' 'operator_per_s = 1' 'operator_burst = 3' 'station_per_s = 1' 'station_burst = 10'
hup "other limits"
[[ $(last_line service.reload) == *'limits: 4 changed'* ]] || die "the log does not say what changed"
for _ in 1 2 3; do call GET /v1/operators admin >"$work/p"; same "within the burst" 200 "$(cat "$work/status")"; done
held_back() { # one of twenty in a row is refused: which one depends on when the last token dripped in
	for _ in $(seq 20); do
		call GET /v1/operators admin >"$work/p"
		[ "$(cat "$work/status")" != 429 ] || return 0
	done
	return 1
}
held_back || die "nobody is held back beyond the burst"
refused "beyond the burst" 429 RATE_LIMITED "$work/p"
same "when to come again" 1 "$(header retry-after)"
call GET /v1/batches/demo-lot station >"$work/p"
same "another caller has its own" 200 "$(cat "$work/status")"
batch=demo-lot
for i in $(seq 40); do make_key "n$i"; request "n$i" "$(random_mac)"; done >"$work/lines"
many() { call POST /v1/enrollments station2 -H 'Content-Type: application/x-ndjson' --data-binary @"$work/lines"; }
many >"$work/results"
same "40 lines with a full bucket of 10" 40 "$(jq -c 'select(.status == 201)' "$work/results" | wc -l)"
many >"$work/p"
refused "and 40 more, which would be replays" 429 RATE_LIMITED "$work/p"
[ "$(header retry-after)" -ge 10 ] || die "the debt is not waited off: Retry-After $(header retry-after)"
ok "a line of NDJSON counts as a request"
still_there "with other limits"

# ---- a file that is no good changes nothing
faults() { call GET '/v1/audit/events?ev=data.fault&limit=10000' auditor | grep -c '"sub":"configuration"' || true; }
faulty=$(faults)
configure '[limits]' 'operator_per_s = 0' 'station_per_s = much'
hup "a file with a bad number"
[[ $(last_line service.reload_refused) == *'CONFIG_INVALID'*'station_per_s'* ]] || die "the log does not say what is wrong"
edit 's/^level = .*/level = loud/'
hup "a file with a level that there is not"
[[ $(last_line service.reload_refused) == *'log level'* ]] || die "the log does not say what is wrong"
edit 's/^server_names = .*/server_names = ,/'
hup "a file without a name"
[[ $(last_line service.reload_refused) == *'server_names'* ]] || die "the log does not say what is wrong"
same "each is on record as faulty information" $((faulty + 3)) "$(faults)"
held_back || die "the limits that were are not in force"
ok "the limits that were are in force"

# ---- what needs a restart is named
edit 's/^level = .*/level = info/; s/^\[http\]/[http]\nworkers = 99\ndrain_s = 7/'
hup "keys that are read at a start only"
[[ $(last_line service.restart_needed) == *'[http] workers, [http] drain_s'* ]] || die "the log does not name them: $(last_line service.restart_needed)"
still_there "with another log level"
debug=$(events request.answered)
call GET /v1/batches/demo-lot station >"$work/p"
same "at level info answers have no line" "$debug" "$(events request.answered)"

# ---- the certificate
served() { openssl s_client -connect "${MONIKER_URL#https://}" </dev/null 2>/dev/null | openssl x509 -noout "$@"; }
before=$(served -serial)
edit 's/^server_names = .*/&,line.moniker.test/'
hup "another name"
served -ext subjectAltName >"$work/names"
shows "it is in the certificate" 'DNS:line\.moniker\.test' "$work/names"
[ "$(served -serial)" != "$before" ] || die "the certificate is the one from before"
call GET /v1/batches/demo-lot station >"$work/p"
same "and it is trusted" 200 "$(cat "$work/status")"
still_there "with another certificate"
serial=$(served -serial)
hup "the same again"
same "the certificate stays" "$serial" "$(served -serial)"

# ---- as it was
configure
hup "as it was"
changes >"$work/changes"
same "each change is on record" 3 $(($(wc -l <"$work/changes") - count))
shows "who, and what" '"act":"system:node1".*"d":\{"limits":4\}' "$work/changes"
shows "the certificate, too" '"d":\{"tls":1\}|"d":\{"log":1,"tls":1\}' "$work/changes"
recorded RATE_LIMITED admin.login.refused
recorded RATE_LIMITED enroll.refused
debug=$(events request.answered)
call GET /v1/batches/demo-lot station >"$work/p"
[ "$(events request.answered)" -gt "$debug" ] || die "the log level is not as it was"
still_there "to the end"
call GET /v1/batches/demo-lot station2 >"$work/p"
same "and no debt is left" 200 "$(cat "$work/status")"
same "over one connection" $asked "$(answers)"
