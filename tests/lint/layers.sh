#!/bin/sh -eu
# A folder may include its own headers and those of the folders named before it; libmicrohttpd
# is known to the server alone, libpq to db/. verify/ stands aside: cmd/ alone may use it, by its one public header.
. "$(dirname "$0")/common.sh"
bad=0
allowed=
# includes_only FOLDER REGEX
includes_only()
{
	need_files "^$1/.*\.[ch]$"
	if grep -HnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' $files |
	    grep -vE "include[[:space:]]*\"$2" | grep -vE "^cmd/.*include[[:space:]]*\"verify/moniker_verify\.h\""; then
		echo "^ $1 may include only: $2"
		bad=1
	fi
}

for folder in $FOLDERS; do
	allowed="$allowed${allowed:+|}$folder"
	includes_only "$folder" "($allowed)/"
done
# The library is for programs that have nothing else of ours: of base/ it knows what is all in a header.
includes_only $ASIDE "($ASIDE/|base/(bytes|defer|defer_openssl)\.h\")"

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
