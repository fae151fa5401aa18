# shellcheck shell=bash source=../../interop/lib.sh
# What the tests of the line share, beside what the interop tests do.
. "$(dirname "${BASH_SOURCE[0]}")/../../interop/lib.sh"

# call METHOD PATH ROLE [curl options]: prints the body; the status goes to $work/status. Role `nobody`: no certificate.
call() {
	local method=$1 path=$2 role=${3^^} cert key auth=()
	shift 3
	if [ "$role" != NOBODY ]; then
		cert=MONIKER_${role}_CERT key=MONIKER_${role}_KEY
		auth=(--cert "${!cert}" --key "${!key}")
	fi
	curl -sS --cacert "$MONIKER_CACERT" "${auth[@]}" -X "$method" -w '%{stderr}%{http_code}' "$@" "$MONIKER_URL$path" 2>"$work/status"
}
send() { # PATH ROLE: the JSON on standard input
	call POST "$1" "$2" -H 'Content-Type: application/json' --data-binary @-
}

make_key() { # NAME [openssl genpkey options]: NAME.key and NAME.csr in $work
	local at=$work/$1
	shift
	openssl genpkey "${@:--algorithm EC -pkeyopt ec_paramgen_curve:P-256}" -out "$at.key" 2>/dev/null ||
		openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$at.key" 2>/dev/null
	openssl req -new -key "$at.key" -subj '/CN=ignored/O=ignored too' -out "$at.csr" 2>/dev/null
}
request() { # NAME MAC [jq filter]: the body of an enrollment into $batch
	jq -c --rawfile csr "$work/$1.csr" --arg batch "$batch" --arg mac "$2" \
		"{batch: \$batch, csr: \$csr, hardware_ids: [{type: \"mac48\", value: \$mac}]} | ${3:-.}" <<<null
}
verdict() { # answer.json
	jq -c '{certificate}' "$1" | send /v1/verifications verifier | jq -r .verdict
}

# refused WHAT STATUS CODE ANSWER: a problem document (RFC 9457) with this status and code, and a leaf of it.
refused() {
	same "$1: status" "$2" "$(cat "$work/status")"
	same "$1: code" "$3" "$(jq -r .code "$4")"
	jq -e '.type | startswith("urn:moniker:problem:")' "$4" >/dev/null || die "$1: no problem type"
	jq -e 'has("title") and has("request_id") and .status' "$4" >/dev/null || die "$1: not a problem document"
}
recorded() { # CODE: the log has a leaf with this reason
	call GET "/v1/audit/events?rc=$1&limit=1" auditor >"$work/leaf"
	[ -s "$work/leaf" ] || die "no leaf with reason $1"
	ok "a leaf with reason $1"
}
open_lot() { # NAME [jq filter]: a batch of our own; sets batch
	batch=$1-$(openssl rand -hex 5)
	jq -c --arg id "$batch" "{id: \$id, model: \"Test\", quota: 1000} | ${2:-.}" <<<null | send /v1/batches admin >"$work/lot"
	same "batch $1 opened" 201 "$(cat "$work/status")"
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
