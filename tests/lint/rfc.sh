#!/bin/sh -eu
# Prints the conformance tables of docs/conformance/, and fails on a row whose code or test is not
# there. A test is `file::name` below tests/: a function of a C test, or words of a script.
. "$(dirname "$0")/common.sh"
need_files '^docs/conformance/.*\.md$'
echo "$files" | while read -r file; do
	awk -F ' *[|] *' -v file="$file" '
		function wrong(why) { print file ":" FNR ": " why; bad = 1 }
		function shell(text) { gsub(/\047/, "\047\\\047\047", text); return "\047" text "\047" }
		# The next word in backquotes of `cell`, taken out of it; empty: there is none.
		function next_quoted(    word) {
			if (!match(cell, /`[^`]+`/)) return ""
			word = substr(cell, RSTART + 1, RLENGTH - 2)
			cell = substr(cell, RSTART + RLENGTH)
			return word
		}
		function there(path) { return system("test -e " shell(path)) == 0 }
		/^#/ { print file ": " $0 }
		!/^[|]/ || /^[|][ :-]+[|]/ || /^[|] section [|]/ { next }
		NF != 6 { wrong("not section, requirement, code and test"); next }
		{
			rows++
			print "  " $2 ": " $3
			cell = $4; found = 0
			while ((word = next_quoted()) != "") {
				found++
				if (!there(word)) wrong("there is no " word)
			}
			if (!found) wrong("no code for " $2)
			cell = $5; found = 0
			while ((word = next_quoted()) != "") {
				found++
				print "      " word
				if (split(word, part, "::") != 2 || part[2] == "")
					wrong("not file::name: " word)
				else if (!there("tests/" part[1]))
					wrong("there is no tests/" part[1])
				else if (system("grep -qwF -e " shell(part[2]) " tests/" shell(part[1])) != 0)
					wrong("there is no " part[2] " in tests/" part[1])
			}
			if (!found) wrong("no test for " $2)
		}
		END {
			if (!rows) { print file ": it has no row"; bad = 1 }
			exit bad
		}' "$file" || exit 1
done
