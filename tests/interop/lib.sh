# shellcheck shell=bash source=/dev/null
# Sourced by the tests of this folder: what they share. A test runs against the service that
# MONIKER_TEST_ENV describes, in a scratch folder of its own, and stops at the first thing that is
# not as it should be.

set -Eeuo pipefail
umask 022

die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }
ok() { printf 'ok: %s\n' "$*"; }
trap 'printf "%s: line %s failed: %s\n" "$(basename "${BASH_SOURCE[0]}")" "$LINENO" "$BASH_COMMAND" >&2' ERR

need() { # TOOL PACKAGE
	command -v "$1" >/dev/null || die "$1 is missing: install the Debian package $2"
}

PATH=$PATH:/usr/sbin:/sbin
need openssl openssl
need curl curl
need jq jq

. "${MONIKER_TEST_ENV:?MONIKER_TEST_ENV names the environment file of a running service}"

work=$(mktemp -d /tmp/moniker-interop-XXXXXX)
chmod 755 "$work"
cleanup() { :; } # a test that starts something defines it anew
trap 'cleanup; rm -rf "$work"' EXIT

# same WHAT EXPECTED ACTUAL
same() {
	[ "$2" = "$3" ] || die "$1: expected '$2', got '$3'"
	ok "$1"
}

# shows WHAT PATTERN FILE: the file has a line that matches.
shows() {
	grep -Eq -- "$2" "$3" || { cat "$3" >&2; die "$1: no line matches $2"; }
	ok "$1"
}

# refuses WHAT PATTERN COMMAND...: the command fails, and for the reason that the pattern names.
refuses() {
	local what=$1 pattern=$2
	shift 2
	if "$@" >"$work/refusal" 2>&1; then
		cat "$work/refusal" >&2
		die "$what: accepted"
	fi
	shows "$what" "$pattern" "$work/refusal"
}

# accepts WHAT COMMAND...
accepts() {
	local what=$1
	shift
	"$@" >"$work/acceptance" 2>&1 || { cat "$work/acceptance" >&2; die "$what: refused"; }
	ok "$what"
}

# flip FILE PLACE: another octet stands there. One that is written blindly may be what was there.
flip() {
	local octet
	octet=$(od -An -tu1 -j "$2" -N 1 "$1")
	printf "\\x$(printf %x $((octet ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# differing FILE FILE: how many octets differ.
differing() { { cmp -l "$1" "$2" || true; } | wc -l; }

# ---- the service

# api METHOD PATH ROLE [curl options]: prints the body; a status of 400 or more ends the test.
api() {
	local method=$1 path=$2 role=${3^^} cert key
	shift 3
	cert=MONIKER_${role}_CERT key=MONIKER_${role}_KEY
	curl -sS --fail-with-body --cacert "$MONIKER_CACERT" --cert "${!cert}" --key "${!key}" \
		-X "$method" "$@" "$MONIKER_URL$path" || die "$method $path as $role was refused"
}
post() { # PATH ROLE: the JSON on standard input
	api POST "$1" "$2" -H 'Content-Type: application/json' --data-binary @-
}

# A batch of our own: other tests use the same service.
open_batch() { # sets batch
	batch=interop-$(openssl rand -hex 6)
	jq -cn --arg id "$batch" '{id: $id, model: "Interop", quota: 100}' | post /v1/batches admin >/dev/null
}

random_mac() { printf '02%s' "$(openssl rand -hex 5)" | sed 's/../&:/g; s/:$//'; }

# enroll NAME: leaves NAME.key, NAME.pem (the device), NAME.chain (the device and its CAs) and
# NAME.json (the service's answer) in $work.
enroll() {
	local at=$work/$1
	openssl ecparam -name prime256v1 -genkey -noout -out "$at.key"
	openssl req -new -key "$at.key" -subj / -out "$at.csr"
	jq -cn --rawfile csr "$at.csr" --arg batch "$batch" --arg mac "$(random_mac)" \
		'{batch: $batch, csr: $csr, hardware_ids: [{type: "mac48", value: $mac}]}' |
		post /v1/enrollments station >"$at.json"
	jq -r .certificate "$at.json" >"$at.pem"
	jq -r '.certificate, .chain[]' "$at.json" >"$at.chain"
}

revoke() { # NAME
	jq -c '{select: {pseudonym}, action: "revoke", reason: "keyCompromise"}' "$work/$1.json" |
		post /v1/revocations officer >"$work/$1.revocation"
	same "$1 is revoked" applied "$(jq -r .status "$work/$1.revocation")"
}

# ---- certificates and CRLs

extension() { # CERT NAME: the values, one a line, without indentation
	openssl x509 -in "$1" -noout -ext "$2" 2>/dev/null | sed -n '2,$s/^ *//p'
}
crl_url() { extension "$1" crlDistributionPoints | sed -n 's/^URI://p'; }
issuer_url() { extension "$1" authorityInfoAccess | sed -n 's/^CA Issuers - URI://p'; }
serial_of() { openssl x509 -in "$1" -noout -serial | cut -d= -f2; }

fetch_crl() { # CERT OUT: the CRL that the certificate points to, as PEM
	curl -sS --fail "$(crl_url "$1")" -o "$2.der" || { echo "no CRL at $(crl_url "$1")" >&2; return 1; }
	openssl crl -inform DER -in "$2.der" -out "$2"
}
# crl_lists CRL SERIAL: no pipe, in which whoever prints a long list would fail when grep has seen enough
crl_lists() { grep -q "Serial Number: $2\$" <(openssl crl -in "$1" -noout -text); }

# fetch_crl_with CERT OUT: the same, once it lists the certificate's serial.
fetch_crl_with() {
	local _
	for _ in $(seq 1 100); do
		! fetch_crl "$1" "$2" || ! crl_lists "$2" "$(serial_of "$1")" || return 0
		sleep 0.2
	done
	die "the CRL does not list $(serial_of "$1") within 20 seconds"
}

# split_pem FILE PREFIX: PREFIX.0, PREFIX.1, ... with one certificate each.
split_pem() {
	awk -v prefix="$2" '/BEGIN CERTIFICATE/ { out = prefix "." n++ } out { print > out } /END CERTIFICATE/ { out = "" }' "$1"
}

# roots_of FILE: its self-signed certificates.
roots_of() {
	local one
	split_pem "$1" "$work/split"
	for one in "$work"/split.*; do
		[ "$(openssl x509 -in "$one" -noout -subject_hash)" != "$(openssl x509 -in "$one" -noout -issuer_hash)" ] ||
			openssl x509 -in "$one"
		rm "$one"
	done
}

# with_issuer CERT: the certificate, and its issuer's from the address that it names.
with_issuer() {
	openssl x509 -in "$1"
	curl -sS --fail "$(issuer_url "$1")" | openssl x509 -inform DER
}

# copy_log FOLDER DIR: what a reader has who copies a log that is written to. The checkpoint first: what it counts is there,
# then; and again when a partial tile became full meanwhile, and is gone.
copy_log() {
	local _
	for _ in $(seq 20); do
		rm -rf "$2"
		mkdir "$2"
		cp "$1/checkpoint" "$2/"
		! cp -r "$1/tile" "$2/" 2>/dev/null || return 0
	done
	die "the log cannot be copied"
}

# ---- servers of a test

free_port() {
	local port
	while :; do
		port=$((20000 + RANDOM % 12000))
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	echo "$port"
}
