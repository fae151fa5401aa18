#include "tests/support/cmocka_all.h"

#include "base/buf.h"
#include "base/json_in.h"

/* clang-format off */
static const struct document { const char *why; struct bytes text; bool good; } DOCUMENTS[] = {
	{"empty object",             OCTETS("{}"), true},
	{"white space around",       OCTETS(" \r\n\t{} \n"), true},
	{"8 levels",                 OCTETS("{\"a\":[[[[[[[1]]]]]]]}"), true},
	{"9 levels",                 OCTETS("{\"a\":[[[[[[[[1]]]]]]]]}"), false},
	{"brackets in a string",     OCTETS("{\"a\":\"[[[[[[[[[[[[\\\"[[[[{{{{\"}"), true},
	{"brackets in a name",       OCTETS("{\"[[[[[[[[[[[[\":1}"), true},
	{"escaped end of string",    OCTETS("{\"a\":\"\\\\\",\"b\":[[[[[[[[1]]]]]]]]}"), false},
	{"closing first, then deep", OCTETS("]]]]]]]]]]]]{\"a\":[[[[[[[[[[1]]]]]]]]]]}"), false},
	{"duplicate member",         OCTETS("{\"a\":1,\"a\":1}"), false},
	{"duplicate by escape",      OCTETS("{\"a\":1,\"\\u0061\":2}"), false},
	{"nested duplicate",         OCTETS("{\"b\":{\"a\":1,\"a\":2}}"), false},
	{"trailing object",          OCTETS("{}{}"), false},
	{"trailing word",            OCTETS("{} x"), false},
	{"trailing NUL",             OCTETS("{}\0"), false},
	{"trailing comma",           OCTETS("{\"a\":1,}"), false},
	{"comment",                  OCTETS("{/**/}"), false},
	{"byte order mark",          OCTETS("\xef\xbb\xbf{}"), false},
	{"single quotes",            OCTETS("{'a':1}"), false},
	{"NaN",                      OCTETS("{\"a\":NaN}"), false},
	{"leading zero",             OCTETS("{\"a\":01}"), false},
	{"integer beyond 64 bits",   OCTETS("{\"a\":9223372036854775808}"), false},
	{"escaped NUL",              OCTETS("{\"a\":\"\\u0000\"}"), false},
	{"escaped NUL in a name",    OCTETS("{\"\\u0000\":1}"), false},
	{"raw NUL",                  OCTETS("{\"a\":\"\0\"}"), false},
	{"raw newline in a string",  OCTETS("{\"a\":\"\n\"}"), false},
	{"invalid UTF-8",            OCTETS("{\"a\":\"\xff\"}"), false},
	{"overlong UTF-8",           OCTETS("{\"a\":\"\xc0\xaf\"}"), false},
	{"lone surrogate",           OCTETS("{\"a\":\"\\ud800\"}"), false},
	{"lone low surrogate",       OCTETS("{\"a\":\"\\udc00\"}"), false},
	{"surrogates swapped",       OCTETS("{\"a\":\"\\ude00\\ud83d\"}"), false},
	{"surrogate and a letter",   OCTETS("{\"a\":\"\\ud83d\\u0041\"}"), false},
	{"a pair of surrogates",     OCTETS("{\"a\":\"\\ud83d\\ude00\"}"), true},
	{"surrogate as UTF-8",       OCTETS("{\"a\":\"\xed\xa0\x80\"}"), false},
	{"beyond U+10FFFF",          OCTETS("{\"a\":\"\xf4\x90\x80\x80\"}"), false},
	{"UTF-8 cut short",          OCTETS("{\"a\":\"\xe2\x82\"}"), false},
	{"a continuation alone",     OCTETS("{\"a\":\"\x80\"}"), false},
	{"invalid UTF-8 in a name",  OCTETS("{\"\xff\":1}"), false},
	{"invalid UTF-8 outside",    OCTETS("{}\xff"), false},
	{"an unknown escape",        OCTETS("{\"a\":\"\\x41\"}"), false},
	{"an escape cut short",      OCTETS("{\"a\":\"\\u00\"}"), false},
	{"a tab in a string",        OCTETS("{\"a\":\"\t\"}"), false},
	{"below 64 bits",            OCTETS("{\"a\":-9223372036854775809}"), false},
	{"least of 64 bits",         OCTETS("{\"a\":-9223372036854775808}"), true},
	{"real beyond a double",     OCTETS("{\"a\":1e400}"), false},
	{"real below a double",      OCTETS("{\"a\":1e-400}"), true},
	{"a plus sign",              OCTETS("{\"a\":+1}"), false},
	{"a point alone",            OCTETS("{\"a\":1.}"), false},
	{"hexadecimal",              OCTETS("{\"a\":0x1}"), false},
	{"Infinity",                 OCTETS("{\"a\":Infinity}"), false},
	{"an array",                 OCTETS("[]"), false},
	{"a string",                 OCTETS("\"a\""), false},
	{"null",                     OCTETS("null"), false},
	{"empty",                    OCTETS(""), false},
	{"cut off",                  OCTETS("{\"a\":1"), false},
	{"cut in a string",          OCTETS("{\"a"), false},
	{"cut after a backslash",    OCTETS("{\"a\\"), false},
};
/* clang-format on */

static void
only_one_flat_enough_object_is_a_document(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(DOCUMENTS); i++) {
		DEFER(json_release) json_t *document = NULL;
		struct error err = {0};
		const bool good = json_parse(DOCUMENTS[i].text, &document, &err);

		if (good != DOCUMENTS[i].good)
			fail_msg("%s", DOCUMENTS[i].why);
		assert_int_equal(err.code, good ? E_NONE : E_BAD_SYNTAX);
		assert_int_equal(document != NULL, good);
	}
}

static void
a_depth_bomb_is_refused_before_the_parser_recurses(void **state)
{
	static const char *const BOMBS[] = {"[", "{\"a\":", "[{\"\":"};

	(void)state;
	for (size_t i = 0; i < COUNT(BOMBS); i++) {
		DEFER(buf_clear_public) struct buf text = {0};
		DEFER(json_release) json_t *document = NULL;
		struct error err = {0};

		buf_append_text(&text, "{\"a\":");
		for (int level = 0; level < 100000; level++)
			buf_append_text(&text, BOMBS[i]);
		assert_false(json_parse(buf_bytes(&text), &document, &err));
		assert_non_null(strstr(err.detail, "nested deeper than 8"));
	}
}

/* Cut anywhere it is none; with one bit changed it is none, or another one. */
static void
a_document_that_was_cut_or_changed_is_not_the_same(void **state)
{
	static const char TEXT[] = "{\"a\":[1,-2.5,true],\"b\":{\"c\":\"\\u00e9\"},\"d\":null}";
	DEFER(json_release) json_t *whole = NULL;
	uint8_t changed[sizeof TEXT - 1];
	struct error err = {0};

	(void)state;
	assert_true(json_parse(bytes_of_text(TEXT), &whole, &err));
	memcpy(changed, TEXT, sizeof changed);
	for (size_t len = 0; len < sizeof changed; len++) {
		DEFER(json_release) json_t *document = NULL;
		struct error why = {0};

		assert_false(json_parse(bytes_of(changed, len), &document, &why));
		assert_int_equal(why.code, E_BAD_SYNTAX);
	}
	for (size_t i = 0; i < sizeof changed * 8; i++) {
		DEFER(json_release) json_t *document = NULL;
		struct error why = {0};

		changed[i / 8] ^= (uint8_t)(1 << i % 8);
		/* The escape's hexadecimal digits may change their case. */
		if (json_parse(bytes_of(changed, sizeof changed), &document, &why)) {
			if (json_equal(document, whole) &&
			    memcmp(TEXT + i / 8 - 4, "\\u00", 4) != 0)
				fail_msg("bit %zu", i);
		} else
			assert_int_equal(why.code, E_BAD_SYNTAX);
		changed[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

struct order {
	const char *name;
	int64_t count;
	bool urgent;
	int64_t at_s;
	json_t *items;
	json_t *place;
	bool count_given;
};

static const struct json_member MEMBERS[] = {
    {"name", "/name", JSON_MEMBER_TEXT, offsetof(struct order, name), 0, true, 0, 5},
    {"count", "/count", JSON_MEMBER_INT, offsetof(struct order, count),
	offsetof(struct order, count_given), false, -2, 10},
    {"urgent", "/urgent", JSON_MEMBER_BOOL, offsetof(struct order, urgent), 0, false, 0, 0},
    {"at", "/at", JSON_MEMBER_TIME, offsetof(struct order, at_s), 0, false, 0, 0},
    {"items", "/items", JSON_MEMBER_ARRAY, offsetof(struct order, items), 0, false, 1, 3},
    {"place", "/place", JSON_MEMBER_OBJECT, offsetof(struct order, place), 0, false, 0, 0},
};

static void
members_fill_the_struct_and_defaults_stay(void **state)
{
	static const char TEXT[] = "{\"place\":{\"x\":1},\"items\":[1,2,3],\"at\":"
				   "\"1970-01-01T00:01:00Z\",\"urgent\":true,\"count\":-2,"
				   "\"name\":\"a\\u00e9bc\"}";
	struct order order = {.count = 7};
	DEFER(json_release) json_t *full = NULL;
	DEFER(json_release) json_t *least = NULL;
	struct error err = {0};

	(void)state;
	assert_true(json_parse(bytes_of_text("{\"name\":\"x\"}"), &least, &err));
	assert_true(json_read(least, MEMBERS, COUNT(MEMBERS), &order, &err));
	assert_string_equal(order.name, "x");
	assert_int_equal(order.count, 7);
	assert_false(order.count_given);
	assert_null(order.items);

	assert_true(json_parse(bytes_of_text(TEXT), &full, &err));
	assert_true(json_read(full, MEMBERS, COUNT(MEMBERS), &order, &err));
	assert_string_equal(order.name, "a\xc3\xa9"
					"bc");
	assert_true(order.count == -2);
	assert_true(order.count_given);
	assert_true(order.urgent);
	assert_int_equal(order.at_s, 60);
	assert_int_equal(json_array_size(order.items), 3);
	assert_int_equal(json_object_size(order.place), 1);
}

/* clang-format off */
static const struct refusal { const char *text, *pointer; enum error_code want; } REFUSALS[] = {
	{"{}",                                        "/name",   E_INCOMPLETE},
	{"{\"count\":1}",                             "/name",   E_INCOMPLETE},
	{"{\"name\":null}",                           "/name",   E_BAD_SYNTAX},
	{"{\"name\":1}",                              "/name",   E_BAD_SYNTAX},
	{"{\"name\":\"\"}",                           "/name",   E_BAD_SYNTAX},
	{"{\"name\":\"abcdef\"}",                     "/name",   E_BAD_SYNTAX},
	{"{\"name\":\"abcd\\u00e9\"}",                "/name",   E_BAD_SYNTAX}, /* octets, not characters */
	{"{\"name\":[\"a\"]}",                        "/name",   E_BAD_SYNTAX},
	{"{\"name\":\"a\",\"count\":11}",             "/count",  E_BAD_SYNTAX},
	{"{\"name\":\"a\",\"count\":-3}",             "/count",  E_BAD_SYNTAX},
	{"{\"name\":\"a\",\"count\":1.0}",            "/count",  E_BAD_SYNTAX},
	{"{\"name\":\"a\",\"count\":1e0}",            "/count",  E_BAD_SYNTAX},
	{"{\"name\":\"a\",\"count\":\"1\"}",          "/count",  E_BAD_SYNTAX},
	{"{\"name\":\"a\",\"count\":true}",           "/count",  E_BAD_SYNTAX},
	{"{\"name\":\"a\",\"count\":null}",           "/count",  E_BAD_SYNTAX},
	{"{\"name\":\"a\",\"urgent\":1}",             "/urgent", E_BAD_SYNTAX},
	{"{\"name\":\"a\",\"urgent\":\"true\"}",      "/urgent", E_BAD_SYNTAX},
	{"{\"name\":\"a\",\"at\":60}",                "/at",     E_BAD_SYNTAX},
	{"{\"name\":\"a\",\"at\":\"2026-02-29T00:00:00Z\"}", "/at", E_BAD_SYNTAX},
	{"{\"name\":\"a\",\"items\":[]}",             "/items",  E_BAD_SYNTAX},
	{"{\"name\":\"a\",\"items\":[1,2,3,4]}",      "/items",  E_BAD_SYNTAX},
	{"{\"name\":\"a\",\"items\":{}}",             "/items",  E_BAD_SYNTAX},
	{"{\"name\":\"a\",\"place\":[]}",             "/place",  E_BAD_SYNTAX},
	{"{\"name\":\"a\",\"place\":\"x\"}",          "/place",  E_BAD_SYNTAX},
	{"{\"name\":\"a\",\"nmae\":\"b\"}",           NULL,      E_BAD_SYNTAX},
	{"{\"name\":\"a\",\"Name\":\"b\"}",           NULL,      E_BAD_SYNTAX},
	{"{\"name\":\"a\",\"\":1}",                   NULL,      E_BAD_SYNTAX},
};
/* clang-format on */

static void
a_bad_member_is_refused_with_its_pointer(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(REFUSALS); i++) {
		DEFER(json_release) json_t *document = NULL;
		struct order order = {0};
		struct error err = {0};

		assert_true(json_parse(bytes_of_text(REFUSALS[i].text), &document, &err));
		if (json_read(document, MEMBERS, COUNT(MEMBERS), &order, &err))
			fail_msg("%s", REFUSALS[i].text);
		assert_int_equal(err.code, REFUSALS[i].want);
		if (REFUSALS[i].pointer == NULL)
			assert_null(err.pointer);
		else
			assert_string_equal(err.pointer, REFUSALS[i].pointer);
	}
}

static void
the_name_of_an_unknown_member_is_not_repeated(void **state)
{
	DEFER(json_release) json_t *document = NULL;
	struct order order = {0};
	struct error err = {0};

	(void)state;
	assert_true(json_parse(bytes_of_text("{\"name\":\"a\",\"<evil>\":1}"), &document, &err));
	assert_false(json_read(document, MEMBERS, COUNT(MEMBERS), &order, &err));
	assert_null(strstr(err.detail, "evil"));
}

static void
what_is_no_object_has_no_members(void **state)
{
	DEFER(json_release) json_t *array = json_array();
	struct order order = {0};
	struct error err = {0};

	(void)state;
	assert_false(json_read(array, MEMBERS, COUNT(MEMBERS), &order, &err));
	assert_int_equal(err.code, E_BAD_SYNTAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_one_flat_enough_object_is_a_document),
	    cmocka_unit_test(a_depth_bomb_is_refused_before_the_parser_recurses),
	    cmocka_unit_test(a_document_that_was_cut_or_changed_is_not_the_same),
	    cmocka_unit_test(members_fill_the_struct_and_defaults_stay),
	    cmocka_unit_test(a_bad_member_is_refused_with_its_pointer),
	    cmocka_unit_test(the_name_of_an_unknown_member_is_not_repeated),
	    cmocka_unit_test(what_is_no_object_has_no_members),
	};

	return cmocka_run_group_tests_name("json_in", tests, NULL, NULL);
}
