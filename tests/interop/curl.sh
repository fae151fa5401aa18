#!/usr/bin/env bash
# A newcomer follows the README, "Enroll your first real device", to the letter: the commands run here
# are the README's own, but for the path of the environment file and for hardware ids, which
# are new in every run.
. "$(dirname "$0")/lib.sh"
readme=$(cd "$(dirname "$0")/../.." && pwd)/README.md

# blocks: the indented commands of the section, each block in a file block.N.
awk -v prefix="$work/block." '
	/^## / { inside = $0 == "## Enroll your first real device"; next }
	inside && /^    / { if (!open) { open = 1; n++ } sub(/^    /, ""); while (blank-- > 0) print "" > (prefix n); blank = 0; print > (prefix n); next }
	inside && /^$/ { blank++; next }
	{ open = 0; blank = 0 }' "$readme"
same "the README's section has two blocks of commands" 2 "$(find "$work" -name 'block.*' | wc -l)"
for block in "$work"/block.?; do
	sed -i "s|^\. var/env\$|. '$MONIKER_TEST_ENV'|" "$block"
	for known in $(grep -o '02:00:5e:10:00:0[0-9]' "$block"); do
		sed -i "s/$known/$(random_mac)/" "$block"
	done
done
grep -qxF ". '$MONIKER_TEST_ENV'" "$work/block.1" || die "the first block does not begin with . var/env"

newcomer() { (cd "$work/desk" && bash -eu "$@"); }
mkdir "$work/desk"

# ---- with curl and openssl

accepts "the commands with curl and openssl work" newcomer "$work/block.1"
shows "the certificate verifies" '^cert\.pem: OK$' "$work/acceptance"
cd "$work/desk"
pseudonym=$(jq -r .pseudonym answer.json)
same "the certificate has the pseudonym" "subject=CN=$pseudonym" \
	"$(openssl x509 -in cert.pem -noout -subject -nameopt RFC2253)"
same "and the key that was made" "$(openssl pkey -in key.pem -pubout)" "$(openssl x509 -in cert.pem -noout -pubkey)"
same "the answer names what it should" "certificate chain not_after pseudonym renew_after serial" \
	"$(jq -r 'keys | join(" ")' answer.json)"
same "the verifier says good" "good $pseudonym" \
	"$(jq -n --rawfile c cert.pem '{certificate: $c}' | post /v1/verifications verifier | jq -r '"\(.verdict) \(.pseudonym)"')"

# "Sending the same request again gets the same certificate."
cp answer.json first.json
sed '/^openssl ecparam/d; /^openssl req/d' "$work/block.1" >"$work/again"
accepts "the same request again" newcomer "$work/again"
same "gets the same certificate" "$(cat first.json)" "$(cat answer.json)"

# Another key with the same hardware is a duplicate.
mkdir "$work/other"
cd "$work/other"
sed 's/curl -sS/curl -sS -w "%{stderr}%{http_code}\\n"/; /^jq -r/,$d' "$work/block.1" >"$work/duplicate"
bash -eu "$work/duplicate" 2>"$work/status"
shows "another key for the same hardware is refused" '^409$' "$work/status"
same "as a duplicate" DUPLICATE_HARDWARE "$(jq -r .code answer.json)"

# ---- with the reference client

cd "$work/desk"
sed '/^moniker verify .*exit status 1$/,$d' "$work/block.2" >"$work/client"
cmp -s "$work/client" "$work/block.2" && die "the README's second block does not verify a revoked certificate"
accepts "the commands with the client work" newcomer -c ". '$MONIKER_TEST_ENV'; . '$work/client'"
export PATH=$MONIKER_BIN:$PATH
if moniker verify my-device/cert.pem >"$work/verdict" 2>&1; then code=0; else code=$?; fi
same "a revoked device does not verify: exit status" 1 "$code"
shows "because it is revoked" 'revoked' "$work/verdict"
tail=$(grep '^moniker audit tail' "$work/block.2") || die "the README's second block does not read the audit log"
accepts "the auditor reads the log" newcomer -c "$tail"
shows "and finds the enrollment" 'enroll\.ok' "$work/acceptance"
shows "and the duplicate" 'enroll\.refused.*DUPLICATE_HARDWARE' "$work/acceptance"
