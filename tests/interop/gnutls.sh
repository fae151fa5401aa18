#!/usr/bin/env bash
# GnuTLS: certtool verifies the CRLs and the devices against them, gnutls-cli the service.
# certtool knows no issuing distribution point: it prints the extension as unknown.
. "$(dirname "$0")/lib.sh"
need certtool gnutls-bin
need gnutls-cli gnutls-bin

verify() { # NAME [options]
	certtool --verify --verify-profile high --load-ca-certificate "$work/device-root.pem" \
		--infile "$work/$1.chain" "${@:2}"
}
verify_crl() { # CRL ISSUER
	certtool --verify-crl --load-ca-certificate "$2" --infile "$1"
}
not_verified='^Chain verification output: Not verified\.'

open_batch
enroll device
enroll bystander
split_pem "$work/device.chain" "$work/part"
mv "$work/part.1" "$work/ca.pem"
roots_of "$MONIKER_TRUST" >"$work/device-root.pem"
roots_of "$MONIKER_CACERT" >"$work/service-root.pem"
fetch_crl "$work/device.pem" "$work/device.crl"
fetch_crl "$work/ca.pem" "$work/root.crl"

# ---- the CRLs

accepts "the Device CA signed its CRL" verify_crl "$work/device.crl" "$work/ca.pem"
accepts "the Device Root signed its CRL" verify_crl "$work/root.crl" "$work/device-root.pem"
refuses "the Device Root did not sign the Device CA's" 'Not verified' verify_crl "$work/device.crl" "$work/device-root.pem"
openssl crl -in "$work/device.crl" -outform DER -out "$work/der"
last=$(tail -c 1 "$work/der" | od -An -tu1)
{
	head -c -1 "$work/der"
	printf %b "\\0$(printf %o $((last ^ 1)))"
} >"$work/spoilt.der"
openssl crl -inform DER -in "$work/spoilt.der" -out "$work/spoilt.crl"
same "one octet of a CRL is changed" 1 "$(differing "$work/der" "$work/spoilt.der")"
refuses "a CRL with another signature" 'Not verified' verify_crl "$work/spoilt.crl" "$work/ca.pem"
certtool --crl-info --infile "$work/device.crl" >"$work/text"
shows "the CRL is version 2" '^\s+Version: 2$' "$work/text"
shows "it has a number" '^\s+CRL Number \(not critical\): [0-9a-f]+$' "$work/text"
shows "its distribution point is critical" '^\s+Unknown extension 2\.5\.29\.28 \(critical\):$' "$work/text"

# ---- the devices

certtool --certificate-info --infile "$work/device.pem" >"$work/text"
shows "GnuTLS reads the pseudonym" "^\s+URI: urn:uuid:$(jq -r .pseudonym "$work/device.json")\$" "$work/text"
shows "it is for TLS clients" '^\s+TLS WWW Client\.$' "$work/text"

cat "$work/device.crl" "$work/root.crl" >"$work/crls"
accepts "a device verifies" verify device --verify-purpose 1.3.6.1.5.5.7.3.2
refuses "it is no server" "$not_verified.*intended purpose" verify device --verify-purpose 1.3.6.1.5.5.7.3.1
accepts "it verifies with the CRLs" verify device --load-crl "$work/crls"
shows "which were looked at" 'Checked against CRL\[[0-9a-f]+\] of: CN=Moniker Device CA( [0-9]+)?$' "$work/acceptance"
refuses "the service's root vouches for no device" "$not_verified.*issuer is unknown" \
	certtool --verify --verify-profile high --load-ca-certificate "$work/service-root.pem" --infile "$work/device.chain"

revoke device
fetch_crl_with "$work/device.pem" "$work/device.crl"
cat "$work/device.crl" "$work/root.crl" >"$work/crls"
refuses "a revoked device is refused" "$not_verified.*revoked" verify device --load-crl "$work/crls"
accepts "the device beside it is not" verify bystander --load-crl "$work/crls"

with_issuer "$MONIKER_STATION_CERT" >"$work/station.chain"
refuses "a station is no device" "$not_verified.*issuer is unknown" verify station

# ---- the service

service=${MONIKER_URL#https://}
service=${service%%/*}
talk() { # ROOTS VERSION
	gnutls-cli --x509cafile "$1" --priority "NORMAL:-VERS-ALL:+VERS-$2" -p "${service##*:}" "${service%:*}" </dev/null
}
accepts "gnutls-cli trusts the service" talk "$MONIKER_CACERT" TLS1.3
shows "over TLS 1.3" '^- Description: \(TLS1\.3' "$work/acceptance"
refuses "with MONIKER_TRUST it does not" 'The certificate is NOT trusted' talk "$MONIKER_TRUST" TLS1.3
refuses "TLS 1.2 is refused" 'Fatal error' talk "$MONIKER_CACERT" TLS1.2
