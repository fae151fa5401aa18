#!/bin/sh -eu
# tidy.sh BUILD_DIR: clang-tidy 14 over the product, with clang's own compile commands (gcc's flags
# break it). .clang-tidy says which checks are off, and why.
. tests/lint/common.sh
need_files '^(verify|base|proof|keeper|db|audit|ca|provisioning|api|cmd)/.*\.c$'
files=$(echo "$files" | grep -v '^verify/example\.c$') # built against the installed library
tidy=$(command -v clang-tidy-14 || command -v clang-tidy)
"$tidy" --version | grep -q 'version 14\.' || { echo 'clang-tidy 14 is needed' >&2; exit 1; }
cmake -S . -B "$1/clang" -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Debug \
	-DCMAKE_EXPORT_COMPILE_COMMANDS=ON -DBUILD_TESTING=OFF >/dev/null
log=$1/tidy.log
# What clang-tidy prints on standard error is the count of what it left out.
if ! echo "$files" | xargs -P "$(nproc)" -n 8 "$tidy" -p "$1/clang" --quiet >"$log" 2>"$log.errors"; then
	grep -E 'warning:|error:' "$log" | sort -u
	grep -E 'error:' "$log.errors" || true
	exit 1
fi
echo "clang-tidy has nothing to say about $(echo "$files" | wc -l) files"
