#!/usr/bin/env bash
# The unlinkable mode: birth certificate, pseudonyms by epoch, and the end of all by any one of them.
. "$(dirname "$0")/lib.sh"
. "$MONIKER_TEST_PG"
query() { psql -X -q -At -h "$PGDIR" -U postgres -d moniker -c "$1"; }

open_lot unlinkable '. + {mode: "unlinkable"}'
same "the mode and its profile" "unlinkable birth" "$(jq -r '.mode + " " + .profile' "$work/lot")"
for wrong in '{mode: "unlinkable", profile: "device"}' '{profile: "birth"}'; do
	jq -c "{id: \"x-$RANDOM\", model: \"Test\", quota: 1} + $wrong" <<<null | send /v1/batches admin >"$work/p"
	refused "a batch $wrong" 422 PROFILE_DENIED "$work/p"
done

# ---- birth

born() { # NAME: enrolls it; NAME.birth.pem is what it gets
	make_key "$1"
	request "$1" "$(random_mac)" | send /v1/enrollments station >"$work/$1"
	same "$1 is born" 201 "$(cat "$work/status")"
	jq -r .certificate "$work/$1" >"$work/$1.pem"
	jq -r '.chain[]' "$work/$1" >"$work/$1.chain"
}
born d
openssl verify -CAfile "$MONIKER_CACERT" -untrusted "$work/d.chain" "$work/d.pem" >/dev/null || die "the birth certificate's chain"
! openssl verify -CAfile "$MONIKER_TRUST" -untrusted "$work/d.chain" "$work/d.pem" >/dev/null 2>&1 || die "backends trust birth certificates"
grep -q 'Birth CA' <(openssl x509 -in "$work/d.pem" -noout -issuer) || die "the issuer of a birth certificate"
same "no backend takes it" untrusted "$(verdict "$work/d")"

# EST: who asks for this batch is told what its certificates lead to; who names none, and backends, are not.
est_authorities() { # [LABEL/]: into $work/cacerts; prints their names
	curl -sS --fail --cacert "$MONIKER_CACERT" "$MONIKER_URL/.well-known/est/${1-}cacerts" | base64 -d | openssl pkcs7 -inform DER -print_certs >"$work/cacerts"
	grep -o 'Moniker [A-Z][a-z]* [A-Z][A-Za-z]*' <(grep ^subject "$work/cacerts") | sort -u | paste -sd,
}
same "cacerts of the batch" "Moniker Birth CA,Moniker Operations Root" "$(est_authorities "$batch/")"
make_key est
openssl req -in "$work/est.csr" -outform DER | base64 -w0 |
	curl -sS --fail --cacert "$MONIKER_CACERT" -u "mac48=$(random_mac):$(echo '{"count": 1}' | send "/v1/batches/$batch/tokens" admin | jq -r '.tokens[0]')" \
		-H 'Content-Type: application/pkcs10' --data-binary @- "$MONIKER_URL/.well-known/est/$batch/simpleenroll" |
	base64 -d | openssl pkcs7 -inform DER -print_certs >"$work/est.pem"
openssl verify -CAfile "$MONIKER_CACERT" -untrusted "$work/cacerts" "$work/est.pem" >/dev/null || die "a birth certificate by EST does not verify with its cacerts"
ok "a birth certificate by EST verifies with them"
same "cacerts without a batch" "Moniker Device CA,Moniker Device Root,Moniker Operations Root" "$(est_authorities)"
same "cacerts of a pseudonymous batch" "Moniker Device CA,Moniker Device Root,Moniker Operations Root" "$(est_authorities "$MONIKER_BATCH/")"

# ---- pseudonyms

# take SHOWN KEY [jq filter]: as SHOWN.pem, a pseudonym for KEY; the answer goes to $work/p, and to KEY.pem.
take() {
	jq -c --rawfile csr "$work/$2.csr" "{csr: \$csr} | ${3:-.}" <<<null |
		curl -sS --cacert "$MONIKER_CACERT" --cert "$work/$1.pem" --key "$work/$1.key" -H 'Content-Type: application/json' \
			--data-binary @- -D "$work/headers" -w '%{stderr}%{http_code}' "$MONIKER_URL/v1/pseudonyms" 2>"$work/status" >"$work/p"
	jq -r '.certificate // empty' "$work/p" >"$work/$2.pem"
	cp "$work/p" "$work/$2"
}
make_key p1
take d p1
same "a first pseudonym" 201 "$(cat "$work/status")"
jq -r '.chain[]' "$work/p" >"$work/chain"
openssl verify -CAfile "$MONIKER_TRUST" "$work/p1.pem" >/dev/null || die "the pseudonym's chain"
openssl x509 -in "$work/p1.pem" -noout -text >"$work/text"
! grep -q 'OCSP' "$work/text" || die "a pseudonym's certificate names an OCSP responder"
grep -q 'CA Issuers' "$work/text" || die "a pseudonym's certificate does not name its issuer's"
start=$(date -u -d "$(openssl x509 -in "$work/p1.pem" -noout -startdate | cut -d= -f2)" +%s)
end=$(date -u -d "$(openssl x509 -in "$work/p1.pem" -noout -enddate | cut -d= -f2)" +%s)
monday=$((($(date -u +%s) - 345600) / 604800 * 604800 + 345600))
same "valid to a day after the week" $((monday + 8 * 86400)) "$end"
[ "$start" -ge "$monday" ] || die "valid before the week"
same "good" "good" "$(verdict "$work/p1")"
[ "$(jq -r .pseudonym "$work/p1")" != "$(jq -r .pseudonym "$work/d")" ] || die "the name of its birth"
name=$(jq -r .pseudonym "$work/p1")
same "what is known of it" "active 1" "$(call GET "/v1/devices/$name" verifier | jq -r '.state + " " + (.certificates | length | tostring)')"

take d p1
same "the same key again" "200 $name" "$(cat "$work/status") $(jq -r .pseudonym "$work/p")"
born other
take other p1
refused "another device's key" 409 KEY_REUSED "$work/p"
cp "$work/d" "$work/kept"; cp "$work/d.pem" "$work/kept.pem"
take d d
refused "the key of the birth certificate" 409 KEY_REUSED "$work/p"
cp "$work/kept" "$work/d"; cp "$work/kept.pem" "$work/d.pem"
take d p1 # again, so that p1.pem is there

make_key p2
take p1 p2
same "by a pseudonym" 201 "$(cat "$work/status")"
same "the same validity" "$(openssl x509 -in "$work/p1.pem" -noout -dates)" "$(openssl x509 -in "$work/p2.pem" -noout -dates)"
same "and the same CRL" "$(openssl x509 -in "$work/p1.pem" -noout -text | grep -A3 'CRL Distribution' | grep URI)" \
	"$(openssl x509 -in "$work/p2.pem" -noout -text | grep -A3 'CRL Distribution' | grep URI)"
for key in p3 p4; do make_key $key; take d $key; same "$key" 201 "$(cat "$work/status")"; done
make_key p5
take p2 p5
refused "the fifth of an epoch" 429 PSEUDONYMS_EXHAUSTED "$work/p"
[ "$(header retry-after)" -gt 0 ] || die "no Retry-After"
if [ $((monday + 6 * 86400)) -gt "$(date -u +%s)" ]; then
	take d p5 '. + {epoch: "next"}'
	refused "the next epoch's, before its time" 409 NOT_DUE "$work/p"
fi
take d p5 '. + {epoch: "last"}'
refused "an epoch that there is not" 400 BAD_SYNTAX "$work/p"

# ---- moniker rotate

born tool
mkdir "$work/birth"
cat "$work/tool.pem" "$work/tool.chain" >"$work/birth/cert.pem"
cp "$work/tool.key" "$work/birth/key.pem"
rotate() { # FROM TO [OPTION]: prints the new pseudonym; what went wrong goes to $work/said
	env -u MONIKER_CERT -u MONIKER_KEY "$MONIKER_BIN/moniker" rotate --dir "$work/$1" --out "$work/$2" --json ${3:-} 2>"$work/said" | jq -r .pseudonym
}
first=$(rotate birth pseudonym)
jq -n --rawfile certificate "$work/pseudonym/cert.pem" '{$certificate}' >"$work/first"
same "by the tool" good "$(verdict "$work/first")"
cmp -s "$work/pseudonym/key.pem" "$work/birth/key.pem" && die "the pseudonym has the key of the birth certificate"
cp "$work/pseudonym/key.pem" "$work/first.key"
second=$(rotate birth pseudonym)
[ "$second" != "$first" ] && ! cmp -s "$work/pseudonym/key.pem" "$work/first.key" || die "the same pseudonym, or its key, again"
openssl x509 -in "$work/pseudonym/cert.pem" -noout -subject | grep -q "$second" || die "not the pseudonym's certificate"
third=$(rotate pseudonym another)
[ -n "$third" ] && [ "$third" != "$second" ] || die "by a pseudonym: $(cat "$work/said")"
ok "another one each time, also by a pseudonym"
mv "$work/pseudonym/key.pem" "$work/pseudonym/key.next.pem" # killed before the answer came
rm "$work/pseudonym/cert.pem"
same "after a lost answer the same one" "$second" "$(rotate birth pseudonym)"
[ -e "$work/pseudonym/key.pem" ] && [ ! -e "$work/pseudonym/key.next.pem" ] || die "the key is not in its place"
if [ $((monday + 6 * 86400)) -gt "$(date -u +%s)" ]; then
	rotate birth next --next >/dev/null && die "the next epoch's, before its time"
	shows "the next epoch's, before its time" NOT_DUE "$work/said"
fi
status=0
"$MONIKER_BIN/moniker" rotate --dir "$work/birth" --out "$work/birth" 2>"$work/said" || status=$?
same "never in the place of the birth certificate" 2 "$status"
for same in "$work/birth/" "$work/pseudonym/../birth"; do
	status=0
	"$MONIKER_BIN/moniker" rotate --dir "$work/birth" --out "$same" 2>"$work/said" || status=$?
	same "nor by another name of it" 2 "$status"
done
mv "$work/pseudonym/key.pem" "$work/pseudonym/key.next.pem" # killed between certificate and key
cp "$work/birth/key.pem" "$work/pseudonym/key.pem"
[ -n "$(rotate pseudonym another)" ] || die "after a run that was killed: $(cat "$work/said")"
[ ! -e "$work/pseudonym/key.next.pem" ] || die "the key is not in its place"
ok "what a killed run has left is put in order by the next"

# ---- no transaction has written to both sides: its number stands in every row

shared() {
	query "WITH hardware AS (SELECT xmin::text FROM device UNION SELECT xmin::text FROM device_tag
		UNION SELECT xmin::text FROM certificate UNION SELECT xmin::text FROM device_key WHERE device IS NOT NULL
		UNION SELECT xmin::text FROM certificate_body WHERE serial IN (SELECT serial FROM certificate)
		UNION SELECT xmin::text FROM certificate_signature WHERE serial IN (SELECT serial FROM certificate)),
	pseudonyms AS (SELECT xmin::text FROM pseudonym_certificate UNION SELECT xmin::text FROM device_key WHERE device IS NULL
		UNION SELECT xmin::text FROM certificate_body WHERE serial IN (SELECT serial FROM pseudonym_certificate)
		UNION SELECT xmin::text FROM certificate_signature WHERE serial IN (SELECT serial FROM pseudonym_certificate))
	SELECT count(*) FROM hardware JOIN pseudonyms USING (xmin)"
}
for i in 1 2 3 4 5 6; do # one right after the other, as on a quiet line
	born "quick$i"; make_key "quick$i.p"; take "quick$i" "quick$i.p"
	same "quick$i has a pseudonym at once" 201 "$(cat "$work/status")"
done
kept() { [ "$(query 'SELECT count(*) FROM pseudonym_certificate AS p WHERE NOT EXISTS (SELECT FROM certificate_signature AS s WHERE s.month = p.month AND s.serial = p.serial)')" = 0 ]; }
many=() # and while others are born, so that a batch of the ledger follows one of the other kind at once
for i in $(seq 40); do
	make_key "many$i"
	request "many$i" "$(random_mac)" >"$work/many$i.json"
	many+=(--next -sS -o /dev/null --cacert "$MONIKER_CACERT" --cert "$MONIKER_STATION_CERT" --key "$MONIKER_STATION_KEY"
		-H 'Content-Type: application/json' --data-binary "@$work/many$i.json" "$MONIKER_URL/v1/enrollments")
done
for i in 1 2 3 4 5 6; do make_key "quick$i.q"; done
curl "${many[@]:1}" &
for i in 1 2 3 4 5 6; do take "quick$i" "quick$i.q"; done
wait $!
within 30 "their signatures are kept" kept
same "transactions that wrote to both sides" 0 "$(shared)"
device=$(query "SELECT max(id) FROM device") # others enroll meanwhile
touch_both() { # a link that is planted: this test would see one
	query "BEGIN; UPDATE device SET profile = profile WHERE id = $device;
		UPDATE pseudonym_certificate SET handle = handle WHERE handle = (SELECT min(handle) FROM pseudonym_certificate); COMMIT" >/dev/null
}
touch_both
same "one that is planted is found" 1 "$(shared)"
query "UPDATE device SET profile = profile WHERE id = $device" >/dev/null

# ---- who may do what

for shown in p1 d; do
	curl -sS --cacert "$MONIKER_CACERT" --cert "$work/$shown.pem" --key "$work/$shown.key" -H 'Content-Type: application/pkcs10' \
		--data-binary "@$work/p5.csr" -D "$work/headers" -w '%{stderr}%{http_code}' "$MONIKER_URL/.well-known/est/simplereenroll" 2>"$work/status" >"$work/p"
	refused "EST with $shown" 422 PROFILE_DENIED "$work/p"
done
renew p1 p5
refused "a renewal of a pseudonym" 422 PROFILE_DENIED "$work/p"
renew d
refused "a renewal of the birth certificate, early" 409 NOT_DUE "$work/p"
batch=$MONIKER_BATCH
make_key plain
request plain "$(random_mac)" | send /v1/enrollments station | jq -r .certificate >"$work/plain.pem"
take plain p5
refused "a device of a pseudonymous batch" 422 PROFILE_DENIED "$work/p"

# ---- the end of all, by one

act() { # ACTION PSEUDONYM
	jq -c --arg p "$2" --arg a "$1" '{select: {pseudonym: $p}, action: $a}' <<<null | send /v1/revocations officer >"$work/act"
}
act hold "$name"
refused "hold of a pseudonym" 409 STATE_CONFLICT "$work/act"
act hold "$(jq -r .pseudonym "$work/d")"
refused "hold of a birth certificate" 409 STATE_CONFLICT "$work/act"
make_key q; take other q
same "a pseudonym of another device" 201 "$(cat "$work/status")"
act revoke "$name"
same "revoked" "201 applied 1" "$(cat "$work/status") $(jq -r '.status + " " + (.count | tostring)' "$work/act")"
same "at once, the one that was named" revoked "$(verdict "$work/p1")"
make_key p6; take p2 p6
[ "$(cat "$work/status")" = 403 ] || die "a blocked device gets pseudonyms by another pseudonym"
take d p6
refused "and by its birth certificate" 403 DEVICE_BLOCKED "$work/p"
ended() { for p in p1 p2 p3 p4; do [ "$(verdict "$work/$p")" = revoked ] || return 1; done; }
within 30 "at the tick, all that the device holds" ended
same "and nobody else's" good "$(verdict "$work/q")"
serial=$(serial_of "$work/p3.pem")
listed() { fetch_crl "$work/p3.pem" "$work/crl" && crl_lists "$work/crl" "$serial"; }
within 30 "their CRL lists them" listed
act revoke "$name"
same "once more: no harm" "201 0" "$(cat "$work/status") $(jq .count "$work/act")"

act revoke "$(jq -r .pseudonym "$work/other")"
same "by the birth certificate" 201 "$(cat "$work/status")"
gone() { [ "$(verdict "$work/q")" = revoked ]; }
within 30 "at the tick, its pseudonym" gone
left() { query 'SELECT (SELECT count(*) FROM pseudonym_block_asked) + (SELECT count(*) FROM pseudonym_block WHERE due_s IS NOT NULL)'; }
nothing_left() { [ "$(left)" = 0 ]; }
within 30 "nothing is left to be done" nothing_left

# ---- what the log says: the new handle alone, and no device

every_leaf
grep -q '"ev":"rotate.ok"' "$work/leaves" || die "no leaf rotate.ok"
same "who took pseudonyms" device "$(jq -r 'select(.ev == "rotate.ok" or .rc == "PSEUDONYMS_EXHAUSTED") | .act' "$work/leaves" | sort -u)"
same "and what stands beside it" 0 "$(jq -r 'select(.ev == "rotate.ok") | .sub' "$work/leaves" | grep -vc '^h:[a-z2-7]\{16\}$')"
same "a refusal has no subject" "" "$(jq -r 'select(.ev == "rotate.refused") | .sub // ""' "$work/leaves" | sort -u)"

# ---- a device of a pseudonymous batch moves here: its end, a leave, and an enrollment with a new key and a new name

make_key old
mac=$(random_mac)
open_lot before
request old "$mac" | send /v1/enrollments station >"$work/old"
same "a pseudonymous device" 201 "$(cat "$work/status")"
open_lot after '. + {mode: "unlinkable"}'
make_key moved
request moved "$mac" | send /v1/enrollments station >"$work/p"
refused "it does not just move" 409 DUPLICATE_HARDWARE "$work/p"
for what in revoke readmit; do
	jq -c --arg what $what '{select: {pseudonym}, action: $what, reason: "CESSATION"}' "$work/old" | send /v1/revocations officer >"$work/p"
	same "$what" 201 "$(cat "$work/status")"
done
request moved "$mac" | send /v1/enrollments station >"$work/moved"
same "it is born" 201 "$(cat "$work/status")"
jq -r .certificate "$work/moved" >"$work/moved.pem"
[ "$(jq -r .pseudonym "$work/moved")" != "$(jq -r .pseudonym "$work/old")" ] || die "it kept its name"
make_key p-moved
take moved p-moved
same "and gets a pseudonym" 201 "$(cat "$work/status")"
same "the old one is at its end" revoked "$(verdict "$work/old")"
make_key again
request again "$mac" | send /v1/enrollments station >"$work/p"
refused "the leave was for once" 409 DUPLICATE_HARDWARE "$work/p"
same "in the database the tag is the new device's alone" "$(jq -r .pseudonym "$work/moved")" \
	"$(query "SELECT d.pseudonym FROM device_tag t JOIN device d ON d.id = t.device JOIN batch b ON b.id = d.batch WHERE b.name = '$batch'")"
