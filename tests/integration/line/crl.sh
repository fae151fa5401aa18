#!/usr/bin/env bash
# Full and delta CRLs as they are served: what is on them, how they belong together, and HTTP around them.
. "$(dirname "$0")/lib.sh"
sql() { psql -q -X -At "$MONIKER_PGURL" -c "$1"; }
enroll() { # NAME
	make_key "$1"
	request "$1" "$(random_mac)" | send /v1/enrollments station >"$work/$1"
	same "$1 is enrolled" 201 "$(cat "$work/status")"
	jq -r .certificate "$work/$1" >"$work/$1.pem"
}
act() { # NAME ACTION
	jq -c --arg a "$2" '{select: {pseudonym}, action: $a, reason: "KEY_COMPROMISE"}' "$work/$1" | send /v1/revocations officer >"$work/act"
	same "$2 of $1" 201 "$(cat "$work/status")"
}
text() { curl -sS --fail "$1" | openssl crl -inform DER -noout -text; }
# reason NAME URL: why it is listed; nothing when it is not.
reason() { text "$2" | grep -A 4 "Serial Number: $(serial_of "$work/$1.pem")\$" | sed -n '2,5{/Serial/q;/Reason Code/{n;s/^ *//p}}'; }
listed() { # NAME FULL DELTA: the reasons on both, or -
	local full delta
	full=$(reason "$1" "$full_url") delta=$(reason "$1" "$delta_url")
	[ "${full:--} ${delta:--}" = "$2 $3" ]
}
number() { text "$1" | sed -n '/CRL Number/{n;s/^ *//p}'; }
base() { text "$delta_url" | sed -n '/Delta CRL Indicator: critical/{n;s/^ *//p}'; }

open_lot crl
for name in lost held gone other; do enroll "$name"; done
full_url=$(crl_url "$work/lost.pem") delta_url=${full_url%.crl}/delta.crl
key=$(sed 's/.*\/crl\/\(.*\)\/\(.*\)\.crl/\1 \2/' <<<"$full_url")
where="issuer = '\\x${key% *}' AND shard = ${key#* }::int"

# ---- what is listed

act lost revoke
act held hold
within 30 "a revocation is on both" listed lost 'Key Compromise' 'Key Compromise'
within 30 "and so is a hold" listed held 'Certificate Hold' 'Certificate Hold'
act held release
within 30 "a release: off the full CRL, and removed by the delta" listed held - 'Remove From CRL'
listed other - - || die "somebody who is good is listed"
ok "who was always good is on neither"
act held hold
within 30 "held again" listed held 'Certificate Hold' 'Certificate Hold'
act held release
within 30 "released again" listed held - 'Remove From CRL'
same "which the delta says once" 1 "$(text "$delta_url" | grep -c "Serial Number: $(serial_of "$work/held.pem")\$")"
act held revoke
within 30 "and revoked in the end" listed held 'Key Compromise' 'Key Compromise'
one_number() { [ "$(number "$full_url")" = "$(number "$delta_url")" ]; }
within 30 "made together they have one number" one_number
[ "$(base)" -le "$(number "$full_url")" ] || die "the base is later than the delta"
! grep -q 'Freshest CRL' <(text "$delta_url") || die "a delta names a delta"
same "the delta's scope is the full one's" "$full_url" "$(text "$delta_url" | sed -n '/Issuing Distribution Point: critical/,/URI/s/^ *URI:\([^ ]*\).*/\1/p')"
recorded OK crl.publish
# The newest of our shard says what was made.
subject="crl:${key% *}/${key#* }"
call GET "/v1/audit/events?ev=crl.publish&limit=10000" auditor | jq -c --arg sub "$subject" 'select(.sub == $sub).d' | tail -n 1 >"$work/d"
same "the leaf's numbers" "$(number "$full_url") $(base)" "$(jq -r '"\(.number) \(.base)"' "$work/d")"

# ---- bases: a delta starts from a full CRL of the last day

# again COLUMNS NAME ACTION: as if it had been so; then a change, and both are made anew.
again() {
	local before
	before=$(number "$full_url")
	sql "UPDATE crl SET $1 WHERE $where"
	act "$2" "$3"
	newer() { [ "$(number "$full_url")" -gt "$before" ] && [ "$(number "$delta_url")" = "$(number "$full_url")" ]; }
	within 30 "after $3 of $2 there are newer ones" newer
}
first=$(base)
again "next_base_at_s = next_base_at_s - 11 * 3600" other hold
same "in half a day the base stays" "$first" "$(base)"
next=$(sql "SELECT next_base_number FROM crl WHERE $where")
again "next_base_at_s = next_base_at_s - 2 * 3600" other release
same "then it is the next one" "$next" "$(base)"
same "and the one to follow is the newest" "$(number "$full_url")" "$(sql "SELECT next_base_number FROM crl WHERE $where")"
again "next_base_at_s = next_base_at_s - 13 * 3600" gone hold
again "next_base_at_s = next_base_at_s - 13 * 3600" gone release
listed lost 'Key Compromise' - || die "the delta still has what its base has"
ok "what the base has is not on the delta"
listed gone - 'Remove From CRL' || die "the delta must remove who was held since its base"
ok "who was held and released since the base is removed"
again "next_base_at_s = next_base_at_s - 25 * 3600" gone hold
same "after a day without any the newest is the base" "$(number "$full_url")" "$(base)"

# ---- who has expired leaves after one more full CRL: RFC 5280 section 3.3

serial=$(serial_of "$work/lost.pem")
ends() { sql "UPDATE revocation SET not_after_at_s = $1 WHERE serial = '\\x$serial'"; }
made=$(sql "SELECT this_update_at_s FROM crl WHERE $where")
sleep 1.1 # the list that follows is of another second
ends "$made"
again "number = number" gone release
listed lost 'Key Compromise' - || die "it left with the first CRL after its end"
ok "on the first CRL after its end it still is"
sleep 1.1
again "number = number" gone hold
listed lost - - || die "it is still there"
ok "on the next one it is not"

# ---- numbers never go back

high=$(number "$full_url")
again "number = 1" gone release
[ "$(number "$full_url")" -gt "$high" ] || die "the number went back"
ok "also after a database that was restored"

# ---- how it is served: both ports, full and delta

fetch() { : >"$work/body"; curl -sS -D "$work/headers" -o "$work/body" -w '%{http_code}' --cacert "$MONIKER_CACERT" "$@"; }
for file in "${full_url##*/crl/}" "${delta_url##*/crl/}"; do
	for url in "$MONIKER_HTTP_URL/crl/$file" "$MONIKER_URL/crl/$file"; do
		what="${url%%:*} ${file#*/}"
		same "$what" 200 "$(fetch "$url")"
		cp "$work/body" "$work/plain"
		same "$what: type" application/pkix-crl "$(header content-type)"
		etag=$(header etag) date=$(header last-modified) expires=$(header expires)
		same "$what: it may be kept a minute" max-age=60 "$(header cache-control)"
		[ $(($(date -d "$expires" +%s) - $(date +%s))) -le 60 ] || die "$what: expires $expires"
		same "$what: last modified when it was made" "$date" \
			"$(date -ud "$(openssl crl -inform DER -in "$work/plain" -noout -lastupdate | cut -d= -f2)" '+%a, %d %b %Y %H:%M:%S GMT')"
		same "$what: nothing encodes it" "" "$(header content-encoding)"
		same "$what: known by its tag" 304 "$(fetch -H "If-None-Match: $etag" "$url")"
		same "$what: 304 has the tag" "$etag" "$(header etag)"
		same "$what: and the length of what is not sent" "$(wc -c <"$work/plain")" "$(header content-length)"
		same "$what: and no body" 0 "$(wc -c <"$work/body")"
		same "$what: known by its date" 304 "$(fetch -H "If-Modified-Since: $date" "$url")"
		same "$what: not by another one" 200 "$(fetch -H 'If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT' "$url")"
		same "$what: the tag counts more than the date" 200 "$(fetch -H 'If-None-Match: "1"' -H "If-Modified-Since: $date" "$url")"
		same "$what: HEAD" 200 "$(fetch -I "$url")"
		same "$what: HEAD tells the length" "$(wc -c <"$work/plain")" "$(header content-length)"
		same "$what: for whoever asks for gzip" 200 "$(fetch -H 'Accept-Encoding: gzip' "$url")"
		same "$what: caches are told" Accept-Encoding "$(header vary)"
		same "$what: it is gzip" gzip "$(header content-encoding)"
		[ "$(header etag)" != "$etag" ] || die "$what: one tag for two bodies"
		gzip -dc <"$work/body" | cmp - "$work/plain" || die "$what: it is not the same"
		[ "$(wc -c <"$work/body")" -lt "$(wc -c <"$work/plain")" ] || die "$what: it is not shorter"
		ok "$what: the same, and shorter"
		same "$what: known by that tag" 304 "$(fetch -H 'Accept-Encoding: gzip' -H "If-None-Match: $(header etag)" "$url")"
	done
done
root=$(sql "SELECT encode(id, 'hex') FROM ca_issuer WHERE kind = 'device-root'")
same "a root has a full CRL" 200 "$(fetch "$MONIKER_HTTP_URL/crl/$root/0000.crl")"
same "and no delta" 404 "$(fetch "$MONIKER_HTTP_URL/crl/$root/0000/delta.crl")"
same "no names are left in the state folder" 0 "$(find "$(sed -n 's/^state_dir *= *//p' "$MONIKER_CONFIG")" -name '.crl-*' | wc -l)"
