#!/usr/bin/env bash
# SIGTERM under load: a request is answered, or it was never recorded.
. "$(dirname "$0")/lib.sh"
clients=32 each=20
service_dir=$(dirname "$MONIKER_TEST_ENV")
pid=$(cat "$MONIKER_TEST_STATE/pid")
gone() { ! kill -0 "$pid"; }
kept=
cleanup() { [ -z "$kept" ] || kill "$kept" 2>/dev/null || true; }
open_lot drain '.quota = 100000'

# One process each: these are many.
for i in $(seq $((clients * each))); do
	csr=$(openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj / 2>/dev/null)
	printf '{"batch":"%s","csr":"%s\\n","hardware_ids":[{"type":"mac48","value":"02:d7:%02x:%02x:%02x:%02x"}]}' "$batch" \
		"${csr//$'\n'/\\n}" $((RANDOM % 256)) $((RANDOM % 256)) $((i / 256)) $((i % 256)) >"$work/r$i.json"
done

# client N: its requests one after the other over a connection that is kept; curl says of each how
# it ended: "number status", 000 for no answer.
client() {
	local i first=$(($1 * each + 1)) config=$work/client$1
	for i in $(seq "$first" $((first + each - 1))); do
		printf 'url = "%s/v1/enrollments"\ncacert = "%s"\ncert = "%s"\nkey = "%s"\nheader = "Content-Type: application/json"\ndata-binary = "@%s"\noutput = "%s"\nwrite-out = "%%{stderr}%s %%{http_code}\\n"\n' \
			"$MONIKER_URL" "$MONIKER_CACERT" "$MONIKER_STATION_CERT" "$MONIKER_STATION_KEY" "$work/r$i.json" "$work/r$i.answer" "$i"
		[ "$i" = $((first + each - 1)) ] || echo next
	done >"$config"
	# At most four a second each, so that there is something left to do when the signal comes.
	curl -s --rate 4/s -K "$config" 2>"$work/client$1.said" || true # which is not buffered
}

# Holds the drain: a request whose body does not come, beside an open connection that asks.
mkfifo "$work/half" "$work/asking"
talk() { openssl s_client -quiet -verify_quiet -CAfile "$MONIKER_CACERT" -connect "${MONIKER_URL#https://}" 2>/dev/null; }
talk <"$work/half" >"$work/half.said" &
exec 8>"$work/half"
talk <"$work/asking" >"$work/asking.said" &
kept=$!
exec 9>"$work/asking"
alive() { grep -q alive "$work/asking.said"; }
printf 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n' >&9
within 30 "a connection is open" alive
printf 'POST /v1/renewals HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{' >&8

loads=()
for i in $(seq 0 $((clients - 1))); do client "$i" & loads+=($!); done
some_answered() { [ "$(cat "$work"/client*.said | grep -c ' 201$')" -ge $clients ]; }
within 60 "stations enroll" some_answered
kill -TERM "$pid"
refused_now() { ! curl -s -o /dev/null --cacert "$MONIKER_CACERT" "$MONIKER_URL/healthz"; }
within 30 "nobody new is let in" refused_now
printf 'GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n' >&9
draining() { grep -q '"draining"' "$work/asking.said"; }
within 30 "/readyz says so on an open connection" draining
shows "with status" 'HTTP/1\.1 503 ' "$work/asking.said"
shows "and it is its connection's last" '^Connection: close' "$work/asking.said"
printf '}' >&8
half_answered() { grep -q '^HTTP/1\.1 401 ' "$work/half.said"; }
within 30 "what was arriving is answered" half_answered
wait "${loads[@]}" || true
within 40 "the service ends" gone
kept=

cat "$work"/client*.said | sort -n >"$work/said"
same "every request has an end" $((clients * each)) "$(wc -l <"$work/said")"
answered=$(grep -c ' 201$' "$work/said")
[ "$answered" -lt $((clients * each)) ] || die "too late: all had their answer"
! grep -vE ' (201|503|000)$' "$work/said" || die "another answer than certificate, 503 or none"
"$(dirname "$0")/../../support/service_start.sh" "$service_dir"

handle=$(call GET "/v1/batches/$batch" admin | jq -r .handle)
same "as many leaves as answers" "$answered" "$(call GET '/v1/audit/events?ev=enroll.ok&limit=10000' auditor | grep -c "\"sub\":\"b:$handle/")"
# Each on its own: what had no answer is new, what had one is what it was.
while read -r i status; do
	printf 'url = "%s/v1/enrollments"\ncacert = "%s"\ncert = "%s"\nkey = "%s"\nheader = "Content-Type: application/json"\ndata-binary = "@%s"\noutput = "%s"\nwrite-out = "%s %s %%{http_code}\\n"\nnext\n' \
		"$MONIKER_URL" "$MONIKER_CACERT" "$MONIKER_STATION_CERT" "$MONIKER_STATION_KEY" "$work/r$i.json" "$work/r$i.again" "$i" "$status"
done <"$work/said" | sed '$d' >"$work/again"
curl -s -K "$work/again" >"$work/retried"
same "answered before: the recorded one" "$answered" "$(grep -c ' 201 200$' "$work/retried")"
same "not answered before: a new one" $((clients * each - answered)) "$(grep -cE ' (503|000) 201$' "$work/retried")"
i=$(sed -n 's/ 201$//p' "$work/said" | tail -n 1)
same "and the same certificate" "$(jq -r .serial "$work/r$i.answer")" "$(jq -r .serial "$work/r$i.again")"
within 30 "the tree fits its checkpoint" tree_fits
