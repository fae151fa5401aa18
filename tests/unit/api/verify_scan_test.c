#include "tests/support/cmocka_all.h"

#include <stdlib.h>

#include "api/verify_scan.h"
#include "base/mem.h"

/* clang-format off */
static const struct row {
	const char *why, *body;
	size_t count; /* 0: left to the JSON reader */
	const char *first;
} ROWS[] = {
	{"one",                     "{\"certificate\":\"abc\"}",                    1, "abc"},
	{"white space",             " {\t\"certificate\"\r\n: \"abc\" }\n ",       1, "abc"},
	{"a list",                  "{\"certificates\":[\"a\", \"b\" ,\"c\"]}",     3, "a"},
	{"escapes as they came",    "{\"certificate\":\"a\\nb\"}",                 1, "a\\nb"},
	{"nothing",                 "",                                           0, NULL},
	{"another member",          "{\"certificat\":\"abc\"}",                     0, NULL},
	{"two members",             "{\"certificate\":\"a\",\"certificate\":\"b\"}", 0, NULL},
	{"a number",                "{\"certificate\":1}",                          0, NULL},
	{"an empty text",           "{\"certificate\":\"\"}",                        0, NULL},
	{"an empty list",           "{\"certificates\":[]}",                        0, NULL},
	{"a comma too many",        "{\"certificates\":[\"a\",]}",                  0, NULL},
	{"a list without its end",  "{\"certificates\":[\"a\"",                     0, NULL},
	{"a text without its end",  "{\"certificate\":\"abc",                       0, NULL},
	{"an object without its end", "{\"certificate\":\"abc\"",                  0, NULL},
	{"something behind it",     "{\"certificate\":\"abc\"}{}",                  0, NULL},
	{"a quote in a text",       "{\"certificate\":\"a\\\"b\"}",                0, NULL},
	{"an array",                "[\"abc\"]",                                   0, NULL},
	{"another space",           "{\f\"certificate\":\"abc\"}",                 0, NULL},
};
/* clang-format on */

static void
only_the_plain_form_is_taken(void **state)
{
	DEFER(mem_free) struct verify_text *texts = xcalloc(VERIFY_MANY_MAX, sizeof *texts);

	(void)state;
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		size_t count = 0;
		bool is_list = false;

		if (verify_scan(bytes_of_text(ROWS[i].body), texts, &count, &is_list) !=
			(ROWS[i].count > 0) ||
		    (ROWS[i].count > 0 && count != ROWS[i].count))
			fail_msg("%s", ROWS[i].why);
		if (ROWS[i].count == 0)
			continue;
		assert_true(texts[0].escaped);
		assert_true(bytes_equal(texts[0].text, bytes_of_text(ROWS[i].first)));
		assert_int_equal(is_list, strstr(ROWS[i].body, "certificates") != NULL);
	}
}

/* Each text has so many octets, and there are so many of them. */
static bool
scans(size_t text_len, size_t text_count)
{
	DEFER(mem_free) struct verify_text *texts = xcalloc(VERIFY_MANY_MAX, sizeof *texts);
	DEFER(buf_clear_public) struct buf body = {0};
	size_t count = 0;
	bool is_list;

	buf_append_text(&body, "{\"certificates\":[");
	for (size_t i = 0; i < text_count; i++) {
		buf_append_text(&body, i == 0 ? "\"" : ",\"");
		memset(buf_extend(&body, text_len), 'M', text_len);
		buf_append_text(&body, "\"");
	}
	buf_append_text(&body, "]}");
	return verify_scan(buf_bytes(&body), texts, &count, &is_list) && count == text_count;
}

static void
bounds_hold(void **state)
{
	(void)state;
	assert_true(scans(8, VERIFY_MANY_MAX));
	assert_false(scans(8, VERIFY_MANY_MAX + 1));
	assert_true(scans(CERTIFICATE_TEXT_MAX, 2));
	assert_false(scans(CERTIFICATE_TEXT_MAX + 1, 2));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_the_plain_form_is_taken),
	    cmocka_unit_test(bounds_hold),
	};

	return cmocka_run_group_tests_name("verify_scan", tests, NULL, NULL);
}
