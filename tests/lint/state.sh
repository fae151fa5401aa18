#!/bin/sh -eu
# No variable outlives a call: state is passed. The one exception is the log level.
# The patterns rely on the layout that format.sh enforces.
. "$(dirname "$0")/common.sh"
need_files "$PRODUCT"
files=$(echo "$files" | grep -vxF base/log.c)
if code_only $files | perl -ne '
	# What comes after the last star says whether the variable itself is constant.
	sub constant { my ($text) = @_; $text =~ s/.*\*//; return $text =~ /\bconst\b/ }

	my ($file, $line, $text) = /^([^:]+):(\d+):(.*)$/ or next;
	next if $text =~ /^(\s*#|typedef\b|_Static_assert\b)/;
	$opening = $text if $text =~ /^[a-z_].*\{$/; # of a table, perhaps
	my $array = qr/(?:\[[^\]]*\])*/;
	my $mutable =
	    # int name;  static int name = 1;  struct x name[2];
	    $text =~ /^(?!(?:struct|union|enum) \w+;)([A-Za-z_][\w *]*[ *]\w+)$array( =|;|,)/
	    # the same in a function
	    || $text =~ /^\s+((?:static|_Thread_local)\b[\w *]*[ *]\w+)$array( =|;|,)/
	    # static struct {
	    || $text =~ /^\s*((?:static|_Thread_local)\b[\w ]*\b(?:struct|union)(?: \w+)? \{)/
	    # static bool (*name)(int);
	    || $text =~ /^([\w *]+\(\*(?:const )?\w+)$array\)\(.*\)( =|;)/ ? !constant($1)
	    # } name = {
	    : $text =~ /^\}[ *]+\w+$array( =|;)/ ? $opening !~ /^typedef|\bconst\b/
	    : 0;
	print if $mutable' | grep .; then
	echo '^ mutable variable'
	exit 1
fi
