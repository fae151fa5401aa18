#!/usr/bin/env bash
# /metrics: the format, who may read it, that each metric is documented and moves when it should,
# and that nobody can be recognized in it or in the log.
. "$(dirname "$0")/lib.sh"
need python3 python3
top=$(cd "$(dirname "$0")/../../.." && pwd)
exposition=$top/tests/support/exposition.py
scrape() { call GET /metrics nobody "$@"; }
# values OF: of the text $work/OF, for value.
values() { "$exposition" --values "$work/$1" >"$work/$1.values"; }
# value OF SERIES: 0 when it is absent.
value() { awk -v series="$2" '{ v = $1; sub(/^[^ ]* /, ""); if ($0 == series) found = v } END { print found + 0 }' "$work/$1.values"; }
risen() { # WHAT SERIES BY: since $work/before
	awk -v a="$(value before "$2")" -v b="$(value after "$2")" -v by="$3" \
		'BEGIN { exit !(b - a >= by) }' || die "$1: $2 did not rise by $3"
	ok "$1"
}

# ---- who may

scrape >"$work/before"
same "from this host, without a certificate: status" 200 "$(cat "$work/status")"
same "its type" "text/plain; version=0.0.4; charset=utf-8" "$(header content-type)"
same "it is not for caches" no-store "$(header cache-control)"
call GET /metrics admin >/dev/null
same "an admin: status" 200 "$(cat "$work/status")"
for field in "Forwarded: for=192.0.2.7" "Via: 1.1 proxy" "X-Forwarded-For: 192.0.2.7" "X-Forwarded-Host: a.example" "X-Real-IP: 192.0.2.7"; do
	scrape -H "$field" >"$work/p"
	refused "through a proxy that says ${field%%:*}" 401 CALLER_MISSING "$work/p"
	call GET /metrics verifier -H "$field" >"$work/p"
	refused "the same, a verifier" 403 ROLE_DENIED "$work/p"
done
call GET /metrics admin -H 'Via: 1.1 proxy' >/dev/null
same "an admin through a proxy: status" 200 "$(cat "$work/status")"

# ---- the format, and the documents

"$exposition" "$work/before" >"$work/metrics"
sed -n 's/^| `\([a-z_]*\)` | \([a-z]*\) |.*/\1 \2/p' "$top/docs/metrics.md" | sort >"$work/documented"
[ -s "$work/documented" ] || die "docs/metrics.md names no metric"
diff "$work/documented" "$work/metrics" >&2 || die "docs/metrics.md and /metrics differ"
ok "each metric is documented, and each documented one exists"
python3 - "$top/deploy/prometheus/alerts.yaml" "$work/metrics" <<'END' || die "an alert rule is not right"
import re, sys, yaml
types = dict(line.split() for line in open(sys.argv[2]))
rules = [rule for group in yaml.safe_load(open(sys.argv[1]))["groups"] for rule in group["rules"]]
assert rules and len({rule["alert"] for rule in rules}) == len(rules)
for rule in rules:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}, rule
    assert rule["labels"]["severity"] in ("warning", "critical") and rule["annotations"]["summary"], rule
    names = re.findall(r"\b(?:moniker|process)_[a-z_]+", rule["expr"])
    assert names or rule["expr"].startswith("up{"), rule
    for name in names:
        base = re.sub("_(bucket|sum|count)$", "", name)
        assert name in types or types.get(base) == "histogram", f"{rule['alert']}: there is no {name}"
END
ok "the alert rules name metrics that exist"

# ---- they move

open_lot metrics
scrape >"$work/before"
values before
mac=$(random_mac)
for name in one two; do make_key $name; done
request one "$mac" | send /v1/enrollments station >"$work/one.json"
request one "$mac" | send /v1/enrollments station >/dev/null
echo '{"count": 1}' | send "/v1/batches/$batch/tokens" admin >"$work/token"
# By a token, which is an actor of its own: the station may have had its ten leaves of this minute.
request two "$mac" ". + {token: \"$(jq -r '.tokens[0]' "$work/token")\"}" | send /v1/enrollments nobody >/dev/null
jq -r .certificate "$work/one.json" >"$work/one.pem"
same "a device is enrolled" good "$(verdict "$work/one.json")"
call GET /v1/nothing nobody >/dev/null
openssl s_client -connect "${MONIKER_URL#https://}" -tls1_2 </dev/null >/dev/null 2>&1 || true
jq -c '{select: {pseudonym}, action: "revoke", reason: "keyCompromise"}' "$work/one.json" | send /v1/revocations officer >"$work/p"
same "it is revoked" applied "$(jq -r .status "$work/p")"
kept() { # signatures and CRLs follow when there is time
	scrape >"$work/after"
	values after
	[ "$(value after moniker_ledger_unkept_signatures)" = 0 ] &&
		[ "$(value after 'moniker_ledger_leaves_total{event="crl.publish"}')" -gt "$(value before 'moniker_ledger_leaves_total{event="crl.publish"}')" ]
}
within 30 "signatures are kept and a CRL is published" kept
route='method="POST",route="/v1/enrollments"'
risen "requests" "moniker_http_requests_total{$route,status=\"201\"}" 1
risen "replayed requests" "moniker_http_requests_total{$route,status=\"200\"}" 1
risen "refused requests" "moniker_http_requests_total{$route,status=\"409\"}" 1
risen "requests without a route" 'moniker_http_requests_total{method="none",route="none",status="404"}' 1
risen "their time" "moniker_http_request_duration_seconds_count{$route}" 3
risen "the wait for a worker" moniker_http_queue_wait_seconds_count 5
risen "connections" 'moniker_http_connections_total{port="tls"}' 5
risen "failed handshakes" moniker_tls_handshakes_failed_total 1
risen "enrollments" 'moniker_enrollments_total{result="issued"}' 1
risen "replays" 'moniker_enrollments_total{result="replayed"}' 1
risen "refusals" 'moniker_refusals_total{event="enroll.refused",reason="DUPLICATE_HARDWARE"}' 1
risen "verifications" 'moniker_verifications_total{verdict="good"}' 1
risen "batches" 'moniker_ledger_batches_total{result="committed"}' 3
risen "their sizes" moniker_ledger_batch_proposals_count 3
risen "the queue" moniker_ledger_queue_wait_seconds_count 3
risen "transactions" moniker_ledger_transaction_seconds_count 3
risen "commits" moniker_ledger_commit_seconds_count 3
risen "the keeper" moniker_ledger_keeper_seconds_count 3
for event in enroll.ok enroll.refused token.mint device.revoke crl.publish; do
	risen "leaves $event" "moniker_ledger_leaves_total{event=\"$event\"}" 1
done
risen "the log" moniker_log_size_leaves 5
risen "processor time" process_cpu_seconds_total 0.001
for what in root root-crl issuer tls operators log; do
	grep -Eq "^moniker_expiry_timestamp_seconds\{what=\"$what\",id=\"[^\"]*\"\} [0-9]{10}\$" "$work/after" || die "no expiry of $what"
done
ok "expiries"
shard=$(sed -n 's/^moniker_crl_number{\(.*\)} [1-9].*/\1/p' "$work/after" | head -n 1)
[ -n "$shard" ] || die "no CRL has a number"
for series in "moniker_crl_size_bytes{$shard}" "moniker_crl_this_update_timestamp_seconds{$shard}" "moniker_crl_next_update_timestamp_seconds{$shard}" \
	moniker_ledger_ready moniker_keeper_up moniker_db_up moniker_keeper_attached_total moniker_db_pool_connections \
	process_resident_memory_bytes process_virtual_memory_bytes process_open_fds process_max_fds process_threads process_start_time_seconds \
	moniker_http_requests_in_flight 'moniker_http_connections{port="tls",state="working"}'; do
	awk -v v="$(value after "$series")" 'BEGIN { exit !(v >= 1) }' || die "$series is less than 1"
done
ok "levels are there"

# ---- nobody is in them, nor in the log

call GET "/v1/devices/$(jq -r .pseudonym "$work/one.json")" verifier >"$work/device"
call GET "/v1/devices/$(jq -r .pseudonym "$work/one.json")?secret=canary-$mac" verifier >/dev/null
jq -c --arg t "$(jq -r '.tokens[0]' "$work/token")" --rawfile csr "$work/two.csr" '{csr: $csr, token: $t, hardware_ids: [{type: "mac48", value: "no such form"}]}' <<<null |
	send /v1/enrollments nobody >/dev/null
call GET "/v1/operators/no-such-person-$batch" admin >/dev/null
scrape >"$work/after"
{
	printf '%s\n' "$mac" "${mac//:/}" "canary-$mac" "no such form" "no-such-person-$batch"
	jq -r .pseudonym "$work/one.json"
	jq -r .serial "$work/one.json"
	jq -r '.certificates[].handle' "$work/device"
	jq -r '.tokens[0]' "$work/token"
	jq -r '.tokens[0]' "$work/token" | cut -c 10-30
} >"$work/canaries"
[ "$(grep -c . "$work/canaries")" = 10 ] || die "a canary is missing"
log=$MONIKER_TEST_STATE/monikerd.log
grep -q '"level":"debug"' "$log" || die "the log has no debug lines: it would prove nothing"
for file in "$work/after" "$log"; do
	! grep -Fnif "$work/canaries" "$file" >&2 || die "somebody can be recognized in $(basename "$file")"
done
ok "no hardware id, pseudonym, serial, handle, token or name in metrics and log"
for name in station verifier officer; do
	! grep -Eq "\"$name\"|:$name\b" "$work/after" || die "a person is named in the metrics"
done
handle=$(call GET /v1/operators/station admin | jq -r .handle)
! grep -Fq "$handle" "$work/after" "$log" || die "a person's handle is in the metrics or the log"
ok "no person either"

# ---- the log

request two "$mac" | send /v1/enrollments station >"$work/p"
id=$(jq -r .request_id "$work/p")
same "the request id is in the answer's header, too" "$id" "$(header moniker-request-id)"
grep -F "\"request_id\":\"$id\"" "$log" >"$work/lines"
same "each line of the log is one JSON object with these members" "event level request_id text time" \
	"$(jq -rs 'map(keys) | add | unique | join(" ")' "$work/lines")"
same "the refusal and the answer stand under the same request id" "request.answered request.refused" \
	"$(jq -r .event "$work/lines" | sort | tr '\n' ' ' | sed 's/ $//')"
shows "the answer's line has route, status and time" 'method=POST route=/v1/enrollments status=403 us=[0-9]+' "$work/lines"
jq -e -s 'all(.[]; (keys - ["event", "level", "request_id", "text", "time"]) == [] and (.level | IN("error", "warning", "info", "debug")))' "$log" >/dev/null ||
	die "a line of the log is not as docs/operations.md says"
ok "the whole log is JSON lines"
