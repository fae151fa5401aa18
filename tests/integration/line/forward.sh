#!/usr/bin/env bash
# The log forwarded to a real rsyslog over TLS: in order and without a gap, whoever is killed.
. "$(dirname "$0")/lib.sh"
command -v rsyslogd >/dev/null || die "rsyslogd is missing: install the Debian packages rsyslog and rsyslog-openssl"
supervisor() { cat "$MONIKER_TEST_STATE/pid"; }
child() { pgrep -P "$(supervisor)" -f -- "$1"; }
ready() { [ "$(curl -s -o /dev/null -w '%{http_code}' --cacert "$MONIKER_CACERT" "$MONIKER_URL/readyz")" = 200 ]; }
gone() { ! kill -0 "$1"; }
start=$(dirname "$0")/../../support/service_start.sh fixture=$(dirname "$MONIKER_TEST_ENV")
restart() { # COMMAND...: what is done while it is stopped
	local pid
	pid=$(supervisor)
	kill -TERM "$pid"
	within 60 "it stops" gone "$pid"
	"$@"
	"$start" "$fixture"
}
receiver=
stop_receiver() { [ -z "$receiver" ] || kill -"${1:-TERM}" "$receiver" 2>/dev/null || true; wait "$receiver" 2>/dev/null || true; receiver=; }
unconfigure() { sed -i '/^\[syslog\]/,$d' "$MONIKER_CONFIG"; }
restore() { stop_receiver KILL; restart unconfigure || true; cleanup; }
trap restore EXIT

# ---- a receiver with a certificate of its own
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$work/ca.key" -out "$work/ca.pem" \
	-subj /CN=receiver-ca -days 2 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$work/siem.key" -out "$work/siem.csr" -subj /CN=siem.example 2>/dev/null
printf 'subjectAltName=DNS:siem.example\n' >"$work/siem.ext"
openssl x509 -req -in "$work/siem.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial -days 2 -extfile "$work/siem.ext" -out "$work/siem.pem" 2>/dev/null
chmod 755 "$work"; chmod 644 "$work/ca.pem"
port=$((20000 + RANDOM % 12000))
while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
cat >"$work/rsyslog.conf" <<CONF
global(workDirectory="$work" maxMessageSize="8k" parser.escapeControlCharactersOnReceive="off"
	defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="$work/ca.pem"
	defaultNetstreamDriverCertFile="$work/siem.pem" defaultNetstreamDriverKeyFile="$work/siem.key")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon")
input(type="imtcp" address="127.0.0.1" port="$port")
template(name="all" type="string" string="%pri% %timestamp:::date-rfc3339% %hostname% %app-name% %msgid% %structured-data% %msg:::drop-last-lf%\n")
action(type="omfile" file="$work/received" template="all" asyncWriting="off" flushOnTXEnd="on")
CONF
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$port"); }
start_receiver() {
	rsyslogd -n -f "$work/rsyslog.conf" -i "$work/rsyslog.pid" >>"$work/rsyslog.log" 2>&1 &
	receiver=$!
	within 30 "the receiver listens" listens
}
configure() { # [name]
	unconfigure
	printf '[syslog]\nhost = 127.0.0.1\nport = %s\nname = %s\nca_file = %s\n' "$port" "${1:-siem.example}" "$work/ca.pem" >>"$MONIKER_CONFIG"
}
metric() { call GET /metrics nobody | sed -n "s/^moniker_$1 //p"; }
lag_is() { [ "$(metric syslog_lag_leaves)" = "$1" ]; }
open_lots() { # COUNT: a leaf each
	local i
	for i in $(seq "$1"); do
		jq -c --arg id "lot-$i-$RANDOM" '{id: $id, model: "Test", quota: 1}' <<<null |
			curl -s -o "$work/lots" --cacert "$MONIKER_CACERT" --cert "$MONIKER_ADMIN_CERT" --key "$MONIKER_ADMIN_KEY" \
				-H 'Content-Type: application/json' --data-binary @- "$MONIKER_URL/v1/batches" || true # the service may be killed
	done
}
# holds: what was received is the whole log up to what is published, each number first in its order.
holds() {
	call GET '/v1/audit/events?limit=10000' auditor >"$work/leaves"
	sed -n 's/^[0-9]* [^ ]* [^ ]* moniker [^ ]* \[moniker@32473 origin="[^"]*" seq="[0-9]*"\] *\({.*}\)$/\1/p' "$work/received" | awk '!seen[$0]++' >"$work/copy"
	head -n "$(wc -l <"$work/copy")" "$work/leaves" | cmp -s - "$work/copy" && [ "$(wc -l <"$work/copy")" -ge "${1:-1}" ]
}
holds_all() { holds "$(call GET '/v1/audit/events?limit=10000' auditor | wc -l)"; }

# ---- all that there is
start_receiver
restart configure
within 30 "all leaves arrive" holds_all
within 30 "nothing is behind" lag_is 0
same "each names its log" "$(call GET /audit/logs auditor | jq -r '.items[0].origin')" \
	"$(sed -n 's/.* \[moniker@32473 origin="\([^"]*\)" seq="[0-9]*"\].*/\1/p' "$work/received" | sort -u)"
sed -n 's/.* seq="\([0-9]*\)"\] *{"seq":\([0-9]*\),.*/\1 \2/p' "$work/received" | awk '$1 != $2 { exit 1 }' || die "a message names another leaf"
ok "and its leaf"
same "facility log audit, and severities of its own" 13 "$(sed 's/ .*//' "$work/received" | awk '{ print int($1 / 8) }' | sort -u)"
grep -q ' svc.start \[' "$work/received" || die "the event is not the message's id"

# ---- the receiver is killed while it receives
open_lots 20 & load=$!
sleep 1
stop_receiver KILL
wait "$load"
open_lots 1 # whatever was sent before: this one waits
failing() { call GET /readyz nobody | jq -e '.components.forwarder.detail | test("it fails")' >/dev/null; }
within 30 "receiver killed: /readyz tells" failing
same "receiver killed: the service is ready all the same" true "$(call GET /readyz nobody | jq .ready)"
make_key while; batch=$MONIKER_BATCH; request while "$(random_mac)" | send /v1/enrollments station >"$work/p"
same "receiver killed: enrollment goes on" 201 "$(cat "$work/status")"
start_receiver
within 60 "receiver back: all leaves arrive" holds_all

# ---- the service is killed while it sends
open_lots 20 & load=$!
sleep 1
kill -KILL "$(child --service)"
wait "$load" || true
within 60 "service killed: ready" ready
within 60 "service killed: all leaves arrive" holds_all

# ---- after a time that it had to keep them, nothing is sent again
cursor=$MONIKER_TEST_STATE/service/syslog.cursor
settled() { [ "$(cut -d' ' -f2 "$cursor")" -ge "$(wc -l <"$work/copy")" ]; }
within 60 "the cursor follows" settled
at=$(cut -d' ' -f2 "$cursor") before=$(wc -l <"$work/received")
restart true
within 30 "restarted: all leaves arrive" holds_all
again=$(tail -n +$((before + 1)) "$work/received" | sed -n 's/.* seq="\([0-9]*\)"\].*/\1/p' | sort -n | head -n 1)
[ "$again" -ge "$at" ] || die "restarted: leaf $again again, the cursor was at $at"
ok "restarted: it goes on where it was"

# ---- a receiver that is somebody else gets nothing
sent_so_far() { # what the service sent before it stopped has arrived
	lines=$(wc -l <"$work/received")
	configure another.example
}
restart sent_so_far
within 30 "another's certificate: it fails" failing
same "another's certificate: nothing is sent" "$lines" "$(wc -l <"$work/received")"
