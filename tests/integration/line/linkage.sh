#!/usr/bin/env bash
# The linkage game: a fleet of the unlinkable mode, week after week, against who has all that is published, and against who
# has every table, with the numbers of its transactions, its rows' places and the order of the write-ahead log, too.
# None of them links two epochs, or an epoch and the birth, better than chance (linkage.py says what that is), nor two
# certificates that end because one device does, among those of others that end with it; and each finds what is planted.
# With a service of its own, whose weeks are a board's; MONIKER_TEST_BIN names the programs.
# MONIKER_TEST_FLEET="500 8" is the long form: so many devices, so many epochs.
tick_s=3600
export MONIKER_TEST_TICK_S=$tick_s
. "$(dirname "$0")/own.sh"
here=$(dirname "$0")
read -r devices epochs <<<"${MONIKER_TEST_FLEET:-100 4}"
seed=moniker
week_s=$((7 * 86400))
folder=$(sed -n 's/^PGDIR=//p' "$MONIKER_TEST_PG")
pg_bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
super() { psql -qAtX -h "$folder" -U postgres -d moniker -c "$1"; }
board() { "$MONIKER_TEST_BOARD" "$fixture/board" "$@"; }
ready() { [ "$(curl -sk -o /dev/null -w '%{http_code}' "$MONIKER_URL/readyz")" = 200 ]; }
gone() { ! kill -0 "$1"; }

# restart SHIFT_S: the service's clock is ahead by that. Started anew: it does not matter when it looks at the clock.
restart() {
	local pid
	pid=$(cat "$MONIKER_TEST_STATE/pid")
	kill -TERM "$pid"
	within 60 "the service stops" gone "$pid"
	board shift "$1"
	(cd / && LD_PRELOAD=$MONIKER_TEST_STRIKE STRIKE_BOARD=$fixture/board exec setsid "$MONIKER_BIN/monikerd" \
		--config "$MONIKER_CONFIG") >>"$MONIKER_TEST_STATE/monikerd.log" 2>&1 </dev/null &
	echo $! >"$MONIKER_TEST_STATE/pid"
	within 60 "it goes on $(($1 / 86400)) days later" ready
}
take() { # EPOCH HOW
	"$MONIKER_TEST_CSRS" "$fleet/epoch$1-" "$devices"
	"$here/linkage_fleet.py" take "$fleet" "$1" "$seed" "$2"
	ok "epoch $1: each device takes a pseudonym"
}
# play WHAT CLAIM: the exit status is the verdict.
play() {
	"$here/linkage.py" "$fleet/fleet.json" "$work/leaves" "$work/tables" "$work/wal" "$work/public" "$1" || die "not so: $2"
	ok "$2"
}
rows() { # every row of every table, as whoever has a dump and the files sees it
	super "SELECT format('SELECT jsonb_build_object(''table'', %L, ''xmin'', xmin::text, ''ctid'', ctid::text, ''row'', to_jsonb(t)) FROM ONLY %I AS t', relname, relname)
		FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace" |
		while read -r query; do super "$query" </dev/null; done
}
wal() { # since FROM, until now
	(cd / && "$pg_bin/pg_waldump" -p "$folder/data/pg_wal" --start="$1" --end="$(super 'SELECT pg_current_wal_flush_lsn()')")
}

board init
super "ALTER SYSTEM SET wal_keep_size = '4GB'" && super "SELECT pg_reload_conf()" >/dev/null
from=$(super "SELECT pg_current_wal_flush_lsn()")
fleet=$work/fleet
mkdir "$fleet"
open_lot linkage '. + {mode: "unlinkable"}'
"$MONIKER_TEST_CSRS" "$fleet/birth" "$devices"
"$here/linkage_fleet.py" born "$fleet" "$batch" "$devices" "$seed"
ok "$devices devices are born"

# Monday at noon of each week to come, when the last one's pseudonyms are good for some hours still.
now=$(date -u +%s)
noon=$(((now - 345600) / week_s * week_s + 345600 + week_s + 43200))
for ((epoch = 0; epoch <= epochs; epoch++)); do
	restart $((noon + epoch * week_s - now))
	case $epoch in
	0) take 0 queue ;;
	1) take 1 again ;; # a leak that is planted
	*) take $epoch crowd ;;
	esac
done
kept() { [ "$(super 'SELECT count(*) FROM pseudonym_certificate AS p WHERE NOT EXISTS (SELECT FROM certificate_signature AS s WHERE s.month = p.month AND s.serial = p.serial)')" = 0 ]; }
within 30 "all signatures are kept" kept
every_leaf
mkdir "$work/public"
: >"$work/public/feed"
rows >"$work/tables"
wal "$from" >"$work/wal"
same "pseudonyms in the tables" $((devices * (epochs + 1))) "$(grep -c '"table": "pseudonym_certificate_m' "$work/tables")"

play game "nobody links certificates of a device better than chance"
play again "devices that come in last week's order are found"
play valued "a column that tells two bits of the device is found"

# ---- the end of many in one tick, each by its birth certificate: the last two weeks' pseudonyms are good, and revoked

ended=$((devices * 2 / 5))
"$here/linkage_fleet.py" end "$fleet" $ended "$seed"
blocked() { [ "$(super 'SELECT count(*) FROM pseudonym_block WHERE due_s IS NOT NULL')" = $ended ]; }
within 60 "they are blocked" blocked
same "until the tick no pseudonym is revoked" 0 "$(super "SELECT count(*) FROM status_change AS s JOIN pseudonym_certificate AS p USING (serial)")"
restart $((noon + epochs * week_s + tick_s - now))
over() { [ "$(super 'SELECT count(*) FROM pseudonym_block WHERE due_s IS NOT NULL')" = 0 ]; }
within 60 "the tick comes" over
listed() { [ "$(super 'SELECT count(*) FROM crl, status_head AS h WHERE crl.status_seq = h.seq')" -gt 0 ]; }
within 60 "the CRLs have it" listed
get() { curl -sSk --fail --cert "$MONIKER_VERIFIER_CERT" --key "$MONIKER_VERIFIER_KEY" -D "$work/headers" "$MONIKER_URL$1"; }
after=AAAAAAAAAAAAAAAA
while get "/v1/changes?after=$after" >"$work/page" && [ "$(header moniker-next)" != "$after" ]; do
	after=$(header moniker-next)
	cat "$work/page" >>"$work/public/feed"
done
issuer=$(super "SELECT DISTINCT encode(issuer, 'hex') FROM pseudonym_certificate")
for shard in 0000 0001 0002 0003; do get "/crl/$issuer/$shard.crl" >"$work/public/$shard.crl"; done
every_leaf
rows >"$work/tables"
wal "$from" >"$work/wal"
grep "^$issuer " "$work/public/feed" >"$work/ended"
same "their pseudonyms are revoked" $((2 * ended)) "$(wc -l <"$work/ended")"
same "all with one date and one reason" 1 "$(cut -d' ' -f3- "$work/ended" | sort -u | wc -l)"
play ended "nobody links what was revoked because of one device"
play unshuffled "a feed that has it device by device is found"

# ---- a quarter of the devices in transactions that write to both sides

for ((i = 1; i <= devices / 4; i++)); do
	echo "BEGIN; UPDATE certificate SET handle = handle WHERE serial = '\\x$(serial_of "$fleet/birth$i.pem")';
		UPDATE pseudonym_certificate SET handle = handle WHERE serial = '\\x$(serial_of "$fleet/epoch0-$i.pem")'; COMMIT;"
done >"$work/joins"
psql -qAtX -h "$folder" -U postgres -d moniker -f "$work/joins" >/dev/null
rows >"$work/tables"
play joined "rows that one transaction wrote are found"
