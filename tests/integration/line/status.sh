#!/usr/bin/env bash
# The life of a device: hold, release, revoke, readmit; verdict, CRL and refusals follow.
. "$(dirname "$0")/lib.sh"
open_lot status
make_key d; mac=$(random_mac)
request d "$mac" | send /v1/enrollments station >"$work/d"
same "enrolled" 201 "$(cat "$work/status")"
pseudonym=$(jq -r .pseudonym "$work/d")
jq -r .certificate "$work/d" >"$work/d.pem"
serial=$(serial_of "$work/d.pem")

act() { # ACTION [jq filter]
	jq -c --arg p "$pseudonym" --arg a "$1" "{select: {pseudonym: \$p}, action: \$a} | ${2:-.}" <<<null | send /v1/revocations officer >"$work/act"
}
on_crl() { fetch_crl "$work/d.pem" "$work/crl" && crl_lists "$work/crl" "$serial"; }
off_crl() { ! on_crl; }

good_for() { jq -c '{certificate}' "$1" | send /v1/verifications verifier >"$work/v"; }
for time in first second; do # the second from memory
	good_for "$work/d"
	same "the $time verdict" "good $pseudonym" "$(jq -r '.verdict + " " + .pseudonym' "$work/v")"
	jq -e '(.as_of | fromdate) <= now and (.fresh_until | fromdate) == (.as_of | fromdate) + 86400' "$work/v" >/dev/null || die "the $time verdict: as_of and fresh_until"
done
act revoke '. + {dry_run: true}'
same "a dry run is a preview" "200 preview" "$(cat "$work/status") $(jq -r .status "$work/act")"
same "and changes nothing" good "$(verdict "$work/d")"

act hold
same "hold" 201 "$(cat "$work/status")"
same "held at once" held "$(verdict "$work/d")"
act hold
same "hold of what is held: no harm" "201 0" "$(cat "$work/status") $(jq .count "$work/act")"
within 30 "the CRL lists it" on_crl
make_key e
request e "$mac" | send /v1/enrollments station >"$work/p"
refused "its hardware cannot enroll" 403 DEVICE_HELD "$work/p"
act readmit
refused "readmit of what is held" 409 STATE_CONFLICT "$work/act"

act release
same "release" 201 "$(cat "$work/status")"
same "good again" good "$(verdict "$work/d")"
within 30 "the CRL forgets it" off_crl
act release
refused "release of what is active" 409 STATE_CONFLICT "$work/act"
act readmit
refused "readmit of what is active" 409 STATE_CONFLICT "$work/act"

act revoke '. + {reason: "keyCompromise", why: "CLONE"}'
same "revoke" 201 "$(cat "$work/status")"
same "revoked at once" revoked "$(verdict "$work/d")"
within 30 "the CRL lists it for good" on_crl
for action in hold release; do
	act $action
	refused "$action of what is revoked" 409 STATE_CONFLICT "$work/act"
done
request e "$mac" | send /v1/enrollments station >"$work/p"
refused "its hardware is blocked" 403 DEVICE_BLOCKED "$work/p"
renew d
refused "a revoked device cannot renew" 403 CALLER_REVOKED "$work/p"

act readmit
same "readmit" 201 "$(cat "$work/status")"
request e "$mac" | send /v1/enrollments station >"$work/e"
same "the hardware enrolls again" 201 "$(cat "$work/status")"
[ "$(jq -r .pseudonym "$work/e")" != "$pseudonym" ] || die "the pseudonym came back"
same "the old certificate stays revoked" revoked "$(verdict "$work/d")"
make_key f
request f "$mac" | send /v1/enrollments station >"$work/p"
refused "the leave was for once" 409 DUPLICATE_HARDWARE "$work/p"

call GET "/v1/devices/$pseudonym" officer >"$work/device"
same "the device as officers see it" "revoked KEY_COMPROMISE" "$(jq -r '.state + " " + .certificates[0].reason' "$work/device")"
same "its certificate by the serial" "$pseudonym revoked KEY_COMPROMISE" \
	"$(call GET "/v1/certificates/$(tr A-F a-f <<<"$serial")" verifier | jq -r '.pseudonym + " " + .status + " " + .reason')"
id=$(jq -c --arg s "$(tr A-F a-f <<<"$serial")" '{select: {serial: $s}, action: "revoke"}' <<<null | send /v1/revocations officer | jq -r .id)
same "a revocation by its id" revoke "$(call GET "/v1/revocations/$id" officer | jq -r .action)"

# ---- a certificate that was verified is not remembered as good: whatever turns its device, turns it

make_key r1; make_key r2; mac=$(random_mac)
request r1 "$mac" | send /v1/enrollments station >"$work/r1"
sleep 0.3 # until its signature is on record, so that what is verified is remembered
same "before its replacement" "good good" "$(verdict "$work/r1") $(verdict "$work/r1")"
request r2 "$mac" '. + {replace: true}' | send /v1/enrollments station >"$work/r2"
same "replaced" 201 "$(cat "$work/status")"
same "at once revoked, its successor good" "revoked good" "$(verdict "$work/r1") $(verdict "$work/r2")"
jq -c -s '{certificates: [.[].certificate, .[].certificate, "no certificate"]}' "$work/r1" "$work/r2" "$work/d" | send /v1/verifications verifier >"$work/v"
same "many, in order" "revoked good revoked revoked good revoked malformed" "$(jq -r '[.results[].verdict] | join(" ")' "$work/v")"
# More than are looked up together, some of them never seen: each has its own verdict, also the second time.
jq -c -s '.[0].certificate as $bad | .[1].certificate as $good | {certificates: [range(100) |
	if . % 7 == 0 then $bad elif . % 5 == 0 then "no certificate \(.)" elif . % 3 == 0 then $good + "\(.)" else $good end]}' "$work/r1" "$work/r2" >"$work/many"
for time in first second; do
	send /v1/verifications verifier <"$work/many" >"$work/v"
	same "a hundred, the $time time" "$(jq -nr '[range(100) | if . % 7 == 0 then "revoked" elif . % 5 == 0 then "malformed" else "good" end] | join(" ")')" \
		"$(jq -r '[.results[].verdict] | join(" ")' "$work/v")"
done
for body in '{"certificate":"\u0041"}' '{"certificates":["a","\\"]}'; do
	printf %s "$body" | send /v1/verifications verifier >"$work/v"
	same "unusual JSON is read, too" 200 "$(cat "$work/status")"
done
for body in '{"certificate":"a' '{"certificates":["a",]}' '{"certificate":"a","certificates":["b"]}' '{"certificate":"a"} x' "{\"certificate\":\"$(printf 'a\001')\"}"; do
	printf %s "$body" | send /v1/verifications verifier >"$work/v"
	same "wrong JSON is refused" 400 "$(cat "$work/status")"
done
