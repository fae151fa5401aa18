#!/bin/sh -eu
# All C is formatted by clang-format 14: other versions differ.
. "$(dirname "$0")/common.sh"
need_files '\.[ch]$'
for tool in clang-format-14 clang-format; do
	if "$tool" --version 2>/dev/null | grep -q 'version 14\.'; then
		exec "$tool" --dry-run -Werror --style=file $files
	fi
done
echo 'clang-format 14 is needed' >&2
exit 1
