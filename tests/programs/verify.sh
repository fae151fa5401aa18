#!/usr/bin/env bash
# verify.sh BIN TRUST_FILES: moniker verify --offline: verdicts, exit status, and what it says.
set -euo pipefail
bin=$1 trust_files=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$trust_files" .
openssl x509 -in good.pem -outform DER -out good.der
unset MONIKER_TRUST
failed=0

# says STATUS PATTERN ARGUMENTS...
says() {
	local status=$1 pattern=$2 got=0
	shift 2
	"$bin/moniker" verify "$@" >out 2>&1 || got=$?
	[ "$got" = "$status" ] && grep -Eq "$pattern" out ||
		{ echo "moniker verify $*: expected $status and $pattern, got $got and: $(cat out)" >&2; failed=1; }
}
pseudonym='0f1e2d3c-4b5a-4978-8a9b-0c1d2e3f4a5b'
says 0 "^good  $pseudonym  neither held nor revoked as of 20" good.pem --offline bundle.pem
says 0 "^good  $pseudonym" good.der --offline bundle.pem
says 1 "^revoked  $pseudonym  revoked since .*: keyCompromise\$" revoked.pem --offline bundle.pem
says 1 "^held  $pseudonym  held since .*: certificateHold\$" held.pem --offline bundle.pem
says 1 "^expired  $pseudonym  valid until 20" expired.pem --offline bundle.pem
says 1 '^untrusted  -  no CA of the bundle' stranger.pem --offline bundle.pem
says 1 '^malformed  -  ' out --offline bundle.pem

# The same members as an answer of the service, and more.
"$bin/moniker" verify revoked.pem --offline bundle.pem --json >json && { echo "revoked is good" >&2; failed=1; }
[ "$(jq -r '.verdict, .pseudonym, .serial, .reason, .stale' json | paste -sd' ')" = \
	"revoked $pseudonym 4000000000000000000000000000000000000002 KEY_COMPROMISE false" ] || { cat json >&2; failed=1; }
[ "$(jq -r 'keys | join(" ")' json)" = "as_of explain fresh_until pseudonym reason revoked_at serial stale verdict" ] || { cat json >&2; failed=1; }

# Too old to tell, unless one says otherwise; what is revoked is so for ever.
says 2 '^stale .* was fresh until ' good.pem --offline stale.pem
says 0 '^good .* which is stale$' good.pem --offline stale.pem --accept-stale
says 2 '^stale .* older than 3600 s$' good.pem --offline stale.pem --accept-stale --max-age 3600
says 1 '^revoked ' revoked.pem --offline stale.pem
says 2 'BAD_SYNTAX: --max-age' good.pem --offline bundle.pem --max-age 1d
says 2 'are for --offline' good.pem --accept-stale

# Whose bundle it must be.
says 0 '^good ' good.pem --offline bundle.pem --trust root.pem
says 2 'BAD_PROOF: other.pem: its root is another' good.pem --offline other.pem --trust root.pem
says 1 '^untrusted ' good.pem --offline other.pem
export MONIKER_TRUST=root.pem
says 2 'BAD_PROOF: other.pem: its root is another' good.pem --offline other.pem
says 2 'BAD_SYNTAX: good.pem: no certificate of a root' good.pem --offline bundle.pem --trust good.pem

# No answer is not a verdict.
sed 's/^issued/issuee/; /STATUS SET/,$ s/^./A/' bundle.pem >broken.pem
says 2 'BAD_(SYNTAX|PROOF): broken.pem: ' good.pem --offline broken.pem
says 2 'FILE_FAILED: none.pem: cannot open it' good.pem --offline none.pem
says 2 'FILE_FAILED' none.pem --offline bundle.pem
exit $failed
