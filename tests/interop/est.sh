# shellcheck shell=bash source=/dev/null
# Sourced after lib.sh by the tests of EST: requests with curl, and what their answers have to be.
# shellcheck disable=SC2034,SC2154

est=$MONIKER_URL/.well-known/est

# new_request NAME [SUBJECT]: NAME.key, and its request as NAME.csr (PEM), NAME.der and NAME.b64 (one line).
new_request() {
	openssl ecparam -name prime256v1 -genkey -noout -out "$work/$1.key"
	openssl req -new -key "$work/$1.key" -subj "${2:-/}" -out "$work/$1.csr"
	openssl req -in "$work/$1.csr" -outform DER -out "$work/$1.der"
	base64 -w 0 <"$work/$1.der" >"$work/$1.b64"
}

# call WHO URL [curl options]: sets status; head and body go to $work/head and $work/answer. WHO is a role,
# nobody, or the path of NAME.pem and NAME.key without their ends.
call() {
	local who=$1 cert key as=()
	if [ -f "$who.pem" ]; then
		as=(--cert "$who.pem" --key "$who.key")
	elif [ "$who" != nobody ]; then
		cert=MONIKER_${who^^}_CERT key=MONIKER_${who^^}_KEY
		as=(--cert "${!cert}" --key "${!key}")
	fi
	status=$(curl -sS --cacert "$MONIKER_CACERT" "${as[@]}" -D "$work/head.crlf" -o "$work/answer" -w '%{http_code}' "${@:3}" "$2")
	tr -d '\r' <"$work/head.crlf" >"$work/head"
}
fetch() { call nobody "$est/$1"; } # PATH
# send LABEL OPERATION WHO FILE [curl options]
send() { call "$3" "$est${1:+/$1}/$2" -H 'Content-Type: application/pkcs10' --data-binary @"$4" "${@:5}"; }
code() { jq -r .code "$work/answer"; }

mint() { # JSON: prints a token of our batch
	post "/v1/batches/$batch/tokens" admin <<<"$1" | jq -r '.tokens[0]'
}

# is_answer WHAT TYPE: what the strictest client wants.
is_answer() {
	shows "$1: its type" "^Content-Type: $2\$" "$work/head"
	shows "$1: its encoding" '^Content-Transfer-Encoding: base64$' "$work/head"
	shows "$1: HTTP/1.1" '^HTTP/1\.1 ' "$work/head"
	same "$1: its length" "$(wc -c <"$work/answer")" "$(sed -n 's/^Content-Length: //p' "$work/head")"
	[ "$(wc -c <"$work/head.crlf")" -lt 1024 ] || die "$1: the header block has 1024 octets or more"
	same "$1: one line" 0 "$(wc -l <"$work/answer")"
}

certificates_of() { # FILE: of a base64 PKCS #7, PEM
	tr -d '\n' <"$1" | base64 -d | openssl pkcs7 -inform DER -print_certs | sed -n '/BEGIN/,/END/p'
}
subjects() { # PEM
	local one
	split_pem "$1" "$work/subject"
	for one in "$work"/subject.*; do openssl x509 -in "$one" -noout -subject; done | paste -sd';'
	rm "$work"/subject.*
}

# issued WHAT NAME: the answer has one certificate, for NAME's key; it becomes NAME.pem.
issued() {
	certificates_of "$work/answer" >"$work/$2.pem"
	same "$1: one certificate" 1 "$(grep -c BEGIN "$work/$2.pem")"
	same "$1: for the key that was sent" "$(openssl pkey -in "$work/$2.key" -pubout)" \
		"$(openssl x509 -in "$work/$2.pem" -noout -pubkey)"
}

# age NAME YEARS: in the database its certificate began that many years earlier: what needs months is
# due now. With a minus sign it is as it was.
age() {
	psql -q -X "$MONIKER_PGURL" -c "UPDATE certificate SET not_before_at_s = not_before_at_s - $2 * 365 * 86400
		WHERE serial = '\\x$(serial_of "$work/$1.pem" | tr A-F a-f)'"
}

# open_later SECONDS: sets batch, which is one that opens then.
open_later() {
	batch=later-$(openssl rand -hex 6)
	jq -cn --arg id "$batch" --arg at "$(date -ud "+$1 seconds" +%FT%TZ)" '{id: $id, model: "Interop", quota: 1, opens_at: $at}' |
		post /v1/batches admin >/dev/null
}
# put_off WHAT COMMAND: runs it until the service has put off its enrollment, into a batch that opens soon,
# but not before the client is there: the slower the machine, the later. The command is true if it was put off.
put_off() {
	local delay kept=$batch
	for delay in 4 16 64; do
		open_later $delay
		if "$2"; then
			ok "$1"
			batch=$kept
			return
		fi
	done
	die "$1: it never was"
}
