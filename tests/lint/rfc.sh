#!/bin/sh -eu
# Prints the conformance tables of docs/conformance/, and fails on a row whose code or test is not
# there. Code is a file, and names in it; a test is `file::name`: a function of a C test, or
# words of a script.
. "$(dirname "$0")/common.sh"
need_files '^docs/conformance/.*\.md$'
for file in $files; do
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
		function there(path) { return system("test -f " shell(path)) == 0 }
		function has(path, words) { return system("grep -qwsF -e " shell(words) " " shell(path)) == 0 }
		function check_code(    word, path, files) {
			while ((word = next_quoted()) != "") {
				if (word ~ /\//) {
					path = word
					files++
					if (!there(path)) wrong("there is no " path)
					continue
				}
				sub(/\(\)$/, "", word)
				if (!has(path, word)) wrong("there is no " word " in " path)
			}
			if (!files) wrong("no code for " $2)
		}
		function check_tests(    word, tests, part) {
			while ((word = next_quoted()) != "") {
				tests++
				print "      " word
				if (split(word, part, "::") != 2 || part[1] !~ /^tests\// || part[2] == "")
					wrong("not file::name: " word)
				else if (!has(part[1], part[2]))
					wrong("there is no " part[2] " in " part[1])
			}
			if (!tests) wrong("no test for " $2)
		}
		/^#/ { print file ": " $0 }
		!/^[|]/ || /^[|][ :-]+[|]/ || /^[|] section [|]/ { next }
		NF != 6 { wrong("not section, requirement, code and test"); next }
		{
			rows++
			print "  " $2 ": " $3
			cell = $4
			check_code()
			cell = $5
			check_tests()
		}
		END {
			if (!rows) { print file ": it has no row"; bad = 1 }
			exit bad
		}' "$file" || failed=1
done
[ -z "${failed-}" ]
