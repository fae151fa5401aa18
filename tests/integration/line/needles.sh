#!/usr/bin/env bash
# No hardware id at rest, in any form: a thousand canaries go through every flow, failures and crashes included; then all
# that was written by whomever is searched. Each sink is also given a canary of its own, which has to be found.
. "$(dirname "$0")/lib.sh"
moniker=$MONIKER_BIN/moniker
here=$(dirname "$0")
support=$here/../../support
. "$here/needles_flows.sh"
. "$here/needles_sinks.sh"
devices=1000
super() { psql -q -X -h "$pg" -U postgres -d moniker "$@"; }

"$here/needles.py" make $devices >"$work/ids"
"$here/needles.py" make 1 >"$work/planted-id"
"$here/needles.py" forms "$work/ids" >"$work/needles" & # takes as long as what follows
forms=$!
"$here/needles.py" forms "$work/planted-id" >"$work/planted-needles"
mapfile -t ids <"$work/ids"
body() { # NAME ID [jq filter]
	jq -c --rawfile csr "$work/$1.csr" --arg batch "$batch" --arg type "${2%%=*}" --arg value "${2#*=}" \
		"{batch: \$batch, csr: \$csr, hardware_ids: [{type: \$type, value: \$value}]} | ${3:-.}" <<<null
}
enroll() { # NAME ID STATUS [jq filter [role]]
	body "$1" "$2" "${4:-.}" | send /v1/enrollments "${5-station}" >"$work/$1.json"
	same "$1: ${2%%=*}" "$3" "$(cat "$work/status")"
}

answered() { # WHAT: where it should not be, and whatever the answer
	[ "$(cat "$work/status")" -lt 500 ] || die "$1: $(cat "$work/status")"
	ok "$1: $(cat "$work/status")"
}

# ---- a witness, which gets what witnesses get

call GET /audit/logs auditor >"$work/logs"
vkey=$(jq -r '.items[0].vkey' "$work/logs")
echo "log $vkey" >"$work/logs.policy"
"$moniker" witness init --dir "$work/w" --name witness.test/needles >"$work/w.vkey"
"$moniker" witness run --dir "$work/w" --policy "$work/logs.policy" --port 0 2>"$work/w.log" &
witness=$!
cleanup() { # the service is left as it was found
	kill "$witness" 2>/dev/null || true
	sed -i '/^policy = /d' "$MONIKER_CONFIG"
	strike_service
}
within 30 "the witness listens" grep -q '"witness.start"' "$work/w.log"
printf 'log %s\nwitness w %s http://127.0.0.1:%s\ngroup all all w\nquorum all\n' "$vkey" "$(cat "$work/w.vkey")" \
	"$(sed -n 's/.*"witness.start".*on port \([0-9]*\).*/\1/p' "$work/w.log")" >"$work/policy"
chmod 644 "$work/policy"
sed -i "s|^name = moniker.test\$|&\npolicy = $work/policy|" "$MONIKER_CONFIG"
strike_service

# ---- every flow

open_lot needles
for i in 1 2 3 4 5 6 7; do make_key "n$i"; make_key "again$i"; take; mine[i]=$id; done
for i in 1 2 3 4 5 6 7; do enroll "n$i" "${mine[i]}" 201; done
for i in 1 2 3 4 5 6 7; do enroll "again$i" "${mine[i]}" 409; done
enroll n1 "${mine[1]}" 200
enroll again2 "${mine[2]}" 201 '. + {replace: true}'
for what in revoke readmit; do
	jq -c --arg what $what '{select: {pseudonym}, action: $what, reason: "KEY_COMPROMISE"}' "$work/n3.json" | send /v1/revocations officer >"$work/p"
	same "device 3: $what" 201 "$(cat "$work/status")"
done
enroll again3 "${mine[3]}" 201
# Refused, each for another reason.
make_key x
take; enroll x "$id" 404 '.batch = "no-such-lot"'
take; enroll x "$id" 400 '.csr = "no csr"'
take; enroll x "$id" 400 '. + {color: "blue"}'
take; enroll x "$id" 400 '.hardware_ids[0].value += "\u0000"'
take; enroll x "$id" 422 '.hardware_ids += .hardware_ids'
take; enroll x "$id" 422 '.hardware_ids[0].value += "0"'
take; enroll x "$id" 422 '.hardware_ids[0].type = "serial"'
take; enroll x "$id" 400 '.hardware_ids[0].type = .hardware_ids[0].value * 2'
take; enroll x "$id" 404 '.batch = .hardware_ids[0].value[:40]'
take; enroll x "$id" 422 '.profile = .hardware_ids[0].value[:30]'
take; enroll x "$id" 403 '.token = "mk1." + .hardware_ids[0].value'
take; enroll x "$id" 401 . nobody
take; enroll x "$id" 403 . verifier
take; body x "$id" | head -c -9 | send /v1/enrollments station >"$work/p"
same "half a request" 400 "$(cat "$work/status")"
take; call POST /v1/enrollments station -H 'Content-Type: text/plain' --data-binary "$id" >"$work/p"
same "no JSON" 415 "$(cat "$work/status")"
take; call GET "/v1/devices/${id#*=}" verifier >"$work/p"
answered "an id in a path"
take; call GET "/v1/batches?after=${id#*=}" admin >"$work/p"
answered "an id in a query"
take; call GET "/v1/batches" admin -H "X-Device: ${id#*=}" -H "User-Agent: ${id#*=}" >"$work/p"
answered "an id in header fields"
# Blind, listed, bound.
take; accepts "blind" "$moniker" enroll --out "$work/blind" --batch "$batch" --blind --hardware-id "$id"
refuses "blind, again" DUPLICATE_HARDWARE "$moniker" enroll --out "$work/blind2" --batch "$batch" --blind --hardware-id "$id"
lot=$batch
open_lot listed '. + {manifest: true}'
take; accepts "listed" "$moniker" manifest add "$batch" - <<<"$id"
enroll x "$id" 201
make_key y
take; enroll y "$id" 403
batch=$lot
take; jq -c --arg type "${id%%=*}" --arg value "${id#*=}" '{for: [{hardware_ids: [{type: $type, value: $value}]}]}' <<<null |
	send "/v1/batches/$batch/tokens" admin >"$work/p"
same "bound" 201 "$(cat "$work/status")"
token=$(jq -r '.tokens[0]' "$work/p")
take; enroll y "$id" 403 ". + {token: \"$token\"}" nobody
# EST: the ids are the user name.
est() { # USER:PASSWORD NAME
	openssl req -in "$work/$2.csr" -outform DER | base64 -w0 |
		curl -sS --cacert "$MONIKER_CACERT" -u "$1" -H 'Content-Type: application/pkcs10' --data-binary @- -o /dev/null -w '%{http_code}' \
			"$MONIKER_URL/.well-known/est/$batch/simpleenroll"
}
token=$(echo '{"count": 1}' | send "/v1/batches/$batch/tokens" admin | jq -r '.tokens[0]')
take; same "by EST" 200 "$(est "$id:$token" y)"
take; make_key z; same "by EST, refused" 409 "$(est "$id:$token" z)"
take; same "by EST, no token" 401 "$(est "$id:" z)"
# Many at once: kills among them, and the rest of the thousand in one request.
refused_flows
escrow_flow
blind_escrow_flow
unlinkable_flow
listed_flow
bound_flow
est_flow
crash_flows
plain_flows $((devices - used - 80))
same "canaries that went through" $devices $used

# ---- what was written
mkdir "$sinks"
collect_database
collect_files
collect_export
collect_answers
find "$sinks" -name '*.gz' -exec gunzip -f {} +
found() { # NEEDLES DIR: "FILE<tab>NAME" lines; false: there is one
	find "$2" -type f ! -empty >"$work/files"
	mapfile -t files <"$work/files"
	"$MONIKER_TEST_SCAN" "$1" "${files[@]}"
}
wait $forms
[ "$(wc -l <"$work/needles")" -gt $((1100 * devices)) ] || die "too few forms: $(wc -l <"$work/needles")"
found "$work/needles" "$sinks" >"$work/found" || { head -5 "$work/found" >&2; die "a hardware id is written"; }
for sink in "$sinks"/*; do
	[ -n "$(find "$sink" -type f ! -empty -print -quit)" ] || die "nothing in ${sink##*/}"
	ok "${sink##*/}: $(du -sk "$sink" | cut -f1) KiB, no hardware id"
done

# ---- the scanner finds what is there: each form of a canary, in each sink
"$here/needles.py" octets "$work/planted-id" >"$work/planted"
for sink in "$sinks"/*; do
	file=$(find "$sink" -type f ! -empty -print -quit)
	chmod u+w "$file"
	cat "$work/planted" >>"$file"
	found "$work/planted-needles" "$sink" >"$work/found" || true
	cut -f2 "$work/found" | sort -u | comm -13 - <(cut -f2 "$work/planted-needles" | sort -u) >"$work/missed"
	same "${sink##*/}: what the scanner misses of a canary" "" "$(head -n 3 "$work/missed")"
done
# And where PostgreSQL puts what it is given: data, write-ahead log, dump, log.
id=$(cat "$work/planted-id") value=${id#*=}
super -c "CREATE TABLE canary (t text, b bytea)" -c "INSERT INTO canary VALUES ('$value', '\\x$value')" -c CHECKPOINT
super -c "SELECT '$value'::inet" 2>/dev/null && die "no error"
found "$work/planted-needles" "$pg/data/base" >"$work/found" && die "not found in the data"
grep -q ': raw #' "$work/found" || die "not found in the data as octets: $(cat "$work/found")"
grep -q ': hex #' "$work/found" || die "not found in the data as text: $(cat "$work/found")"
found "$work/planted-needles" "$pg/data/pg_wal" >/dev/null && die "not found in the write-ahead log"
pg_dump -h "$pg" -U postgres -d moniker >"$work/dump"
found "$work/planted-needles" "$work/dump" >/dev/null && die "not found in the dump"
found "$work/planted-needles" "$pg/server.log" >/dev/null && die "not found in PostgreSQL's log"
super -c "DROP TABLE canary"
ok "what is planted in PostgreSQL is found in its data, its write-ahead log, its dump and its log"
