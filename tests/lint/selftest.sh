#!/bin/sh -eu
# Each lint script passes on a clean tree and fails on a planted violation.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
fail()
{
	echo "$@"
	exit 1
}

mkdir "$tree/clean" && cp "$here/../../.clang-format" "$tree/clean"
for folder in $FOLDERS $ASIDE; do
	mkdir "$tree/clean/$folder"
	printf '/* plain: goto is fine in a comment. */\nvoid %s_plain(void);\n' "$folder" \
	    >"$tree/clean/$folder/plain.h"
done
printf '#include "base/plain.h"\n' >"$tree/clean/base/plain.c"
mkdir -p "$tree/clean/docs" "$tree/clean/tests/unit"
printf 'keeps(void **state)\n' >"$tree/clean/tests/unit/trap.c"
trap_table='## Traps

| trap | handled | tests |
|---|---|---|'
printf '%s\n| a | b | `unit/trap.c: keeps` |\n\n## End\n' "$trap_table" >"$tree/clean/docs/http.md"
threat_table='## Threats

| threat | what holds | test |
|---|---|---|'
printf '%s\n| a | b | `line/needles.sh` |\n' "$threat_table" >"$tree/clean/docs/privacy.md"
rfc_table='| section | requirement | code | test |
|---|---|---|---|'
mkdir "$tree/clean/docs/conformance"
printf '%s\n| 1 | must | `base/plain.c` | `tests/unit/trap.c::keeps` |\n' "$rfc_table" >"$tree/clean/docs/conformance/rfc1.md"

# clean_tree: a new one, as the working folder.
clean_tree()
{
	cd "$here"
	rm -rf "$tree/now"
	cp -r "$tree/clean" "$tree/now"
	cd "$tree/now"
}

# plant SCRIPT FILE: standard input as FILE of a clean tree; SCRIPT must fail and name the file.
plant()
{
	clean_tree
	cat >"$2"
	if said=$("$here/$1.sh" 2>&1); then
		fail "$1.sh passes, but $2 has: $(cat "$2")"
	fi
	echo "$said" | grep -qF "$2" || fail "$1.sh does not name $2: $said"
}

# allow SCRIPT FILE: the same, but SCRIPT must pass.
allow()
{
	clean_tree
	cat >"$2"
	"$here/$1.sh" || fail "$1.sh fails, but $2 has: $(cat "$2")"
}

# plant_each SCRIPT FILE and allow_each SCRIPT FILE: each line of standard input alone.
plant_each()
{
	while IFS= read -r line; do
		printf '%s\n' "$line" | plant "$1" "$2"
	done <<-END
	$(cat)
	END
}
allow_each()
{
	while IFS= read -r line; do
		printf '%s\n' "$line" | allow "$1" "$2"
	done <<-END
	$(cat)
	END
}

for script in "$here"/*.sh; do
	script=$(basename "$script" .sh)
	case $script in
	common | selftest) continue ;;
	esac
	grep -qE "(^|[|] )plant(_each)? $script " "$here/selftest.sh" ||
	    fail "nothing is planted for $script.sh"
	printf '/* Nothing. */\n' | allow "$script" base/more.c
	if (cd "$tree" && rm -rf now && mkdir now && cd now && "$here/$script.sh") >/dev/null 2>&1; then
		fail "$script.sh passes where there is no file"
	fi
done

clean_tree
rm -r keeper
if "$here/layers.sh" >/dev/null 2>&1; then
	fail 'layers.sh passes without keeper/'
fi

plant_each layers proof/bad.c <<'END'
#include "keeper/plain.h"
#include "cmd/plain.h"
#include "plain.h"
# include "audit/plain.h"
#include <microhttpd.h>
END
plant_each layers verify/bad.c <<'END'
#include "base/plain.h"
#include "base/error.h"
#include "cmd/plain.h"
END
allow layers verify/good.c <<'END'
#include "base/bytes.h"
#include "verify/plain.h"
END
plant_each layers api/bad.c <<'END'
#include "verify/moniker_verify.h"
#include "verify/plain.h"
END
plant layers cmd/bad.c <<'END'
#include "verify/plain.h"
END
allow layers cmd/good.c <<'END'
#include "verify/moniker_verify.h"
END
plant layers api/handler.c <<'END'
#include <microhttpd.h>
END
plant_each layers ca/bad_store.c <<'END'
#include <libpq-fe.h>
  #  include <libpq-fe.h>
END
allow layers db/good.h <<'END'
#include <libpq-fe.h>
END
allow layers api/server_tls.c <<'END'
#include <microhttpd.h>
#include "base/plain.h"
END
allow layers api/http_core.c <<'END'
#include <microhttpd.h>
END

plant_each sql ca/bad.c <<'END'
static const char *const TEXT = "SELECT 1";
static const char *const TEXT = "INSERT INTO device VALUES ($1)";
    "UPDATE token SET spent_at = $1"
    " FROM device"
    " WHERE id = $1 RETURNING id"
    " ORDER BY id"
    "BEGIN"
    "COMMIT"
    "CREATE TABLE x (y int)"
    "WITH won AS ("
static const struct stmt NEXT = STMT("next",
END
plant sql api/bad.c <<'END'
static const struct stmt NEXT =
    STMT("next", TEXT);
END
allow sql db/good.c <<'END'
static const char *const TEXT = "BEGIN";
END
allow sql ca/good_store.c <<'END'
static const char *const TEXT = "SELECT 1";
END
allow_each sql ca/good.c <<'END'
static const char *const TEXT = "-----BEGIN CERTIFICATE-----";
static const char *const TEXT = "select a profile";
/* SELECT 1 */
static const char *const TEXT = "NOT_SELECTED";
END

plant flow ca/bad.c <<'END'
	if (failed)
		goto out;
END
plant flow ca/bad.c <<'END'
	/* a */ goto out; /* b */
END
plant_each flow ca/bad.c <<'END'
#ifdef NDEBUG
#ifndef NDEBUG
#if 1
#if defined(__linux__)
# if 0
  #ifdef __clang__
#else
#elif 1
END
plant_each flow ca/bad.h <<'END'
#ifdef CA_BAD_H
#ifndef NDEBUG
#if 1
END
allow flow ca/good.h <<'END'
#ifndef CA_GOOD_H
#define CA_GOOD_H
/*
#if 0
*/
#endif
END
allow_each flow ca/good.c <<'END'
	/* goto */ puts("goto \" goto");
	go_to(goto_x); // goto
END

plant_each state ca/bad.c <<'END'
static int count;
int count;
int count = 1;
extern int count;
static int table[4] = {1};
static const char *name;
static const char *names[] = {"a"};
static char *const *next = NULL;
static struct error last = {0};
struct error last;
static _Atomic int count;
_Thread_local int count;
static _Thread_local struct error last;
static bool (*hook)(int);
static bool (*hook)(int) = NULL;
	static int calls = 0;
	static struct error last;
	static const char *last;
	_Thread_local int calls;
END
plant state ca/bad.c <<'END'
static struct {
	int count;
} state;
END
plant state ca/bad.c <<'END'
struct state {
	int count;
} state = {0};
END
plant state ca/bad.c <<'END'
	static struct {
		int count;
	} state;
END
allow_each state ca/good.c <<'END'
static const int COUNT = 1;
static const char *const NAMES[] = {"static int count;"};
static const char TEXT[] = "int count;";
const struct error NONE = {0};
static bool (*const HOOK)(int) = NULL;
typedef bool (*hook)(int);
struct error;
enum color;
int f(void);
static int f(int a, int b);
bool (*f(int a))(int);
_Static_assert(sizeof(int) == 4, "int");
	int count = 0;
	static const int COUNT = 1;
/* static int count; */
END
allow state ca/good.c <<'END'
static const struct {
	int count;
} ROWS[] = {
    {1},
};

struct pair {
	int a, b;
	int *c;
};

enum color { RED };

static int
f(struct pair *pair)
{
	static const struct {
		int count;
	} LOCAL[] = {{1}};

	return LOCAL[0].count + pair->a;
}
END

{
	printf 'int\nlong_one(void)\n{\n'
	yes '	(void)0;' | head -58
	printf '}\n'
} | plant size ca/bad.c
{
	printf 'int\njust_fits(void)\n{\n'
	yes '	(void)0;' | head -57
	printf '}\n'
} | allow size ca/good.c
yes '/* */' | head -601 | plant size ca/bad.c
yes '/* */' | head -600 | allow size ca/good.c
yes '/* */' | head -161 | plant size ca/bad.h
yes '/* */' | head -160 | allow size ca/good.h

plant format ca/bad.c <<'END'
int f( void );
END
plant format ca/bad.h <<'END'
  int f(void);
END

for row in '| a | b |' '| a | b | none |' '| a | b | `unit/trap.c: kept` |' '| a | b | `unit/traps.c: keeps` |' ''; do
	printf '%s\n%s\n\n## End\n' "$trap_table" "$row" | plant traps docs/http.md
done
printf '%s\n| a | b | `unit/trap.c: keeps`, `unit/trap.c: keeps` |\n' "$trap_table" | allow traps docs/http.md

for row in '| a | b |' '| a | b | none |' '| a | b | `line/invented.sh` |' '| a | b | `line/needles.sh`, `line/invented.sh` |' \
    '| a | b | `unit/keeper/invented_test.c` |' '| a | b | `tests/integration/line/needles.sh` |' '| a | b | `line/needles` |' ''; do
	printf '%s\n%s\n' "$threat_table" "$row" | plant threats docs/privacy.md
done
printf '%s\n| a | b | `crash/erase.sh` and `unit/keeper/tag_test.c` |\n' "$threat_table" | allow threats docs/privacy.md

for row in \
    '| 1 | must | `base/plain.c` | none |' \
    '| 1 | must | nowhere | `tests/unit/trap.c::keeps` |' \
    '| 1 | must | `base/gone.c` | `tests/unit/trap.c::keeps` |' \
    '| 1 | must | `base/plain.c` `gone()` | `tests/unit/trap.c::keeps` |' \
    '| 1 | must | `base/plain.c` | `tests/unit/trap.c::keep` |' \
    '| 1 | must | `base/plain.c` | `tests/unit/gone.c::keeps` |' \
    '| 1 | must | `base/plain.c` | `base/plain.c::plain` |' \
    '| 1 | must | `base/plain.c` | `tests/unit/trap.c: keeps` |' \
    '| 1 | must | `base/plain.c` |' \
    ''; do
	printf '%s\n%s\n' "$rfc_table" "$row" | plant rfc docs/conformance/rfc1.md
done
printf '%s\n| 1 | must | `base/plain.h` `base_plain()` | `tests/unit/trap.c::keeps` |\n' "$rfc_table" | allow rfc docs/conformance/rfc1.md
