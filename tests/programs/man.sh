#!/usr/bin/env bash
# man.sh BIN: the manual pages are well-formed, and say all that the programs in BIN do: every configuration key with
# its default, every command, every option.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=$1
command -v mandoc >/dev/null || { echo "mandoc is missing: install the Debian package mandoc" >&2; exit 1; }
failed=0
wrong() { echo "$*" >&2; failed=1; }

for page in docs/man/*.[158]; do
	# Where a sentence begins is a matter of taste.
	if (mandoc -Tlint -W warning "$page" || true) | grep -v 'new sentence, new line' >&2; then wrong "$page: see above"; fi
	for name in NAME DESCRIPTION "SEE ALSO"; do
		grep -q "^\.Sh $name\$" "$page" || wrong "$page has no $name"
	done
	sed -n 's/^\.Xr \([^ ]*\) \([0-9]\).*/\1.\2/p' "$page" | while read -r other; do
		[ -f "docs/man/$other" ] || echo "$page: there is no $other"
	done | grep . >&2 && failed=1
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mandoc -Tutf8 -Owidth=1000 docs/man/moniker.1 | sed 's/.\x08//g; s/‐/-/g' >"$work/moniker" # without bold

# Keys: of --help-config and of the page, in the same order.
keys() { sed -n 's/^\[\([a-z]*\)\]$/[\1]/p; s/^;\{0,1\} \{0,1\}\([a-z_]*\) =.*/\1/p'; }
described() { sed -n 's/^\.Ss \(\[[a-z]*\]\)$/\1/p; s/^\.It Cm \([a-z_]*\)$/\1/p; s/^\.It Cm \([a-z_]*\) , \([a-z_]*\)$/\1\n\2/p' docs/man/moniker.conf.5; }
[ "$("$bin/monikerd" --help-config | keys | wc -l)" -gt 10 ] || wrong "monikerd --help-config prints no keys"
diff <("$bin/monikerd" --help-config | keys | sort) <(described | sort) >&2 || wrong "moniker.conf.5 does not have the keys of the program (left: program)"
"$bin/monikerd" --help-config | sed -n 's/^; \([a-z_]*\) = \([0-9]\{1,\}\)$/\1 \2/p' | while read -r key default; do
	sed -En "/^\.It Cm (.* , )?$key( , .*)?\$/,/^\.(It|El)/p" docs/man/moniker.conf.5 | sed 's/\([0-9]\),\([0-9]\)/\1\2/g' | grep -Eqi "default:?( [0-9]+ and)? $default\b" || echo "moniker.conf.5: $key: the default is $default"
done | grep . >&2 && failed=1

# Commands, actions and options: of each --help, in the page.
commands=$("$bin/moniker" --help | sed -n 's/^  \([a-z]\{1,\}\) .*/\1/p')
[ "$(wc -w <<<"$commands")" -ge 11 ] || wrong "moniker --help prints no commands"
for command in $commands; do
	help=$("$bin/moniker" "$command" --help)
	grep -Eq "^ +$command\b|moniker $command\b" "$work/moniker" || wrong "moniker.1: no command $command"
	for action in $(grep -oE "moniker $command [a-z]+" <<<"$help" | awk '{ print $3 }' | sort -u); do
		grep -Eq "\b$action\b" "$work/moniker" || wrong "moniker.1: no $command $action"
	done
	for option in $(grep -oE -- '--[a-z-]+' <<<"$help" | sort -u); do
		grep -q -- "$option\b" "$work/moniker" || wrong "moniker.1: no option $option of $command"
	done
done
# The other way round: an option of the page is one of some command.
all=$(for command in $commands; do "$bin/moniker" "$command" --help; done; "$bin/moniker" --help)
for option in $(grep -oE -- '--[a-z][a-z-]+' "$work/moniker" | sort -u); do
	grep -q -- "$option\b" <<<"$all" || wrong "moniker.1: no command has $option"
done
exit $failed
