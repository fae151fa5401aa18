# Sourced by the lint scripts, which run in the project's root and need git, perl and coreutils.

FOLDERS='base proof keeper db audit ca provisioning api cmd'
ASIDE=verify # a library for others: it stands beside the order
PRODUCT='^('$(echo "$FOLDERS $ASIDE" | tr ' ' '|')')/.*\.[ch]$'

# lint_files REGEX: the files of the checkout, new ones included, or of an unpacked archive.
lint_files()
{
	if [ -e .git ]; then
		git ls-files --cached --others --exclude-standard
	else
		find . -type f | sed 's,^\./,,'
	fi | grep -E "$1" | LC_ALL=C sort | while read -r file; do
		[ ! -f "$file" ] || echo "$file"
	done
}

# need_files REGEX: the same; no file at all is a failure, lest an empty check looks green.
need_files()
{
	files=$(lint_files "$1")
	if [ -z "$files" ]; then
		echo "there is no file that matches $1" >&2
		exit 1
	fi
}

# code_only FILE...: the lines as "file:line:text", comments taken out and strings emptied.
code_only()
{
	perl -0777 -ne '
		s{/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\x27(?:\\.|[^\x27\\\n])+\x27}{
			my $was = $&;
			(substr($was, 0, 1) eq "/" ? " " : "\"\"") . "\n" x ($was =~ tr/\n//)
		}gse;
		my $line = 0;
		print map { $line++; "$ARGV:$line:$_\n" } split /\n/' "$@"
}
