#!/usr/bin/env bash
# strongSwan's pki as an EST client, on TLS 1.3 (the API's port) and on TLS 1.2 (est_legacy_port): it
# fetches the authorities, enrolls with a token, waits for a batch to open, and renews.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/est.sh"
need pki strongswan-pki

roots_of "$MONIKER_CACERT" >"$work/service-root.pem"
printf 'libtls {\n  version_max = 1.3\n}\n' >"$work/strongswan-1.3"
: >"$work/strongswan-1.2" # what it does of itself

# speak VERSION URL: what est_client says from now on.
speak() {
	export STRONGSWAN_CONF=$work/strongswan-$1
	version=$1 url=$2
}
# client LOG ARGUMENTS: pki, whose words go to the file; of `--est` the certificate to $work/out.
client() {
	timeout 120 pki "${@:2}" >"$work/out" 2>"$1"
}
spoke() { # WHAT LOG
	shows "$1: over TLS $version" "^negotiated TLS $version " "$2"
}
request() { # NAME
	pki --gen --type ecdsa --size 256 --outform pem >"$work/$1.key" 2>"$work/log"
	pki --req --in "$work/$1.key" --type ecdsa --dn "CN=from the factory" --outform der >"$work/$1.der" 2>"$work/log"
}
# enrolls WHAT NAME ARGUMENTS
enrolls() {
	client "$work/log" --est --url "$url" --in "$work/$2.der" "${trust[@]}" --outform pem "${@:3}" ||
		{ cat "$work/log" >&2; die "$1: refused"; }
	spoke "$1" "$work/log"
	cp "$work/out" "$work/$2.pem"
	same "$1: the certificate is for the key" "$(openssl pkey -in "$work/$2.key" -pubout)" \
		"$(openssl x509 -in "$work/$2.pem" -noout -pubkey)"
	shows "$1: and trusted" '^Issued certificate is trusted, ' "$work/log"
}

waits() {
	request "late-$version"
	enrolls "enrollment that has to wait" "late-$version" --userpass "mac48=$(random_mac):$(mint '{"count": 1}')" \
		--interval 1 --maxpolltime 100
	grep -Eq '^ *EST request pending, polling every [0-9]+ seconds' "$work/log"
}

open_batch

# ---- as the documentation has it

mkdir "$work/newcomer"
sed -n '/^## How to/,/^## /s/^    //p' "$(dirname "$0")/../../docs/est-clients.md" >"$work/commands"
sed "s/mac48=02005e100001/mac48=$(random_mac | tr -d :)/" "$work/commands" >"$work/newcomer/commands"
cmp -s "$work/commands" "$work/newcomer/commands" && die "the documentation's commands do not enroll"
token=$(mint '{"count": 1}')
(cd "$work/newcomer" && token=$token bash -euo pipefail commands) >"$work/log" 2>&1 || { cat "$work/log" >&2; die "the documentation's commands fail"; }
shows "the documentation's commands work" '^Issued certificate is trusted, ' "$work/log"
openssl verify -x509_strict -CAfile <(roots_of "$MONIKER_TRUST") -untrusted "$work/newcomer/ca-1.pem" "$work/newcomer/cert.pem" >"$work/text" ||
	die "their certificate does not verify"
ok "and their certificate verifies"

for step in "1.3 $MONIKER_URL" "1.2 $MONIKER_EST_LEGACY_URL"; do
	# shellcheck disable=SC2086
	speak $step
	trust=(--cacert "$work/service-root.pem")
	client "$work/log" --estca --url "$url" "${trust[@]}" --caout "$work/est-$version.pem" --outform pem --force ||
		{ cat "$work/log" >&2; die "cacerts: refused"; }
	spoke "cacerts" "$work/log"
	shows "cacerts: the service's root is known again" '^Root CA equals trusted TLS Root CA$' "$work/log"
	same "cacerts: what it writes" "subject=CN = Moniker Device CA;subject=CN = Moniker Device Root;subject=CN = Moniker Operations Root" \
		"$(for file in "$work/est-$version"*.pem; do openssl x509 -in "$file" -noout -subject; done | sort | paste -sd';')"
	for file in "$work/est-$version"*.pem; do trust+=(--cacert "$file"); done

	request "device-$version"
	enrolls "enrollment with a token" "device-$version" --userpass "mac48=$(random_mac):$(mint '{"count": 1}')"

	request "refused-$version"
	if client "$work/log" --est --url "$url" --in "$work/refused-$version.der" "${trust[@]}" --userpass x:mk1.forged; then
		die "a forged token was accepted"
	fi
	shows "a forged token is refused" '^EST request failed: HTTP 403$' "$work/log"

	# A batch that opens in a moment: 202, and the client comes again.
	put_off "an enrollment was put off" waits

	# Renewal under the certificate, with a new key.
	request "next-$version"
	old=(--cert "$work/device-$version.pem" --key "$work/device-$version.key")
	if client "$work/log" --est --url "$url" --in "$work/next-$version.der" "${trust[@]}" "${old[@]}"; then
		die "a renewal that is not due was accepted"
	fi
	shows "a renewal that is not due is refused" '^EST request failed: HTTP 409$' "$work/log"
	age "device-$version" 20
	enrolls "renewal" "next-$version" "${old[@]}"
	age "device-$version" -20
	same "the subject stays" "$(openssl x509 -in "$work/device-$version.pem" -noout -subject)" \
		"$(openssl x509 -in "$work/next-$version.pem" -noout -subject)"
	openssl verify -x509_strict -purpose sslclient -CAfile <(roots_of "$MONIKER_TRUST") \
		-untrusted <(cat "$work/est-$version"*.pem) "$work/next-$version.pem" >"$work/text" || die "openssl does not verify it"
	ok "openssl verifies what came out"
done
