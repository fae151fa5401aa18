# shellcheck shell=bash source=../../interop/lib.sh
# What the tests of the line share, beside what the interop tests do.
. "$(dirname "${BASH_SOURCE[0]}")/../../interop/lib.sh"

# call METHOD PATH ROLE [curl options]: prints the body; the status goes to $work/status, the header
# to $work/headers. Role `nobody`: no certificate.
call() {
	local method=$1 path=$2 role=${3^^} cert key auth=()
	shift 3
	if [ "$role" != NOBODY ]; then
		cert=MONIKER_${role}_CERT key=MONIKER_${role}_KEY
		auth=(--cert "${!cert}" --key "${!key}")
	fi
	curl -sS --cacert "$MONIKER_CACERT" "${auth[@]}" -X "$method" -D "$work/headers" -w '%{stderr}%{http_code}' "$@" "$MONIKER_URL$path" 2>"$work/status"
}
send() { # PATH ROLE: the JSON on standard input
	call POST "$1" "$2" -H 'Content-Type: application/json' --data-binary @-
}

make_key() { # NAME: NAME.key and NAME.csr in $work
	local at=$work/$1
	openssl ecparam -name prime256v1 -genkey -noout -out "$at.key" 2>/dev/null
	openssl req -new -key "$at.key" -subj '/CN=ignored/O=ignored too' -out "$at.csr" 2>/dev/null
}
request() { # NAME MAC [jq filter]: the body of an enrollment into $batch
	jq -c --rawfile csr "$work/$1.csr" --arg batch "$batch" --arg mac "$2" \
		"{batch: \$batch, csr: \$csr, hardware_ids: [{type: \"mac48\", value: \$mac}]} | ${3:-.}" <<<null
}
# renew NAME [OTHER]: as the device NAME, with its CSR or that of OTHER; the answer goes to $work/p.
renew() {
	jq -c --rawfile csr "$work/${2:-$1}.csr" '{csr: $csr}' <<<null |
		curl -sS --cacert "$MONIKER_CACERT" --cert "$work/$1.pem" --key "$work/$1.key" -H 'Content-Type: application/json' \
			--data-binary @- -D "$work/headers" -w '%{stderr}%{http_code}' "$MONIKER_URL/v1/renewals" 2>"$work/status" >"$work/p"
}
# header NAME: its value in the last answer of call or renew, or nothing.
header() { sed -n "s/^$1: *\(.*\)\r\$/\1/Ip" "$work/headers"; }
verdict() { # answer.json
	jq -c '{certificate}' "$1" | send /v1/verifications verifier | jq -r .verdict
}

# refused WHAT STATUS CODE ANSWER: the last answer is a problem document (RFC 9457) with this status and code.
refused() {
	same "$1: status" "$2" "$(cat "$work/status")"
	same "$1: code" "$3" "$(jq -r .code "$4")"
	same "$1: type" application/problem+json "$(header content-type)"
	jq -e '.type | startswith("urn:moniker:problem:")' "$4" >/dev/null || die "$1: no problem type"
	jq -e --argjson status "$2" 'has("title") and has("request_id") and .status == $status' "$4" >/dev/null || die "$1: not a problem document"
}
is_recorded() { # CODE [EVENT]: the log has a leaf with this reason
	call GET "/v1/audit/events?rc=$1${2:+&ev=$2}&limit=10000" auditor >"$work/leaf" && [ -s "$work/leaf" ]
}
recorded() { # CODE [EVENT]: the same, now
	is_recorded "$@" || die "no leaf ${2-} with reason $1"
	ok "a leaf with reason $1"
}
every_leaf() { # page by page, into $work/leaves
	local after=-1
	: >"$work/leaves"
	while [ -n "$after" ]; do
		call GET "/v1/audit/events?after=$after&limit=500" auditor >>"$work/leaves"
		after=$(header moniker-next)
	done
}
# tree_fits: checkpoint and leaves belong together. The checkpoint first: then its leaves are there.
# Leaves both in $work, and sets log_name and vkey.
tree_fits() {
	call GET /audit/logs auditor >"$work/logs"
	log_name=$(jq -r '.items[0].origin | split("/")[-1]' "$work/logs")
	vkey=$(jq -r '.items[0].vkey' "$work/logs")
	call GET "/audit/$log_name/checkpoint" nobody >"$work/checkpoint"
	every_leaf
	"$MONIKER_TEST_TREE" "$vkey" "$work/checkpoint" "$work/leaves"
}
open_lot() { # NAME [jq filter]: a batch of our own; sets batch
	batch=$1-$(openssl rand -hex 5)
	jq -c --arg id "$batch" "{id: \$id, model: \"Test\", quota: 1000} | ${2:-.}" <<<null | send /v1/batches admin >"$work/lot"
	same "batch $1 opened" 201 "$(cat "$work/status")"
}
# no_processes: nothing is left of the service, nor of its keeper, which end after a supervisor that was killed.
no_processes() { ! pgrep -f -- "--config $MONIKER_CONFIG --service" && ! pgrep -f -- "moniker-keeper --dir $MONIKER_TEST_STATE/"; }
# signer_key: the public key that pages and sets are signed with: of the bundle's signers, the newest comes first.
signer_key() {
	local part
	call GET /v1/trust-bundle nobody >"$work/bundle.pem"
	split_pem "$work/bundle.pem" "$work/bundle"
	for part in $(ls "$work"/bundle.[0-9]* | sort -V); do
		[[ $(openssl x509 -in "$part" -noout -subject) != *'Status Signer'* ]] || { openssl x509 -in "$part" -noout -pubkey; return; }
	done
	die "the bundle names no status signer"
}
# publish_seats ROLE:NUMBER...: new ones, whose keys are $work/ROLE:NUMBER under the passphrase $work/pass, are a seat set,
# which the service takes up at once; its number goes to $number.
publish_seats() {
	local seat seats=() state=$MONIKER_TEST_STATE
	(umask 277; openssl rand -base64 12 >"$work/pass")
	for seat in "$@"; do
		"$MONIKER_BIN/moniker" seat new --role "${seat%:*}" --number "${seat#*:}" --out "$work/$seat" --passphrase-file "$work/pass" --kdf-memory-mib 8 >/dev/null
		seats+=(--seat "$work/$seat.pub")
	done
	"$MONIKER_BIN/moniker" seat publish --database-url "$MONIKER_PGURL" --ring "$state/ca/roots.ring" --passphrase-file "$state/roots.passphrase" --yes "${seats[@]}" >/dev/null 2>&1
	kill -HUP "$(cat "$state/pid")"
	number=$("$MONIKER_BIN/moniker" seat list --database-url "$MONIKER_PGURL" | sed -n 's/^number //p')
}
# within SECONDS WHAT COMMAND...: becomes true in time.
within() {
	local until=$((SECONDS + $1)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $until ] || die "$what: not in time"
		sleep 0.1
	done
	ok "$what"
}
