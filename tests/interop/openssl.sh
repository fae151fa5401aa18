#!/usr/bin/env bash
# OpenSSL's strictest path validation with CRLs for everything, the form of certificates and CRLs as
# OpenSSL reads them, and the TLS versions that the service speaks.
. "$(dirname "$0")/lib.sh"

verify() { # ROOTS CRLS CHAIN [options]: the first certificate of CHAIN, the others untrusted
	openssl verify -x509_strict -check_ss_sig -crl_check_all -CAfile "$1" -CRLfile "$2" -untrusted "$3" "${@:4}" "$3"
}
text_of() { openssl x509 -in "$1" -noout -text -certopt ext_error; }

# extension_is CERT NAME VALUE...: exactly these lines.
extension_is() {
	same "$(basename "$1"): $2 is right" "$(printf '%s\n' "${@:3}")" "$(extension "$1" "$2")"
}

# extension_names CERT: what it has, "!" before the critical ones.
extension_names() {
	text_of "$1" | sed -n -E 's/^ {12}([^ ].*): critical$/!\1/p; s/^ {12}([^ ].*[^ ]): ?$/\1/p' |
		sed -n '/Basic Constraints/,$p' | paste -sd';'
}

# ---- a device's certificate

open_batch
enroll device
enroll bystander
device=$work/device.pem
pseudonym=$(jq -r .pseudonym "$work/device.json")

text_of "$device" >"$work/text"
shows "the certificate is version 3" 'Version: 3 \(0x2\)' "$work/text"
shows "the key is on P-256" 'ASN1 OID: prime256v1' "$work/text"
same "every extension, and no other" \
	'!X509v3 Basic Constraints;!X509v3 Key Usage;X509v3 Extended Key Usage;X509v3 Subject Alternative Name;X509v3 Subject Key Identifier;X509v3 Authority Key Identifier;X509v3 CRL Distribution Points;Authority Information Access' \
	"$(extension_names "$device")"
same "the subject is the pseudonym and nothing else" "subject=CN=$pseudonym" \
	"$(openssl x509 -in "$device" -noout -subject -nameopt RFC2253)"
extension_is "$device" basicConstraints CA:FALSE
extension_is "$device" keyUsage 'Digital Signature'
extension_is "$device" extendedKeyUsage 'TLS Web Client Authentication'
extension_is "$device" subjectAltName "URI:urn:uuid:$pseudonym"
[[ $pseudonym =~ ^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$ ]] ||
	die "$pseudonym is not a version 4 UUID"
extension_is "$device" crlDistributionPoints 'Full Name:' "URI:$(crl_url "$device")"
extension_is "$device" authorityInfoAccess "OCSP - URI:$MONIKER_HTTP_URL/ocsp" "CA Issuers - URI:$(issuer_url "$device")"
same "a serial has 20 octets" 40 "$(serial_of "$device" | tr -d '\n' | wc -c)"
same "the answer names the serial" "$(jq -r .serial "$work/device.json")" "$(serial_of "$device" | tr A-F a-f)"
same "notBefore is the start of a day" 00:00:00 \
	"$(openssl x509 -in "$device" -noout -startdate | grep -o '..:..:..')"
same "the key is the device's" "$(openssl pkey -in "$work/device.key" -pubout)" \
	"$(openssl x509 -in "$device" -noout -pubkey)"

# ---- its path

split_pem "$work/device.chain" "$work/part"
mv "$work/part.1" "$work/ca.pem"
same "the chain leaves the root out" false "$([ -e "$work/part.2" ] && echo true || echo false)"
curl -sS --fail "$(issuer_url "$device")" | openssl x509 -inform DER -out "$work/aia.pem"
same "the issuer's address has the issuer" "$(cat "$work/aia.pem")" "$(openssl x509 -in "$work/ca.pem")"
extension_is "$work/ca.pem" basicConstraints 'CA:TRUE, pathlen:0'
extension_is "$work/ca.pem" keyUsage 'Certificate Sign, CRL Sign'

roots_of "$MONIKER_TRUST" >"$work/device-root.pem"
roots_of "$MONIKER_CACERT" >"$work/service-root.pem"
fetch_crl "$device" "$work/device.crl"
fetch_crl "$work/ca.pem" "$work/root.crl"
cat "$work/device.crl" "$work/root.crl" >"$work/crls"
accepts "a device's certificate verifies, strictly and with CRLs" \
	verify "$work/device-root.pem" "$work/crls" "$work/device.chain" -purpose sslclient
refuses "it is no server's certificate" 'unsuitable certificate purpose' \
	verify "$work/device-root.pem" "$work/crls" "$work/device.chain" -purpose sslserver
refuses "it does not verify without its CRL" 'unable to get certificate CRL' \
	verify "$work/device-root.pem" "$work/root.crl" "$work/device.chain"
refuses "it does not verify with the service's root" 'unable to get local issuer certificate' \
	openssl verify -x509_strict -CAfile "$work/service-root.pem" -untrusted "$work/device.chain" "$device"

revoke device
fetch_crl_with "$device" "$work/device.crl"
cat "$work/device.crl" "$work/root.crl" >"$work/crls"
refuses "once revoked it is refused" 'certificate revoked' \
	verify "$work/device-root.pem" "$work/crls" "$work/device.chain"
accepts "the device beside it is not" verify "$work/device-root.pem" "$work/crls" "$work/bystander.chain"

# ---- the CRLs

seconds_of() { date -ud "$(openssl crl -in "$1" -noout "$2" | cut -d= -f2)" +%s; }
number_of() { openssl crl -in "$1" -noout -crlnumber | cut -d= -f2; }
crl_extensions() {
	sed -n '/CRL extensions:/,/^ *\(Revoked Certificates:\|No Revoked\)/p' "$1" |
		sed -n -E 's/^ {12}X509v3 ([^ ].*): critical$/!\1/p; s/^ {12}X509v3 ([^ ].*): ?$/\1/p' | paste -sd';'
}
crl_is_sound() { # WHAT CRL ISSUER EXTENSIONS
	openssl crl -in "$2" -noout -text >"$work/text"
	shows "$1: version 2" '^ +Version 2 \(0x1\)$' "$work/text"
	same "$1: every extension, and no other" "$4" "$(crl_extensions "$work/text")"
	[ "$(number_of "$2")" != "" ] || die "$1 has no number"
	[ "$(seconds_of "$2" -lastupdate)" -le "$(date +%s)" ] || die "$1 was made in the future"
	[ "$(seconds_of "$2" -nextupdate)" -gt "$(date +%s)" ] || die "$1 has run out"
	openssl crl -in "$2" -noout -CAfile "$3" >"$work/signature" 2>&1 || true
	shows "$1: signed by its issuer" '^verify OK$' "$work/signature"
}
# What an issuing CA publishes: one shard, which says so, for a day.
shard_is_sound() { # WHAT CRL ISSUER URL
	crl_is_sound "$1" "$2" "$3" 'Authority Key Identifier;CRL Number;!Issuing Distribution Point;Freshest CRL'
	same "$1: its distribution point is the certificates', and all of these are end entities'" "URI:$4 Only User Certificates" \
		"$(sed -n '/Issuing Distribution Point/,/Freshest CRL/s/^ *URI/URI/p' "$work/text" | tr -s ' ')"
	same "$1: its delta is the same shard's" "URI:${4%.crl}/delta.crl" \
		"$(sed -n '/Freshest CRL/,/^ *URI/s/^ *URI/URI/p' "$work/text")"
	same "$1: good for 24 hours" 86400 "$(($(seconds_of "$2" -nextupdate) - $(seconds_of "$2" -lastupdate)))"
}
shard_is_sound "the Device CA's CRL" "$work/device.crl" "$MONIKER_TRUST" "$(crl_url "$device")"
openssl crl -in "$work/device.crl" -noout -text >"$work/text"
same "the revocation's reason" 'Key Compromise' \
	"$(grep -A 4 "Serial Number: $(serial_of "$device")\$" "$work/text" | grep -A 1 'CRL Reason Code' | sed -n '2s/^ *//p')"
crl_is_sound "the Device Root's CRL" "$work/root.crl" "$work/device-root.pem" 'Authority Key Identifier;CRL Number'

before=$(number_of "$work/device.crl")
revoke bystander
fetch_crl_with "$work/bystander.pem" "$work/later.crl"
[ "$((before))" -lt "$(($(number_of "$work/later.crl")))" ] || die "the CRL's number did not grow from $before"
ok "the CRL's number grows"
shows "who was revoked before still is" "Serial Number: $(serial_of "$device")\$" \
	<(openssl crl -in "$work/later.crl" -noout -text)

# ---- the service's TLS

service=${MONIKER_URL#https://}
service=${service%%/*}
talk() { openssl s_client -connect "$service" -servername "${service%%:*}" -CAfile "$MONIKER_CACERT" -verify_return_error "$@" </dev/null 2>&1; }
talk -showcerts -tls1_3 >"$work/talk" || { cat "$work/talk" >&2; die "no TLS 1.3 with $service"; }
shows "TLS 1.3 is spoken" '^New, TLSv1.3, Cipher is TLS_' "$work/talk"
shows "the chain verifies against MONIKER_CACERT" '^Verify return code: 0 \(ok\)$' "$work/talk"
for version in tls1_2 tls1_1 tls1; do
	refuses "$version is refused" '^New, \(NONE\), Cipher is \(NONE\)$' talk "-$version" -cipher ALL:@SECLEVEL=0
	shows "though the client asked for it" '^SSL handshake has read [0-9]+ bytes and written [1-9][0-9]* bytes$' "$work/refusal"
done

sed -n '/BEGIN CERTIFICATE/,/END CERTIFICATE/p' "$work/talk" >"$work/service.chain"
split_pem "$work/service.chain" "$work/service"
extension_is "$work/service.0" extendedKeyUsage 'TLS Web Server Authentication'
extension_is "$work/service.0" basicConstraints CA:FALSE
fetch_crl "$work/service.0" "$work/tls.crl"
fetch_crl "$work/service.1" "$work/operations.crl"
cat "$work/tls.crl" "$work/operations.crl" >"$work/crls"
accepts "the service's certificate verifies, strictly and with CRLs" \
	verify "$work/service-root.pem" "$work/crls" "$work/service.chain" -purpose sslserver -verify_hostname localhost
refuses "it is no client's certificate" 'unsuitable certificate purpose' \
	verify "$work/service-root.pem" "$work/crls" "$work/service.chain" -purpose sslclient
refuses "it does not verify with MONIKER_TRUST" 'unable to get local issuer certificate' \
	openssl verify -x509_strict -CAfile "$MONIKER_TRUST" -untrusted "$work/service.chain" "$work/service.0"
with_issuer "$MONIKER_STATION_CERT" >"$work/station.chain"
refuses "a station's does not either" 'unable to get local issuer certificate' \
	openssl verify -x509_strict -CAfile "$MONIKER_TRUST" -untrusted "$work/station.chain" "$MONIKER_STATION_CERT"
shard_is_sound "the service's CRL" "$work/tls.crl" "$work/service.1" "$(crl_url "$work/service.0")"
crl_is_sound "the Operations Root's CRL" "$work/operations.crl" "$work/service-root.pem" 'Authority Key Identifier;CRL Number'
