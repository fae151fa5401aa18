#!/bin/sh -eu
# Functions have at most 60 lines, .c files at most 600, headers of the product at most 160.
. "$(dirname "$0")/common.sh"
bad=0
need_files '\.c$'
if ! ctags --version 2>/dev/null | grep -q 'Universal Ctags'; then
	echo 'Universal Ctags is needed' >&2
	exit 1
fi

if ctags -x --languages=C --map-C=+.h --c-kinds=f --fields=+e --_xformat='%F:%n %{end} %N' $files |
    awk '{ split($1, at, ":"); if ($2 - at[2] >= 60) { print $1 ": " $3 "() has " $2 - at[2] + 1 " lines"; n++ } }
	END { exit !n }'; then
	bad=1
fi
# limit LINES: what $files may have each.
limit()
{
	for file in $files; do
		lines=$(wc -l <"$file")
		if [ "$lines" -gt "$1" ]; then
			echo "$file: $lines lines"
			bad=1
		fi
	done
}
limit 600
files=$(lint_files "$PRODUCT" | grep '\.h$' || true)
limit 160
exit $bad
