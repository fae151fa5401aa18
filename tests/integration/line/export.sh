#!/usr/bin/env bash
# Exports of the audit log: begun, killed, gone on with, fetched in parts, and verified without the
# service, by `moniker audit verify` and by docs/verify/verify.py, which shares nothing with it.
. "$(dirname "$0")/lib.sh"
need python3 python3
need tar tar
top=$(cd "$(dirname "$0")/../../.." && pwd)
moniker=$MONIKER_BIN/moniker
supervisor=$(cat "$MONIKER_TEST_STATE/pid")
open_lot export
make_key a
request a "$(random_mac)" | send /v1/enrollments station >"$work/a"
request a "$(random_mac)" | send /v1/enrollments station >"$work/p"
refused "a refusal to look for" 409 KEY_REUSED "$work/p"
# A full tile, and one that is not: each batch is a leaf.
seq 270 | xargs -P 4 -I{} curl -sS -o /dev/null --cacert "$MONIKER_CACERT" --cert "$MONIKER_ADMIN_CERT" --key "$MONIKER_ADMIN_KEY" \
	-H 'Content-Type: application/json' -d "{\"id\":\"$batch-{}\",\"model\":\"Test\",\"quota\":1}" "$MONIKER_URL/v1/batches"
within 30 "the leaves fit the checkpoint" tree_fits
verify() { "$moniker" audit verify "$@" --vkey "$vkey"; }
second() { python3 "$top/docs/verify/verify.py" "$vkey" "$1"; }
exits() { # WHAT STATUS PATTERN COMMAND...
	local what=$1 want=$2 pattern=$3 status=0
	shift 3
	"$@" >"$work/said" 2>&1 || status=$?
	[ "$status" = "$want" ] || { cat "$work/said" >&2; die "$what: exit status $status, not $want"; }
	shows "$what" "$pattern" "$work/said"
}
ask() { jq -cn "${1:-{\}}" | send /v1/audit/exports auditor; } # [jq filter]: begins one
state() { call GET "/v1/audit/exports/$1" auditor | jq -r .state; }
is() { [ "$(state "$1")" = "$2" ]; }
fetch() { call GET "/v1/audit/exports/$1/result" auditor "${@:3}" >"$2"; } # ID FILE
owner() { psql -XAtq "$MONIKER_PGURL" -v ON_ERROR_STOP=1 -c "$1"; }

remove_all() {
	local old
	for old in $(call GET /v1/audit/exports auditor | jq -r '.items[].id'); do
		call DELETE "/v1/audit/exports/$old" auditor >/dev/null
	done
}
remove_all # of an earlier run

# ---- all of it

ask >"$work/job"
same "an export is begun: status" 202 "$(cat "$work/status")"
id=$(jq -r .id "$work/job")
same "it says where" "/v1/audit/exports/$id" "$(header location)"
same "it would prove that nothing is missing" complete "$(jq -r .proves "$work/job")"
within 30 "it is done" is "$id" done
call GET "/v1/audit/exports/$id" auditor >"$work/done"
fetch "$id" "$work/all.tar"
same "its archive: status" 200 "$(cat "$work/status")"
same "its type" application/x-tar "$(header content-type)"
same "its hash is told" "$(jq -r .result.sha256 "$work/done")" "$(sha256sum "$work/all.tar" | cut -d' ' -f1)"
same "as its entity tag, too" "\"$(jq -r .result.sha256 "$work/done")\"" "$(header etag)"
same "and its length" "$(jq -r .result.size "$work/done")" "$(stat -c %s "$work/all.tar")"
size=$(jq -r .log_size "$work/done")
exits "moniker verifies it" 0 "^complete: leaves 0 to $((size - 1)), and none" verify "$work/all.tar"
exits "the second verifier, too" 0 "^good: complete: leaves 0 to $((size - 1))," second "$work/all.tar"
mkdir "$work/all"
tar -xf "$work/all.tar" -C "$work/all"
folder=$work/all/$(ls "$work/all")
exits "and the folder that it unpacks to" 0 '^complete: ' verify "$folder"
exits "the second verifier, too" 0 '^good: complete' second "$folder"
every_leaf
same "its leaves are the log's, octet for octet" "$(head -n "$size" "$work/leaves" | sha256sum)" "$(sha256sum - <"$folder/leaves.ndjson")"
(cd "$folder" && jq -r '.files[] | "\(.sha256)  \(.name)"' manifest.json | sha256sum -c --quiet) || die "sha256sum does not agree with the manifest"
ok "sha256sum agrees with the manifest"
python3 - "$folder" <<'END' || die "the spreadsheet is not what the leaves say"
import csv, json, sys
rows = list(csv.DictReader(open(sys.argv[1] + "/leaves.csv", newline="")))
leaves = [json.loads(line) for line in open(sys.argv[1] + "/leaves.ndjson")]
assert len(rows) == len(leaves) > 10
for row, leaf in zip(rows, leaves):
    for key in "seq st ev rc sev out t act sub cnt win".split():
        assert row[key].removeprefix("'") == str(leaf.get(key, "")), (key, row)
    assert not any(value[:1] in tuple("=+-@") for value in row.values()), row
    assert row["d"] == (json.dumps(leaf["d"], separators=(",", ":")) if "d" in leaf else ""), row
END
ok "the spreadsheet says what the leaves say"
verify "$work/all.tar" --json >"$work/json"
same "as JSON" "good complete $size" "$(jq -r '"\(.verdict) \(.proves) \(.leaves)"' "$work/json")"
exits "another log's key" 2 'no key for the log' "$moniker" audit verify "$work/all.tar" \
	--vkey moniker.example/node1-2026+fef7c7b4+AXm1Vi6P5lT5QHixEuipi6eQH4U65pW+1+DjkQutBJZk
printf 'log %s\nwitness w witness.example/w1+5c917ff5+BK3BQBH4LRxW2VaqT51z2IWDYaYGBIUl4NCMY43HXdjH\nquorum w\n' "$vkey" >"$work/policy"
exits "a policy that asks for witnesses is not half followed" 2 '^incomplete: .*is no quorum' \
	"$moniker" audit verify "$work/all.tar" --policy "$work/policy"
call GET "/audit/$log_name/checkpoint" nobody >"$work/kept"
exits "an export does not show that a log goes on" 2 'does not show' verify "$work/all.tar" --since "$work/kept"
leaf() { call GET '/v1/audit/events?ev=log.export&limit=10000' auditor | grep "\"sub\":\"x:$1/log:$log_name\""; }
within 30 "the log says who exported it, and what that proves" leaf "$id"
same "in the words of its details" "{\"proves\":\"complete\",\"size\":$size}" "$(leaf "$id" | jq -c .d)"
[[ $(leaf "$id" | jq -r .act) = auditor:* ]] || die "the leaf does not name the auditor"

# ---- in parts

length=$(stat -c %s "$work/all.tar")
fetch "$id" "$work/part" -H 'Range: bytes=1000-1999'
same "a part: status" 206 "$(cat "$work/status")"
same "which part" "bytes 1000-1999/$length" "$(header content-range)"
same "its octets" "$(head -c 2000 "$work/all.tar" | tail -c 1000 | sha256sum)" "$(sha256sum <"$work/part")"
fetch "$id" "$work/part" -H 'Range: bytes=-700'
same "the end: status" 206 "$(cat "$work/status")"
same "its octets" "$(tail -c 700 "$work/all.tar" | sha256sum)" "$(sha256sum <"$work/part")"
for range in 'bytes=5-2' 'bytes=0-1,4-5' 'octets=0-1' 'bytes=-' 'bytes=99999999999999999999999-'; do
	fetch "$id" "$work/part" -H "Range: $range"
	same "$range is for all of it: status" 200 "$(cat "$work/status")"
	cmp -s "$work/part" "$work/all.tar" || die "$range: not all of it"
done
fetch "$id" "$work/p" -H "Range: bytes=$length-"
refused "after the end" 416 RANGE_INVALID "$work/p"
head -c 3000 "$work/all.tar" >"$work/resumed.tar"
curl -sS --cacert "$MONIKER_CACERT" --cert "$MONIKER_AUDITOR_CERT" --key "$MONIKER_AUDITOR_KEY" -C - -o "$work/resumed.tar" \
	"$MONIKER_URL/v1/audit/exports/$id/result"
cmp -s "$work/resumed.tar" "$work/all.tar" || die "curl -C - does not go on"
ok "curl goes on where it was cut"
call HEAD "/v1/audit/exports/$id/result" auditor -I >"$work/p"
same "HEAD: status" 200 "$(cat "$work/status")"
same "HEAD: length" "$length" "$(header content-length)"

# ---- the command

export_to() { "$moniker" audit export --vkey "$vkey" --out "$@"; }
exits "it begins, waits, fetches and verifies" 0 '^complete: leaves 0 to' export_to "$work/one.tar"
[ ! -e "$work/one.tar.job" ] && [ ! -e "$work/one.tar.part" ] || die "it left something beside the file"
exits "what was picked proves less" 0 '^inclusion only: [0-9]+ leaves' export_to "$work/picked.tar" --ev 'enroll.*' --rc KEY_REUSED
exits "the second verifier says so, too" 0 '^good: inclusion only' second "$work/picked.tar"
same "a page of it" 5 "$(export_to "$work/page.tar" --after 1 --limit 5 --json | jq '.leaves, .export.first, .export.last' | paste -sd' ' | cut -d' ' -f1)"
exits "what is between two leaves is all there" 0 '^complete: leaves 2 to 6,' verify "$work/page.tar"
exits "the second verifier" 0 '^good: complete: leaves 2 to 6,' second "$work/page.tar"
from=$(sed -n 3p "$work/leaves" | jq -r .st)
exits "from a time on" 0 '^complete: ' export_to "$work/time.tar" --from "$from"
exits "of one actor" 0 '^inclusion only' export_to "$work/actor.tar" --act "$(jq -rn 'first(inputs.act // empty | select(contains("station")))' "$work/leaves")"
exits "nothing" 0 '^inclusion only: 0 leaves' export_to "$work/none.tar" --ev key.destroy --rc NOT_DUE
exits "the second verifier" 0 '^good: inclusion only: 0 leaves' second "$work/none.tar"
# Cut while it fetched: the same command goes on with the same export.
export_to "$work/two.tar" --json | jq -r .export.id >"$work/first-id"
again=$(cat "$work/first-id")
fetch "$again" "$work/whole"
head -c 5000 "$work/whole" >"$work/three.tar.part"
printf %s "$again" >"$work/three.tar.job"
same "it goes on with what was begun" "$again" "$(export_to "$work/three.tar" --json | jq -r .export.id)"
cmp -s "$work/three.tar" "$work/whole" || die "what it put together is not the export"
ok "and has all of it"
head -c 5000 /dev/zero >"$work/four.tar.part"
printf %s "$again" >"$work/four.tar.job"
exits "a part of something else is found" 1 'BAD_SYNTAX: what was fetched is not what the service made' export_to "$work/four.tar"
exits "and the same again fetches it" 0 '^complete' export_to "$work/four.tar"
printf %s aaaaaaaaaaaaaaaa >"$work/five.tar.job"
exits "what the service does not have any more is begun anew" 0 '^complete' export_to "$work/five.tar"
exits "it needs a key" 2 'key is needed' "$moniker" audit export --out "$work/six.tar"
exits "and a file" 2 'give --out' "$moniker" audit export --vkey "$vkey"
exits "an event that is none" 1 'BAD_SYNTAX: there is no such event' export_to "$work/six.tar" --ev no.such

# ---- what must be caught, in each file

pack() { tar -C "$work/all" --format=ustar --owner=0 --group=0 -cf "$work/changed.tar" "$(basename "$folder")"; }
cp -r "$folder" "$work/true"
for file in $(cd "$folder" && find . -type f | sed 's|^\./||' | sort); do
	octets=$(stat -c %s "$folder/$file")
	flip "$folder/$file" $((octets / 2))
	exits "an octet changed in $file" 1 "^tampered: .*($file|checkpoint)" verify "$folder"
	exits "the same, to the second verifier" 1 '^tampered' second "$folder"
	rm "$folder/$file"
	exits "$file left out" 2 "^incomplete: .*($file|checkpoint|leaves|tile)" verify "$folder"
	exits "the same, to the second verifier" 2 '^incomplete' second "$folder"
	cp "$work/true/$file" "$folder/$file"
done
# with its hash put right
rehash() { # FILE
	jq --arg name "$1" --arg sha "$(sha256sum <"$folder/$1" | cut -d' ' -f1)" --argjson size "$(stat -c %s "$folder/$1")" \
		'.files |= map(if .name == $name then .sha256 = $sha | .size = $size else . end)' "$folder/manifest.json" >"$work/manifest"
	python3 - "$work/manifest" "$work/true/manifest.json" "$folder/manifest.json" <<'END'
import json, sys
said, true = json.load(open(sys.argv[1])), open(sys.argv[2]).read()
old = json.loads(true)
for before, after in zip(old["files"], said["files"]):
    true = true.replace('"size": %d, "sha256": "%s"' % (before["size"], before["sha256"]), '"size": %d, "sha256": "%s"' % (after["size"], after["sha256"]))
true = true.replace('"count": %d' % old["count"], '"count": %d' % said["count"])
open(sys.argv[3], "w").write(true)
END
}
sed -i '5s/"sev":1/"sev":2/' "$folder/leaves.ndjson"
rehash leaves.ndjson
exits "an edited leaf is named" 1 '^tampered: leaf 4: its octets are not those that were hashed' verify "$folder"
exits "the same, to the second verifier" 1 '^tampered: leaf 4 is not what was hashed' second "$folder"
cp "$work/true"/* "$folder/" 2>/dev/null || true
sed -i 5d "$folder/leaves.ndjson"
sed -i 6d "$folder/leaves.csv"
rehash leaves.ndjson; cp "$folder/manifest.json" "$work/true/manifest.kept"
exits "a leaf left out is named" 1 '^tampered: leaf 4: the leaves from here to 4 are left out' verify "$folder"
exits "the same, to the second verifier" 1 '^tampered' second "$folder"
rm "$work/true/manifest.kept"
cp "$work/true"/* "$folder/" 2>/dev/null || true
exits "as it was, it is good" 0 '^complete' verify "$folder"
# archives that unpack to something else than what is looked at
python3 - "$work/all.tar" "$work/twice.tar" "$work/link.tar" "$work/beside.tar" <<'END'
import io, shutil, sys, tarfile
source, twice, link, beside = sys.argv[1:]
name = tarfile.open(source).getnames()[0].split("/")[0]
def more(path, member, octets=b""):
    shutil.copy(source, path)
    with tarfile.open(path, "a:", format=tarfile.USTAR_FORMAT) as archive:
        member.size = len(octets)
        archive.addfile(member, io.BytesIO(octets))
more(twice, tarfile.TarInfo(name + "/leaves.csv"), b"seq\n")
symlink = tarfile.TarInfo(name + "/leaves.csv"); symlink.type, symlink.linkname = tarfile.SYMTYPE, "/etc/passwd"
more(link, symlink)
more(beside, tarfile.TarInfo("./" + name + "/leaves.csv"), b"seq\n")
END
exits "an archive with a file twice" 1 '^tampered: .*twice' verify "$work/twice.tar"
exits "an archive with a link" 1 '^tampered: .*something else beside' verify "$work/link.tar"
exits "an archive with a file beside its folder" 1 '^tampered' verify "$work/beside.tar"
for name in twice link beside; do exits "the same ($name), to the second verifier" 1 '^tampered' second "$work/$name.tar"; done
head -c $((length / 2)) "$work/all.tar" >"$work/half.tar"
exits "half an archive" 1 '^tampered: .*cut' verify "$work/half.tar"

# ---- who may, and what cannot be

for role in officer admin station; do
	call POST /v1/audit/exports "$role" -H 'Content-Type: application/json' -d '{}' >"$work/p"
	refused "$role is no auditor" 403 ROLE_DENIED "$work/p"
	call GET "/v1/audit/exports/$id/result" "$role" >"$work/p"
	refused "nor to fetch" 403 ROLE_DENIED "$work/p"
done
for body in '{"limit":0}' '{"after":-1}' '{"from":"yesterday"}' '{"ev":"no.such"}' '{"rc":"lower"}' '{"act":"a b"}' '{"more":1}' '[]'; do
	call POST /v1/audit/exports auditor -H 'Content-Type: application/json' -d "$body" >"$work/p"
	refused "$body" 400 BAD_SYNTAX "$work/p"
done
recorded BAD_SYNTAX log.export
call POST /v1/audit/exports auditor -H 'Content-Type: application/json' -d '{"log":"no-such-log"}' >"$work/p"
refused "of no log" 404 NOT_FOUND "$work/p"
for at in aaaaaaaaaaaaaaaa AAAA ..; do
	call GET "/v1/audit/exports/$at" auditor --path-as-is >"$work/p"
	refused "no export $at" 404 NOT_FOUND "$work/p"
	call DELETE "/v1/audit/exports/$at" auditor --path-as-is >"$work/p"
	refused "nothing to remove: $at" 404 NOT_FOUND "$work/p"
done

# ---- removed, and no more than sixteen

exports=$MONIKER_TEST_STATE/service/exports
test -f "$exports/$id/export.tar" || die "the export is not where it should be"
same "its folder is for the service only" 700 "$(stat -c %a "$exports/$id")"
call DELETE "/v1/audit/exports/$id" auditor >"$work/p"
same "removed: status" 204 "$(cat "$work/status")"
call GET "/v1/audit/exports/$id" auditor >"$work/p"
refused "it is gone" 404 NOT_FOUND "$work/p"
gone() { [ ! -e "$exports/$1" ]; }
within 30 "and so are its files" gone "$id"
for _ in $(seq 17); do
	ask '{limit: 1}' >"$work/p"
	[ "$(cat "$work/status")" = 202 ] || break
done
refused "one too many" 409 STATE_CONFLICT "$work/p"
call GET /v1/audit/exports auditor >"$work/list"
same "as many as there may be" 16 "$(jq '.items | length' "$work/list")"
all_ended() { ! call GET /v1/audit/exports auditor | jq -e '.items[] | select(.state == "running")'; }
within 30 "all of them end" all_ended
owner "UPDATE audit_export SET finished_at_s = 1 WHERE id <> '$again'"
call DELETE "/v1/audit/exports/$again" auditor >"$work/p" # the next look
few() { [ "$(owner 'SELECT count(*) FROM audit_export')" = 0 ] && [ -z "$(ls "$exports")" ]; }
within 120 "those that are old go by themselves" few

# ---- killed while it is made

super() { psql -XAtq -v ON_ERROR_STOP=1 -h "$(sed -n 's/^PGDIR=//p' "$MONIKER_TEST_PG")" -U postgres -d moniker -c "$1"; }
slowly() { # SECONDS: what an export writes about itself takes that long
	owner "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep($1); RETURN NEW; END';
		CREATE TRIGGER slowly BEFORE UPDATE ON audit_export FOR EACH ROW EXECUTE FUNCTION slowly()"
}
quickly() { # again; what waits is not written
	super "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'" >/dev/null
	owner 'DROP FUNCTION IF EXISTS slowly() CASCADE'
}
cleanup() { quickly 2>/dev/null || true; }
slowly 50
ask >"$work/job"
id=$(jq -r .id "$work/job")
written() { [ -s "$exports/$1/leaves.part" ]; }
within 30 "it is being made" written "$id"
same "and not done" running "$(state "$id")"
kill -KILL "$(pgrep -P "$supervisor" -f -- --service)"
quickly
ready() { [ "$(curl -s -o /dev/null -w '%{http_code}' --cacert "$MONIKER_CACERT" "$MONIKER_URL/readyz")" = 200 ]; }
sleep 0.5
within 60 "the service is back" ready
within 30 "and goes on with it" is "$id" done
fetch "$id" "$work/killed.tar"
exits "it proves what it would have proven" 0 "^complete: leaves 0 to $(($(jq .log_size "$work/job") - 1))," verify "$work/killed.tar"
exits "the second verifier" 0 '^good: complete' second "$work/killed.tar"
[ -z "$(ls "$exports/$id" | grep -v '^export.tar$')" ] || die "parts are left"
# the command waits for a service that is killed meanwhile
slowly 50
export_to "$work/patient.tar" >"$work/patient" 2>&1 &
waiter=$!
begun() { [ -s "$work/patient.tar.job" ]; }
within 30 "the command has begun one" begun
kill -KILL "$(pgrep -P "$supervisor" -f -- --service)"
quickly
wait "$waiter" || { cat "$work/patient" >&2; die "the command did not wait"; }
shows "the command waits for the service" '^complete: ' "$work/patient"

# ---- a log that somebody changed

call DELETE "/v1/audit/exports/$id" auditor >/dev/null
bundle=$MONIKER_AUDIT_DIR/$log_name/tile/entries/000
cp -p "$bundle" "$work/bundle"
sed -i '0,/"sev":1/s//"sev":2/' "$bundle"
ask >"$work/job"
id=$(jq -r .id "$work/job")
within 30 "it fails" is "$id" failed
cp -p "$work/bundle" "$bundle"
same "because of the leaf that was changed" "BAD_PROOF leaf 0 is not what its tile has" \
	"$(call GET "/v1/audit/exports/$id" auditor | jq -r '"\(.failure.code) \(.failure.detail)"')"
fetch "$id" "$work/p"
refused "there is nothing to fetch" 409 STATE_CONFLICT "$work/p"
fault() { call GET '/v1/audit/events?ev=data.fault&limit=10000' auditor | grep '"sub":"tile"'; }
within 30 "and the log says so itself" fault
call DELETE "/v1/audit/exports/$id" auditor >/dev/null
same "removed: status" 204 "$(cat "$work/status")"
! grep -rq "$(jq -r .pseudonym "$work/a")" "$folder" || die "an export has a pseudonym in it"
! grep -rqi "$(jq -r .serial "$work/a")" "$folder" || die "an export has a serial in it"
ok "no export names a device"
