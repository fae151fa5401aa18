#!/usr/bin/env bash
# The authorities on the host: their list, and the roots' CRLs renewed by hand.
. "$(dirname "$0")/lib.sh"
moniker=$MONIKER_BIN/moniker
"$moniker" ca list --database-url "$MONIKER_PGURL" --json >"$work/authorities"
same "seven active authorities, four of them in the keeper" "7 4" \
	"$(jq -r '[.[] | select(.state == "active")] | "\(length) \([.[] | select(.in_keeper)] | length)"' "$work/authorities")"
roots=$(jq -r '.[] | select(.kind | endswith("-root")) | .issuer' "$work/authorities")
number() { curl -sS --fail "$MONIKER_HTTP_URL/crl/$1/0000.crl" | openssl crl -inform DER -noout -crlnumber | sed 's/.*=0x//'; }
higher() { [ $((16#$(number "$1"))) -gt "$2" ]; }
declare -A before
for root in $roots; do before[$root]=$((16#$(number "$root"))); done
refuses "a wrong passphrase" PASSPHRASE_WRONG "$moniker" ca crl --database-url "$MONIKER_PGURL" \
	--ring "$MONIKER_TEST_STATE/ca/roots.ring" --passphrase-file "$MONIKER_TEST_STATE/keeper.passphrase"
accepts "renewal" "$moniker" ca crl --database-url "$MONIKER_PGURL" \
	--ring "$MONIKER_TEST_STATE/ca/roots.ring" --passphrase-file "$MONIKER_TEST_STATE/roots.passphrase"
for root in $roots; do within 30 "the CRL of $root is served under a higher number" higher "$root" "${before[$root]}"; done
logged() { call GET '/v1/audit/events?ev=crl.publish&act=system:ca' auditor >"$work/leaf" && grep -q "crl:$1/0000" "$work/leaf"; }
for root in $roots; do within 30 "with a leaf" logged "$root"; done
