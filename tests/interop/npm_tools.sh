#!/usr/bin/env bash
# npm_tools.sh FROM DIR: the packages that FROM/package-lock.json pins, in DIR, and FROM's scripts with them.
set -euo pipefail
command -v npm >/dev/null || { echo "npm is missing: install the Debian packages nodejs and npm" >&2; exit 1; }
from=$(cd "$1" && pwd)
mkdir -p "$2"
cd "$2"
cp "$from"/package.json "$from"/package-lock.json "$from"/.npmrc .
cp "$from"/*.mjs .
if [ ! -d node_modules ] || ! cmp -s package-lock.json installed; then
	npm ci --no-audit --no-fund --prefer-offline
	cp package-lock.json installed
fi
