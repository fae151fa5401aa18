#include "cmocka_all.h"

#include "ca/reason.h"

/* clang-format off */
static const struct row { int number; const char *code, *name; } ROWS[] = {
	{0, "UNSPECIFIED",         "unspecified"},
	{1, "KEY_COMPROMISE",      "keyCompromise"},
	{2, "CA_COMPROMISE",       "cACompromise"},
	{3, "AFFILIATION_CHANGED", "affiliationChanged"},
	{4, "SUPERSEDED",          "superseded"},
	{5, "CESSATION",           "cessationOfOperation"},
	{6, "HOLD",                "certificateHold"},
	{9, "PRIVILEGE_WITHDRAWN", "privilegeWithdrawn"},
};
/* clang-format on */

static void
numbers_are_those_of_rfc_5280_and_both_spellings_lead_to_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		enum reason reason;

		assert_string_equal(reason_code((enum reason)ROWS[i].number), ROWS[i].code);
		assert_string_equal(reason_name((enum reason)ROWS[i].number), ROWS[i].name);
		assert_true(reason_of(ROWS[i].code, &reason));
		assert_int_equal(reason, ROWS[i].number);
		assert_true(reason_of(ROWS[i].name, &reason));
		assert_int_equal(reason, ROWS[i].number);
	}
}

static void
other_words_are_no_reasons(void **state)
{
	static const char *const words[] = {"", "1", "key_compromise", "KEYCOMPROMISE",
	    "KEY_COMPROMISE ", "removeFromCRL", "aACompromise"};
	enum reason reason;

	(void)state;
	for (size_t i = 0; i < COUNT(words); i++)
		assert_false(reason_of(words[i], &reason));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_are_those_of_rfc_5280_and_both_spellings_lead_to_them),
	    cmocka_unit_test(other_words_are_no_reasons),
	};

	return cmocka_run_group_tests_name("reason", tests, NULL, NULL);
}
