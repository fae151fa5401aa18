#include "tests/unit/provisioning/cmocka_all.h"

#include <string.h>

#include "provisioning/token.h"

/* 57 octets as base64url: the form of a token, with a MAC that nobody made. */
#define BODY "AQAAAAAAAAABAAAAAAAAAAcAAAAAZ3SFAAABAgMEBQYHCAkKCwwNDg8AAAAAAAAAAAAAAAAAAAAA"

/* clang-format off */
static const struct reject {
	const char *why, *text;
	enum error_code want;
} REJECTS[] = {
	{"an empty text",                    "",                  E_TOKEN_INVALID},
	{"the prefix alone",                 "mk1.",              E_TOKEN_INVALID},
	{"part of the prefix",               "mk1",               E_TOKEN_INVALID},
	{"another version",                  "mk2." BODY,         E_TOKEN_INVALID},
	{"the prefix in upper case",         "MK1." BODY,         E_TOKEN_INVALID},
	{"a space in front",                 " mk1." BODY,        E_TOKEN_INVALID},
	{"a newline at the end",             "mk1." BODY "\n",    E_TOKEN_INVALID},
	{"four characters more",             "mk1." BODY "AAAA",  E_TOKEN_INVALID},
	{"padding",                          "mk1." BODY "====",  E_TOKEN_INVALID},
	{"too long to look at",              "mk1." BODY BODY,    E_TOKEN_INVALID},
	{"the other base64 alphabet",        "mk1.AQAAAAAAAAABAAAAAAAAAAcAAAAAZ3SFAAABAgMEBQYHCAkKCwwNDg8AAAAAAAAAAAAAAAAAAA+/", E_TOKEN_INVALID},
	{"good form, but nobody can check it", "mk1." BODY,       E_KEEPER_UNAVAILABLE},
};
/* clang-format on */

static void
rejects(void **state)
{
	const struct reject *c = *state;
	DEFER(keeper_client_free) struct keeper_client *keeper = keeper_client_new();
	struct token token = {0};
	struct error err = {0};

	assert_false(token_open(keeper, c->text, &token, &err));
	assert_int_equal(err.code, c->want);
	assert_false(err.recorded);
	assert_int_equal(token.id, 0);
}

/* clang-format off */
static const struct mint {
	const char *why;
	size_t count;
	int64_t expires_in_s;
	enum error_code want;
} MINTS[] = {
	{"no token at all",        0,                  60,                       E_BAD_SYNTAX},
	{"too many",               TOKEN_MINT_MAX + 1, 60,                       E_BAD_SYNTAX},
	{"in the past",            1,                  -1,                       E_BAD_SYNTAX},
	{"for longer than a year", 1,                  TOKEN_VALIDITY_MAX_S + 1, E_BAD_SYNTAX},
	{"good, but no keeper",    1,                  TOKEN_VALIDITY_MAX_S,     E_KEEPER_UNAVAILABLE},
};
/* clang-format on */

static void
mints(void **state)
{
	const struct mint *c = *state;
	DEFER(keeper_client_free) struct keeper_client *keeper = keeper_client_new();
	struct clock clock = clock_fixed(INT64_C(1700000000));
	struct rng rng = rng_repeatable(1);
	struct token_service service = {.keeper = keeper, .clock = &clock, .rng = &rng};
	struct token_mint_request request = {.batch = 7,
	    .batch_handle = "mzxw6ytboi2dgnbv",
	    .actor = "admin:mzxw6ytboi2dgnbv",
	    .count = c->count,
	    .expires_in_s = c->expires_in_s};
	char **texts = NULL;
	struct error err = {0};

	assert_false(token_mint(&service, &request, &texts, &err));
	assert_int_equal(err.code, c->want);
	assert_null(texts);
}

int
main(void)
{
	struct CMUnitTest tests[COUNT(REJECTS) + COUNT(MINTS)];
	size_t count = 0;

	for (size_t i = 0; i < COUNT(REJECTS); i++)
		tests[count++] = (struct CMUnitTest){.name = REJECTS[i].why,
		    .test_func = rejects,
		    .initial_state = (void *)(uintptr_t)&REJECTS[i]};
	for (size_t i = 0; i < COUNT(MINTS); i++)
		tests[count++] = (struct CMUnitTest){.name = MINTS[i].why,
		    .test_func = mints,
		    .initial_state = (void *)(uintptr_t)&MINTS[i]};
	return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
