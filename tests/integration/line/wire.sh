#!/usr/bin/env bash
# What a listener between device and service gets of TLS 1.3 sessions names nobody: no hardware id, no pseudonym, no
# certificate. The same search finds all of it where it is in clear: over plain HTTP, and the certificate that a client
# shows on the port for old clients, which speak TLS 1.2.
. "$(dirname "$0")/lib.sh"
need python3 python3
here=$(dirname "$0")
recorders=()
cleanup() { for fd in "${recorders[@]}"; do exec {fd}>&-; done; } # they end with their standard input
# record NAME URL: sets `through`, the URL by way of a recorder that writes to $work/NAME.
record() {
	local feed
	mkdir "$work/$1"
	mkfifo "$work/$1.stdin"
	"$here/recorder.py" "${2##*:}" "$work/$1" <"$work/$1.stdin" >"$work/$1.port" &
	exec {feed}>"$work/$1.stdin"
	recorders+=("$feed")
	within 30 "$1 is recorded" test -s "$work/$1.port"
	through=${2%:*}:$(cat "$work/$1.port")
}
hex_of() { od -An -v -tx1 | tr -d ' \n'; }
needle() { printf '%s\t%s\n' "$2" "$1" >>"$work/needles"; }  # NAME HEX
word() { needle "$1" "$(printf %s "$2" | hex_of)"; }        # NAME TEXT
certificate() { # NAME FILE: the middle of its key, and its serial number
	local key
	key=$(openssl x509 -in "$2" -noout -pubkey | openssl pkey -pubin -outform DER | hex_of)
	needle "$1: its key" "${key: -128:64}"
	needle "$1: its serial number" "$(openssl x509 -in "$2" -noout -serial | cut -d= -f2 | tr A-F a-f)"
	word "$1: its serial number in hex" "$(openssl x509 -in "$2" -noout -serial | cut -d= -f2 | tr A-F a-f)"
}
pseudonym() { # NAME UUID
	word "$1" "$2"
	needle "$1 in octets" "${2//-/}"
}
found() { # NAME: the names of the needles in what was recorded there, one a line
	find "$work/$1" -type f ! -empty >"$work/files"
	mapfile -t files <"$work/files"
	{ "$MONIKER_TEST_SCAN" "$work/needles" "${files[@]}" || [ $? = 1 ]; } | cut -f2 | sort -u
}

# ---- all that a device and its backend do, on TLS 1.3

straight=$MONIKER_URL
record tls13 "$straight"
MONIKER_URL=$through
open_lot wire
lot=$batch
make_key d
mac=$(random_mac)
request d "$mac" | send /v1/enrollments station >"$work/d"
same "enrolled" 201 "$(cat "$work/status")"
jq -r .certificate "$work/d" >"$work/d.pem"
word "hardware id" "$mac"
needle "hardware id in octets" "${mac//:/}"
word "hardware id in hex" "${mac//:/}"
word "batch" "$lot"
pseudonym "pseudonym" "$(jq -r .pseudonym "$work/d")"
certificate "device" "$work/d.pem"
certificate "station" "$MONIKER_STATION_CERT"
word "path" /v1/enrollments
renew d
[ "$(cat "$work/status")" -lt 500 ] || die "renewal: $(cat "$work/p")"
ok "asked for a renewal: $(cat "$work/status")"
same "verified" good "$(verdict "$work/d")"
same "looked up" 200 "$(call GET "/v1/devices/$(jq -r .pseudonym "$work/d")" verifier >/dev/null; cat "$work/status")"
call GET /v1/changes/snapshot verifier >"$work/p"
same "the feed's snapshot" 200 "$(cat "$work/status")"
openssl req -in "$work/d.csr" -outform DER | base64 -w0 | curl -sS --cacert "$MONIKER_CACERT" --cert "$work/d.pem" --key "$work/d.key" \
	-H 'Content-Type: application/pkcs10' --data-binary @- -o "$work/p" -w '%{http_code}' "$MONIKER_URL/.well-known/est/simplereenroll" >"$work/status"
[ "$(cat "$work/status")" -lt 500 ] || die "EST: $(cat "$work/p")"
ok "asked by EST: $(cat "$work/status")"
jq -r '.chain[0]' "$work/d" >"$work/ca"
openssl ocsp -issuer "$work/ca" -cert "$work/d.pem" -no_nonce -reqout "$work/ocsp" >/dev/null 2>&1
same "OCSP over TLS" 200 "$(curl -sS --cacert "$MONIKER_CACERT" -H 'Content-Type: application/ocsp-request' --data-binary "@$work/ocsp" -o "$work/p" -w '%{http_code}' "$MONIKER_URL/ocsp")"
open_lot wire-unlinkable '. + {mode: "unlinkable"}'
make_key b
make_key p
request b "$(random_mac)" | send /v1/enrollments station >"$work/b"
same "born" 201 "$(cat "$work/status")"
jq -r .certificate "$work/b" >"$work/b.pem"
jq -nc --rawfile csr "$work/p.csr" '{$csr}' | curl -sS --cacert "$MONIKER_CACERT" --cert "$work/b.pem" --key "$work/b.key" \
	-H 'Content-Type: application/json' --data-binary @- -o "$work/taken" -w '%{http_code}' "$MONIKER_URL/v1/pseudonyms" >"$work/status"
same "a pseudonym" 201 "$(cat "$work/status")"
jq -r .certificate "$work/taken" >"$work/p.pem"
pseudonym "birth's name" "$(jq -r .pseudonym "$work/b")"
pseudonym "second pseudonym" "$(jq -r .pseudonym "$work/taken")"
certificate "birth" "$work/b.pem"
certificate "pseudonym" "$work/p.pem"

total=$(cat "$work"/tls13/* | wc -c)
[ "$total" -gt 20000 ] || die "only $total octets were recorded"
same "a listener to $total octets of TLS 1.3 learns" "" "$(found tls13)"
word "server name" localhost
same "but the server's name, which he knows" "server name" "$(found tls13)"

# ---- the search finds what is in clear

record clear "$MONIKER_HTTP_URL"
curl -sS -o "$work/p" -H "Content-Type: application/json" --data-binary "@$work/d" "$through/v1/enrollments"
curl -sS -o "$work/p" --data-binary "$mac $(printf %s "$mac" | tr -d :) $lot" "$through/p"
for name in d station b p; do
	pem=$work/$name.pem
	[ $name != station ] || pem=$MONIKER_STATION_CERT
	{ openssl x509 -in "$pem" -outform DER; openssl x509 -in "$pem" -noout -serial | tr A-F a-f; } >"$work/clear-$name"
	curl -sS -o "$work/p" --data-binary "@$work/clear-$name" "$through/p"
done
for name in b taken; do jq -r '.pseudonym, (.pseudonym | gsub("-"; ""))' "$work/$name"; done >"$work/names"
curl -sS -o "$work/p" --data-binary "@$work/names" "$through/p"
for id in "${mac//:/}" $(sed -n '2~2p' "$work/names") "$(jq -r '.pseudonym | gsub("-"; "")' "$work/d")"; do
	# shellcheck disable=SC2059
	printf "$(sed 's/../\\x&/g' <<<"$id")"
done >"$work/octets"
curl -sS -o "$work/p" --data-binary "@$work/octets" "$through/p"
same "all of it is found in clear" "$(cut -f2 "$work/needles" | sort -u)" "$(found clear)"

record tls12 "$MONIKER_EST_LEGACY_URL"
openssl req -in "$work/d.csr" -outform DER | base64 -w0 | curl -sS --tls-max 1.2 --cacert "$MONIKER_CACERT" --cert "$work/d.pem" \
	--key "$work/d.key" -H 'Content-Type: application/pkcs10' --data-binary @- -o "$work/p" "$through/.well-known/est/simplereenroll"
found tls12 >"$work/learned"
for what in pseudonym "device: its key" "device: its serial number"; do
	grep -qx "$what" "$work/learned" || die "$what is not found in TLS 1.2: $(paste -sd, "$work/learned")"
done
ok "on the port for old clients a listener learns the device's certificate"
same "and nothing of what was said" "" "$(grep -E 'hardware|batch|path' "$work/learned" || true)"
