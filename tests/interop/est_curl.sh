#!/usr/bin/env bash
# curl and openssl as an EST client (RFC 7030): every form that a request may have, and what comes out.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/est.sh"

open_batch

# ---- for anybody

fetch cacerts
same "cacerts: 200" 200 "$status"
is_answer "cacerts" 'application/pkcs7-mime; smime-type=certs-only'
certificates_of "$work/answer" >"$work/cacerts.pem"
same "cacerts: the chain of devices, and the service's root" \
	"subject=CN = Moniker Device CA;subject=CN = Moniker Device Root;subject=CN = Moniker Operations Root" \
	"$(subjects "$work/cacerts.pem")"
roots_of "$MONIKER_CACERT" >"$work/service-root.pem"
shows "the root of the service's own certificate is MONIKER_CACERT" "$(sed -n 2p "$work/service-root.pem" | sed 's/[+]/[+]/g')" "$work/cacerts.pem"
fetch csrattrs
is_answer "csrattrs" application/csrattrs
base64 -d <"$work/answer" | openssl asn1parse -inform DER >"$work/text"
shows "csrattrs: a key on P-256" 'OBJECT +:prime256v1' "$work/text"
shows "csrattrs: signed with SHA-256" 'OBJECT +:ecdsa-with-SHA256' "$work/text"
for operation in cacerts csrattrs; do
	fetch "$batch/$operation"
	same "$operation of a batch: 200" 200 "$status"
	fetch "no-such-lot/$operation"
	same "$operation of no batch: 404" 404 "$status"
done
send "$batch" serverkeygen nobody "$work/service-root.pem"
same "serverkeygen is not offered" 501 "$status"

# ---- a station enrolls, in every form of a request

enrolls() { # WHAT NAME FILE [curl options]: for station, with new hardware
	send "$batch" simpleenroll station "$3" -u "mac48=$(random_mac):" "${@:4}"
	same "$1: 200" 200 "$status"
	is_answer "$1" 'application/pkcs7-mime; smime-type=certs-only'
	issued "$1" "$2"
}
new_request one
enrolls "one long line" one "$work/one.b64"
openssl verify -x509_strict -CAfile <(roots_of "$MONIKER_TRUST") -untrusted "$work/cacerts.pem" "$work/one.pem" >"$work/text" ||
	die "the certificate does not verify with cacerts"
ok "the certificate verifies with cacerts"
new_request two
base64 -w 64 <"$work/two.der" >"$work/two.64"
enrolls "lines of 64" two "$work/two.64" -H 'Content-Transfer-Encoding: base64'
new_request three
base64 -w 76 <"$work/three.der" | sed 's/$/\r/' >"$work/three.76"
enrolls "lines of 76 with CRLF" three "$work/three.76"
new_request four
enrolls "PEM" four "$work/four.csr"
new_request five
enrolls "DER" five "$work/five.der"
new_request six
enrolls "chunked" six "$work/six.b64" -H 'Transfer-Encoding: chunked'
new_request seven
enrolls "a type with parameters" seven "$work/seven.b64" -H 'Content-Type: application/pkcs10; charset="utf-8"'
new_request eight
send "$batch" simpleenroll station "$work/eight.b64" -u "mac48=$(random_mac):" -A 'libest 1.0'
same "libest: 200" 200 "$status"
same "libest gets lines of 64" 64 "$(head -n 1 "$work/answer" | tr -d '\n' | wc -c)"
[ "$(head -c 1024 "$work/answer" | wc -l)" -gt 0 ] || die "libest wants a line's end within 1024 characters"
issued "libest" eight

# The same again is the same.
cp "$work/one.pem" "$work/first.pem"
send "$batch" simpleenroll station "$work/one.b64" -u "mac48=$(random_mac):"
same "the same key for other hardware: 409" "409 KEY_REUSED" "$status $(code)"
cp "$work/one.b64" "$work/again.b64"

# ---- a token

token=$(mint '{"count": 1}')
mac=$(random_mac)
new_request token
send '' simpleenroll nobody "$work/token.b64"
same "nobody is asked for a token" 401 "$status"
shows "by Basic" '^WWW-Authenticate: Basic realm="moniker"' "$work/head"
send '' simpleenroll nobody "$work/token.b64" -u "mac48=$mac:$token"
same "a token enrolls into its batch" 200 "$status"
issued "a token" token
send '' simpleenroll nobody "$work/token.b64" -u "mac48=$mac:$token"
same "the same again" 200 "$status"
cp "$work/token.pem" "$work/first.pem"
issued "the same again" token
same "is the same certificate" "$(cat "$work/first.pem")" "$(cat "$work/token.pem")"
new_request other
send '' simpleenroll nobody "$work/other.b64" -u "mac48=$(random_mac):$token"
same "a token is good for one" "409 TOKEN_SPENT" "$status $(code)"
send '' simpleenroll nobody "$work/other.b64" -u "x:mk1.forged"
same "a forged token" "403 TOKEN_INVALID" "$status $(code)"
send no-such-lot simpleenroll nobody "$work/other.b64" -u "x:$(mint '{"count": 1}')"
same "a label that is no batch" "404 UNKNOWN_BATCH" "$status $(code)"
mac=$(random_mac)
send '' simpleenroll nobody "$work/other.b64" -u "anybody:$(mint "{\"for\": [{\"hardware_ids\": [{\"type\": \"mac48\", \"value\": \"$mac\"}]}]}")"
same "a token for one board needs no hardware id" 200 "$status"
issued "a token for one board" other
new_request twin
send "$batch" simpleenroll station "$work/twin.b64" -u "mac48=$mac:"
same "EST is no way round duplicates" "409 DUPLICATE_HARDWARE" "$status $(code)"
send "$batch" simpleenroll station "$work/twin.b64"
same "nor round a batch that wants hardware ids" "422 HARDWARE_ID_MISSING" "$status $(code)"

# ---- nor round blocking and manifests

pseudonym=$(openssl x509 -in "$work/other.pem" -noout -subject -nameopt multiline | sed -n 's/^ *commonName *= //p')
jq -cn --arg pseudonym "$pseudonym" '{select: {$pseudonym}, action: "revoke", reason: "keyCompromise"}' |
	post /v1/revocations officer >"$work/revocation"
for who in station nobody; do
	credential=mac48=$mac:
	[ $who = station ] || credential+=$(mint '{"count": 1}')
	send "$batch" simpleenroll $who "$work/twin.b64" -u "$credential"
	same "hardware of a device that was revoked, from $who" "403 DEVICE_BLOCKED" "$status $(code)"
done
jq -cn --arg id "$batch-listed" '{id: $id, model: "Interop", quota: 2, manifest: true}' | post /v1/batches admin >/dev/null
mac=$(random_mac)
send "$batch-listed" simpleenroll station "$work/twin.b64" -u "mac48=$mac:"
same "hardware that is not on the batch's manifest" "403 NOT_ON_MANIFEST" "$status $(code)"
"$MONIKER_BIN/moniker" manifest add "$batch-listed" - <<<"mac48=$mac" >/dev/null
send "$batch-listed" simpleenroll station "$work/twin.b64" -u "mac48=$mac:"
same "and once it is" 200 "$status"
issued "hardware on the manifest" twin

# ---- no label: the only batch that is open to the station

new_request only
send '' simpleenroll station2 "$work/only.b64" -u "mac48=$(random_mac):"
same "several batches are open: name one" "400 INCOMPLETE" "$status $(code)"
shows "it says so" 'several batches are open' "$work/answer"

# ---- re-enrollment

renewed() { send '' simplereenroll "$work/one" "$1"; }
renewed "$work/one.b64"
same "not due" "409 NOT_DUE" "$status $(code)"
age one 20
send '' simplereenroll nobody "$work/one.b64"
same "nobody's certificate is not renewed" "401 CALLER_MISSING" "$status $(code)"
send '' simplereenroll station "$work/one.b64"
same "nor a station's" "403 ROLE_DENIED" "$status $(code)"
new_request next /CN=another-name
renewed "$work/next.b64"
same "renewal with a new key: 200" 200 "$status"
issued "renewal" next
same "the subject stays, whatever the request says" "$(openssl x509 -in "$work/one.pem" -noout -subject)" \
	"$(openssl x509 -in "$work/next.pem" -noout -subject)"
age one -20

# ---- a batch that opens later

later=$batch-later
jq -cn --arg id "$later" --arg at "$(date -ud '+1 hour' +%FT%TZ)" '{id: $id, model: "Interop", quota: 1, opens_at: $at}' |
	post /v1/batches admin >/dev/null
send "$later" simpleenroll station "$work/only.b64" -u "mac48=$(random_mac):"
same "it has to wait" 202 "$status"
wait=$(sed -n 's/^Retry-After: \([0-9]*\).*/\1/p' "$work/head")
{ [ "$wait" -gt 3500 ] && [ "$wait" -le 3600 ]; } || die "Retry-After is '$wait'"
ok "Retry-After says until when"
