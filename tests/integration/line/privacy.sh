#!/usr/bin/env bash
# No hardware id at rest: not in the database's files, its logs, ours, or the published log.
. "$(dirname "$0")/lib.sh"
open_lot privacy
pg=$(sed -n 's/^PGDIR=//p' "$MONIKER_TEST_PG")
macs=()
# As octets it must be a pattern that grep takes: no NUL, no end of a line.
printable_mac() {
	local mac=00
	while grep -Eq '(^|:)(00|0a)(:|$)' <<<"$mac"; do mac=$(random_mac); done
	echo "$mac"
}
for i in 1 2 3; do
	macs[i]=$(printable_mac)
	make_key "n$i"
	request "n$i" "${macs[i]}" | send /v1/enrollments station >"$work/p"
	same "device $i is enrolled" 201 "$(cat "$work/status")"
	make_key "again$i"
	request "again$i" "${macs[i]}" | send /v1/enrollments station >"$work/p"
	refused "device $i again" 409 DUPLICATE_HARDWARE "$work/p"
	same "the refusal does not repeat the hardware id" 0 "$(grep -ci "${macs[i]}" "$work/p" || true)"
done
jq -c --arg mac "$(printable_mac)" '{for: [{hardware_ids: [{type: "mac48", value: $mac}]}]}' <<<null >"$work/bound"
macs[4]=$(jq -r '.for[0].hardware_ids[0].value' "$work/bound")
send "/v1/batches/$batch/tokens" admin <"$work/bound" >"$work/p"
same "a token is bound to a fourth" 201 "$(cat "$work/status")"
# EST: the ids come in a header field, beside a token.
echo '{"count": 1}' | send "/v1/batches/$batch/tokens" admin >"$work/p"
est_token=$(jq -r '.tokens[0]' "$work/p")
macs[5]=$(printable_mac)
for name in est est-again; do
	make_key "$name"
	openssl req -in "$work/$name.csr" -outform DER | base64 -w0 >"$work/est.b64"
	curl -sS --cacert "$MONIKER_CACERT" -u "mac48=${macs[5]}:$est_token" -H 'Content-Type: application/pkcs10' \
		--data-binary @"$work/est.b64" -o "$work/p" -w '%{http_code}\n' "$MONIKER_URL/.well-known/est/simpleenroll"
done >"$work/est.status"
same "by EST: enrolled, and the token is spent" "200 409" "$(paste -sd' ' "$work/est.status")"
same "by EST: the refusal does not repeat the hardware id" 0 "$(grep -ci "${macs[5]}" "$work/p" || true)"
same "by EST: nor the token" 0 "$(grep -cF "$est_token" "$work/p" || true)"
psql -q -X -h "$pg" -U postgres -d moniker -c CHECKPOINT

scan() { # MAC DIR...: whether any file holds it, raw, as hex, or with separators
	local hex raw
	hex=$(tr -d : <<<"$1")
	raw=$(sed 's/../\\x&/g' <<<"$hex")
	shift
	LC_ALL=C grep -raqiE "$(sed 's/../&[-:. ]?/g' <<<"$hex")" "$@" || LC_ALL=C grep -raqP "$raw" "$@"
}
# The scanner finds what is there, in each form, or it proves nothing.
mkdir "$work/planted"
hex=$(tr -d : <<<"${macs[1]}")
for form in "$hex" "${macs[1]}" "$(tr : - <<<"${macs[1]}")" "$(tr a-f A-F <<<"$hex")" "$(printf "$(sed 's/../\\x&/g' <<<"$hex")" | tr -d '\0')"; do
	printf 'before %s after' "$form" >"$work/planted/file"
	scan "${macs[1]}" "$work/planted" || die "the scanner is blind for the form $form"
done
ok "the scanner finds planted ids"
for i in 1 2 3 4 5; do
	! scan "${macs[i]}" "$pg/data" "$pg/server.log" "$MONIKER_TEST_STATE/monikerd.log" "$MONIKER_AUDIT_DIR" "$MONIKER_TEST_STATE/keeper" ||
		die "a hardware id is at rest"
done
ok "no hardware id at rest"
basic=$(printf 'mac48=%s:%s' "${macs[5]}" "$est_token" | base64 -w0)
for secret in "$est_token" "$basic"; do
	! LC_ALL=C grep -raqF -- "$secret" "$pg/data" "$pg/server.log" "$MONIKER_TEST_STATE/monikerd.log" "$MONIKER_AUDIT_DIR" ||
		die "a token is at rest"
done
ok "no token at rest, and no Authorization field"
