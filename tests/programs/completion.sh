#!/usr/bin/env bash
# completion.sh BIN: bash completes commands, actions, options and files as `moniker completion bash` in BIN says.
set -euo pipefail
bin=$1
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
failed=0
"$bin/moniker" completion bash >script
bash -n script
. ./script
[ "$(complete -p moniker)" = "complete -o filenames -F _moniker moniker" ] || { echo "moniker is not completed" >&2; exit 1; }

offers() { # WORD...: what is offered for the last one, sorted, in one line
	COMP_WORDS=(moniker "$@") COMP_CWORD=$#
	_moniker
	printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' ' | sed 's/ $//'
}
same() { # EXPECTED WORD...
	local expected=$1
	shift
	[ "$(offers "$@")" = "$expected" ] || { echo "moniker $*: expected '$expected', got '$(offers "$@")'" >&2; failed=1; }
}
same "renew restore revoke" re
same "--help" --h
same "add" operator a
same "--hardware-id --help" enroll --h
same "" none-such --o
same "" verify --no-such
same "" init --url
touch some-file other
mkdir some-folder
same "some-file some-folder" enroll --out some
same "some-file" operator add x --role station --csr some-fi
same "bash" completion b

# Each command that --help lists, with what its own --help has.
for command in $("$bin/moniker" --help | sed -n 's/^  \([a-z]\{1,\}\) .*/\1/p'); do
	[[ " $(offers "") " = *" $command "* ]] || { echo "$command is not offered" >&2; failed=1; }
	for option in $("$bin/moniker" "$command" --help | grep -oE -- '--[a-z-]+' | sort -u); do
		[[ " $(offers "$command" --) " = *" $option "* ]] || { echo "$command: $option is not offered" >&2; failed=1; }
	done
done
exit $failed
