#!/usr/bin/env bash
# The key that signs pages, sets and bundles: certified where it has no certificate yet, followed by another, on record.
. "$(dirname "$0")/lib.sh"
moniker=$MONIKER_BIN/moniker
ca=$MONIKER_TEST_STATE/ca
command=("$moniker" ca status-signer --config "$MONIKER_CONFIG" --database-url "$MONIKER_PGURL" --dir "$ca"
	--passphrase-file "$MONIKER_TEST_STATE/roots.passphrase" --json)
renew_signer() { "${command[@]}" "$@"; }
sql() { psql -q -X -At "$MONIKER_PGURL" -c "$1"; }
bundle() { call GET /v1/trust-bundle nobody >"$work/bundle.pem"; cat "$work/status"; }
answers() { [ "$(bundle)" = "$1" ]; }
signers() { # the bundle's into $work/signer1.pem, newest first; prints how many
	rm -f "$work"/part*.pem "$work"/signer*.pem
	bundle >/dev/null
	awk -v dir="$work" '/BEGIN CERTIFICATE/ { n++; on = 1 } on { print > (dir "/part" n ".pem") } /END CERTIFICATE/ { on = 0 }' "$work/bundle.pem"
	local part n=0
	for part in $(ls "$work"/part*.pem | sort -V); do
		! openssl x509 -in "$part" -noout -subject | grep -q 'Status Signer' || { n=$((n + 1)); cp "$part" "$work/signer$n.pem"; }
	done
	echo "$n"
}
id_of() { openssl x509 -in "$1" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -c1-16; }
change() { # so that there is a page that was not signed before
	jq -c --arg a "$1" '{select: {pseudonym}, action: $a}' "$work/one" | send /v1/revocations officer >"$work/act"
	[ "$(cat "$work/status")" = 201 ]
}
signed_by() { # CERTIFICATE: the page of now is
	call GET /v1/changes/snapshot verifier --head >"$work/p"
	local from
	from=$(header moniker-next)
	change hold && change release || return 1
	call GET "/v1/changes?after=$from" verifier >"$work/page"
	[ "$(cat "$work/status")" = 200 ] || return 1
	sed '/^$/,$d' "$work/page" >"$work/text"
	grep '^— ' "$work/page" | sed 's/.* //' | base64 -d | tail -c 64 >"$work/signature"
	openssl x509 -in "$1" -noout -pubkey >"$work/key.pub"
	openssl pkeyutl -verify -pubin -inkey "$work/key.pub" -rawin -in "$work/text" -sigfile "$work/signature"
}
leaves() { call GET "/v1/audit/events?ev=$1&act=system:ca" auditor | grep -c "status:$2" || true; }
recorded_for() { [ "$(leaves key.create "$1") $(leaves cert.issue "$1") $(leaves key.rotate "$1")" = "1 1 1" ]; }
open_lot signer
make_key one
request one "$(random_mac)" | send /v1/enrollments station >"$work/one"
jq -r .certificate "$work/one" >"$work/one.pem"

# ---- an installation from before: the key is there, and no certificate

sql 'DELETE FROM status_signer'
within 30 "without a certificate there is no bundle" answers 404
same "a dry run says what it would do" "uncertified true" "$(renew_signer --dry-run | jq -r '"\(.stage) \(.dry_run)"')"
ring=$(sha256sum "$MONIKER_TEST_STATE/keeper/keeper.ring")
echo wrong >"$work/wrong"
chmod 400 "$work/wrong"
refuses "not with another passphrase" PASSPHRASE_WRONG "${command[@]}" --passphrase-file "$work/wrong"
same "which records nothing" 0 "$(sql 'SELECT count(*) FROM status_signer')"
accepts "the key is certified" renew_signer
same "it is the same key" "$ring" "$(sha256sum "$MONIKER_TEST_STATE/keeper/keeper.ring")"
within 30 "there is a bundle at once" answers 200
same "with one signer" 1 "$(signers)"
first=$(id_of "$work/signer1.pem")
cp "$work/signer1.pem" "$work/first.pem"
accepts "whom the root vouches for" openssl verify -CAfile "$work/part1.pem" "$work/first.pem"
accepts "who signs the pages" signed_by "$work/first.pem"
accepts "and the set" "$moniker" bundle fetch --out "$work/old.pem"
accepts "which says that a device is good" "$moniker" verify "$work/one.pem" --offline "$work/old.pem"
within 30 "key.create, cert.issue and key.rotate are in the log" recorded_for "$first"
tbs=$(sql "SELECT translate(encode(sha256(nonce || tbs), 'base64'), E'\n', '') FROM status_signer WHERE certificate IS NOT NULL")
call GET '/v1/audit/events?ev=cert.issue&act=system:ca' auditor >"$work/leaf"
grep -qF "\"c\":\"$tbs\"" <(grep "status:$first" "$work/leaf") || die "the leaf does not commit to the TBS"
ok "the leaf commits to what the root signed"
same "its TBS is what is on record" "$(sql "SELECT position(tbs IN certificate) > 0 FROM status_signer")" t

# ---- another one

same "within a day it is done already" done "$(renew_signer | jq -r .stage)"
same "and there is one" 1 "$(signers)"
accepts "asked again, another key is made" renew_signer --again
within 30 "the keeper signs with it" eval 'signers >"$work/n" && signed_by "$work/signer1.pem"'
same "the bundle has both" 2 "$(signers)"
second=$(id_of "$work/signer1.pem")
[ "$second" != "$first" ] || die "it is the old key"
same "the newest first" "$first" "$(id_of "$work/signer2.pem")"
shows "under a name of its own" 'Status Signer 2' <(openssl x509 -in "$work/signer1.pem" -noout -subject)
refuses "the old one signs no more" 'Verification Failure' signed_by "$work/first.pem"
within 30 "each step is in the log once" recorded_for "$second"
accepts "an old bundle is replaced" "$moniker" bundle fetch --out "$work/old.pem"
accepts "and a device is good by the new one" "$moniker" verify "$work/one.pem" --offline "$work/old.pem"

# ---- cut short at any moment, it is finished by the next run

before=$(sql 'SELECT count(*) FROM status_signer')
for pause in 0.02 0.04 0.06 0.08 0.1 0.13 0.16 0.2 0.3; do
	timeout -s KILL "$pause" "${command[@]}" --again >/dev/null 2>&1 || true
done
renew_signer >"$work/p" || die "$(cat "$work/p")"
same "none is left over" 0 "$(sql 'SELECT count(*) FROM status_signer WHERE certificate IS NULL')"
within 30 "the keeper signs with the last one" eval 'signers >"$work/n" && signed_by "$work/signer1.pem"'
[ "$(sql 'SELECT count(*) FROM status_signer')" -ge "$before" ] || die "one is gone"
within 30 "each step is in the log once" recorded_for "$(id_of "$work/signer1.pem")"
ready() { [ "$(curl -sS -o /dev/null -w '%{http_code}' --cacert "$MONIKER_CACERT" "$MONIKER_URL/readyz")" = 200 ]; }
within 30 "the service is ready" ready
