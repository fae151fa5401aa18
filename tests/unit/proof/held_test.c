#include "tests/support/cmocka_all.h"

#include "proof/held.h"
#include "proof/leaf.h"

#define LEAVES_MAX 6

struct row {
	const char *what, *held;
	enum held_verdict want[LEAVES_MAX]; /* of the log's leaves 0 to 5 */
};

#define L(n) "{\"seq\":" #n "}\n"
#define S HELD_SAME
#define B HELD_BEFORE
#define A HELD_AFTER
#define M HELD_MISSING
#define O HELD_OTHER

/* clang-format off */
static const struct row ROWS[] = {
	{"all of them",                     L(0) L(1) L(2) L(3) L(4) L(5),       {S, S, S, S, S, S}},
	{"no newline at the end",           L(0) L(1) L(2) L(3) L(4) "{\"seq\":5}", {S, S, S, S, S, S}},
	{"nothing",                         "",                                  {A, A, A, A, A, A}},
	{"from one on",                     L(3) L(4) L(5),                      {B, B, B, S, S, S}},
	{"up to one",                       L(0) L(1),                           {S, S, A, A, A, A}},
	{"more than the log",               L(4) L(5) L(6) L(7),                 {B, B, B, B, S, S}},
	{"only what the log has not",       L(7),                                {B, B, B, B, B, B}},
	{"one is missing",                  L(0) L(1) L(3) L(4) L(5),            {S, S, M, S, S, S}},
	{"two in a row are missing",        L(0) L(3) L(4) L(5),                 {S, M, M, S, S, S}},
	{"one is edited",                   L(0) "{\"seq\":1 }\n" L(2) L(3) L(4) L(5), {S, O, S, S, S, S}},
	{"one has lost its number",         L(0) "{\"sec\":1}\n" L(2) L(3) L(4) L(5), {S, O, S, S, S, S}},
	{"one has the number of another",   L(0) L(4) L(2) L(3) L(4) L(5),       {S, M, M, M, S, O}},
	{"one is there twice",              L(0) L(1) L(1) L(2) L(3) L(4) L(5),  {S, S, O, S, S, S}},
	{"one before comes late",           L(0) L(1) L(2) L(1) L(3) L(4) L(5),  {S, S, S, O, S, S}},
	{"the wrong way round",             L(1) L(0) L(2) L(3) L(4) L(5),       {B, S, O, S, S, S}},
	{"an empty line",                   L(0) "\n" L(1) L(2) L(3) L(4) L(5),  {S, O, S, S, S, S}},
	{"a number that is too large",      L(99999999999999999999) L(1) L(2),   {O, S, S, A, A, A}},
	{"a number below 0",                L(-1) L(0) L(1) L(2) L(3) L(4) L(5), {O, S, S, S, S, S}},
	{"a number with a zero before it",  L(00) L(1) L(2) L(3) L(4) L(5),      {O, S, S, S, S, S}},
};
/* clang-format on */

static void
each_leaf_is_held_against_the_one_of_its_number(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		struct held held = held_from(bytes_of_text(ROWS[i].held));

		for (int64_t seq = 0; seq < LEAVES_MAX; seq++) {
			uint8_t hash[SHA256_BYTES];
			char leaf[32];
			enum held_verdict verdict;

			(void)snprintf(leaf, sizeof leaf, "{\"seq\":%lld}", (long long)seq);
			leaf_hash(bytes_of_text(leaf), hash);
			verdict = held_next(&held, seq, hash);
			if (verdict != ROWS[i].want[seq])
				fail_msg("%s: leaf %lld: %d", ROWS[i].what, (long long)seq,
				    (int)verdict);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_leaf_is_held_against_the_one_of_its_number),
	};

	return cmocka_run_group_tests_name("proof/held", tests, NULL, NULL);
}
