#include "tests/support/cmocka_all.h"

#include "provisioning/renew.h"

#define NOT_BEFORE_S INT64_C(1767225600) /* 2026-01-01 */
#define VALIDITY_S (INT64_C(365) * 86400)
#define NOT_AFTER_S (NOT_BEFORE_S + VALIDITY_S)
#define DUE_S (NOT_BEFORE_S + VALIDITY_S / 3 * 2)

#define TIMES .not_before_s = NOT_BEFORE_S, .not_after_s = NOT_AFTER_S
#define NEW_KEY TIMES
#define SAME_KEY TIMES, .same_key = true, .key_known = true

/* clang-format off */
static const struct row {
	const char *claim;
	struct renew_facts facts;
	int64_t now_s;
	enum renew_decision want;
	enum error_code code;
} ROWS[] = {
	{"due, a new key",                     {NEW_KEY},                               DUE_S,             RENEW_ISSUE,  E_NONE},
	{"due, its own key",                   {SAME_KEY},                              DUE_S,             RENEW_ISSUE,  E_NONE},
	{"a second too early",                 {NEW_KEY},                               DUE_S - 1,         RENEW_REFUSE, E_NOT_DUE},
	{"at once",                            {NEW_KEY},                               NOT_BEFORE_S,      RENEW_REFUSE, E_NOT_DUE},
	{"before it was issued",               {NEW_KEY},                               0,                 RENEW_REFUSE, E_NOT_DUE},
	{"on its last second",                 {NEW_KEY},                               NOT_AFTER_S,       RENEW_ISSUE,  E_NONE},
	{"on the last second of the grace",    {NEW_KEY},                               NOT_AFTER_S + RENEW_GRACE_S,     RENEW_ISSUE,  E_NONE},
	{"after the grace",                    {NEW_KEY},                               NOT_AFTER_S + RENEW_GRACE_S + 1, RENEW_REFUSE, E_CALLER_EXPIRED},
	{"a key of somebody else",             {TIMES, .key_known = true},              DUE_S,             RENEW_REFUSE, E_KEY_REUSED},
	{"a key of somebody else, early",      {TIMES, .key_known = true},              NOT_BEFORE_S,      RENEW_REFUSE, E_KEY_REUSED},
	{"the same renewal again",             {TIMES, .key_known = true, .renewed = true, .renewed_alike = true}, DUE_S, RENEW_REPLAY, E_NONE},
	{"the same again with its own key",    {SAME_KEY, .renewed = true, .renewed_alike = true}, DUE_S,  RENEW_REPLAY, E_NONE},
	{"the same again after the grace",     {NEW_KEY, .renewed = true, .renewed_alike = true},  NOT_AFTER_S + RENEW_GRACE_S + 1, RENEW_REPLAY, E_NONE},
	{"again with another key",             {NEW_KEY, .renewed = true},              DUE_S,             RENEW_REFUSE, E_KEY_REUSED},
	{"again with its own key instead",     {SAME_KEY, .renewed = true},             DUE_S,             RENEW_REFUSE, E_KEY_REUSED},
	{"the device is held",                 {NEW_KEY, .device = DEVICE_HELD},        DUE_S,             RENEW_REFUSE, E_DEVICE_HELD},
	{"the device is revoked",              {NEW_KEY, .device = DEVICE_REVOKED},     DUE_S,             RENEW_REFUSE, E_DEVICE_BLOCKED},
	{"the device was replaced",            {NEW_KEY, .device = DEVICE_REPLACED},    DUE_S,             RENEW_REFUSE, E_DEVICE_BLOCKED},
	{"this certificate is held",           {NEW_KEY, .held = true},                 DUE_S,             RENEW_REFUSE, E_DEVICE_HELD},
	{"this certificate is revoked",        {NEW_KEY, .revoked = true},              DUE_S,             RENEW_REFUSE, E_DEVICE_BLOCKED},
	{"held and then revoked",              {NEW_KEY, .held = true, .device = DEVICE_REVOKED}, DUE_S,   RENEW_REFUSE, E_DEVICE_BLOCKED},
	{"a revoked device gets no replay",    {NEW_KEY, .device = DEVICE_REVOKED, .renewed = true, .renewed_alike = true}, DUE_S, RENEW_REFUSE, E_DEVICE_BLOCKED},
	{"a held device gets no replay",       {NEW_KEY, .device = DEVICE_HELD, .renewed = true, .renewed_alike = true},    DUE_S, RENEW_REFUSE, E_DEVICE_HELD},
	{"a held device after the grace",      {NEW_KEY, .device = DEVICE_HELD},        NOT_AFTER_S + RENEW_GRACE_S + 1, RENEW_REFUSE, E_DEVICE_HELD},
};
/* clang-format on */

static void
judges(void **state)
{
	const struct row *row = *state;
	struct error err = {0};

	assert_int_equal(renew_judge(&row->facts, row->now_s, &err), row->want);
	assert_int_equal(err.code, row->code);
}

static void
who_comes_too_early_hears_when_to_come_again(void **state)
{
	const struct renew_facts facts = {NEW_KEY};
	struct error err = {0};

	(void)state;
	assert_int_equal(renew_judge(&facts, DUE_S - 4711, &err), RENEW_REFUSE);
	assert_int_equal(err.retry_after_s, 4711);
}

static void
a_wait_of_centuries_does_not_overflow(void **state)
{
	const struct renew_facts facts = {
	    .not_before_s = NOT_BEFORE_S, .not_after_s = INT64_C(253402300799)};
	struct error err = {0};

	(void)state;
	assert_int_equal(renew_judge(&facts, NOT_BEFORE_S, &err), RENEW_REFUSE);
	assert_true(err.retry_after_s > 0);
}

static void
renewal_is_due_two_thirds_into_the_validity(void **state)
{
	(void)state;
	assert_int_equal(renew_after_s(0, 300), 200);
	assert_int_equal(renew_after_s(100, 100), 100);
	assert_int_equal(renew_after_s(NOT_BEFORE_S, NOT_AFTER_S), DUE_S);
}

int
main(void)
{
	const struct CMUnitTest others[] = {
	    cmocka_unit_test(who_comes_too_early_hears_when_to_come_again),
	    cmocka_unit_test(a_wait_of_centuries_does_not_overflow),
	    cmocka_unit_test(renewal_is_due_two_thirds_into_the_validity),
	};
	struct CMUnitTest tests[COUNT(ROWS)];

	for (size_t i = 0; i < COUNT(ROWS); i++)
		tests[i] = (struct CMUnitTest){.name = ROWS[i].claim,
		    .test_func = judges,
		    .initial_state = (void *)(uintptr_t)&ROWS[i]};
	return cmocka_run_group_tests_name("renew_judge", tests, NULL, NULL) +
	       cmocka_run_group_tests_name("renew", others, NULL, NULL);
}
