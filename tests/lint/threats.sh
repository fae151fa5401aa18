#!/bin/sh -eu
# Every row of the threat table in docs/privacy.md names tests, and ctest knows each: `line/NAME.sh` is
# integration.line.NAME, `unit/PATH_test.c` is unit.PATH. MONIKER_BUILD names the build that is asked.
. "$(dirname "$0")/common.sh"
need_files '^docs/privacy\.md$'
rows=$(sed -n '/^## Threats/,$p' docs/privacy.md | grep '^|' | sed '1,2d')
if [ -z "$rows" ]; then
	echo 'docs/privacy.md: it lists no threat'
	exit 1
fi
known=$(ctest --test-dir "${MONIKER_BUILD:-build/dev}" -N | sed -n 's/^ *Test *#[0-9]*: //p')
if [ -z "$known" ]; then
	echo 'ctest knows no test: build first'
	exit 1
fi
echo "$rows" | KNOWN=$known awk -F ' *[|] *' '
	# The name that ctest has for a file below tests/; empty: no test is named like that.
	function name_of(file) {
		if (file ~ /^unit\/.*_test\.c$/) return "unit." substr(file, 6, length(file) - 12)
		if (file !~ /^(line|crash)\/[a-z_]+\.sh$/) return ""
		sub(/\//, ".", file)
		return "integration." substr(file, 1, length(file) - 3)
	}
	BEGIN {
		count = split(ENVIRON["KNOWN"], names, "\n")
		for (i = 1; i <= count; i++) known[names[i]] = 1
	}
	NF != 5 { print "docs/privacy.md: not threat, what holds and test: " $0; bad = 1; next }
	{
		held = 0
		for (rest = $4; match(rest, /`[^`]+`/); rest = substr(rest, RSTART + RLENGTH)) {
			file = substr(rest, RSTART + 1, RLENGTH - 2)
			held = 1
			if (!(name_of(file) in known)) { print "docs/privacy.md: ctest does not know " file; bad = 1 }
		}
		if (!held) { print "docs/privacy.md: no test of: " $2; bad = 1 }
	}
	END { exit bad }'
