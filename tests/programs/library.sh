#!/usr/bin/env bash
# library.sh BUILD TRUST_FILES CC: libmoniker-verify as others see it: installed, found with pkg-config, used by its
# example with either library, and nothing of ours in it but its functions.
set -euo pipefail
build=$1 trust_files=$2 cc=$3
here=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
die() { echo "$*" >&2; exit 1; }

cmake --install "$build" --component verify --prefix "$work/usr" >/dev/null
pc=$(find "$work/usr" -name moniker-verify.pc)
export PKG_CONFIG_PATH=${pc%/*}
lib=$(pkg-config --variable=libdir moniker-verify)
[ "$(find "$work/usr" -type f -name '*.h' -printf '%f ')" = "moniker_verify.h " ] || die "not one header"
[ "$(wc -l <"$here/verify/example.c")" -le 40 ] || die "the example has more than 40 lines"

# What it needs, and what it has.
[ "$(readelf -d "$lib/libmoniker-verify.so" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')" = libmoniker-verify.so.0 ] || die "another soname"
needs=$(readelf -d "$lib/libmoniker-verify.so" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -vE '^lib(asan|ubsan|tsan|clang)' | sort | tr '\n' ' ')
[ "$needs" = "libc.so.6 libcrypto.so.3 " ] || die "it needs $needs"
alien=$(nm -D --defined-only "$lib/libmoniker-verify.so" | awk '$2 != "A" { print $3 }' | grep -v '^moniker_' || true)
[ -z "$alien" ] || die "it exports $alien"
alien=$(nm -g --defined-only "$lib/libmoniker-verify.a" | awk 'NF == 3 { print $3 }' | grep -vE '^(moniker|mv)_' || true)
[ -z "$alien" ] || die "the static library defines $alien"
state=$(size -A "$lib/libmoniker-verify.a" | awk '$1 ~ /^\.(data|bss|tdata|tbss)$/ && $2 > 0')
[ -z "$state" ] || die "it has variables: $state"

mkdir "$work/trust"
"$trust_files" "$work/trust"
cd "$work/trust"
# shellcheck disable=SC2046
"$cc" -std=c17 -Wall -Wextra -Wpedantic -Werror "$here/verify/example.c" -o "$work/shared" $(pkg-config --cflags --libs moniker-verify)
# shellcheck disable=SC2046
"$cc" -std=c17 "$here/verify/example.c" -o "$work/static" $(pkg-config --cflags moniker-verify) "$lib/libmoniker-verify.a" $(pkg-config --libs libcrypto)

for kind in shared static; do
	said=$(LD_LIBRARY_PATH=$lib "$work/$kind" bundle.pem good.pem) || die "$kind: a good device: $said"
	grep -q '^good.pem: good: neither held nor revoked as of ' <<<"$said" || die "$kind: $said"
	status=0
	said=$(LD_LIBRARY_PATH=$lib "$work/$kind" bundle.pem good.pem revoked.pem held.pem expired.pem stranger.pem) || status=$?
	[ $status = 1 ] || die "$kind: exit status $status: $said"
	verdicts=$(sed 's/^[^:]*: \([a-z]*\):.*/\1/' <<<"$said" | paste -sd' ')
	[ "$verdicts" = "good revoked held expired untrusted" ] || die "$kind: $said"
	status=0
	said=$(LD_LIBRARY_PATH=$lib "$work/$kind" good.pem good.pem 2>&1) || status=$?
	[ $status = 2 ] || die "$kind: what is no bundle is taken: $said"
done
