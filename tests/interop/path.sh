#!/usr/bin/env bash
# path.sh TOOLS: paths and CRLs as verifiers judge them that share no code with OpenSSL or GnuTLS: strongSwan's pki, and
# pkijs from npm (TOOLS, see npm_tools.sh).
. "$(dirname "$0")/lib.sh"
need pki strongswan-pki
need node nodejs
tools=$1

# In general, CRLs it is given lose against OCSP.
cat >"$work/strongswan.conf" <<'CONF'
pki {
	plugins {
		revocation {
			enable_ocsp = no
		}
	}
}
CONF
strongswan() { # NAME [CRL...]
	local options=() crl
	for crl in "${@:2}"; do options+=(--crl "$crl.der"); done
	openssl x509 -in "$work/$1.pem" -outform DER -out "$work/$1.der"
	STRONGSWAN_CONF=$work/strongswan.conf pki --verify --in "$work/$1.der" --cacert "$work/root.pem" --cacert "$work/ca.pem" "${options[@]}"
}
pkijs() { # NAME ROOT CRL...: true if it is good
	cat "${@:3}" >"$work/crls"
	(cd "$tools" && node verify.mjs "$2" "$work/crls" "$work/$1.chain") >"$work/pkijs" 2>&1
	cat "$work/pkijs"
	grep -qx good "$work/pkijs"
}

open_batch
for name in good bad held; do enroll $name; done
split_pem "$work/good.chain" "$work/part"
mv "$work/part.1" "$work/ca.pem"
roots_of "$MONIKER_TRUST" >"$work/root.pem"
roots_of "$MONIKER_CACERT" >"$work/other-root.pem"
fetch_crl "$work/good.pem" "$work/device.crl"
fetch_crl "$work/ca.pem" "$work/root.crl"
both=("$work/device.crl" "$work/root.crl")

accepts "strongSwan: a good device" strongswan good "${both[@]}"
shows "by its CRL" 'certificate trusted, lifetimes valid, certificate not revoked' "$work/acceptance"
shows "that its CA signed" 'crl correctly signed by "CN=Moniker Device CA"' "$work/acceptance"
accepts "strongSwan: another, before it is revoked" strongswan bad "${both[@]}"
accepts "pkijs: a good device" pkijs good "$work/root.pem" "${both[@]}"
accepts "pkijs: another, before it is revoked" pkijs bad "$work/root.pem" "${both[@]}"
refuses "pkijs: not without its CRL" 'No revocation values found' pkijs good "$work/root.pem" "$work/root.crl"
refuses "pkijs: not by another root" 'not good: No valid certificate paths found' pkijs good "$work/other-root.pem" "${both[@]}"

revoke bad
jq -c '{select: {pseudonym}, action: "hold"}' "$work/held.json" | post /v1/revocations officer >"$work/hold"
same "held is held" applied "$(jq -r .status "$work/hold")"
fetch_crl_with "$work/bad.pem" "$work/device.crl"
fetch_crl_with "$work/held.pem" "$work/device.crl"
refuses "strongSwan: a revoked device" 'certificate was revoked on .*, reason: key compromise' strongswan bad "${both[@]}"
refuses "strongSwan: a held one" 'certificate is on hold|reason: certificate hold' strongswan held "${both[@]}"
accepts "strongSwan: the one beside them" strongswan good "${both[@]}"
refuses "pkijs: a revoked device" 'not good: One of certificates had been revoked' pkijs bad "$work/root.pem" "${both[@]}"
refuses "pkijs: a held one" 'not good: One of certificates had been revoked' pkijs held "$work/root.pem" "${both[@]}"
accepts "pkijs: the one beside them" pkijs good "$work/root.pem" "${both[@]}"
shows "both CRLs are signed, and only the shard's point is critical" '^crl [0-9]+ true 2\.5\.29\.35 2\.5\.29\.20 !2\.5\.29\.28( 2\.5\.29\.46)?$' "$work/pkijs"
shows "the root's has nothing critical" '^crl 0 true 2\.5\.29\.35 2\.5\.29\.20$' "$work/pkijs"
