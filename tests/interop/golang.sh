#!/usr/bin/env bash
# The published audit log, verified by Go's implementation of transparency logs (checkpoint.go).
. "$(dirname "$0")/lib.sh"
need go golang-go
export GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$work/gocache GOFLAGS="" GOTOOLCHAIN=local
[ -d "$GOPATH/src/golang.org/x/mod/sumdb/tlog" ] ||
	die "golang.org/x/mod is missing: install the Debian package golang-golang-x-mod-dev"
go build -o "$work/checkpoint" "$(dirname "$0")/checkpoint.go"

verify() { "$work/checkpoint" "$vkey" "$work/checkpoint.txt" "$@"; }

# fetch_log: the checkpoint first, as a file and by HTTP, then at least as many leaves, page by page.
fetch_log() {
	local after=
	cp "$MONIKER_AUDIT_DIR/$log/checkpoint" "$work/published.txt"
	curl -sS --fail --cacert "$MONIKER_CACERT" "$MONIKER_URL/audit/$log/checkpoint" >"$work/checkpoint.txt"
	size=$(sed -n 2p "$work/checkpoint.txt")
	: >"$work/leaves"
	while [ "$(wc -l <"$work/leaves")" -lt "$size" ]; do
		api GET "/v1/audit/events?log=$log&limit=$page$after" auditor >"$work/page"
		[ -s "$work/page" ] || die "the leaves end before number $size"
		cat "$work/page" >>"$work/leaves"
		after="&after=$(tail -n 1 "$work/page" | jq .seq)"
	done
}

# The log that is written to now: the last of the list.
api GET /audit/logs auditor | jq -c '.items[-1]' >"$work/log"
vkey=$(jq -r .vkey "$work/log")
log=$(jq -r .origin "$work/log")
log=${log##*/}
jq -j .checkpoint "$work/log" >"$work/listed.txt"

open_batch
enroll first
page=10000
fetch_log
same "the leaves are numbered without a gap" "$(seq 0 "$((size - 1))")" \
	"$(head -n "$size" "$work/leaves" | jq .seq)"
accepts "Go verifies the checkpoint and computes its root" verify "$work/leaves"
same "the root is the checkpoint's" "$size $(sed -n 3p "$work/checkpoint.txt")" "$(cat "$work/acceptance")"
accepts "Go verifies the checkpoint in the list of logs" \
	"$work/checkpoint" "$vkey" "$work/listed.txt" "$work/leaves"
accepts "Go verifies the checkpoint in MONIKER_AUDIT_DIR" \
	"$work/checkpoint" "$vkey" "$work/published.txt" "$work/leaves"
head -n "$size" "$work/leaves" >"$work/earlier" # there may be more by now than what is published
earlier=$size

# ---- it grows, and what was there stays

enroll second
revoke second
for _ in $(seq 1 300); do
	[ "$(curl -sS --cacert "$MONIKER_CACERT" "$MONIKER_URL/audit/$log/checkpoint" | sed -n 2p)" = "$earlier" ] || break
	sleep 0.1
done
page=7
fetch_log
[ "$size" -gt "$earlier" ] || die "the checkpoint did not grow within 30 seconds"
accepts "Go verifies the later checkpoint, from pages of seven leaves" verify "$work/leaves"
accepts "what was logged before has not changed" cmp "$work/earlier" \
	<(head -n "$(wc -l <"$work/earlier")" "$work/leaves")

# ---- the folder is the log

verify_folder() { "$work/checkpoint" "$vkey" "$work/log"; }
copy_log "$MONIKER_AUDIT_DIR/$log" "$work/log"
accepts "Go verifies the copied folder, and a proof of each leaf from its tiles" verify_folder
copied=$(sed -n 2p "$work/log/checkpoint")
some=$(find "$work/log/tile/0" "$work/log/tile/entries" -type f | grep -E "tile/[^/]*/[0-9]{3}(\.p/$((copied % 256)))?\$")
[ -n "$some" ] || die "no tile to change"
for file in $some; do
	cp "$file" "$work/true"
	flip "$file" 40
	refuses "an octet changed in ${file#"$work/log/"}" 'root|leaf|bundle|tile|hash' verify_folder
	cp "$work/true" "$file"
done
accepts "and all of it as it was" verify_folder

# ---- an export

export_to() { # NAME [options]: unpacked in $work/NAME
	local name=$1
	shift
	"$MONIKER_BIN/moniker" audit export --log "$log" --vkey "$vkey" --out "$work/$name.tar" "$@" >/dev/null
	mkdir "$work/$name"
	tar -xf "$work/$name.tar" -C "$work/$name" --strip-components 1
}
verify_export() { "$work/checkpoint" "$vkey" "$work/$1"; }
export_to whole
accepts "Go verifies an export, each leaf by its tiles" verify_export whole
shows "and that none is missing" " complete $(wc -l <"$work/whole/leaves.ndjson")\$" "$work/acceptance"
export_to picked --ev 'enroll.*'
accepts "Go verifies leaves that were picked" verify_export picked
shows "and that this is all it proves" ' inclusion [0-9]+$' "$work/acceptance"
for file in leaves.ndjson leaves.csv tile/0/000* checkpoint; do
	file=$(cd "$work/picked" && find . -type f -path "./$file*" | sort | head -n 1)
	cp "$work/picked/$file" "$work/true"
	flip "$work/picked/$file" 33
	refuses "an octet changed in ${file#./} of the export" 'manifest|signature|malformed|checkpoint' verify_export picked
	cp "$work/true" "$work/picked/$file"
done
accepts "and all of it as it was" verify_export picked

# ---- what must be caught

# change LINE COLUMN FROM TO: one octet of one leaf.
change() {
	sed "$1s/^\(.\{$2\}\)./\1$3/" "$work/leaves" >"$work/changed"
	same "one octet differs" 1 "$(differing "$work/leaves" "$work/changed")"
}
for line in 1 $((size / 2)) "$size"; do
	change "$line" 1 S # "seq" is "Seq"
	refuses "a changed octet in leaf $((line - 1))" 'the root of the leaves is' verify "$work/changed"
done
sed "$((size / 2))d" "$work/leaves" >"$work/changed"
tail -n 1 "$work/leaves" >>"$work/changed"
refuses "a leaf left out" 'the root of the leaves is' verify "$work/changed"
head -n "$((size - 1))" "$work/leaves" >"$work/changed"
refuses "the last leaf left out" "there are $((size - 1))" verify "$work/changed"
sed '1{h;d};2{G}' "$work/leaves" >"$work/changed"
refuses "two leaves exchanged" 'the root of the leaves is' verify "$work/changed"

cp "$work/checkpoint.txt" "$work/true.txt"
sed "2s/.*/$((size - 1))/" "$work/true.txt" >"$work/checkpoint.txt"
refuses "a checkpoint with another size" 'invalid signature' verify "$work/leaves"
awk -v root="$(openssl rand -base64 32)" 'NR == 3 { $0 = root } { print }' "$work/true.txt" >"$work/checkpoint.txt"
refuses "a checkpoint with another root" 'invalid signature' verify "$work/leaves"
