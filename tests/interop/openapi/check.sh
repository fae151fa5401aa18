#!/usr/bin/env bash
# check.sh TOOLS ROUTES: api/openapi.yaml is OpenAPI 3.1, whole, and has exactly the routes that the program ROUTES prints.
set -euo pipefail
top=$(cd "$(dirname "$0")/../../.." && pwd)
exec node "$1/check.mjs" "$top/api/openapi.yaml" <("$2") "$top/base/error.def"
