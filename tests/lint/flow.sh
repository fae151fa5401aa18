#!/bin/sh -eu
# No goto: what must be freed is DEFERred. No conditional code: a backend is a file; only a header's
# guard asks what is defined.
. "$(dirname "$0")/common.sh"
bad=0
need_files '\.[ch]$'
if code_only $files | grep -w goto; then
	echo '^ goto'
	bad=1
fi

need_files "$PRODUCT"
if code_only $files | grep -E ':[[:space:]]*#[[:space:]]*(if|ifdef|ifndef|elif|else)\b' |
    grep -vE '^[^:]*\.h:[0-9]+:#ifndef [A-Z0-9_]+_H$'; then
	echo '^ conditional code'
	bad=1
fi
exit $bad
