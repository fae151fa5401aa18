#!/usr/bin/env bash
# tools.sh DIR: the checkers, as package-lock.json pins them, in DIR.
set -euo pipefail
command -v npm >/dev/null || { echo "npm is missing: install the Debian packages nodejs and npm" >&2; exit 1; }
from=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"
cp "$from"/package.json "$from"/package-lock.json "$from"/.npmrc .
cp "$from"/*.mjs .
if [ ! -d node_modules ] || ! cmp -s package-lock.json installed; then
	npm ci --no-audit --no-fund --prefer-offline
	cp package-lock.json installed
fi
