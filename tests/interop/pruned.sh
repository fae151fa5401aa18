#!/usr/bin/env bash
# pruned.sh MONIKER: pruned logs, to `moniker audit verify`, docs/verify/verify.py and checkpoint.go (pruned.py).
set -euo pipefail
command -v go >/dev/null || { echo "go is missing: install the Debian package golang-go" >&2; exit 1; }
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$work/gocache GOFLAGS="" GOTOOLCHAIN=local
go build -o "$work/checkpoint" "$here/checkpoint.go"
python3 "$here/pruned.py" "$1" "$work/checkpoint"
