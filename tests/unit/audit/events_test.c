#include "tests/support/cmocka_all.h"

#include "audit/events_filter.h"

#define ST_S INT64_C(1767225601)
static const char LEAF[] =
    "{\"seq\":1,\"st\":\"2026-01-01T00:00:01Z\",\"v\":1,\"ev\":\"enroll.refused\","
    "\"rc\":\"DUPLICATE_HARDWARE\",\"sev\":3,\"out\":\"failure\",\"t\":\"2026-01-01T00:00:01Z\","
    "\"n\":\"AAECAwQFBgcICQoLDA0ODw\",\"act\":\"station:7f3kq2m5nv4wxyza\","
    "\"sub\":\"b:mzxw6ytboi2dgnbv\"}";

#define ALL .after = -1, .size = -1, .limit = 10, .from_s = -1, .to_s = -1

/* clang-format off */
static const struct match {
	const char *why;
	struct events_query query;
	enum events_match want;
} MATCHES[] = {
	{"no filter",             {ALL},                                      EVENTS_TAKE},
	{"its event",             {ALL, .event = "enroll.refused"},           EVENTS_TAKE},
	{"a prefix of its event", {ALL, .event = "enroll.*"},                 EVENTS_TAKE},
	{"any event",             {ALL, .event = "*"},                        EVENTS_TAKE},
	{"another event",         {ALL, .event = "enroll.ok"},                EVENTS_SKIP},
	{"a part is no prefix",   {ALL, .event = "enroll"},                   EVENTS_SKIP},
	{"a longer prefix",       {ALL, .event = "enroll.refused.more*"},     EVENTS_SKIP},
	{"its reason",            {ALL, .code = "DUPLICATE_HARDWARE"},        EVENTS_TAKE},
	{"a part of its reason",  {ALL, .code = "DUPLICATE"},                 EVENTS_SKIP},
	{"its actor",             {ALL, .actor = "station:7f3kq2m5nv4wxyza"}, EVENTS_TAKE},
	{"another actor",         {ALL, .actor = "station:aaaaaaaaaaaaaaaa"}, EVENTS_SKIP},
	{"one of two fits",       {ALL, .event = "enroll.*", .code = "OK"},   EVENTS_SKIP},
};
static const struct time {
	const char *why;
	int64_t from_s, to_s;
	enum events_match want;
} TIMES[] = {
	{"from its second on",   ST_S,     -1,       EVENTS_TAKE},
	{"from the next second", ST_S + 1, -1,       EVENTS_SKIP},
	{"to its second",        -1,       ST_S,     EVENTS_PAST},
	{"to the next second",   -1,       ST_S + 1, EVENTS_TAKE},
	{"an empty window",      ST_S,     ST_S,     EVENTS_PAST},
};
static const struct reject {
	const char *why;
	struct events_query query;
	const char *pointer;
} REJECTS[] = {
	{"no such event",    {ALL, .event = "enroll.maybe"},      "/ev"},
	{"no such prefix",   {ALL, .event = "enrol_*"},           "/ev"},
	{"an empty event",   {ALL, .event = ""},                  "/ev"},
	{"a lower-case code", {ALL, .code = "ok"},                "/rc"},
	{"an empty code",    {ALL, .code = ""},                   "/rc"},
	{"a quote in it",    {ALL, .code = "OK\""},               "/rc"},
	{"a long code",      {ALL, .code = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}, "/rc"},
	{"limit 0",          {.after = -1, .size = -1, .limit = 0, .from_s = -1, .to_s = -1}, "/limit"},
	{"a limit too high", {.after = -1, .size = -1, .limit = EVENTS_LIMIT_MAX + 1, .from_s = -1, .to_s = -1}, "/limit"},
	{"a cursor below",   {.after = -2, .size = -1, .limit = 1, .from_s = -1, .to_s = -1}, "/after"},
};
/* clang-format on */

static void
filters_take_what_they_name_and_nothing_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(MATCHES); i++)
		if (events_match(&MATCHES[i].query, bytes_of_text(LEAF)) != MATCHES[i].want)
			fail_msg("%s", MATCHES[i].why);
}

static void
time_bounds_are_inclusive_below_and_exclusive_above(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(TIMES); i++) {
		struct events_query query = {ALL};

		query.from_s = TIMES[i].from_s;
		query.to_s = TIMES[i].to_s;
		if (events_match(&query, bytes_of_text(LEAF)) != TIMES[i].want)
			fail_msg("%s", TIMES[i].why);
	}
}

static void
a_damaged_leaf_hides_behind_no_filter(void **state)
{
	const struct events_query query = {ALL, .event = "svc.stop", .actor = "nobody"};
	char damaged[sizeof LEAF];

	(void)state;
	memcpy(damaged, LEAF, sizeof LEAF);
	damaged[0] = ' ';
	assert_int_equal(events_match(&query, bytes_of_text(damaged)), EVENTS_TAKE);
	assert_int_equal(events_match(&query, bytes_of(NULL, 0)), EVENTS_TAKE);
}

static void
bad_queries_name_the_bad_member(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(REJECTS); i++) {
		struct error err = {0};

		if (events_check(&REJECTS[i].query, &err))
			fail_msg("%s was accepted", REJECTS[i].why);
		assert_int_equal(err.code, E_BAD_SYNTAX);
		assert_string_equal(err.pointer, REJECTS[i].pointer);
	}
}

static void
good_queries_pass(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(MATCHES); i++) {
		struct error err = {0};
		struct events_query query = MATCHES[i].query;

		if (query.event != NULL &&
		    leaf_event_of(bytes_of_text(query.event)) == LEAF_EVENT_NONE)
			query.event = "enroll.*";
		assert_true(events_check(&query, &err));
	}
}

static const struct events_log LOGS[] = {
    {.id = 1, .origin = "moniker.example/node1-2026"},
    {.id = 2, .origin = "moniker.example/node2-2026"},
    {.id = 3, .origin = "other.example/node2-2026"},
};

/* clang-format off */
static const struct pick {
	const char *why, *name;
	size_t count;
	enum error_code code;
	int want;
} PICKS[] = {
	{"the only one",         NULL,                         1, E_NONE,       1},
	{"none at all",          NULL,                         0, E_NOT_FOUND,  0},
	{"several, none said",   NULL,                         3, E_INCOMPLETE, 0},
	{"by origin",            "moniker.example/node2-2026", 3, E_NONE,       2},
	{"by its last part",     "node1-2026",                 3, E_NONE,       1},
	{"a last part of two",   "node2-2026",                 3, E_INCOMPLETE, 0},
	{"another",              "node9-2026",                 3, E_NOT_FOUND,  0},
	{"an empty name",        "",                           3, E_NOT_FOUND,  0},
	{"a part of a name",     "node1",                      3, E_NOT_FOUND,  0},
};
/* clang-format on */

static void
a_log_is_picked_by_what_names_only_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(PICKS); i++) {
		const struct events_log *log = NULL;
		struct error err = {0};
		bool found = events_pick_log(LOGS, PICKS[i].count, PICKS[i].name, &log, &err);

		if (found != (PICKS[i].code == E_NONE) || err.code != PICKS[i].code ||
		    (found && log->id != PICKS[i].want))
			fail_msg("%s", PICKS[i].why);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(filters_take_what_they_name_and_nothing_else),
	    cmocka_unit_test(time_bounds_are_inclusive_below_and_exclusive_above),
	    cmocka_unit_test(a_damaged_leaf_hides_behind_no_filter),
	    cmocka_unit_test(bad_queries_name_the_bad_member),
	    cmocka_unit_test(good_queries_pass),
	    cmocka_unit_test(a_log_is_picked_by_what_names_only_it),
	};

	return cmocka_run_group_tests_name("audit/events", tests, NULL, NULL);
}
