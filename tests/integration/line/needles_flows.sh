# shellcheck shell=bash
# Sourced by needles.sh and needles_memory.sh: hardware ids through every flow, one by one and many at once.

pg=$(sed -n 's/^PGDIR=//p' "$MONIKER_TEST_PG")
pg_bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
as_postgres=()
[ "$(id -u)" != 0 ] || as_postgres=(setpriv --reuid=postgres --regid=postgres --clear-groups)
pg_ctl() { (cd / && "${as_postgres[@]}" "$pg_bin/pg_ctl" -D "$pg/data" -l "$pg/server.log" -w -s "$@"); }

used=0
take() { # sets `id` to the next of `ids`: each is used once, so that each flow has its own
	[ $used -lt ${#ids[@]} ] || die "no canary is left"
	id=${ids[used]}
	used=$((used + 1))
}

# fleet NAME COUNT [MEMBERS]: keys for so many devices (NAME1.key, ...), a canary for each (NAME.ids), and NAME.lines, their
# enrollments into $batch.
fleet() {
	local i
	mkdir -p "$work/fleet"
	"$MONIKER_TEST_CSRS" "$work/fleet/$1" "$2"
	for ((i = 0; i < $2; i++)); do
		take
		echo "$id"
	done >"$work/$1.ids" # not a pipe: take counts
	lines "$1" "$1" "${3-{\}}"
}
# lines NAME OTHER [MEMBERS]: the enrollments of OTHER's ids with NAME's keys, into NAME.lines
lines() { "$here/needles.py" bodies "$batch" "$work/fleet/$1" "$work/$2.ids" "${3-{\}}" >"$work/$1.lines"; }
# many NAME WHAT STATUS COUNT: in one request; so many answers have this status. They go to NAME.answers.
many() {
	call POST /v1/enrollments station -H 'Content-Type: application/x-ndjson' --data-binary "@$work/$1.lines" >"$work/$1.answers"
	same "$2" "$4" "$(grep -c "\"status\":$3" "$work/$1.answers" || true)"
}
# one_by_one NAME WHAT STATUS COUNT: each in a request of its own
one_by_one() {
	local line args=()
	mkdir -p "$work/answers"
	while read -r line; do
		printf '%s' "$line" >"$work/answers/body.$((${#args[@]}))"
		args+=(--next -sS -o "$work/answers/$1.${#args[@]}" -w '%{http_code}\n' --cacert "$MONIKER_CACERT"
			--cert "$MONIKER_STATION_CERT" --key "$MONIKER_STATION_KEY" -H 'Content-Type: application/json'
			--data-binary "@$work/answers/body.${#args[@]}" "$MONIKER_URL/v1/enrollments")
	done <"$work/$1.lines"
	curl "${args[@]:1}" >"$work/p"
	rm "$work/answers"/body.*
	same "$2" "$4" "$(grep -c "$3" "$work/p" || true)"
}
lot() { # NAME [jq filter]: a batch with room for all
	open_lot "$1" ". + {quota: 5000} | ${2:-.}"
}

plain_flows() {
	lot plain
	fleet rest 80
	one_by_one rest "one by one" 201 80
	one_by_one rest "one by one, again: replays" 200 80
	fleet mass "$1"
	many mass "many at once" 201 "$1"
	"$MONIKER_TEST_CSRS" "$work/fleet/double" "$1"
	lines double mass
	many double "many duplicates" 409 "$1"
	many mass "many replays" 200 "$1"
	lines double mass '{"replace": true}'
	many double "many replacements" 201 "$1"
}

refused_flows() {
	fleet bad 20 '{"profile": "no-such-profile"}'
	many bad "many of a wrong profile" 422 20
	fleet bad 20 '{"csr": "no request"}'
	many bad "many without a request" 400 20
	fleet bad 20
	sed -i 's/"hardware_ids"/"hardware_idz"/' "$work/bad.lines"
	many bad "many with an unknown member" 400 20
	fleet bad 20
	sed -i 's/"value": "/&zz/' "$work/bad.lines"
	many bad "many ids that are none" 422 20
}

escrow_flow() {
	publish_seats legal:1 officer:1
	lot sealed '. + {escrow: true}'
	fleet sealed 60
	many sealed "sealed for the officers" 201 60
	many sealed "and again" 200 60
}

blind_escrow_flow() {
	local i
	lot blind-sealed '. + {hardware_ids: "blind", escrow: true}'
	for i in 1 2 3 4 5 6; do
		take
		accepts "sealed by the station, $i" "$moniker" enroll --out "$work/sealed$i" --batch "$batch" --blind --hardware-id "$id"
	done
	refuses "sealed by the station, again" DUPLICATE_HARDWARE "$moniker" enroll --out "$work/sealed0" --batch "$batch" --blind --hardware-id "$id"
}

unlinkable_flow() {
	local i args=()
	lot unlinkable '. + {mode: "unlinkable"}'
	fleet birth 60
	many birth "born" 201 60
	jq -r '.body.certificate' "$work/birth.answers" >"$work/births"
	split_pem "$work/births" "$work/fleet/birth"
	"$MONIKER_TEST_CSRS" "$work/fleet/pseudonym" 60
	mkdir -p "$work/answers"
	for i in $(seq 60); do
		jq -nc --rawfile csr "$work/fleet/pseudonym$i.csr" '{$csr}' >"$work/fleet/pseudonym$i.json"
		args+=(--next -sS -o "$work/answers/pseudonym.$i" -w '%{http_code}\n' --cacert "$MONIKER_CACERT" --cert "$work/fleet/birth.$((i - 1))"
			--key "$work/fleet/birth$i.key" -H 'Content-Type: application/json' --data-binary "@$work/fleet/pseudonym$i.json" "$MONIKER_URL/v1/pseudonyms")
	done
	curl "${args[@]:1}" >"$work/p"
	same "pseudonyms" 60 "$(grep -c 201 "$work/p" || true)"
}

listed_flow() {
	lot list '. + {manifest: true}'
	fleet listed 60
	accepts "a list of 60" "$moniker" manifest add "$batch" - <"$work/listed.ids"
	many listed "who is listed" 201 60
	fleet unlisted 20
	many unlisted "who is not" 403 20
}

bound_flow() {
	local i
	lot bound
	fleet bound 40
	jq -Rnc '{for: [inputs | split("=") | {hardware_ids: [{type: .[0], value: .[1]}]}]}' <"$work/bound.ids" |
		send "/v1/batches/$batch/tokens" admin >"$work/p"
	same "tokens that are bound" 201 "$(cat "$work/status")"
	jq -r '.tokens[]' "$work/p" >"$work/bound.tokens"
	jq -c --rawfile tokens "$work/bound.tokens" -n '[inputs] | to_entries[] | .value + {token: ($tokens | split("\n"))[.key]}' \
		"$work/bound.lines" >"$work/p"
	mv "$work/p" "$work/bound.lines"
	many bound "spent" 201 40
	fleet other 10
	jq -c --rawfile tokens "$work/bound.tokens" -n '[inputs] | to_entries[] | .value + {token: ($tokens | split("\n"))[.key]}' \
		"$work/other.lines" >"$work/p"
	mv "$work/p" "$work/other.lines"
	many other "for other hardware" 403 10
}

est_flow() {
	local i
	lot est
	fleet est 40
	echo '{"count": 40}' | send "/v1/batches/$batch/tokens" admin | jq -r '.tokens[]' >"$work/est.tokens"
	for i in $(seq 40); do
		cp "$work/fleet/est$i.csr" "$work/est.csr"
		est "$(sed -n "${i}p" "$work/est.ids"):$(sed -n "${i}p" "$work/est.tokens")" est
		echo
	done >"$work/est.status"
	same "by EST" 40 "$(grep -c 200 "$work/est.status")"
}

# All that can be killed is, in the middle of it; afterwards the line finishes.
crash_flows() {
	local who part clients
	lot crash
	for who in service keeper database; do
		fleet "$who" 40
		clients=()
		split -n l/4 "$work/$who.lines" "$work/$who.part."
		for part in "$work/$who".part.*; do
			call POST /v1/enrollments station -H 'Content-Type: application/x-ndjson' --data-binary "@$part" >/dev/null 2>&1 &
			clients+=($!)
		done
		sleep 0.02
		strike_$who
		wait "${clients[@]}" || true
		within 60 "after the $who was killed: ready" ready
		finished() {
			call POST /v1/enrollments station -H 'Content-Type: application/x-ndjson' --data-binary "@$work/$who.lines" >"$work/results"
			[ "$(grep -Ec '"status":20[01]' "$work/results")" = 40 ]
		}
		within 60 "after the $who was killed: nothing was lost" finished
	done
}
gone() { ! kill -0 "$1" 2>/dev/null; }
ready() { [ "$(curl -s -o /dev/null -w '%{http_code}' --cacert "$MONIKER_CACERT" "$MONIKER_URL/readyz")" = 200 ]; }
strike_keeper() { kill -KILL "$(pgrep -P "$(cat "$MONIKER_TEST_STATE/pid")" -f moniker-keeper)"; }
strike_database() { pg_ctl -m immediate restart >/dev/null; }
strike_service() {
	kill -KILL -- "-$(cat "$MONIKER_TEST_STATE/pid")"
	within 30 "the service is killed" gone "$(cat "$MONIKER_TEST_STATE/pid")"
	accepts "it starts again" "$support/service_start.sh" "$(dirname "$MONIKER_TEST_ENV")"
}
