#!/usr/bin/env bash
# OCSP as other people's clients ask and believe it: OpenSSL, GnuTLS, NSS, Botan, strongSwan, and curl for
# what RFC 5019 says of HTTP.
. "$(dirname "$0")/lib.sh"
need ocsptool gnutls-bin
need ocspclnt libnss3-tools
need certutil libnss3-tools
need botan botan
need pki strongswan-pki

responder=$MONIKER_HTTP_URL/ocsp
open_batch
for name in good revoked held; do enroll $name; done
split_pem "$work/good.chain" "$work/part"
ca=$work/part.1
roots_of "$MONIKER_TRUST" >"$work/root.pem"
act() { # ACTION NAME
	jq -c --arg action "$1" '{select: {pseudonym}, action: $action, reason: "keyCompromise"} | if $action == "revoke" then . else del(.reason) end' \
		"$work/$2.json" | post /v1/revocations officer >"$work/action"
	same "$1 $2" applied "$(jq -r .status "$work/action")"
}
act revoke revoked
act hold held

# ---- OpenSSL: its own request, believed with the Device Root alone

# asks NAME... [-- options]: what openssl says of them, one line each.
asks() {
	local certs=() name
	while [ $# -gt 0 ] && [ "$1" != -- ]; do certs+=(-cert "$work/$1.pem"); shift; done
	[ $# -eq 0 ] || shift
	openssl ocsp "$@" -issuer "$ca" "${certs[@]}" -CAfile "$work/root.pem" -verify_other "$ca" -url "$responder" \
		>"$work/said" 2>"$work/verified" || { cat "$work/said" "$work/verified" >&2; die "openssl ocsp failed"; }
	shows "openssl believes it" '^Response verify OK$' "$work/verified"
}
says() { sed -n "s|^$work/$1.pem: ||p" "$work/said"; }

for options in "" -no_nonce -sha256 "-sha256 -no_nonce" -sha384 -sha512; do
	# shellcheck disable=SC2086
	asks good -- $options
	same "openssl ${options:-with a nonce}: good" good "$(says good)"
	if [[ $options != *no_nonce* ]]; then
		! grep -q 'no nonce' "$work/verified" || die "the nonce is not in the answer"
	fi
done
asks good revoked held
same "several in one request: good" good "$(says good)"
same "several in one request: revoked" revoked "$(says revoked)"
same "several in one request: held" revoked "$(says held)"
shows "the reason of a revocation" 'Reason: keyCompromise$' "$work/said"
shows "the reason of a hold" 'Reason: certificateHold$' "$work/said"
shows "the time of both" 'Revocation Time: ' "$work/said"
asks revoked -- -no_nonce
same "revoked, alone" revoked "$(says revoked)"
act release held
asks held -- -no_nonce
same "released" good "$(says held)"
act hold held
asks held -- -no_nonce
same "held again, at once" revoked "$(says held)"
serial=$(serial_of "$work/good.pem")
openssl ocsp -issuer "$ca" -serial "0x${serial:0:38}ff" -CAfile "$work/root.pem" -verify_other "$ca" -url "$responder" >"$work/said" 2>&1
shows "a serial number that was never issued" ': unknown$' "$work/said"
openssl ocsp -issuer "$ca" -serial 1 -CAfile "$work/root.pem" -verify_other "$ca" -url "$responder" >"$work/said" 2>&1
shows "a serial number of another form" ': unknown$' "$work/said"
openssl ocsp -issuer "$work/root.pem" -cert "$ca" -url "$responder" >"$work/said" 2>&1 || true
shows "nobody speaks for the root" 'unauthorized \(6\)' "$work/said"
accepts "over TLS, too" openssl ocsp -issuer "$ca" -cert "$work/good.pem" -CAfile "$work/root.pem" -verify_other "$ca" \
	-respin <(openssl ocsp -issuer "$ca" -cert "$work/good.pem" -no_nonce -reqout - |
		curl -sS --cacert "$MONIKER_CACERT" -H 'Content-Type: application/ocsp-request' --data-binary @- "$MONIKER_URL/ocsp")
openssl ocsp -issuer "$ca" -cert "$work/good.pem" -no_nonce -url "$responder" -respout "$work/response" -noverify >/dev/null
openssl ocsp -respin "$work/response" -noverify -resp_text >"$work/text"
sed -n '/BEGIN CERTIFICATE/,/END CERTIFICATE/p' "$work/text" >"$work/responder.pem"
accepts "the responder alone is enough to believe it (-VAfile)" openssl ocsp -issuer "$ca" -cert "$work/good.pem" \
	-VAfile "$work/responder.pem" -respin "$work/response"
refuses "another root does not" 'unable to get local issuer|Response Verify Failure' openssl ocsp -issuer "$ca" \
	-cert "$work/good.pem" -CAfile <(roots_of "$MONIKER_CACERT") -respin "$work/response"
accepts "the responder's path, strictly" openssl verify -x509_strict -purpose ocsphelper -CAfile "$work/root.pem" \
	-untrusted "$ca" "$work/responder.pem"
openssl x509 -in "$work/responder.pem" -noout -text >"$work/text"
shows "it is for OCSP alone" '^ +OCSP Signing$' "$work/text"
shows "and is not looked up itself" 'OCSP No Check' "$work/text"
same "it names nobody" "subject=CN=OCSP responder" "$(openssl x509 -in "$work/responder.pem" -noout -subject -nameopt RFC2253)"

# ---- GnuTLS

gnutls() { # NAME [options]
	ocsptool --ask="$responder" --load-cert "$work/$1.pem" --load-issuer "$ca" --load-trust "$MONIKER_TRUST" "${@:2}"
}
for nonce in --nonce --no-nonce; do
	accepts "ocsptool $nonce" gnutls good $nonce
	shows "it says good" 'Certificate Status: good$' "$work/acceptance"
	shows "and is believed" 'Verifying OCSP Response: Success\.$' "$work/acceptance"
done
for name in revoked held; do
	gnutls $name >"$work/said" 2>&1 || true
	shows "ocsptool: $name" 'Certificate Status: revoked$' "$work/said"
	shows "believed, too" 'Verifying OCSP Response: Success\.$' "$work/said"
done

# ---- NSS: GET with acceptable responses, HTTP/1.0, found through the certificate

nss=$work/nss
mkdir "$nss"
certutil -N -d "sql:$nss" --empty-password
certutil -A -d "sql:$nss" -n root -t CT,C,C -i "$work/root.pem"
certutil -A -d "sql:$nss" -n ca -t ,, -i "$ca"
for name in good revoked; do certutil -A -d "sql:$nss" -n $name -t ,, -i "$work/$name.pem"; done
before=$(curl -sS --cacert "$MONIKER_CACERT" "$MONIKER_URL/metrics" | sed -n 's/^moniker_http_requests_total{method="GET",route="\/ocsp\/{+request}",status="200"} //p')
accepts "ocspclnt: good" ocspclnt -d "$nss" -S good
shows "it succeeds" 'Check of certificate "good" succeeded' "$work/acceptance"
after=$(curl -sS --cacert "$MONIKER_CACERT" "$MONIKER_URL/metrics" | sed -n 's/^moniker_http_requests_total{method="GET",route="\/ocsp\/{+request}",status="200"} //p')
[ "$after" -gt "${before:-0}" ] || die "NSS did not ask by GET"
ocspclnt -d "$nss" -S revoked >"$work/said" 2>&1 || true
shows "ocspclnt: revoked" 'certificate has been revoked' <(tr 'A-Z' 'a-z' <"$work/said")

# ---- Botan: POST, HTTP/1.0, found through the certificate

accepts "botan: good" botan ocsp_check "$work/good.pem" "$ca"
shows "it says so" 'OCSP check OK' "$work/acceptance"
botan ocsp_check "$work/revoked.pem" "$ca" >"$work/said" 2>&1 || true
shows "botan: revoked" 'Certificate is revoked' "$work/said"

# ---- strongSwan

swan() { pki --verify --in "$work/$1.pem" --cacert "$work/root.pem" --cacert "$ca" --online; }
accepts "pki --verify --online: good" swan good
shows "by OCSP" 'ocsp response correctly signed by "CN=OCSP responder"' "$work/acceptance"
refuses "pki --verify --online: revoked" 'certificate was revoked on .*, reason: key compromise' swan revoked
refuses "pki --verify --online: held" 'certificate was revoked on .*, reason: certificate hold' swan held

# ---- HTTP: what RFC 5019 says

openssl ocsp -issuer "$ca" -cert "$work/good.pem" -no_nonce -reqout "$work/plain.req"
openssl ocsp -issuer "$ca" -cert "$work/good.pem" -reqout "$work/nonce.req"
base64 -w0 "$work/plain.req" >"$work/plain"
escaped=$(jq -sRr @uri <"$work/plain")
get() { curl -sS -D "$work/headers" -o "$work/response" "$@"; tr -d '\r' <"$work/headers" >"$work/head"; }
header() { sed -n "s/^$1: //p" "$work/head"; }
in_lines=$(base64 <"$work/plain.req" | sed 's/$/%0D%0A/' | tr -d '\n')
for path in "$escaped" "$(cat "$work/plain")" "$(tr -d = <"$work/plain" | tr +/ -_)" "$(tr -d = <"$work/plain" | jq -sRr @uri)" \
	"$in_lines" "/$escaped" "${escaped//%2B/%20}"; do
	get "$responder/$path"
	shows "200 to GET" '^HTTP/1.1 200 ' "$work/head"
	same "its type" application/ocsp-response "$(header Content-Type)"
	accepts "and its answer" openssl ocsp -issuer "$ca" -cert "$work/good.pem" -CAfile "$work/root.pem" -verify_other "$ca" -respin "$work/response"
done
openssl ocsp -respin "$work/response" -noverify -resp_text >"$work/text"
at() { date -ud "$(sed -n "s/^ *$1: //p" "$work/text")" '+%a, %d %b %Y %H:%M:%S GMT'; }
same "Last-Modified is thisUpdate" "$(at 'This Update')" "$(header Last-Modified)"
same "Expires is nextUpdate" "$(at 'Next Update')" "$(header Expires)"
shows "Cache-Control is RFC 5019's" '^Cache-Control: max-age=60, public, no-transform, must-revalidate$' "$work/head"
tag=$(header ETag) length=$(header Content-Length)
get "$responder/$escaped" -H "If-None-Match: $tag"
shows "304 to its tag" '^HTTP/1.1 304 ' "$work/head"
same "which says how long the answer is" "$length" "$(header Content-Length)"
get "$responder/$escaped" --http1.0
shows "HTTP/1.0 is served" '^HTTP/1.[01] 200 ' "$work/head"
get "$responder/$(base64 -w0 "$work/nonce.req" | jq -sRr @uri)"
same "an answer with a nonce is for one alone" no-store "$(header Cache-Control)"
same "and has no tag" "" "$(header ETag)"
answer_is() { # WHAT HEX: a status without anything
	shows "$1: 200" '^HTTP/1.[01] 200 ' "$work/head"
	same "$1: the status of OCSP" "$2" "$(od -An -tx1 "$work/response" | tr -d ' \n')"
}
get "$responder/MAA="
answer_is "malformed, by GET" 30030a0101
for none in not-base64-at-all----- '%21%3F' "${escaped}x"; do
	get "$responder/$none"
	answer_is "no base64: $none" 30030a0101
done
head -c 40 "$work/plain.req" | get --data-binary @- -H 'Content-Type: application/ocsp-request' "$responder"
answer_is "cut short, by POST" 30030a0101
get -X POST -H 'Content-Length: 0' "$responder"
answer_is "nothing at all" 30030a0101
head -c 20000 /dev/zero | get --data-binary @- -H 'Content-Type: application/ocsp-request' "$responder"
shows "more than a request may be" '^HTTP/1.1 413 ' "$work/head"
