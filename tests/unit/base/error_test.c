#include "tests/support/cmocka_all.h"

#include <errno.h>
#include <string.h>

#include <openssl/err.h>

#include "base/error.h"

static void
every_code_has_a_row_that_its_name_finds_again(void **state)
{
	(void)state;
	for (int code = E_NONE + 1; code < E_COUNT; code++) {
		const struct error_info *info = error_info((enum error_code)code);

		assert_non_null(info->name);
		assert_true(info->kind != ERROR_KIND_NONE);
		assert_in_range(info->severity, 1, 6);
		assert_true(strlen(info->slug) > 0 && strlen(info->title) > 0);
		assert_int_equal(error_code_of(info->name), code);
	}
}

static void
no_two_codes_share_a_slug(void **state)
{
	(void)state;
	for (int a = E_NONE + 1; a < E_COUNT; a++)
		for (int b = a + 1; b < E_COUNT; b++)
			assert_string_not_equal(error_info((enum error_code)a)->slug,
			    error_info((enum error_code)b)->slug);
}

static void
other_names_are_no_codes(void **state)
{
	static const char *const names[] = {"", "bad_proof", "BAD_PROOF ", "E_BAD_PROOF", "COUNT"};

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		assert_int_equal(error_code_of(names[i]), E_NONE);
}

static void
raising_fills_the_error_and_is_false(void **state)
{
	struct error err = {0};

	(void)state;
	assert_false(error_set_field(&err, E_BAD_SYNTAX, "/csr", "longer than %d octets", 7));
	assert_int_equal(err.code, E_BAD_SYNTAX);
	assert_string_equal(err.pointer, "/csr");
	assert_string_equal(err.detail, "longer than 7 octets");
	assert_non_null(strstr(err.site, "error_test.c:"));
	assert_int_equal(err.retry_after_s, 0);
	assert_false(err.recorded);
}

static void
octets_that_a_client_chose_become_printable_ascii(void **state)
{
	struct error err = {0};

	(void)state;
	(void)error_set(&err, E_BAD_SYNTAX, "%s", "a\n\x1b[31m\xc3\xa9\x7f~");
	assert_string_equal(err.detail, "a??[31m???~");
	error_cause(&err, "%s", "\x01\xff ok");
	assert_string_equal(err.cause, "?? ok");
}

static void
a_long_detail_is_cut_and_terminated(void **state)
{
	char text[1000];
	struct error err = {0};

	(void)state;
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	(void)error_set(&err, E_INTERNAL, "%s", text);
	error_cause(&err, "%s", text);
	assert_int_equal(strlen(err.detail), sizeof err.detail - 1);
	assert_int_equal(strlen(err.cause), sizeof err.cause - 1);
}

static void
causes_come_from_errno_and_from_openssl_whose_queue_is_emptied(void **state)
{
	struct error err = {0};

	(void)state;
	errno = ENOENT;
	error_cause_errno(&err);
	assert_string_equal(err.cause, "No such file or directory");

	ERR_raise(ERR_LIB_USER, ERR_R_MALLOC_FAILURE);
	ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
	error_cause_openssl(&err);
	assert_non_null(strstr(err.cause, "malloc failure"));
	assert_int_equal(ERR_peek_error(), 0);
	error_cause_openssl(&err);
	assert_string_equal(err.cause, "no reason given");
}

static void
the_text_says_code_detail_cause_and_site(void **state)
{
	struct error err = {.code = E_BAD_PROOF, .detail = "no", .site = "a.c:1"};
	char text[200];
	char tiny[8];

	(void)state;
	assert_string_equal(error_text(&err, text, sizeof text), "BAD_PROOF: no at a.c:1");
	error_cause(&err, "why");
	assert_string_equal(error_text(&err, text, sizeof text), "BAD_PROOF: no (why) at a.c:1");
	assert_string_equal(error_text(&err, tiny, sizeof tiny), "BAD_PRO");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_code_has_a_row_that_its_name_finds_again),
	    cmocka_unit_test(no_two_codes_share_a_slug),
	    cmocka_unit_test(other_names_are_no_codes),
	    cmocka_unit_test(raising_fills_the_error_and_is_false),
	    cmocka_unit_test(octets_that_a_client_chose_become_printable_ascii),
	    cmocka_unit_test(a_long_detail_is_cut_and_terminated),
	    cmocka_unit_test(causes_come_from_errno_and_from_openssl_whose_queue_is_emptied),
	    cmocka_unit_test(the_text_says_code_detail_cause_and_site),
	};

	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
