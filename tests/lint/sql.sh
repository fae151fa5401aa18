#!/bin/sh -eu
# SQL and STMT() are in db/ and in *_store.c, nowhere else.
. "$(dirname "$0")/common.sh"
anywhere='SELECT|INSERT INTO|DELETE FROM|RETURNING|ON CONFLICT|(ORDER|GROUP) BY|(CREATE|ALTER|DROP) [A-Z]+'
at_start='UPDATE|WITH|BEGIN|COMMIT|ROLLBACK|SAVEPOINT|LOCK|LISTEN|NOTIFY|TRUNCATE|COPY|SET|FROM|WHERE|AND'
need_files "$PRODUCT"
files=$(echo "$files" | grep -vE '^db/|_store\.c$')
bad=0
if code_only $files | grep -E '\bSTMT\('; then
	echo '^ STMT() outside db/ and *_store.c'
	bad=1
fi
if grep -HnE "\"([^\"]*[^A-Za-z\"])?($anywhere)([^A-Za-z\"][^\"]*)?\"|\" ?($at_start)( [^\"]*)?\"" $files; then
	echo '^ SQL outside db/ and *_store.c'
	bad=1
fi
exit $bad
