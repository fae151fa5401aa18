#!/usr/bin/env bash
# The file of a list is cut short while it is served: who fetches gets an error, the service goes on and mends it.
. "$(dirname "$0")/lib.sh"
sql() { psql -q -X -At "$MONIKER_PGURL" -c "$1"; }
service() { pgrep -P "$(cat "$MONIKER_TEST_STATE/pid")" -f -- --service; }
descriptors() { # those of long lists, as paths
	local fd
	for fd in "/proc/$(service)"/fd/*; do
		[[ $(readlink "$fd") != */.crl-* ]] || echo "$fd"
	done
}
# cut COMMAND...: it gets what is left when all lists are cut short. A list that came since is cut, too.
cut() {
	local _ fd
	for _ in $(seq 20); do
		for fd in $(descriptors); do truncate -s 20000 "$fd"; done
		"$@" || return
	done
}
fetch() { : >"$work/body"; curl -sS -D "$work/headers" -o "$work/body" -w '%{http_code}' --cacert "$MONIKER_CACERT" "$@"; }
long() { [ "$(fetch "$url")" = 200 ] && [ "$(wc -c <"$work/body")" -gt 300000 ]; }
has_gzip() { [ "$(fetch -H 'Accept-Encoding: gzip' "$url")" = 200 ] && [ "$(header content-encoding)" = gzip ]; }
open_lot damage
make_key one
request one "$(random_mac)" | send /v1/enrollments station >"$work/one"
jq -r .certificate "$work/one" >"$work/one.pem"
url=$(crl_url "$work/one.pem")
issuer=$(sed 's/.*\/crl\/\(.*\)\/.*/\1/' <<<"$url")

# ---- a long list: entries that only CRLs look at, of certificates that never were

filler="serial >= '\\x400048ff' AND serial < '\\x400049'"
remove() { sql "DELETE FROM revocation WHERE $filler"; }
cleanup() { remove; }
# The fourth octet marks them, the last is 0: shard 0, however many there are. Between them nothing that gzip could use.
sql "INSERT INTO revocation (month, serial, issuer, state, reason, revoked_at_s, not_after_at_s, seq)
	SELECT 72, decode('400048ff' || substr(encode(sha256(int4send(g)), 'hex'), 1, 30) || '00', 'hex'), '\\x$issuer', 'revoked', 1, 1790000000,
	extract(epoch FROM now())::bigint + 86400, (1::bigint << 40) + g FROM generate_series(1, 10000) AS g"
change() { jq -c --arg a "$1" '{select: {pseudonym}, action: $a}' "$work/one" | send /v1/revocations officer >"$work/act"; }
change hold
change release
within 30 "the list is long" long
within 30 "and there compressed, too" has_gzip
first=$(service)
[ -n "$(descriptors)" ] || die "no list lies in a file"

# ---- cut short

for scheme in http https; do
	for encoding in identity gzip; do
		what="over $scheme, $encoding"
		at=${url/http:\/\/*\/crl/$MONIKER_HTTP_URL/crl}
		[ $scheme = http ] || at=$MONIKER_URL/crl/${url##*/crl/}
		refuses "$what: an error, not the end of the list" 'curl: \((18|56)\)' cut fetch -H "Accept-Encoding: $encoding" "$at"
		[ "$(wc -c <"$work/body")" -lt 300000 ] || die "$what: who fetches has a list that is not there"
		within 30 "$what: soon it is whole again" long
		openssl crl -inform DER -in "$work/body" -noout || die "$what: it is no CRL"
		within 30 "$what: and compressed" has_gzip
		gzip -dc <"$work/body" | openssl crl -inform DER -noout || die "$what: compressed it is no CRL"
	done
done
same "no process has ended" "$first" "$(service)"
grep -q '"event":"crl.damaged"' "$MONIKER_TEST_STATE/monikerd.log" || die "the log does not have it"
ok "the log has it"
remove
change hold
short() { [ "$(fetch "$url")" = 200 ] && [ "$(wc -c <"$work/body")" -lt 300000 ]; }
within 30 "a short list again" short
