#!/usr/bin/env bash
# crl.sh TOOLS: full and delta CRLs, together, as OpenSSL, GnuTLS and two libraries in JavaScript see them: who is good,
# who is revoked by the delta alone, and whom the delta releases.
. "$(dirname "$0")/lib.sh"
need certtool gnutls-bin
need node nodejs
tools=$1

act() { # NAME ACTION
	jq -c --arg a "$2" '{select: {pseudonym}, action: $a, reason: "keyCompromise"}' "$work/$1.json" |
		post /v1/revocations officer >"$work/$1.revocation"
	same "$2 of $1" applied "$(jq -r .status "$work/$1.revocation")"
}
fetch() { # URL OUT: OUT.der, and OUT as PEM
	curl -sS --fail "$1" -o "$2.der"
	openssl crl -inform DER -in "$2.der" -out "$2"
}
# says NAME REASON URL: the list there has it with this reason; "": it has not
says() {
	fetch "$3" "$work/now"
	[ "$(openssl crl -in "$work/now" -noout -text | grep -A 4 "Serial Number: $(serial_of "$work/$1.pem")\$" |
		sed -n '2,5{/Serial/q;/Reason Code/{n;s/^ *//p}}')" = "$2" ]
}
wait_for() { # NAME REASON URL
	local _
	for _ in $(seq 1 300); do
		says "$@" && return
		sleep 0.1
	done
	die "$3 does not say \"$2\" of $1"
}
verify() { # NAME FULL DELTA
	cat "$work/$2" "$work/$3" "$work/root.crl" >"$work/crls"
	openssl verify -x509_strict -check_ss_sig -crl_check_all -extended_crl -use_deltas -CAfile "$work/root.pem" \
		-CRLfile "$work/crls" -untrusted "$work/$1.chain" "$work/$1.chain"
}

open_batch
for name in good lost held; do enroll "$name"; done
split_pem "$work/good.chain" "$work/part"
openssl x509 -in "$work/part.1" -outform DER -out "$work/ca.der"
roots_of "$MONIKER_TRUST" >"$work/root.pem"
fetch_crl "$work/part.1" "$work/root.crl"
full=$(crl_url "$work/good.pem") delta=${full%.crl}/delta.crl
same "all are on one list" "$full $full" "$(crl_url "$work/lost.pem") $(crl_url "$work/held.pem")"

# Full CRLs that a verifier still has, and the delta that comes later.
act held hold
wait_for held 'Certificate Hold' "$full"
fetch "$full" "$work/old"
act lost revoke
act held release
wait_for lost 'Key Compromise' "$delta"
wait_for held 'Remove From CRL' "$delta"
fetch "$delta" "$work/delta"
wait_for lost 'Key Compromise' "$full"
wait_for held '' "$full"
fetch "$full" "$work/new"
fetch "$delta" "$work/last"

# ---- OpenSSL

accepts "who is good is good, by full and delta" verify good old delta
refuses "revoked by the delta alone" 'certificate revoked' verify lost old delta
accepts "though the full CRL alone knows nothing of it" verify lost old old
accepts "released by the delta" verify held old delta
refuses "though the full CRL alone has him on hold" 'certificate revoked' verify held old old
accepts "with the newest full CRL the old delta changes nothing: good" verify good new delta
refuses "revoked" 'certificate revoked' verify lost new delta
accepts "released" verify held new delta
accepts "full and delta of one moment" verify held new last
refuses "say the same" 'certificate revoked' verify lost new last
refuses "a delta is no CRL without its base" 'certificate CRL|CRL scope' verify good delta delta

# ---- GnuTLS: it knows no deltas, and reads them as lists

for list in old delta new; do
	accepts "GnuTLS verifies $list" certtool --verify-crl --load-ca-certificate "$work/part.1" --infile "$work/$list"
	certtool --crl-info --infile "$work/$list" >"$work/text"
	same "GnuTLS finds as many entries in $list" "$(openssl crl -in "$work/$list" -noout -text | grep -c 'Serial Number:')" \
		"$(sed -n 's/.*Revoked certificates (\([0-9]*\)).*/\1/p' "$work/text")"
done
certtool --crl-info --infile "$work/delta" >"$work/text"
shows "and knows that it does not know the indicator" 'Unknown extension 2\.5\.29\.27 \(critical\)' "$work/text"

# ---- JavaScript: both libraries find what OpenSSL prints

decimal() { openssl crl -in "$1" -noout -text | sed -n "/$2/{n;s/^ *//p}"; }
# wanted LIST: as read.mjs prints it, from OpenSSL's view
wanted() {
	local text
	{
		echo "2.5.29.20 $(decimal "$work/$1" 'CRL Number')"
		text=$(decimal "$work/$1" 'Delta CRL Indicator: critical')
		[ -z "$text" ] || echo "2.5.29.27 critical $text"
		echo "2.5.29.28 critical $full"
		[ -n "$text" ] || echo "2.5.29.46 $delta"
		openssl crl -in "$work/$1" -noout -text | sed -n '/^Revoked Certificates:/,/Signature Algorithm/p' | awk '
			function flush() { if (serial != "") print serial, reason + 0; reason = 0 }
			/Serial Number:/ { flush(); serial = $3 }
			/Key Compromise/ { reason = 1 } /CA Compromise/ { reason = 2 } /Affiliation Changed/ { reason = 3 }
			/Superseded/ { reason = 4 } /Cessation/ { reason = 5 } /Certificate Hold/ { reason = 6 }
			/Remove From CRL/ { reason = 8 } /Privilege Withdrawn/ { reason = 9 }
			END { flush() }'
	} | LC_ALL=C sort
}
for library in pkijs peculiar; do
	for list in old delta new; do
		wanted "$list" >"$work/wanted"
		node "$tools/read.mjs" "$library" "$work/$list.der" "$work/ca.der" | LC_ALL=C sort >"$work/found" || die "$library does not read $list"
		diff "$work/wanted" "$work/found" >&2 || die "$library reads $list in another way"
		ok "$library verifies $list and finds what OpenSSL finds"
	done
	shows "$library: revoked by the delta" "^$(serial_of "$work/lost.pem") 1\$" <(node "$tools/read.mjs" "$library" "$work/delta.der" "$work/ca.der")
	shows "$library: released by the delta" "^$(serial_of "$work/held.pem") 8\$" <(node "$tools/read.mjs" "$library" "$work/delta.der" "$work/ca.der")
	openssl x509 -in "$work/root.pem" -outform DER -out "$work/root.der"
	refuses "$library: the root did not sign it" 'the issuer did not sign it' node "$tools/read.mjs" "$library" "$work/new.der" "$work/root.der"
done
