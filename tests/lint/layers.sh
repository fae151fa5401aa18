#!/bin/sh -eu
# A folder may include its own headers and those of the folders named before it; libmicrohttpd
# is known to the server alone, libpq to db/.
. "$(dirname "$0")/common.sh"
bad=0
allowed=
for folder in $FOLDERS; do
	allowed="$allowed${allowed:+|}$folder"
	need_files "^$folder/.*\.[ch]$"
	if grep -HnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' $files |
	    grep -vE "include[[:space:]]*\"($allowed)/"; then
		echo "^ $folder may include only: $allowed"
		bad=1
	fi
done

need_files "$PRODUCT"
if grep -HnE '#[[:space:]]*include[[:space:]]*<microhttpd\.h>' $files |
    grep -vE '^api/(server|http_core)[a-z0-9_]*\.[ch]:'; then
	echo '^ only api/server*.[ch] and api/http_core*.[ch] may include <microhttpd.h>'
	bad=1
fi
if grep -HnE '#[[:space:]]*include[[:space:]]*<(libpq-fe|postgres_ext|pg_config)\.h>' $files |
    grep -v '^db/'; then
	echo '^ only db/ may include <libpq-fe.h>'
	bad=1
fi
exit $bad
