#!/usr/bin/env bash
# A seat changes hands, and what was sealed to its former holder is sealed again offline to the new one; a seat is lost.
. "$(dirname "$0")/lib.sh"
state=$MONIKER_TEST_STATE
sql() { psql -qAtX -h "$(sed -n 's/^PGDIR=//p' "$MONIKER_TEST_PG")" -U postgres -d moniker -c "$1"; }
seat() { "$MONIKER_BIN/moniker" seat "$@" --json; }
as() { # ROLE-VARIABLE WORDS...
	local who=$1 cert=MONIKER_$1_CERT key=MONIKER_$1_KEY role=officer
	shift
	[ "$who" != LEGAL ] || role=legal
	"$MONIKER_BIN/moniker" disclose "$@" --as $role --cert "${!cert}" --key "${!key}" --json
}
(umask 277; openssl rand -base64 12 >"$work/pass")
new() { "$MONIKER_BIN/moniker" seat new --role "$2" --number "$3" --out "$work/$1" --passphrase-file "$work/pass" --kdf-memory-mib 8 >/dev/null; }
published() { call GET /v1/seat-sets station | jq -e --argjson n "$number" '.items[0].number == $n'; }
publish() { # SEAT...: signs the set; sets number
	local seats=() name
	for name; do seats+=(--seat "$work/$name.pub"); done
	seat publish --database-url "$MONIKER_PGURL" --ring "$state/ca/roots.ring" --passphrase-file "$state/roots.passphrase" --yes "${seats[@]}" >"$work/set" 2>/dev/null || return 1
	number=$(jq .number "$work/set")
}
in_force() { # SEAT...
	publish "$@" || die "no set of $*"
	kill -HUP "$(cat "$state/pid")"
	within 70 "set $number is in force" published
}
enroll_some() { # COUNT FILE: their pseudonyms and hardware ids, a line each
	local mac
	: >"$work/many"
	for _ in $(seq "$1"); do
		mac=$(random_mac)
		make_key dev
		request dev "$mac" >>"$work/many"
		tr -d : <<<"$mac"
	done >"$work/macs"
	call POST /v1/enrollments station -H 'Content-Type: application/x-ndjson' --data-binary @"$work/many" >"$work/p"
	same "$1 devices are enrolled" "$1" "$(jq -s '[.[] | select(.status == 201)] | length' "$work/p")"
	paste -d' ' <(jq -r .body.pseudonym "$work/p") "$work/macs" >"$2"
}
reseal() { # SEAT TO [PACKAGE]: without a network
	unshare -n "$MONIKER_BIN/moniker" seat reseal --package "${3:-$work/waiting}" --seat "$work/$1" --passphrase-file "$work/pass" --to "$work/$2.pub" \
		--cacert "${cacert_used:-$MONIKER_CACERT}" --out "$work/sealed" --json 2>/dev/null
}
disclosed() { # PSEUDONYM: its package, with both approvals, goes to $work/package
	local id
	as OFFICER2 request "$1" --basis RECALL --case "handover-$number" --order "$work/order" >"$work/p"
	id=$(jq -r .id "$work/p")
	as OFFICER approve "$id" >/dev/null 2>&1
	as LEGAL approve "$id" >/dev/null 2>&1
	as LEGAL fetch "$id" --out "$work/package"
}
open() { # SEAT SEAT
	unshare -n "$MONIKER_BIN/moniker" disclose open --package "$work/package" --vkey "$vkey" --cacert "$MONIKER_CACERT" \
		--seat "$work/$1" --passphrase-file "$work/pass" --seat "$work/$2" --passphrase-file "$work/pass" --json 2>/dev/null
}
tells() { # WHAT MAC SEAT SEAT
	open "$3" "$4" >"$work/told" || die "$1: does not open: $(cat "$work/told")"
	same "$1" "$2" "$(jq -r '.devices[0].hardware_ids[0].value' "$work/told")"
}
shut() { # WHAT SEAT SEAT
	! open "$2" "$3" >"$work/told" || die "opened: $1"
	same "$1" ESCROW_UNREADABLE "$(jq -r .code "$work/told")"
}
events() { call GET "/v1/audit/events?ev=$1&limit=10000" auditor; }

# Places that no other test has: each record that waits for one of them is ours.
new a legal 11 && new other legal 12 && new officer officer 11 && new b legal 11 && new c legal 11 && new d legal 12 && new e legal 11
call GET /audit/logs auditor >"$work/logs"
vkey=$(jq -r '.items[0].vkey' "$work/logs")
echo "the order" >"$work/order"
in_force a other officer
open_lot handover '. + {escrow: true}'
enroll_some 105 "$work/old" # more than a page

# ---- nobody has left yet
call GET '/v1/seats/shares?role=legal&seat=11' legal >"$work/p"
refused "a seat that has not changed hands" 409 STATE_CONFLICT "$work/p"
recorded STATE_CONFLICT seat.refused

# ---- a leaves, with the key; b has the seat from now on
rm "$work/a"
in_force b other officer
enroll_some 1 "$work/new"
call GET '/v1/seats/shares?role=legal&seat=11' officer >"$work/p"
refused "an officer asks for legal's shares" 403 ROLE_DENIED "$work/p"
for bad in role=legal seat=11 'role=king&seat=11' 'role=legal&seat=17' 'role=legal&seat=11&after=1'; do
	call GET "/v1/seats/shares?$bad" legal >"$work/p"
	same "refused: $bad" 400 "$(cat "$work/status")"
done
call GET '/v1/seats/shares?role=legal&seat=13' legal >"$work/p"
refused "a seat that is not in the set" 404 NOT_FOUND "$work/p"
seat fetch --role legal --number 11 --out "$work/waiting" >"$work/p" || die "nothing is fetched"
same "what was sealed to the set before waits" "105 null" "$(jq -r '"\(.shares) \(.next)"' "$work/p")"
octets() { jq -r ".items[].$1" "$work/waiting" | base64 -di | wc -c; }
same "of each the header, and the role's own shares" "$((105 * 86)) $((105 * (3 + 2 * 114)))" "$(octets head) $(octets group)"
same "and nothing else: no ciphertext" "group,head,leaf,log,shares" "$(jq -r '[.items[] | keys[]] | unique | join(",")' "$work/waiting")"
exported() { [ "$(events seat.export | jq -s --argjson n "$number" '[.[] | select(.d.number == $n).cnt] | add')" = 105 ]; }
within 30 "its leaves" exported
log=$(sql "SELECT id FROM audit_log WHERE origin = '${vkey%%+*}'")
seat fetch --role legal --number 11 --after "$log.$(jq '.items[94].leaf' "$work/waiting")" --out "$work/rest" >"$work/p"
same "from a place on" "$(jq -c '[.items[95:][].leaf]' "$work/waiting")" "$(jq -c '[.items[].leaf]' "$work/rest")"
! seat fetch --role legal --number 11 --after here --out "$work/rest" >"$work/p" 2>/dev/null || die "fetched after nowhere"
same "after nowhere" BAD_SYNTAX "$(jq -r .code "$work/p")"

# ---- sealed again by the other seat of the role: a's key is not there
sealed_not() { # WHAT CODE COMMAND...
	local what=$1 code=$2
	shift 2
	rm -f "$work/sealed"
	! "$@" >"$work/p" || die "sealed: $what"
	same "not sealed: $what" "$code" "$(jq -r .code "$work/p")"
	[ ! -e "$work/sealed" ] || die "$what: a file"
}
sealed_not "with a key that has no share" ESCROW_UNREADABLE reseal c b
sealed_not "by the other role" BAD_SYNTAX reseal officer b
sealed_not "to another key than the set's" BAD_PROOF reseal other c
sealed_not "to another seat than the package's" BAD_SYNTAX reseal other other
jq -c --rawfile pub "$work/c.pub" '.seat_set.text |= sub("legal 11 [^\n]*\n"; $pub)' "$work/waiting" >"$work/changed"
sealed_not "to a set that nobody signed" BAD_PROOF reseal other c "$work/changed"
cacert_used=$MONIKER_TRUST sealed_not "to a set of another root" BAD_PROOF reseal other b
jq -c '.items[0].head = .items[1].head' "$work/waiting" >"$work/changed"
reseal other b "$work/changed" >"$work/p" || die "not sealed"
same "a share under another record's header stays out" "104 1" "$(jq -r '"\(.sealed) \(.skipped)"' "$work/p")"
reseal other b >"$work/p" || die "not sealed: $(cat "$work/p")"
same "all are sealed to b" "105 0" "$(jq -r '"\(.sealed) \(.skipped)"' "$work/p")"

# ---- handed in: what is wrong is refused, and nothing of it is kept
count() { sql "SELECT count(*) FROM escrow_share WHERE seat IN (11, 12)"; }
wrong() { # WHAT STATUS CODE jq-filter [ROLE]
	jq -c ".items |= .[:50] | $4" "$work/sealed" | send /v1/seats/shares "${5:-legal}" >"$work/p"
	refused "$1" "$2" "$3" "$work/p"
}
new_leaf=$(sql "SELECT b.seq FROM certificate_body b JOIN certificate c USING (month, serial) WHERE c.pseudonym = '$(cut -d' ' -f1 "$work/new")'")
wrong "shares of the other role" 403 ROLE_DENIED . officer
wrong "a share that is too short" 400 BAD_SYNTAX '.items[0].sealed |= .[4:]'
wrong "a share that is no base64" 400 BAD_SYNTAX '.items[0].sealed |= "%" + .[1:]'
wrong "no shares" 400 BAD_SYNTAX '.items = []'
wrong "more than a page" 400 BAD_SYNTAX '.items = [range(101) as $i | .items[0]]'
wrong "one of them twice" 409 STATE_CONFLICT '.items += [.items[0]]'
wrong "a record of the set in force" 409 STATE_CONFLICT ".items[0].leaf = $new_leaf"
wrong "a leaf that is no record" 409 STATE_CONFLICT '.items[0].leaf = 0'
wrong "a log that is not here" 409 STATE_CONFLICT '.items[0].log = "nowhere/node9"'
wrong "sealed to a set that is not in force" 409 STATE_CONFLICT '.number -= 1'
wrong "a seat that has not changed hands" 409 STATE_CONFLICT '.seat = 12'
wrong "a seat that is not there" 404 NOT_FOUND '.seat = 13'
same "nothing was kept" 0 "$(count)"

# ---- what a share holds nobody can see: half of them are noise, and are not written over
jq -c --arg noise "$(openssl rand -base64 112 | tr -d '\n')" '.items |= (.[:20] | map(.sealed = $noise))' "$work/sealed" >"$work/noise"
seat submit --package "$work/noise" --role legal >"$work/p" || die "noise is refused: $(cat "$work/p")"
same "noise is kept" "20 20" "$(jq -r '"\(.shares) \(.kept)"' "$work/p")"
! seat submit --package "$work/sealed" --role legal >"$work/p" 2>/dev/null || die "a share was written over"
same "another share for the same holder" STATE_CONFLICT "$(jq -r .code "$work/p")"
same "nothing else was kept" 20 "$(count)"
seat fetch --role legal --number 11 --out "$work/waiting" >"$work/p"
same "the others wait" 85 "$(jq .shares "$work/p")"
reseal other b >"$work/p" || die "not sealed"
seat submit --package "$work/sealed" --role legal >"$work/p" || die "not kept: $(cat "$work/p")"
same "they are kept" "85 85" "$(jq -r '"\(.shares) \(.kept)"' "$work/p")"
before=$(sql "SELECT md5(string_agg(sealed, ''::bytea ORDER BY log, seq)) FROM escrow_share WHERE seat = 11")
seat submit --package "$work/sealed" --role legal >"$work/p" || die "the same again: $(cat "$work/p")"
same "the same again is fine, and nothing new" "85 0" "$(jq -r '"\(.shares) \(.kept)"' "$work/p")"
same "and changes nothing" "$before" "$(sql "SELECT md5(string_agg(sealed, ''::bytea ORDER BY log, seq)) FROM escrow_share WHERE seat = 11")"
seat fetch --role legal --number 11 --out "$work/waiting" >"$work/p"
same "nothing waits any more" 0 "$(jq .shares "$work/p")"
leaf() { events seat.reseal | jq -sr --argjson n "$number" '[.[] | select(.d.number == $n)] | map("\(.act | split(":")[0]) \(.d.role) \(.d.seat) \(.cnt)") | join(",")'; }
both() { [ "$(leaf)" = "legal legal 11 20,legal legal 11 85" ]; }
within 30 "a leaf for each time that shares were kept" both

# ---- b opens what was sealed before b came
old_at() { # N: pseudonym and mac of the record of the N-th item of that file
	local leaf
	leaf=$(jq ".items[$2].leaf" "$1")
	sql "SELECT c.pseudonym FROM certificate_body b JOIN certificate c USING (month, serial) JOIN audit_log l ON l.id = b.log WHERE b.seq = $leaf AND l.origin = '${vkey%%+*}'"
}
good=$(old_at "$work/sealed" 0) noisy=$(old_at "$work/noise" 0)
disclosed "$good"
tells "b and an officer: the old record" "$(sed -n "s/^$good //p" "$work/old")" b officer
tells "so does the seat that never changed hands" "$(sed -n "s/^$good //p" "$work/old")" other officer
shut "c, to whom nothing was sealed" c officer
shut "two seats of one role" b other
disclosed "$noisy"
shut "noise does not open" b officer
tells "the record's own shares are as they were" "$(sed -n "s/^$noisy //p" "$work/old")" other officer
disclosed "$(cut -d' ' -f1 "$work/new")"
tells "what is enrolled now is b's at once" "$(cut -d' ' -f2 "$work/new")" b officer

# ---- an escrow audit with b's key: what was sealed again opens, and noise is a fault
audit() {
	as OFFICER2 request --basis ESCROW_AUDIT --sample 50 --case "handover-$number" --order "$work/order" >"$work/p"
	id=$(jq -r .id "$work/p")
	as OFFICER approve "$id" >/dev/null 2>&1
	as LEGAL approve "$id" >/dev/null 2>&1
	as LEGAL fetch "$id" --out "$work/package"
	open b officer >"$work/told" || die "the package does not open"
	[ "$(jq '.found.opened > 0 and (.found.faults | length) > 0' "$work/told")" = true ]
}
within 300 "an audit draws both kinds" audit
leaves() { jq '.items[].leaf' "$1" | sort; }
same "each fault is one of the noise" "" "$(comm -23 <(jq '.found.faults[].leaf' "$work/told" | sort) <(leaves "$work/noise"))"
open other officer >"$work/told" || die "the package does not open"
same "for the other seat there is none" 0 "$(jq '.found.faults | length' "$work/told")"
open c officer >"$work/told" || die "the package does not open"
same "what was sealed to b is no fault of another key for b's place" "0 0" "$(jq -r '"\(.found.opened) \(.found.faults | length)"' "$work/told")"

# ---- the way out of noise: one more key for the seat, and one more handover
in_force e other officer
seat fetch --role legal --number 11 --out "$work/waiting" >"$work/p"
same "all of both sets waits for e" 106 "$(jq .shares "$work/p")"
reseal other e >"$work/p" || die "not sealed"
handed_in() { seat submit --package "$work/sealed" --role legal >"$1" 2>/dev/null; }
handed_in "$work/p1" & # at the same time: one may be told to come again
handed_in "$work/p2" &
wait
within 30 "handed in" handed_in "$work/p"
same "nothing is new any more" "106 0" "$(jq -r '"\(.shares) \(.kept)"' "$work/p")"
resealed() { [ "$(events seat.reseal | jq -s --argjson n "$number" '[.[] | select(.d.number == $n).cnt] | add')" = 106 ]; }
within 30 "each share is in one leaf's count, whoever came first" resealed
disclosed "$noisy"
tells "what was noise for b opens for e" "$(sed -n "s/^$noisy //p" "$work/old")" e officer

# ---- the other seat is lost
seat lose --database-url "$MONIKER_PGURL" --role legal --number 12 --yes >"$work/p" || die "not lost: $(cat "$work/p")"
same "one seat of the role is left" 1 "$(jq .left "$work/p")"
! seat lose --database-url "$MONIKER_PGURL" --role legal --number 12 --yes >"$work/p" 2>/dev/null || die "lost twice"
same "lost twice" STATE_CONFLICT "$(jq -r .code "$work/p")"
! seat lose --database-url "$MONIKER_PGURL" --role legal --number 13 --yes >"$work/p" 2>/dev/null || die "a seat that is not there"
same "a seat that is not there" NOT_FOUND "$(jq -r .code "$work/p")"
within 30 "its leaf is there" is_recorded OK seat.lost
same "the list says so" "lost: legal 12" "$("$MONIKER_BIN/moniker" seat list --database-url "$MONIKER_PGURL" | tail -1)"
! publish e other officer || die "a set with a lost key"
ok "no set has its key any more"
doctor() { "$MONIKER_BIN/moniker" doctor --config "$MONIKER_CONFIG" --json 2>/dev/null | jq -r '.checks[] | select(.check == "seats").verdict'; }
same "the doctor warns" warning "$(doctor || true)"
call GET '/v1/seats/shares?role=legal&seat=12' legal >"$work/p"
refused "no share goes to it any more" 409 STATE_CONFLICT "$work/p"
same "for that reason" "its key is lost: publish a set with another" "$(jq -r .detail "$work/p")"
kill -HUP "$(cat "$state/pid")"
within 70 "the service's log says so" grep -q "seat legal 12 of set $number is lost" "$state/monikerd.log"
published || die "the set is out of force"
disclosed "$good"
tells "the role's other seat still opens" "$(sed -n "s/^$good //p" "$work/old")" e officer

# ---- its successor: e seals again what e has, which was sealed again itself
rm "$work/other"
in_force e d officer
same "the doctor is content" ok "$(doctor || true)"
seat fetch --role legal --number 12 --out "$work/waiting" >"$work/p"
same "all of it waits for d" 106 "$(jq .shares "$work/p")"
reseal e d >"$work/p" || die "not sealed"
same "all is sealed to d" "106 0" "$(jq -r '"\(.sealed) \(.skipped)"' "$work/p")"
seat submit --package "$work/sealed" --role legal >"$work/p" || die "not kept"
disclosed "$good"
tells "d opens what came through two hands" "$(sed -n "s/^$good //p" "$work/old")" d officer

# ---- a role that has lost all: nothing is sealed that nobody could open
open_lot handover-open '. + {escrow: true}'
seat lose --database-url "$MONIKER_PGURL" --role legal --number 12 --yes >/dev/null
before=$(count)
wrong "shares for a key that is lost" 409 STATE_CONFLICT .
same "for that reason" "its key is lost: publish a set with another" "$(jq -r .detail "$work/p")"
same "none was kept" "$before" "$(count)"
seat lose --database-url "$MONIKER_PGURL" --role legal --number 11 --yes >/dev/null
same "the doctor finds a fault" fault "$(doctor || true)"
kill -HUP "$(cat "$state/pid")"
none() { call GET /v1/seat-sets station | jq -e '.items == []'; }
within 70 "no set is in force" none
make_key dev
request dev "$(random_mac)" | send /v1/enrollments station >"$work/p"
refused "an enrollment that would be sealed" 503 RECORD_UNAVAILABLE "$work/p"
in_force c officer
request dev "$(random_mac)" | send /v1/enrollments station >"$work/p"
same "a new set: it goes on" 201 "$(cat "$work/status")"
