#!/bin/sh -eu
# Every trap that docs/http.md lists names the tests that keep it, below tests/, and they are there.
. "$(dirname "$0")/common.sh"
need_files '^docs/http\.md$'
traps=$(sed -n '/^## Traps/,/^## /p' docs/http.md | grep '^|' | sed '1,2d')
if [ -z "$traps" ]; then
	echo 'docs/http.md: it lists no trap'
	exit 1
fi
echo "$traps" | awk -F ' [|] ' '
	NF != 3 { print "docs/http.md: not trap, place and test: " $0; bad = 1; next }
	{
		kept = 0
		while (match($3, /`[a-z_\/]+\.c: [a-z0-9_]+`/)) {
			split(substr($3, RSTART + 1, RLENGTH - 2), test, ": ")
			$3 = substr($3, RSTART + RLENGTH)
			kept = 1
			if (system("grep -qs \"^" test[2] "(void \\*\\*state)\" tests/" test[1]) != 0) {
				print "docs/http.md: there is no " test[2] " in tests/" test[1]
				bad = 1
			}
		}
		if (!kept) { print "docs/http.md: no test keeps: " $1; bad = 1 }
	}
	END { exit bad }'
