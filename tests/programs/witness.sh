#!/usr/bin/env bash
# witness.sh BIN: `moniker witness` over HTTP: what it answers, that it keeps its word through kill -9, and what it does
# with callers that are slow, large or wrong.
set -euo pipefail
moniker=$1/moniker
work=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT
die() { echo "FAILED: $*" >&2; cat "$work/log" >&2; exit 1; }
same() { [ "$2" = "$3" ] || die "$1: wanted $2, got $3"; }

# Of the log key whose seed is 01 to 20 (hex), three leaves.
origin=moniker.example/node1-2026
vkey=$origin+fef7c7b4+AXm1Vi6P5lT5QHixEuipi6eQH4U65pW+1+DjkQutBJZk
note="$origin
3
sYYjl3/YdGLB3zpSRVTbjy0mmWON4vkgzocrRoMuv8E=

— $origin /vfHtFBLcJbSyMICU3ZRwHC2MOaVs7FiBR2jHSYvbRVZkefcfLlHjI9SH4U8y1qkspfWadwuh8NIlBObzibxrdMYCg0="
echo "log $vkey" >"$work/policy"

# ---- its key

"$moniker" witness init --dir "$work/w" --name witness.example/w1 >"$work/vkey"
grep -Eq '^witness\.example/w1\+[0-9a-f]{8}\+B[A-Za-z0-9+/]{43}$' "$work/vkey" || die "init printed $(cat "$work/vkey")"
same "the key's mode" 600 "$(stat -c %a "$work/w/key")"
if "$moniker" witness init --dir "$work/w" --name witness.example/w2 2>/dev/null; then die "a key was overwritten"; fi

# ---- serving

start() {
	"$moniker" witness run --dir "$work/w" --policy "$work/policy" --port 0 2>>"$work/log" &
	pid=$!
	port=
	for _ in $(seq 200); do
		port=$(tail -n 1 "$work/log" | sed -n 's/.*"witness.start".*on port \([0-9]*\).*/\1/p')
		[ -z "$port" ] || return 0
		kill -0 "$pid" 2>/dev/null || die "it ended"
		sleep 0.05
	done
	die "it does not listen"
}
# post OLD [curl options]: the note with this old size; the status on standard output, the body in $work/body.
post() {
	local old=$1
	shift
	printf 'old %s\n\n%s\n' "$old" "${text:-$note}" |
		curl -sS --max-time 20 -o "$work/body" -D "$work/head" -w '%{http_code}' --data-binary @- "$@" "http://127.0.0.1:$port/add-checkpoint"
}
start
if "$moniker" witness run --dir "$work/w" --policy "$work/policy" --port 0 2>/dev/null; then die "two at once with one state"; fi
same "another old size" 409 "$(post 2)"
same "the size" 0 "$(cat "$work/body")"
grep -qi '^content-type: text/x.tlog.size' "$work/head" || die "the size has another type"
same "the first checkpoint" 200 "$(post 0)"
grep -Eq '^— witness\.example/w1 [A-Za-z0-9+/]{102}==$' "$work/body" || die "the cosignature is $(cat "$work/body")"
same "again, from nothing" 409 "$(post 0)"
same "the size" 3 "$(cat "$work/body")"
same "again, from itself" 200 "$(post 3)"

same "another size than was signed" 403 "$(text=${note/$'\n3\n'/$'\n4\n'} post 3)"
same "an old size above it" 400 "$(post 4)"
same "another log" 404 "$(text=${note/node1/node2} post 3)"
same "no number" 400 "$(post x)"
same "nothing" 400 "$(curl -sS -o /dev/null -w '%{http_code}' -X POST "http://127.0.0.1:$port/add-checkpoint")"
same "another method" 405 "$(curl -sS -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/add-checkpoint")"
same "another path" 404 "$(curl -sS -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/")"
head -c 100000 /dev/zero >"$work/large"
same "a large body" 413 "$(curl -sS -o /dev/null -w '%{http_code}' -H 'Expect:' --data-binary "@$work/large" "http://127.0.0.1:$port/add-checkpoint" || true)"
if curl -sS -o /dev/null -H 'Transfer-Encoding: chunked' --data-binary "@$work/large" "http://127.0.0.1:$port/add-checkpoint" 2>/dev/null; then
	die "a large body in chunks was taken"
fi

# Callers that open a connection and say nothing do not keep others out.
exec 3<>"/dev/tcp/127.0.0.1/$port" 4<>"/dev/tcp/127.0.0.1/$port" 5<>"/dev/tcp/127.0.0.1/$port"
printf 'POST /add-checkpoint HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nold' >&3
same "beside the slow" 200 "$(post 3)"
exec 3>&- 4>&- 5>&-

# ---- what it said stands

kill -9 "$pid"
wait "$pid" 2>/dev/null || true
start
same "after a kill: from nothing" 409 "$(post 0)"
same "the size" 3 "$(cat "$work/body")"
same "after a kill: the same" 200 "$(post 3)"
kill "$pid"
wait "$pid" || die "it did not stop in order"
pid=

state=$(ls "$work"/w/state/*.checkpoint)
sed -i 's/^3$/2/' "$state"
if "$moniker" witness run --dir "$work/w" --policy "$work/policy" --port 0 2>>"$work/log"; then die "it began from a state that is damaged"; fi
echo "the witness keeps its word"
