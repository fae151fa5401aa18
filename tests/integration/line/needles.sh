#!/usr/bin/env bash
# No hardware id at rest, in any form: canaries go through every flow, failures and a crash included; then all that the
# service and PostgreSQL have written is searched. Each sink is also given a canary of its own, which has to be found.
. "$(dirname "$0")/lib.sh"
moniker=$MONIKER_BIN/moniker
here=$(dirname "$0")
pg=$(sed -n 's/^PGDIR=//p' "$MONIKER_TEST_PG")
devices=63 # nine of each type
super() { psql -q -X -h "$pg" -U postgres -d moniker "$@"; }

"$here/needles.py" make $devices >"$work/ids"
"$here/needles.py" make 1 >"$work/planted-id"
"$here/needles.py" forms "$work/ids" >"$work/needles"
"$here/needles.py" forms "$work/planted-id" >"$work/planted-needles"
[ "$(wc -l <"$work/needles")" -gt $((500 * devices)) ] || die "too few forms: $(wc -l <"$work/needles")"
mapfile -t ids <"$work/ids"
used=0
take() { # sets `id` to the next canary: each is used once, so that each flow has its own
	[ $used -lt ${#ids[@]} ] || die "no canary is left"
	id=${ids[used]}
	used=$((used + 1))
}
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
# Many at once, and killed in the middle of it.
: >"$work/lines"
for i in $(seq 1 12); do make_key "m$i"; take; body "m$i" "$id" >>"$work/lines"; done
call POST /v1/enrollments station -H 'Content-Type: application/x-ndjson' --data-binary "@$work/lines" >"$work/results"
same "many at once" "12" "$(grep -c '"status":201' "$work/results")"
: >"$work/lines"
for i in $(seq 1 12); do make_key "k$i"; take; body "k$i" "$id" >>"$work/lines"; done
for _ in 1 2 3 4; do
	call POST /v1/enrollments station -H 'Content-Type: application/x-ndjson' --data-binary "@$work/lines" >/dev/null 2>&1 &
done
sleep 0.02
kill -KILL -- "-$(cat "$MONIKER_TEST_STATE/pid")"
wait
gone() { ! kill -0 "$(cat "$MONIKER_TEST_STATE/pid")" 2>/dev/null; }
within 20 "the service is killed" gone
accepts "it starts again" "$here/../../support/service_start.sh" "$(dirname "$MONIKER_TEST_ENV")"
call POST /v1/enrollments station -H 'Content-Type: application/x-ndjson' --data-binary "@$work/lines" >"$work/results"
same "nothing was lost" 12 "$(grep -Ec '"status":20[01]' "$work/results")"
# PostgreSQL is told to log what it can: statements that fail.
super -c CHECKPOINT
ok "$used canaries went through"

# ---- what was written
sinks=$work/sinks
mkdir "$sinks"
collect() { # NAME FILE...: a sink of its own
	mkdir -p "$sinks/$1"
	cp -a "${@:2}" "$sinks/$1/"
}
collect data "$pg/data" # with the write-ahead log
collect server-log "$pg/server.log"
collect service-log "$MONIKER_TEST_STATE/monikerd.log"
collect audit "$MONIKER_AUDIT_DIR"
collect keeper "$MONIKER_TEST_STATE/keeper"
mkdir "$sinks/dump" "$sinks/public" "$sinks/certificates"
pg_dump -h "$pg" -U postgres -d moniker >"$sinks/dump/text"
pg_dump -h "$pg" -U postgres -d moniker --inserts --rows-per-insert=1 >"$sinks/dump/inserts"
call GET /metrics admin >"$sinks/public/metrics"
every_leaf && cp "$work/leaves" "$sinks/public/leaves"
call GET /v1/changes/snapshot verifier >"$sinks/public/snapshot"
call GET /v1/batches admin >"$sinks/public/batches"
jq -r .certificate "$work/n1.json" >"$work/n1.pem"
curl -sS --fail "$(crl_url "$work/n1.pem")" >"$sinks/public/crl"
for name in n1 n2 again3; do
	jq -r .certificate "$work/$name.json" | openssl x509 -outform DER -out "$sinks/certificates/$name.der"
	jq -r .certificate "$work/$name.json" | openssl x509 -text >"$sinks/certificates/$name.txt"
done
cp "$work"/again?.json "$work/x.json" "$work/y.json" "$sinks/certificates/" # answers, refusals among them
find "$sinks" -name '*.gz' -exec gunzip -f {} +
found() { # NEEDLES DIR: "FILE<tab>NAME" lines
	find "$2" -type f ! -empty -print0 | xargs -0 "$MONIKER_TEST_SCAN" "$1"
}
for sink in "$sinks"/*; do
	[ -n "$(find "$sink" -type f ! -empty)" ] || die "nothing in ${sink##*/}"
	found "$work/needles" "$sink" >"$work/found" || { head -5 "$work/found" >&2; die "${sink##*/} holds a hardware id"; }
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
