#!/usr/bin/env bash
# Proof for outsiders: tiles, receipts, proofs, and a log that is verified without the service:
# by `moniker audit verify`, and by docs/verify/verify.py, which shares nothing with it.
. "$(dirname "$0")/lib.sh"
need python3 python3
top=$(cd "$(dirname "$0")/../../.." && pwd)
moniker=$MONIKER_BIN/moniker
open_lot evidence
tree_fits || die "the leaves do not fit the checkpoint"
verify() { "$moniker" audit verify "$@" --vkey "$vkey"; }
second() { python3 "$top/docs/verify/verify.py" "$vkey" "$1"; }
# exits WHAT STATUS PATTERN COMMAND...: with this status, and says so.
exits() {
	local what=$1 want=$2 pattern=$3 status=0
	shift 3
	"$@" >"$work/said" 2>&1 || status=$?
	[ "$status" = "$want" ] || { cat "$work/said" >&2; die "$what: exit status $status, not $want"; }
	shows "$what" "$pattern" "$work/said"
}
good() { # WHAT PATH PATTERN: to both
	exits "$1" 0 "$3" verify "$2"
	exits "$1, to the second verifier" 0 '^good' second "$2"
}

# ---- receipts

make_key a; mac=$(random_mac)
request a "$mac" | send '/v1/enrollments?proof=1' station >"$work/a"
same "an enrollment that asks for its receipt: status" 201 "$(cat "$work/status")"
jq -j .proof "$work/a" >"$work/a.tlog-proof"
good "the receipt verifies" "$work/a.tlog-proof" '"ev":"enroll.ok"'
same "it is of the leaf that commits to this certificate" \
	"$(psql -XAtq "$MONIKER_PGURL" -c "SELECT seq FROM certificate_body WHERE serial = '\x$(jq -r .serial "$work/a")'")" \
	"$(sed -n 's/^index //p' "$work/a.tlog-proof")"
request a "$mac" | send '/v1/enrollments?proof=1' station >"$work/again"
same "the same request again: status" 200 "$(cat "$work/status")"
jq -j .proof "$work/again" >"$work/again.tlog-proof"
good "has the receipt of the recorded leaf" "$work/again.tlog-proof" "^leaf $(sed -n 's/^index //p' "$work/a.tlog-proof"): "
make_key b
request b "$(random_mac)" | send /v1/enrollments station >"$work/b"
same "who does not ask gets none" false "$(jq 'has("proof")' "$work/b")"
make_key c
{ request c "$(random_mac)"; request a "$mac"; echo '{"csr": 1}'; } >"$work/lines"
call POST '/v1/enrollments?proof=1' station -H 'Content-Type: application/x-ndjson' --data-binary @"$work/lines" >"$work/many"
same "a receipt for each line that has a certificate" "201 200 400" "$(jq -rs 'map(.status) | join(" ")' "$work/many")"
for line in 1 2; do
	sed -n ${line}p "$work/many" | jq -j .body.proof >"$work/line.tlog-proof"
	good "that of line $line verifies" "$work/line.tlog-proof" '"ev":"enroll.ok"'
done
jq -c '{select: {pseudonym}, action: "revoke", reason: "keyCompromise"}' "$work/b" | send '/v1/revocations?proof=1' officer >"$work/revoked"
same "a revocation's receipts: one a certificate, one for the device" 2 "$(jq '.proofs | length' "$work/revoked")"
for i in 0 1; do
	jq -j ".proofs[$i]" "$work/revoked" >"$work/revoked.tlog-proof"
	good "receipt $i" "$work/revoked.tlog-proof" '"rc":"KEY_COMPROMISE"'
done
request a "$mac" | send '/v1/enrollments?proof=2' station >"$work/p"
refused "a receipt that is half wanted" 400 BAD_SYNTAX "$work/p"
sed '3s/^index .*/index 0/' "$work/a.tlog-proof" >"$work/moved"
exits "a receipt moved to another leaf" 1 '^tampered' verify "$work/moved"
exits "the same, to the second verifier" 1 '^tampered' second "$work/moved"
jq -c '{select: {pseudonym}, action: "revoke", reason: "keyCompromise"}' "$work/b" | send '/v1/revocations?proof=1' officer >"$work/revoked"
same "what was so already has no leaf" '[]' "$(jq -c .proofs "$work/revoked")"

# ---- proofs on request

call GET "/audit/$log_name/checkpoint" nobody >"$work/old"
old=$(sed -n 2p "$work/old")
"$moniker" audit proof 0 --out "$work/zero.tlog-proof"
good "the proof of the first leaf" "$work/zero.tlog-proof" '"ev":"log.open"'
make_key d
request d "$(random_mac)" | send '/v1/enrollments?proof=1' station >"$work/d"
jq -j .proof "$work/d" | sed -n '/^$/,$p' | sed 1d >"$work/new"
new=$(sed -n 2p "$work/new")
[ "$new" -gt "$old" ] || die "the log did not grow"
"$moniker" audit proof --from-size "$old" --size "$new" >"$work/growth"
exits "from one checkpoint to another" 0 "^good: .* $new leaves" verify "$work/growth" --since "$work/old" --to "$work/new"
exits "not the other way round" 1 '^tampered' verify "$work/growth" --since "$work/new" --to "$work/old"
sed '1s/^./=/' "$work/growth" >"$work/changed"
exits "not with another hash" 1 '^tampered' verify "$work/changed" --since "$work/old" --to "$work/new"
call GET "/v1/audit/proofs/inclusion?log=$log_name&seq=1&size=$old" auditor >"$work/lines"
same "the hashes alone for a size that was asked for" "$(call GET "/v1/audit/proofs/inclusion?seq=1&size=$old" auditor)" "$(cat "$work/lines")"
same "they are text" "text/plain; charset=utf-8" "$(header content-type)"
for query in 'inclusion?seq=99999999' 'inclusion?seq=5&size=5' 'inclusion?seq=0&size=99999999' 'inclusion?seq=x' \
	"consistency?old=2&new=1" "consistency?old=1&new=99999999"; do
	call GET "/v1/audit/proofs/$query" auditor >"$work/p"
	refused "$query" 400 BAD_SYNTAX "$work/p"
done
call GET /v1/audit/proofs/inclusion auditor >"$work/p"
refused "without a leaf" 400 INCOMPLETE "$work/p"
call GET '/v1/audit/proofs/inclusion?seq=0&log=no-such-log' auditor >"$work/p"
refused "of no log" 404 NOT_FOUND "$work/p"
call GET '/v1/audit/proofs/inclusion?seq=0' officer >"$work/p"
refused "an officer is no auditor" 403 ROLE_DENIED "$work/p"

# ---- tiles

part() { [ "$1" -ge 256 ] || printf '.p/%d' "$1"; }
tile="tile/entries/000$(part "$new")"
call GET "/audit/$log_name/$tile" auditor >"$work/tile"
same "a tile: status" 200 "$(cat "$work/status")"
cmp -s "$work/tile" "$MONIKER_AUDIT_DIR/$log_name/$tile" || [ "$new" -lt 256 ] || die "the tile is not the file"
case $(header cache-control) in
"private, max-age=31536000, immutable") [ "$new" -ge 256 ] || die "a partial tile is called immutable" ;;
"private, max-age=3600") [ "$new" -lt 256 ] || die "a full tile is not called immutable" ;;
*) die "Cache-Control is $(header cache-control)" ;;
esac
call GET "/audit/$log_name/checkpoint" nobody >/dev/null
same "the checkpoint is asked for anew" no-cache "$(header cache-control)"
for path in tile/0/0 tile/0/x000/000 tile/9/000 tile/0/000.p/256 tile/0/../../checkpoint tile/0/000.p; do
	call GET "/audit/$log_name/$path" auditor --path-as-is >"$work/p"
	refused "$path" 404 NOT_FOUND "$work/p"
done
call GET "/audit/$log_name/$tile" station >"$work/p"
refused "tiles are for auditors" 403 ROLE_DENIED "$work/p"

# ---- the folder is the log

copy_log "$MONIKER_AUDIT_DIR/$log_name" "$work/log"
size=$(sed -n 2p "$work/log/checkpoint")
good "a copy of the folder verifies" "$work/log" "^good: .*/$log_name, $size leaves"
exits "and continues the checkpoint that was kept" 0 '^good' verify "$work/log" --since "$work/old"
tar -C "$work" -cf "$work/log.tar" log
exits "so does an archive of it" 0 "^good: .*, $size leaves" verify "$work/log.tar" --since "$work/old"
printf '# what we trust\nlog %s\nquorum none\n' "$vkey" >"$work/policy"
exits "the key from a policy" 0 '^good' "$moniker" audit verify "$work/log" --policy "$work/policy"
verify "$work/log" --json >"$work/json"
same "as JSON" "good $size" "$(jq -r '"\(.verdict) \(.size)"' "$work/json")"
cp -r "$work/log" "$work/true"
restore() { rm -rf "$work/log"; cp -r "$work/true" "$work/log"; }
bundle=$work/log/tile/entries/000$(part "$size")
hashes=$work/log/tile/0/000$(part "$size")
sed -i '0,/"ev":"enroll.ok"/s//"ev":"enroll.oK"/' "$bundle"
victim=$(grep -abo '"ev":"enroll.oK"' "$bundle" | cut -d: -f1)
victim=$(head -c "$victim" "$bundle" | grep -ao '"seq":[0-9]*' | tail -n1 | cut -d: -f2)
exits "an edited leaf is named" 1 "^tampered: leaf $victim: its octets" verify "$work/log"
exits "the same, to the second verifier" 1 "^tampered: leaf $victim " second "$work/log"
restore
flip "$hashes" $((32 * 3))
exits "an edited hash is named" 1 "^tampered: leaf 3: " verify "$work/log"
restore; rm "$hashes"
exits "a missing tile is incomplete" 2 '^incomplete: .*is not there' verify "$work/log"
exits "the same, to the second verifier" 2 '^incomplete' second "$work/log"
restore; rm "$work/log/checkpoint"
exits "no checkpoint is incomplete" 2 '^incomplete' verify "$work/log"
restore; sed -i "2s/.*/$((size - 1))/" "$work/log/checkpoint"
exits "a changed checkpoint" 1 '^tampered: .*signature' verify "$work/log"
restore; cp "$work/old" "$work/log/checkpoint" # an old backup
exits "an old log for a newer checkpoint that was kept" 1 "^tampered: leaf $old: the log has $old leaves" verify "$work/log" --since "$work/new"
exits "no key" 3 'key is needed' "$moniker" audit verify "$work/log"
exits "nothing to verify" 3 'say what' verify
printf 'log %s\nquorum q\n' "$vkey" >"$work/policy"
exits "a policy that asks for a witness it does not know" 3 'quorum that is not defined' "$moniker" audit verify "$work/log" --policy "$work/policy"
printf 'log %s\nwitness w witness.example/w1+5c917ff5+BK3BQBH4LRxW2VaqT51z2IWDYaYGBIUl4NCMY43HXdjH\nquorum w\n' "$vkey" >"$work/policy"
for what in "$work/log" "$work/zero.tlog-proof"; do
	exits "a policy that asks for witnesses is not half followed: ${what##*/}" 2 '^incomplete: .*is no quorum' "$moniker" audit verify "$what" --policy "$work/policy"
done
exits "another log's key" 2 'no key for the log' "$moniker" audit verify "$work/log" \
	--vkey moniker.example/node1-2026+fef7c7b4+AXm1Vi6P5lT5QHixEuipi6eQH4U65pW+1+DjkQutBJZk
