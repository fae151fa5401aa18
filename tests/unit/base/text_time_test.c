#include "tests/support/cmocka_all.h"

#include <time.h>

#include "base/text.h"

#define DAY_S INT64_C(86400)

/* Every 3rd day of 1970 to 9999, at a second that wanders, against the C library. */
static void
times_agree_with_the_c_library_and_read_back(void **state)
{
	(void)state;
	for (int64_t at_s = 0; at_s <= TIME_MAX_AT_S; at_s += 3 * DAY_S + 3607) {
		const time_t wide = at_s;
		char text[TIME_TEXT_LEN + 1];
		char want[TIME_TEXT_LEN + 1];
		int64_t again = -1;
		struct tm tm;

		assert_non_null(gmtime_r(&wide, &tm));
		assert_int_equal(strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%SZ", &tm), 20);
		time_encode(text, at_s);
		assert_string_equal(text, want);
		assert_true(time_decode(bytes_of(text, TIME_TEXT_LEN), &again));
		assert_true(again == at_s);
		assert_true(
		    time_day_start(at_s) == at_s - tm.tm_hour * 3600 - tm.tm_min * 60 - tm.tm_sec);
	}
}

static void
the_first_and_the_last_second_are_times(void **state)
{
	int64_t at_s = -1;

	(void)state;
	assert_true(time_decode(bytes_of_text("1970-01-01T00:00:00Z"), &at_s));
	assert_true(at_s == 0);
	assert_true(time_decode(bytes_of_text("9999-12-31T23:59:59Z"), &at_s));
	assert_true(at_s == TIME_MAX_AT_S);
	assert_true(time_decode(bytes_of_text("2000-02-29T23:59:59Z"), &at_s));
	assert_true(at_s == 951868799);
}

/* clang-format off */
static const struct wrong { const char *why, *text; } WRONG[] = {
	{"before 1970",             "1969-12-31T23:59:59Z"},
	{"year 0",                  "0000-01-01T00:00:00Z"},
	{"month 0",                 "2026-00-01T00:00:00Z"},
	{"month 13",                "2026-13-01T00:00:00Z"},
	{"day 0",                   "2026-01-00T00:00:00Z"},
	{"32 January",              "2026-01-32T00:00:00Z"},
	{"31 April",                "2026-04-31T00:00:00Z"},
	{"31 June",                 "2026-06-31T00:00:00Z"},
	{"30 February",             "2024-02-30T00:00:00Z"},
	{"29 February 2026",        "2026-02-29T00:00:00Z"},
	{"29 February 2100",        "2100-02-29T00:00:00Z"},
	{"hour 24",                 "2026-01-01T24:00:00Z"},
	{"minute 60",               "2026-01-01T00:60:00Z"},
	{"leap second",             "2016-12-31T23:59:60Z"},
	{"lower case t",            "2026-01-01t00:00:00Z"},
	{"lower case z",            "2026-01-01T00:00:00z"},
	{"space for T",             "2026-01-01 00:00:00Z"},
	{"offset",                  "2026-01-01T00:00:00+00:00"},
	{"fraction",                "2026-01-01T00:00:00.0Z"},
	{"no Z",                    "2026-01-01T00:00:00"},
	{"no seconds",              "2026-01-01T00:00Z"},
	{"slashes",                 "2026/01/01T00:00:00Z"},
	{"sign",                    "+026-01-01T00:00:00Z"},
	{"space for a digit",       "2026- 1-01T00:00:00Z"},
	{"letter for a digit",      "2026-01-01T0O:00:00Z"},
	{"colon after 9",           "2026-01-0:T00:00:00Z"},
	{"trailing newline",        "2026-01-01T00:00:00Z\n"},
	{"leading space",           " 2026-01-01T00:00:00Z"},
	{"five-digit year",         "12026-01-01T00:00:00Z"},
	{"empty",                   ""},
};
/* clang-format on */

static void
what_is_no_time_is_refused_and_sets_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(WRONG); i++) {
		int64_t at_s = 42;

		if (time_decode(bytes_of_text(WRONG[i].text), &at_s))
			fail_msg("%s", WRONG[i].why);
		assert_true(at_s == 42);
	}
}

/* Any octet at any place: what is accepted is the text of its own value. */
static void
one_changed_octet_never_makes_a_second_spelling(void **state)
{
	(void)state;
	for (size_t at = 0; at < TIME_TEXT_LEN; at++)
		for (int octet = 0; octet < 256; octet++) {
			uint8_t text[] = "2024-02-29T12:34:56Z";
			char again[TIME_TEXT_LEN + 1];
			int64_t at_s;

			text[at] = (uint8_t)octet;
			if (!time_decode(bytes_of(text, TIME_TEXT_LEN), &at_s))
				continue;
			time_encode(again, at_s);
			assert_memory_equal(again, text, TIME_TEXT_LEN);
		}
}

static void
months_count_from_january_2020_and_start_at_their_first_second(void **state)
{
	int64_t start_s = INT64_C(1577836800);

	(void)state;
	for (unsigned month = 0; month < 12 * 1000; month++) {
		char text[TIME_TEXT_LEN + 1];
		char want[TIME_TEXT_LEN + 12];

		(void)snprintf(
		    want, sizeof want, "%04u-%02u-01T00:00:00Z", 2020 + month / 12, month % 12 + 1);
		start_s = time_month_start((uint16_t)month);
		time_encode(text, start_s);
		assert_string_equal(text, want);
		assert_int_equal(time_month(start_s), month);
		assert_int_equal(time_month(start_s + 27 * DAY_S + DAY_S - 1), month);
		if (month > 0)
			assert_int_equal(time_month(start_s - 1), month - 1);
	}
}

static void
months_outside_the_range_are_its_ends(void **state)
{
	(void)state;
	assert_int_equal(time_month(0), 0);
	assert_int_equal(time_month(INT64_C(1577836799)), 0);
	assert_int_equal(time_month(time_month_start(UINT16_MAX)), UINT16_MAX);
	assert_int_equal(time_month(time_month_start(UINT16_MAX) + 31 * DAY_S), UINT16_MAX);
	assert_int_equal(time_month(TIME_MAX_AT_S), UINT16_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(times_agree_with_the_c_library_and_read_back),
	    cmocka_unit_test(the_first_and_the_last_second_are_times),
	    cmocka_unit_test(what_is_no_time_is_refused_and_sets_nothing),
	    cmocka_unit_test(one_changed_octet_never_makes_a_second_spelling),
	    cmocka_unit_test(months_count_from_january_2020_and_start_at_their_first_second),
	    cmocka_unit_test(months_outside_the_range_are_its_ends),
	};

	return cmocka_run_group_tests_name("text_time", tests, NULL, NULL);
}
