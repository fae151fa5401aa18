#!/usr/bin/env bash
# Renewal, as far as the clock allows: a new certificate is not due, and who is shut out stays out.
. "$(dirname "$0")/lib.sh"
open_lot renew
for name in d other; do
	make_key "$name"
	request "$name" "$(random_mac)" | send /v1/enrollments station >"$work/$name"
	same "$name is enrolled" 201 "$(cat "$work/status")"
	jq -r .certificate "$work/$name" >"$work/$name.pem"
done

asked=$(date +%s)
renew d
told=$(date +%s)
refused "it is not due" 409 NOT_DUE "$work/p"
wait=$(header retry-after) due=$(date -ud "$(jq -r .renew_after "$work/d")" +%s)
[ $((asked + wait)) -le $((due + 1)) ] && [ $((told + wait)) -ge $((due - 1)) ] || die "Retry-After: $wait does not lead to renew_after"
ok "Retry-After leads to renew_after"
make_key new
renew d new
refused "with a new key neither" 409 NOT_DUE "$work/p"
renew d other
refused "a key that another device has" 409 KEY_REUSED "$work/p"
same "and the certificate stays good" good "$(verdict "$work/d")"

# ---- moniker renew --new-key was killed when its certificate was there, and not yet its key

mkdir "$work/dir"
cp "$work/d.pem" "$work/dir/cert.pem"
cp "$work/d.key" "$work/dir/key.next.pem"
cp "$work/new.key" "$work/dir/key.pem"
said() { env -u MONIKER_CERT -u MONIKER_KEY "$MONIKER_BIN/moniker" renew --dir "$work/dir" "$@" 2>&1 || true; }
said >"$work/said"
shows "it renews with the key of its certificate" NOT_DUE "$work/said"
cmp -s "$work/d.key" "$work/dir/key.pem" && [ ! -e "$work/dir/key.next.pem" ] || die "the key is not in its place"
said --new-key >"$work/said"
shows "and with a new one" NOT_DUE "$work/said"
cp "$work/dir/key.next.pem" "$work/next.key"
said --new-key >"$work/said"
cmp -s "$work/d.key" "$work/dir/key.pem" && cmp -s "$work/next.key" "$work/dir/key.next.pem" ||
	die "a key without a certificate has taken the place of the one that has"
ok "a new key waits for its certificate"

jq -c --rawfile csr "$work/new.csr" '{csr: $csr}' <<<null >"$work/body"
send /v1/renewals nobody <"$work/body" >"$work/p"
refused "without a certificate" 401 CALLER_MISSING "$work/p"
send /v1/renewals station <"$work/body" >"$work/p"
refused "a station is no device" 403 ROLE_DENIED "$work/p"

act() { jq -c --arg a "$1" '{select: {pseudonym}, action: $a}' "$work/d" | send /v1/revocations officer >"$work/act"; }
act hold
renew d
refused "a device on hold" 403 DEVICE_HELD "$work/p"
act revoke
same "revoked" 201 "$(cat "$work/status")"
renew d
refused "a revoked device" 403 CALLER_REVOKED "$work/p"
renew other
refused "the device beside it is as before" 409 NOT_DUE "$work/p"
for code in NOT_DUE DEVICE_HELD; do recorded $code renew.refused; done
