#!/usr/bin/env bash
# The change feed as a stream of events (text/event-stream): each page in order, resumed where it ended, bounded for who is
# many or does not read, ended with the caller's credential, with its time and with the service.
. "$(dirname "$0")/lib.sh"
need python3 python3
service_dir=$(dirname "$MONIKER_TEST_ENV")
client=$(dirname "$0")/streams.py
open_lot streams
cp "$MONIKER_CONFIG" "$work/before.conf"
started=()
begin() { # NAME CERT KEY [curl options]: a stream into $work/NAME, its headers into NAME.headers; sets pid
	local name=$1 cert=$2 key=$3
	shift 3
	curl -sSN --cacert "$MONIKER_CACERT" --cert "$cert" --key "$key" -H 'Accept: text/event-stream' -D "$work/$name.headers" -o "$work/$name" "$@" &
	pid=$!
	started+=("$pid")
}
begin_verifier() { local name=$1; shift; begin "$name" "$MONIKER_VERIFIER_CERT" "$MONIKER_VERIFIER_KEY" "$@"; }
cleanup() { [ ${#started[@]} = 0 ] || kill "${started[@]}" 2>/dev/null || true; }
pages() { grep -c '^event: page$' "$work/$1" || true; }
has_pages() { [ "$(pages "$1")" -ge "$2" ]; }
data() { # NAME N: the note of its Nth event
	awk -v n="$2" '/^event: / { at++ } /^data: / && at == n { print substr($0, 7) }' "$work/$1"
}
last_id() { sed -n 's/^id: //p' "$work/$1" | tail -n 1; }
lines() { sed '/^$/,$d' "$1" | grep -E '^[0-9a-f]{16} ' | cut -d' ' -f3 | tr '\n' ' '; }
metric() { call GET /metrics nobody | awk -v name="$1" '$1 == name { print $2 }'; }
streams_open() { [ "$(metric 'moniker_changes_waiting{kind="stream"}')" = "$1" ]; }
polls_open() { [ "$(metric 'moniker_changes_waiting{kind="poll"}')" = "$1" ]; }
act() { # ACTION
	jq -c --arg a "$1" '{select: {pseudonym}, action: $a} + if $a == "revoke" then {reason: "keyCompromise"} else {} end' "$work/one" | send /v1/revocations officer >"$work/act"
	same "$1" 201 "$(cat "$work/status")"
}
make_key one
request one "$(random_mac)" | send /v1/enrollments station >"$work/one"
jq -r .certificate "$work/one" >"$work/one.pem"
call GET '/v1/changes/snapshot' verifier >/dev/null
cursor=$(header moniker-next)

# ---- events

begin_verifier first "$MONIKER_URL/v1/changes?after=$cursor"
first=$pid
within 30 "a first page says where it stands" has_pages first 1
shows "the answer" '^HTTP/1\.1 200' "$work/first.headers"
shows "its type" '^Content-Type: text/event-stream.$' "$work/first.headers"
shows "it is not for caches" '^Cache-Control: no-store' "$work/first.headers"
same "nothing is new" "$cursor" "$(last_id first)"
act hold
within 8 "a hold comes at once" has_pages first 2
act release
within 8 "and the release" has_pages first 3
data first 2 >"$work/held"
same "the hold" "held " "$(lines "$work/held")"
data first 3 >"$work/released"
same "the release" "good " "$(lines "$work/released")"
for n in held released; do
	same "$n: its cursor is its id" "$(sed -n 's/^cursor //p' "$work/$n")" "$(grep -B1 -A12 -x 'event: page' "$work/first" | sed -n 's/^id: //p' | sed -n "$([ $n = held ] && echo 2 || echo 3)p")"
done
same "they fit" "$(sed -n 's/^after //p' "$work/held")" "$(sed -n 's/^before //p' "$work/released")"
call GET "/v1/changes?after=$(sed -n 's/^cursor //p' "$work/held")" verifier >"$work/page"
same "an event is the page, octet by octet" "$(sed '/^issued\|^fresh_until\|^— /d' "$work/page")" "$(sed '/^issued\|^fresh_until\|^— /d' "$work/released")"
signer_key >"$work/signer.pub"
sed '/^$/,$d' "$work/released" >"$work/text"
grep '^— ' "$work/released" | sed 's/.* //' | base64 -d | tail -c 64 >"$work/signature"
accepts "OpenSSL verifies an event's signature" openssl pkeyutl -verify -pubin -inkey "$work/signer.pub" -rawin -in "$work/text" -sigfile "$work/signature"

# ---- resumed: what the client says is newer than its address

begin_verifier resumed -H "Last-Event-ID: $(sed -n 's/^cursor //p' "$work/held")" "$MONIKER_URL/v1/changes?after=$cursor"
within 30 "resumed after its last event" has_pages resumed 1
data resumed 1 >"$work/again"
same "with what came after it" "good " "$(lines "$work/again")"
kill "$pid"
begin_verifier whole "$MONIKER_URL/v1/changes"
within 30 "without a cursor: from the beginning" has_pages whole 1
data whole 1 >"$work/again"
same "from" 0 "$(sed -n 's/^from //p' "$work/again")"
kill "$pid"
call GET '/v1/changes' verifier -H 'Accept: text/event-stream' -H 'Last-Event-ID: AAAAAAAAAAGqqqqq' >"$work/p"
refused "an id of another history" 410 CURSOR_GONE "$work/p"
call GET '/v1/changes' verifier -H 'Accept: text/event-stream' -H 'Last-Event-ID: x' >"$work/p"
refused "no id" 400 BAD_SYNTAX "$work/p"
call GET /v1/changes nobody -H 'Accept: text/event-stream' >"$work/p"
refused "nobody" 401 CALLER_MISSING "$work/p"
call GET /v1/changes station -H 'Accept: text/event-stream' >"$work/p"
refused "a station" 403 ROLE_DENIED "$work/p"
for other in 'text/plain' '*/*' 'text/event-stream;q=0' 'text/event-streams'; do
	call GET "/v1/changes?after=$cursor" verifier -H "Accept: $other" >"$work/p"
	same "Accept: $other" "200 text/plain; charset=utf-8" "$(cat "$work/status") $(header content-type)"
done
call GET "/v1/changes?after=$cursor" verifier --head -H 'Accept: text/event-stream' >"$work/p"
same "HEAD has an end" 200 "$(cat "$work/status")"

# ---- a comment when there is nothing else

beats() { [ "$(grep -c '^:$' "$work/first" || true)" -ge 1 ]; }
within 60 "a comment after ten seconds" beats
same "no page without a change" 3 "$(pages first)"
kill -0 "$first" || die "the stream has ended"

# ---- who goes makes room

within 30 "one stream is open" streams_open 1
kill "$first"
wait "$first" || true
within 8 "none, when its client is gone" streams_open 0
curl -sS --cacert "$MONIKER_CACERT" --cert "$MONIKER_VERIFIER_CERT" --key "$MONIKER_VERIFIER_KEY" -o /dev/null "$MONIKER_URL/v1/changes?after=$(last_id first)&wait=60" &
pid=$!
started+=("$pid")
within 30 "a request waits" polls_open 1
kill "$pid"
wait "$pid" || true
within 30 "no more, when its client is gone" polls_open 0

# ---- many: as many as there is room for

person=streams-$$
"$MONIKER_BIN/moniker" operator add "$person" --role verifier --new-key "$work/gone.key" >/dev/null
"$MONIKER_BIN/moniker" operator sign --database-url "$MONIKER_PGURL" --ring "$MONIKER_TEST_STATE/ca/operators.ring" \
	--passphrase-file "$MONIKER_TEST_STATE/operators.passphrase" --yes >/dev/null 2>&1
"$MONIKER_BIN/moniker" operator cert "$person" --out "$work/gone.pem"
export MONIKER_GONE_CERT=$work/gone.pem MONIKER_GONE_KEY=$work/gone.key
count=2048
python3 "$client" many "$(last_id first)" $count >"$work/many" &
many=$!
started+=("$many")
within 120 "$count streams of one verifier are open" streams_open $count
call GET "/v1/changes" verifier -H 'Accept: text/event-stream' >"$work/p"
refused "one more" 503 BUSY "$work/p"
same "when to come again" 10 "$(header retry-after)"
began=$SECONDS
call GET "/v1/changes?after=$(last_id first)&wait=60" verifier >"$work/p"
same "who would wait has the empty page" 200 "$(cat "$work/status")"
[ $((SECONDS - began)) -lt 55 ] || die "it waited, and had no place"
begin beside "$MONIKER_GONE_CERT" "$MONIKER_GONE_KEY" "$MONIKER_URL/v1/changes?after=$(last_id first)"
beside=$pid
within 30 "another verifier has room" has_pages beside 1
act hold
wait "$many" || die "$(cat "$work/many")"
same "each has the change" "$count have it" "$(cat "$work/many")"
within 30 "the other, too" has_pages beside 2
within 30 "and they are gone" streams_open 1
kill "$beside"
act release

# ---- who does not read

mkfifo "$work/listen"
python3 "$client" deaf AAAAAAAAAAAAAAAA 20 >"$work/deaf" <"$work/listen" &
deaf=$!
exec 8>"$work/listen"
started+=("$deaf")
within 60 "20 streams that nobody reads" streams_open 20
for _ in $(seq 60); do
	for action in hold release; do
		jq -c --arg a "$action" '{select: {pseudonym}, action: $a}' "$work/one" | send /v1/revocations officer >/dev/null
	done
done
within 60 "they are ended" streams_open 0
exec 8>&-
wait "$deaf" || die "$(cat "$work/deaf")"
same "by the service" "20 were ended" "$(cat "$work/deaf")"

# ---- a verifier who is removed

call GET "/v1/changes?after=$cursor" verifier >/dev/null
begin removed "$work/gone.pem" "$work/gone.key" "$MONIKER_URL/v1/changes?after=$(header moniker-next)"
removed=$pid
within 30 "it follows" has_pages removed 1
call DELETE "/v1/operators/$person" admin >/dev/null
act hold
wait "$removed" || die "the stream was cut"
same "it is told why it ends" CALLER_REVOKED "$(data removed "$(grep -c '^event: ' "$work/removed")" | jq -r .code)"
! grep -q ' held ' "$work/removed" || die "it heard of a change after it was removed"
ok "and nothing more"

# ---- the end of a stream's time, and of the service; a cursor holds across both

sed 's/^\[http\]/[http]\nstream_s = 10/' "$work/before.conf" >"$MONIKER_CONFIG"
restart() {
	local pid
	pid=$(cat "$MONIKER_TEST_STATE/pid")
	kill -TERM "$pid"
	within 30 "the service ends" eval "! kill -0 $pid"
	"$(dirname "$0")/../../support/service_start.sh" "$service_dir" 8>&-
}
begin_verifier drained "$MONIKER_URL/v1/changes?after=$(last_id first)"
drained=$pid
python3 "$client" deaf AAAAAAAAAAAAAAAA 3 >"$work/deaf" <"$work/listen" &
deaf=$!
exec 8>"$work/listen"
within 30 "streams are open" streams_open 4
began=$SECONDS
restart
[ $((SECONDS - began)) -lt 15 ] || die "streams held the service"
wait "$drained" || die "the stream was cut"
ok "a stream has an end when the service has"
exec 8>&-
wait "$deaf" || die "$(cat "$work/deaf")"
same "those who do not read are ended, too" "3 were ended" "$(cat "$work/deaf")"
act release
begin_verifier after "$MONIKER_URL/v1/changes" -H "Last-Event-ID: $(last_id drained)"
after=$pid
within 30 "it goes on after a restart" has_pages after 1
data after 1 >"$work/again"
same "with what has changed meanwhile" "good " "$(lines "$work/again")"
data drained "$(pages drained)" >"$work/page"
same "without a gap" "$(sed -n 's/^after //p' "$work/page")" "$(sed -n 's/^before //p' "$work/again")"
wait "$after" || die "the stream was cut"
ok "its time has an end"
cat "$work/before.conf" >"$MONIKER_CONFIG"
restart
