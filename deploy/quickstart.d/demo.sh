# The demo of deploy/quickstart: the main job, through the real API, with curl and openssl.

api() { # METHOD PATH ROLE [curl options]: prints the body; the status goes to $prefix/status
	local method=$1 path=$2 role=${3^^} cert key
	shift 3
	local auth=()
	if [ "$role" != NOBODY ]; then
		cert=MONIKER_${role}_CERT key=MONIKER_${role}_KEY
		auth=(--cert "${!cert}" --key "${!key}")
	fi
	curl -sS --cacert "$MONIKER_CACERT" "${auth[@]}" -X "$method" -w '%{stderr}%{http_code}' "$@" "$MONIKER_URL$path" 2>"$prefix/status"
}
post() { # PATH ROLE JSON
	api POST "$1" "$2" -H 'Content-Type: application/json' --data-binary "$3"
}
expect() { # STATUS WHAT
	[ "$(cat "$prefix/status")" = "$1" ] || fail "$2: the service answered $(cat "$prefix/status") instead of $1"
}

# A key and a CSR as a device or its fixture would make them: the subject is ignored by the service.
make_device() { # NUMBER
	local dir=$lot/$1
	mkdir -p "$dir"
	openssl ecparam -name prime256v1 -genkey -noout -out "$dir/key.pem" 2>/dev/null
	openssl req -new -key "$dir/key.pem" -subj / -out "$dir/csr.pem" 2>/dev/null
}
mac() { printf '02:42:%02x:%02x:%02x:%02x' $((run_id >> 8 & 255)) $((run_id & 255)) $(($1 >> 8)) $(($1 & 255)); }
body() { # NUMBER [TOKEN]: the request of one device
	jq -cn --rawfile csr "$lot/$1/csr.pem" --arg batch "$MONIKER_BATCH" --arg mac "$(mac "$1")" --arg token "${2-}" \
		'{batch: $batch, csr: $csr, hardware_ids: [{type: "mac48", value: $mac}]} + if $token == "" then {} else {token: $token} end'
}

run_demo() {
	. "$env_file"
	lot=$(mktemp -d "$prefix/devices/lot.XXXXXX")
	run_id=$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')
	local i tokens began ended singles with_token lines first pseudonym
	with_token=3 singles=7

	step "Batch $MONIKER_BATCH"
	post /v1/batches admin "$(jq -cn --arg id "$MONIKER_BATCH" '{id: $id, model: "Demo sensor", quota: 100000}')" >"$lot/batch.json"
	case $(cat "$prefix/status") in
	201) echo "Opened: quota 100000, hardware ids required, all stations." ;;
	200|409) echo "Open already." ;;
	*) fail "the batch could not be opened: $(cat "$lot/batch.json")" ;;
	esac

	step "Keys and CSRs for $devices devices"
	for i in $(seq 1 "$devices"); do make_device "$i"; done
	echo "Made with openssl in $lot."

	step "Enrollment"
	for i in $(seq 1 $singles); do
		body "$i" | post /v1/enrollments station @- >"$lot/$i/answer.json"
		expect 201 "enrollment of device $i"
	done
	echo "$singles devices, one request each, by the station's certificate."
	tokens=$(post "/v1/batches/$MONIKER_BATCH/tokens" admin "{\"count\": $with_token}" | jq -r '.tokens[]')
	expect 201 "minting tokens"
	i=$singles
	for token in $tokens; do
		i=$((i + 1))
		body "$i" "$token" | post /v1/enrollments nobody @- >"$lot/$i/answer.json"
		expect 201 "enrollment of device $i with a token"
	done
	echo "$with_token devices with one-time tokens and no other credential."
	first=$((singles + with_token + 1))
	: >"$lot/lines"
	for i in $(seq "$first" "$devices"); do body "$i" >>"$lot/lines"; done
	lines=0
	if [ -s "$lot/lines" ]; then
		began=$(date +%s%N)
		api POST /v1/enrollments station -H 'Content-Type: application/x-ndjson' --data-binary "@$lot/lines" >"$lot/results"
		ended=$(date +%s%N)
		expect 200 "NDJSON enrollment"
		lines=$(jq -c 'select(.status == 201)' "$lot/results" | wc -l)
		[ "$lines" = $((devices - first + 1)) ] || fail "of $((devices - first + 1)) lines only $lines were enrolled: see $lot/results"
		i=$first
		while read -r result; do
			jq -c .body <<<"$result" >"$lot/$i/answer.json"
			i=$((i + 1))
		done <"$lot/results"
		rate=$((lines * 1000000000 / (ended - began)))
		echo "$lines devices in one NDJSON call, $rate enrollments per second."
	fi
	for i in $(seq 1 "$devices"); do
		jq -r '.certificate, .chain[]' "$lot/$i/answer.json" >"$lot/$i/cert.pem"
	done

	step "Verification"
	openssl verify -CAfile "$MONIKER_TRUST" "$lot/1/cert.pem" | sed 's/^/openssl: /'
	curl -sS "$(openssl x509 -in "$lot/1/cert.pem" -noout -ext crlDistributionPoints | sed -n 's/^ *URI://p')" -o "$lot/device.crl"
	openssl crl -inform DER -in "$lot/device.crl" -noout -issuer -crlnumber | tr '\n' ' '
	echo
	jq -cn --rawfile c "$lot/1/cert.pem" '{certificate: $c}' | post /v1/verifications verifier @- | jq -c '{verdict, pseudonym, fresh_until}'
	jq -cn --rawfile a "$lot/2/cert.pem" --rawfile b "$lot/3/cert.pem" '{certificates: [$a, $b]}' |
		post /v1/verifications verifier @- | jq -c '[.results[].verdict]'

	step "Revocation of one device"
	pseudonym=$(jq -r .pseudonym "$lot/1/answer.json")
	post /v1/revocations officer "{\"select\":{\"pseudonym\":\"$pseudonym\"},\"action\":\"revoke\",\"reason\":\"keyCompromise\",\"dry_run\":true}" | jq -c '{status, count}'
	post /v1/revocations officer "{\"select\":{\"pseudonym\":\"$pseudonym\"},\"action\":\"revoke\",\"reason\":\"keyCompromise\"}" | jq -c '{status, count, sample}'
	expect 201 "revocation"
	jq -cn --rawfile c "$lot/1/cert.pem" '{certificate: $c}' | post /v1/verifications verifier @- | jq -c '{verdict, reason, revoked_at}' | tee "$lot/verdict"
	[ "$(jq -r .verdict "$lot/verdict")" = revoked ] || fail "the verdict did not change"

	step "Three refusals that a line sees"
	make_device 9998
	body 9998 "$(head -n1 <<<"$tokens")" | post /v1/enrollments nobody @- | jq -c '{status, code, detail}'
	expect 409 "a spent token"
	make_device 9997
	jq -c --rawfile csr "$lot/9997/csr.pem" '.csr = $csr' <<<"$(body 2)" | post /v1/enrollments station @- | jq -c '{status, code, detail}'
	expect 409 "a duplicate hardware id"
	make_device 9999
	openssl req -in "$lot/9999/csr.pem" -outform DER | head -c -1 >"$lot/9999/csr.der"
	printf '\377' >>"$lot/9999/csr.der"
	jq -cn --arg csr "$(base64 -w0 "$lot/9999/csr.der")" --arg batch "$MONIKER_BATCH" --arg mac "$(mac 9999)" \
		'{batch: $batch, csr: $csr, hardware_ids: [{type: "mac48", value: $mac}]}' | post /v1/enrollments station @- | jq -c '{status, code, detail}'
	expect 422 "a CSR with a wrong signature"

	step "What the audit log says"
	api GET '/v1/audit/events?limit=10000' auditor >"$lot/events"
	expect 200 "the audit log"
	jq -r .ev "$lot/events" | sort | uniq -c | sort -rn | sed 's/^/  /'
	echo "  the last ones:"
	tail -n 6 "$lot/events" | jq -r '"  \(.seq) \(.st) \(.ev) \(.rc) \(.act // "-") \(.sub // "-")"'
	api GET /audit/logs auditor | jq -r '.items[] | "  log \(.origin), \(.size) leaves, \(.vkey)"'

	step "Summary"
	cat <<TXT
  enrolled    $devices devices: $singles single, $with_token with tokens, $lines in one call (${rate:-0} per second)
  revoked     1 device
  refused     3 requests, each with its leaf in the audit log

Next:
  . $env_file
  export PATH="\$MONIKER_BIN:\$PATH"
  moniker enroll --batch \$MONIKER_BATCH --hardware-id mac48=02:00:5e:10:00:01 --out $prefix/my-device
  moniker verify $prefix/my-device/cert.pem
  moniker revoke --pseudonym UUID --reason keyCompromise --apply
  moniker audit tail --ev 'enroll.*'
  deploy/quickstart status
TXT
}
