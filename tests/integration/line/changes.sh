#!/usr/bin/env bash
# The change feed, the status set and the trust bundle: signed, chained, woken by a change, found again after a restart.
. "$(dirname "$0")/lib.sh"
need python3 python3
open_lot changes
enroll() { # NAME
	make_key "$1"
	request "$1" "$(random_mac)" | send /v1/enrollments station >"$work/$1"
	same "$1 enrolled" 201 "$(cat "$work/status")"
	jq -r .certificate "$work/$1" >"$work/$1.pem"
}
act() { # NAME ACTION
	jq -c --arg a "$2" '{select: {pseudonym}, action: $a} + if $a == "revoke" then {reason: "keyCompromise"} else {} end' "$work/$1" | send /v1/revocations officer >"$work/act"
	same "$2 $1" 201 "$(cat "$work/status")"
}
changes() { # AFTER [WAIT]: the page goes to $work/page, the cursor to $cursor
	call GET "/v1/changes?after=$1&wait=${2:-0}" verifier >"$work/page"
	cursor=$(header moniker-next)
}
field() { sed -n "s/^$1 //p" "$work/page" | head -n 1; }
lines() { sed '/^$/,$d' "$work/page" | grep -E '^[0-9a-f]{16} ' || true; }

# ---- the bundle: OpenSSL reads its certificates, and the status signer's is one of them

call GET /v1/trust-bundle nobody >"$work/bundle.pem"
same "the bundle" "200 application/x-pem-file" "$(cat "$work/status") $(header content-type)"
awk -v dir="$work" '/BEGIN CERTIFICATE/ { n++; on = 1 } on { print > (dir "/part" n ".pem") } /END CERTIFICATE/ { on = 0 }' "$work/bundle.pem"
for signer in $(ls "$work"/part*.pem | sort -V); do # the newest comes first
	! openssl x509 -in "$signer" -noout -subject | grep -q 'Status Signer' || break
done
openssl x509 -in "$signer" -noout -text >"$work/signer"
shows "the signer's key" 'Public Key Algorithm: ED25519' "$work/signer"
shows "its purpose is of our own, and critical" 'Extended Key Usage: critical' "$work/signer"
shows "and no other" '^ *2\.25\.243892281092800931247565613106880441676$' "$work/signer"
accepts "plain OpenSSL verifies it" openssl verify -CAfile "$work/part1.pem" "$signer"
for purpose in sslclient sslserver; do
	refuses "it is no $purpose" 'unsuitable certificate purpose|unsupported certificate purpose' openssl verify -purpose $purpose -CAfile "$work/part1.pem" "$signer"
done
enroll one
accepts "OpenSSL verifies a device by the bundle" openssl verify -CAfile "$work/bundle.pem" "$work/one.pem"

# ---- bundle fetch, and offline verdicts

moniker=$MONIKER_BIN/moniker
accepts "bundle fetch" "$moniker" bundle fetch --out "$work/fetched.pem"
accepts "good by it" "$moniker" verify "$work/one.pem" --offline "$work/fetched.pem"
openssl x509 -in "$work/one.pem" -outform DER -out "$work/one.der"
accepts "the service says so, too, of DER" "$moniker" verify "$work/one.der"
cat "$work/one.der" "$work/one.der" >"$work/twice.der"
refuses "but not of more than one" '^malformed ' "$moniker" verify "$work/twice.der"
cursor=$("$moniker" bundle fetch --out "$work/fetched.pem" --json | jq -r .cursor)
act one hold
accepts "fetched again" "$moniker" bundle fetch --out "$work/fetched.pem"
same "held by it" held "$({ "$moniker" verify "$work/one.pem" --offline "$work/fetched.pem" --json || true; } | jq -r .verdict)"
sed 's/^-----BEGIN MONIKER.*/&\nAAAA/' "$work/fetched.pem" >"$work/other.pem"
cp "$work/other.pem" "$work/before"
refuses "what is no bundle is not replaced" 'which is to be replaced' "$moniker" bundle fetch --out "$work/other.pem"
cmp -s "$work/other.pem" "$work/before" || die "it was replaced"

# ---- the feed goes on from the bundle's cursor

changes "$cursor"
same "one page" "200 text/plain; charset=utf-8" "$(cat "$work/status") $(header content-type)"
same "with the hold" "$(serial_of "$work/one.pem" | tr A-F a-f) held 6" "$(lines | tail -n 1 | cut -d' ' -f2,3,5)"
same "to is from and as many lines" "$(($(field from) + $(lines | wc -l)))" "$(field to)"
same "its cursor" "$cursor" "$(field cursor)"
lines | python3 -c '
import base64, hashlib, sys
h = base64.b64decode(sys.argv[1])
for line in sys.stdin: h = hashlib.sha256(h + line.rstrip("\n").encode()).digest()
assert h == base64.b64decode(sys.argv[2])' "$(field before)" "$(field after)" || die "the lines are not chained"
ok "the lines are chained"
sed '/^$/,$d' "$work/page" >"$work/text"
grep '^— ' "$work/page" | sed 's/.* //' | base64 -d | tail -c 64 >"$work/signature"
openssl x509 -in "$signer" -noout -pubkey >"$work/signer.pub"
accepts "OpenSSL verifies the page's signature" openssl pkeyutl -verify -pubin -inkey "$work/signer.pub" -rawin -in "$work/text" -sigfile "$work/signature"
before=$(field after)

# ---- a long poll is woken

changes "$cursor"
same "nothing new: an empty page" "0 $(field from)" "$(lines | wc -l) $(field to)"
(
	curl -sS --cacert "$MONIKER_CACERT" --cert "$MONIKER_VERIFIER_CERT" --key "$MONIKER_VERIFIER_KEY" -o "$work/woken" "$MONIKER_URL/v1/changes?after=$cursor&wait=30"
	touch "$work/woken.at"
) &
waiter=$!
sleep 1
[ ! -e "$work/woken.at" ] || die "it did not wait"
act one release
wait "$waiter"
cp "$work/woken" "$work/page"
same "woken with the release" "good 0" "$(lines | cut -d' ' -f3,5)"
same "it follows on the page before" "$before" "$(field before)"
cursor=$(field cursor)
began=$SECONDS
changes "$cursor" 1
[ $((SECONDS - began)) -ge 1 ] || die "it did not wait for its time"
same "nobody changed anything: an empty page when the time is up" "200 0" "$(cat "$work/status") $(lines | wc -l)"

# ---- many wait, and each gets the same page

for i in $(seq 1 40); do
	curl -sS --cacert "$MONIKER_CACERT" --cert "$MONIKER_VERIFIER_CERT" --key "$MONIKER_VERIFIER_KEY" -o "$work/many$i" "$MONIKER_URL/v1/changes?after=$cursor&wait=60" &
	many[i]=$!
done
all_wait() { [ "$(call GET /metrics nobody | sed -n 's/^moniker_changes_waiting{kind="poll"} //p')" = 40 ]; }
within 30 "40 wait" all_wait
act one revoke
wait "${many[@]}"
for i in $(seq 2 40); do cmp -s "$work/many1" "$work/many$i" || die "waiter $i got another page"; done
cp "$work/many1" "$work/page"
same "all have the revocation" "revoked 1" "$(lines | cut -d' ' -f3,5)"

# ---- cursors

for bad in x AAAAAAAAAAA AAAAAAAAAAAAAAAA= '////////////////'; do
	call GET "/v1/changes?after=$(jq -rn --arg c "$bad" '$c | @uri')" verifier >"$work/p"
	refused "no cursor: $bad" 400 BAD_SYNTAX "$work/p"
done
for gone in AAAAAAAAAAGqqqqq AAAAAAD___-qqqqq AAAAAAAAAABBBBBB; do
	call GET "/v1/changes?after=$gone" verifier >"$work/p"
	refused "a cursor of another history: $gone" 410 CURSOR_GONE "$work/p"
done
call GET '/v1/changes?wait=61' verifier >"$work/p"
refused "too long a wait" 400 BAD_SYNTAX "$work/p"

# ---- from the beginning: as the snapshot says

call GET /v1/changes/snapshot verifier >"$work/set"
cursor=AAAAAAAAAAAAAAAA
: >"$work/all"
while changes "$cursor" && [ "$(field from)" != "$(field to)" ]; do lines >>"$work/all"; done
python3 - "$work/set" "$work/all" <<'END' || die "the feed and the set differ"
import base64, hashlib, sys
data = open(sys.argv[1], "rb").read()
end = data.index(b"\n", data.index(b"\n\n") + 2) + 1
head = dict(line.split(" ", 1) for line in data[:end].decode().split("\n\n")[0].split("\n")[1:])
issuers = [line.split(" ")[1] for line in data[:end].decode().split("\n") if line.startswith("issuer ")]
records = data[end:]
assert int(head["count"]) * 26 == len(records) and base64.b64decode(head["sha256"]) == hashlib.sha256(records).digest()
in_set = {}
for i in range(0, len(records), 26):
    r = records[i:i + 26]
    in_set[issuers[r[0]] + r[1:21].hex()] = "held" if r[21] & 0x80 else "revoked"
followed, last, place = {}, {}, 0
for line in open(sys.argv[2]):
    place += 1
    if place > int(head["seq"]): break
    issuer, serial, state, _, _ = line.split()
    if followed.get(issuer + serial) != "revoked": followed[issuer + serial] = state
assert in_set == {k: v for k, v in followed.items() if v != "good"} and in_set
END
ok "all changes from the beginning make the set"
