#!/usr/bin/env bash
# A service whose checkpoints are cosigned, by one witness over HTTP and one over HTTPS: the note, the receipts and the
# whole log with their quorum, before other programs' eyes; then with a witness that is somebody else by its certificate,
# and one that is dead, fail-open and fail-closed. With a service of its own; MONIKER_TEST_BIN names the programs.
. "$(dirname "$0")/own.sh"
top=$(cd "$support/../.." && pwd)
witnesses=()
before_end() {
	local pid
	for pid in "${witnesses[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
}
need go golang-go
need python3 python3
moniker=$MONIKER_TEST_BIN/moniker
export GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$work/gocache GOFLAGS="" GOTOOLCHAIN=local
go build -o "$work/checkpoint-go" "$top/tests/interop/checkpoint.go"

# ---- two witnesses, which know the log by its key

call GET /audit/logs auditor >"$work/logs"
vkey=$(jq -r '.items[0].vkey' "$work/logs")
log_name=$(jq -r '.items[0].origin | split("/")[-1]' "$work/logs")
echo "log $vkey" >"$fixture/logs.policy"
authority() { # NAME
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$fixture/$1.key" -out "$fixture/$1.pem" \
		-subj "/CN=$1" -days 2 2>/dev/null
}
certificate() { # NAME AUTHORITY SUBJECT_ALTERNATIVE_NAME
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$fixture/$1.key" -out "$fixture/$1.csr" -subj /CN=witness 2>/dev/null
	openssl x509 -req -in "$fixture/$1.csr" -CA "$fixture/$2.pem" -CAkey "$fixture/$2.key" -CAcreateserial -days 2 \
		-extfile <(echo "subjectAltName=$3") -out "$fixture/$1.pem" 2>/dev/null
}
authority witness-ca
authority other-ca
certificate w2-tls witness-ca IP:127.0.0.1
certificate w2-untrusted other-ca IP:127.0.0.1
certificate w2-elsewhere witness-ca DNS:elsewhere.example
chmod 644 "$fixture/witness-ca.pem"
ports=()
start_witness() { # N [CERTIFICATE]: on its port, which is its own from its first start on; the second with TLS
	local log=$fixture/w$1.log tls=()
	[ "$1" = 1 ] || tls=(--tls-cert "$fixture/${2:-w2-tls}.pem" --tls-key "$fixture/${2:-w2-tls}.key")
	: >"$log"
	"$moniker" witness run --dir "$fixture/w$1" --policy "$fixture/logs.policy" --port "${ports[$1]-0}" "${tls[@]}" 2>"$log" &
	witnesses[$1]=$!
	within 30 "witness $1 listens" grep -q '"witness.start"' "$log"
	ports[$1]=$(sed -n 's/.*"witness.start".*on port \([0-9]*\).*/\1/p' "$log")
}
kill_witness() {
	kill -9 "${witnesses[$1]}"
	wait "${witnesses[$1]}" 2>/dev/null || true
}
echo "log $vkey" >"$fixture/policy"
for n in 1 2; do
	"$moniker" witness init --dir "$fixture/w$n" --name "witness.test/w$n" >"$fixture/w$n.vkey"
	start_witness $n
done
printf 'witness w1 %s http://127.0.0.1:%s\nwitness w2 %s https://127.0.0.1:%s\n' "$(cat "$fixture/w1.vkey")" "${ports[1]}" \
	"$(cat "$fixture/w2.vkey")" "${ports[2]}" >>"$fixture/policy"
printf 'group both all w1 w2\nquorum both\n' >>"$fixture/policy"
chmod 644 "$fixture/policy"

restart_with() { # LINES: of [audit]
	kill -TERM "$(cat "$MONIKER_TEST_STATE/pid")"
	within 30 "the service stops" stopped
	sed -i '/^policy = /d; /^without_quorum = /d; /^witness_/d' "$MONIKER_CONFIG"
	sed -i "s|^name = moniker.test\$|&\n$1|" "$MONIKER_CONFIG"
	"$support/service_start.sh" "$fixture"
}
stopped() { ! kill -0 "$(cat "$MONIKER_TEST_STATE/pid")" 2>/dev/null; }
fetch() { call GET "/audit/$log_name/checkpoint" nobody >"$work/checkpoint"; }
cosigned_by() { fetch && [ "$(grep -c '^— witness\.test/w[12] ' "$work/checkpoint")" = "$1" ]; }
grows_past() { fetch && [ "$(sed -n 2p "$work/checkpoint")" -gt "$1" ]; }
ready() { curl -sS --cacert "$MONIKER_CACERT" "$MONIKER_URL/readyz" | jq -r ".components.$1"; }
metric() { call GET /metrics nobody | sed -n "s/^$1 //p"; }
component() { [ "$(metric 'moniker_component_up{component="witness"}')" = "$1" ]; }
has_leaf() { # EVENT: of the witness
	call GET "/v1/audit/events?ev=$1&limit=10000" auditor | jq -c 'select(.sub == "witness")' | tail -n 1 >"$work/leaf" && [ -s "$work/leaf" ]
}
common="policy = $fixture/policy\nwitness_gap_ms = 80\nwitness_ca_file = $fixture/witness-ca.pem"
restart_with "$common"
within 30 "both witnesses are under the checkpoint" cosigned_by 2
no_complaint() { [ "$(ready witnesses.detail)" = null ]; }
within 30 "/readyz has no complaint" no_complaint
quorum() { [ "$(metric moniker_witness_quorum)" = "$1" ]; }
within 30 "the metric" quorum 1

# ---- to other programs

same "Go: log and witnesses have signed" 3 "$("$work/checkpoint-go" "$vkey" "$work/checkpoint" cosigned "$(cat "$fixture/w1.vkey")" "$(cat "$fixture/w2.vkey")")"
sed '/w1 /s/ \(.\{20\}\)./ \1A/2' "$work/checkpoint" >"$work/forged"
if "$work/checkpoint-go" "$vkey" "$work/forged" cosigned "$(cat "$fixture/w1.vkey")" 2>/dev/null; then die "Go takes a forged cosignature"; fi

copied_with_both() { # who is slow is not waited for
	copy_log "$MONIKER_AUDIT_DIR/$log_name" "$work/log" && [ "$(cosigners "$work/log/checkpoint")" = 2 ]
}
cosigners() { grep -c '^— witness\.test/w[12] ' "$1" || true; }
exits() { # WHAT STATUS PATTERN COMMAND...
	local what=$1 want=$2 pattern=$3 got=0
	shift 3
	"$@" >"$work/said" 2>&1 || got=$?
	same "$what: exit status" "$want" "$got"
	grep -Eq "$pattern" "$work/said" || die "$what: $(cat "$work/said")"
}
verify() { "$moniker" audit verify "$1" --policy "$fixture/policy"; }
second() { python3 "$top/docs/verify/verify.py" "$vkey" "$1" "$(cat "$fixture/w1.vkey")" "$(cat "$fixture/w2.vkey")"; }
within 30 "a copy with both cosignatures" copied_with_both
exits "the folder, with its quorum" 0 '^good' verify "$work/log"
exits "the same, to the second verifier" 0 '^good' second "$work/log"
open_lot witnessed
receipt_with_both() { # of one device after the other
	make_key a
	request a "$(openssl rand -hex 6)" | send '/v1/enrollments?proof=1' station >"$work/a" && [ "$(cat "$work/status")" = 201 ] || return 1
	jq -j .proof "$work/a" >"$work/a.tlog-proof" && [ "$(cosigners "$work/a.tlog-proof")" = 2 ]
}
within 30 "an enrollment with a receipt" receipt_with_both
exits "the receipt, with its quorum" 0 '^good' verify "$work/a.tlog-proof"
exits "the same, to the second verifier" 0 '^good' second "$work/a.tlog-proof"
sed -i '/w2 /d' "$work/a.tlog-proof" "$work/log/checkpoint"
exits "a receipt without its quorum" 2 '^incomplete: .*is no quorum' verify "$work/a.tlog-proof"
exits "a folder without its quorum" 2 '^incomplete: .*is no quorum' verify "$work/log"
exits "the same, to the second verifier" 1 'not signed by witness.test/w2' second "$work/log"
exits "without a policy it is as good as before" 0 '^good' "$moniker" audit verify "$work/log" --vkey "$vkey"

# ---- a witness whose certificate is not its own is not asked

kept() { find "$fixture/w2" -name '*.checkpoint' -exec sha256sum {} +; }
fails_by() { grep -Eq "^no quorum; w2: .*$1" <<<"$(ready witnesses.detail)"; } # PATTERN: of libcurl's words
kill_witness 2
knows=$(kept)
[ -n "$knows" ] || die "witness 2 keeps no checkpoint"
start_witness 2 w2-untrusted
open_lot untrusted # a leaf: a checkpoint that has its quorum is not offered again
within 40 "a certificate of another authority" fails_by 'certificate problem|self-signed|issuer'
kill_witness 2
start_witness 2 w2-elsewhere
within 40 "a certificate of another name" fails_by 'subject name|host name|does not match'
same "it has cosigned nothing" "$knows" "$(kept)"

# ---- fail-open: a witness is dead

kill_witness 2
fetch
size=$(sed -n 2p "$work/checkpoint")
make_key b
request b "$(openssl rand -hex 6)" | send /v1/enrollments station >"$work/b"
same "an enrollment while a witness is dead" 201 "$(cat "$work/status")"
within 30 "the checkpoint goes on" grows_past "$size"
within 30 "with one cosignature" cosigned_by 1
same "/readyz is ready" true "$(curl -sS --cacert "$MONIKER_CACERT" "$MONIKER_URL/readyz" | jq .ready)"
within 30 "/readyz names it" fails_by ''
within 30 "the metric" quorum 0
not_by_w2() { [ "$(metric 'moniker_witness_cosigned{witness="w2"}')" = 0 ]; }
within 30 "of the dead one" not_by_w2
within 30 "it is down" component 0
within 30 "the log says that it is degraded" has_leaf svc.degraded
start_witness 2
within 40 "and with both, when it is back" cosigned_by 2
within 30 "it is up" component 1
within 30 "the log has the interval" has_leaf svc.down
same "from, to, and which it was" "failure 1 true" "$(jq -r '"\(.out) \(.cnt) \(.win >= 5 and (.t | fromdate) + .win <= now + 1)"' "$work/leaf")"
within 30 "and that it is restored" has_leaf svc.restored

# ---- fail-closed

restart_with "$common\nwithout_quorum = withhold"
within 30 "both are under it again" cosigned_by 2
kill_witness 1
open_lot withheld # a leaf, whose checkpoint has no quorum: then nothing is under way that has
withheld() { grep -q '^no quorum; w1: ' <<<"$(ready witnesses.detail)"; }
within 40 "witness 1 is missed" withheld
fetch
size=$(sed -n 2p "$work/checkpoint")
make_key c
request c "$(openssl rand -hex 6)" | send '/v1/enrollments?proof=1' station >"$work/c"
same "an enrollment while nothing is published" 201 "$(cat "$work/status")"
same "has no receipt yet" null "$(jq -c .proof "$work/c")"
fetch
same "the checkpoint stands" "$size" "$(sed -n 2p "$work/checkpoint")"
[ "$(metric moniker_log_size_leaves)" -gt "$size" ] || die "the log did not grow beyond what is published"
copy_log "$MONIKER_AUDIT_DIR/$log_name" "$work/log"
exits "what is published has its quorum" 0 '^good' verify "$work/log"
start_witness 1
within 40 "it is published when there is a quorum" grows_past "$size"
same "with both" 2 "$(grep -c '^— witness\.test/w[12] ' "$work/checkpoint")"

# ---- a policy that cannot work ends the start

kill -TERM "$(cat "$MONIKER_TEST_STATE/pid")"
within 30 "the service stops" stopped
for bad in 'quorum w3\n' 'group g 3 w1 w2\nquorum g\n'; do
	{ grep -v '^group\|^quorum' "$fixture/policy"; printf "$bad"; } >"$work/policy"
	sed "s|^policy = .*|policy = $work/policy|" "$MONIKER_CONFIG" >"$work/bad.conf"
	exits "monikerd --check" 1 'line [0-9]+ of the policy' "$MONIKER_TEST_BIN/monikerd" --check --config "$work/bad.conf"
done
