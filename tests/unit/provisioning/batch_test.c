#include "tests/unit/provisioning/cmocka_all.h"

#include <string.h>

#include "provisioning/batch.h"

static struct batch
good(void)
{
	return (struct batch){.name = "lot-1",
	    .model = "sensor",
	    .profile = "device",
	    .quota = 10,
	    .hours_from = -1,
	    .hours_until = -1,
	    .hardware_ids_required = true};
}

#define CHANGE(name, ...)                     \
	static void name(struct batch *batch) \
	{                                     \
		__VA_ARGS__                   \
	}

/* clang-format off */
CHANGE(empty_name, batch->name[0] = '\0';)
CHANGE(dotted_name, batch->name[0] = '.';)
CHANGE(slashed_name, strcpy(batch->name, "lot/1");)
CHANGE(spaced_name, strcpy(batch->name, "lot 1");)
CHANGE(accented_name, strcpy(batch->name, "lot\xc3\xa9");)
CHANGE(operation_name, strcpy(batch->name, "simpleenroll");)
CHANGE(operation_not_offered, strcpy(batch->name, "fullcmc");)
CHANGE(empty_model, batch->model[0] = '\0';)
CHANGE(unlinkable, batch->mode = BATCH_UNLINKABLE;)
CHANGE(birth_profile, strcpy(batch->profile, "birth");)
CHANGE(pseudonym_profile, batch->mode = BATCH_UNLINKABLE; strcpy(batch->profile, "pseudonym");)
CHANGE(no_such_profile, strcpy(batch->profile, "gadget");)
CHANGE(service_profile, strcpy(batch->profile, "service");)
CHANGE(operator_profile, strcpy(batch->profile, "operator");)
CHANGE(no_quota, batch->quota = 0;)
CHANGE(negative_quota, batch->quota = -1;)
CHANGE(endless_quota, batch->quota = INT64_C(1000000001);)
CHANGE(opens_before_time, batch->opens_at_s = -1;)
CHANGE(closes_as_it_opens, batch->opens_at_s = batch->closes_at_s = 1000;)
CHANGE(hours_without_end, batch->hours_from = 60;)
CHANGE(hours_without_begin, batch->hours_until = 60;)
CHANGE(hours_from_midnight_on, batch->hours_from = 1440; batch->hours_until = 1440;)
CHANGE(hours_until_zero, batch->hours_from = 60; batch->hours_until = 0;)
CHANGE(hours_too_late, batch->hours_from = 60; batch->hours_until = 1441;)
CHANGE(too_many_stations, batch->station_count = BATCH_STATIONS_MAX + 1;)

static const struct reject {
	const char *why;
	void (*change)(struct batch *batch);
	enum error_code want;
	const char *pointer;
} REJECTS[] = {
	{"an empty name",                empty_name,             E_BAD_SYNTAX,     "/id"},
	{"a name that begins with a dot", dotted_name,           E_BAD_SYNTAX,     "/id"},
	{"a slash in the name",          slashed_name,           E_BAD_SYNTAX,     "/id"},
	{"a space in the name",          spaced_name,            E_BAD_SYNTAX,     "/id"},
	{"a letter beyond ASCII",        accented_name,          E_BAD_SYNTAX,     "/id"},
	{"the name of an operation of EST", operation_name,      E_BAD_SYNTAX,     "/id"},
	{"the name of one that we do not offer", operation_not_offered, E_BAD_SYNTAX, "/id"},
	{"no model",                     empty_model,            E_BAD_SYNTAX,     "/model"},
	{"unlinkable, and one certificate for good", unlinkable, E_PROFILE_DENIED, "/profile"},
	{"a birth that no pseudonym follows", birth_profile,     E_PROFILE_DENIED, "/profile"},
	{"pseudonyms made on the line",  pseudonym_profile,      E_PROFILE_DENIED, "/profile"},
	{"a profile that is not there",  no_such_profile,        E_PROFILE_DENIED, "/profile"},
	{"a profile for services",       service_profile,        E_PROFILE_DENIED, "/profile"},
	{"a profile for operators",      operator_profile,       E_PROFILE_DENIED, "/profile"},
	{"no quota",                     no_quota,               E_BAD_SYNTAX,     "/quota"},
	{"a negative quota",             negative_quota,         E_BAD_SYNTAX,     "/quota"},
	{"a quota without end",          endless_quota,          E_BAD_SYNTAX,     "/quota"},
	{"opens before 1970",            opens_before_time,      E_BAD_SYNTAX,     "/opens_at"},
	{"closes when it opens",         closes_as_it_opens,     E_BAD_SYNTAX,     "/closes_at"},
	{"hours without an end",         hours_without_end,      E_BAD_SYNTAX,     "/hours"},
	{"hours without a beginning",    hours_without_begin,    E_BAD_SYNTAX,     "/hours"},
	{"hours from 24:00",             hours_from_midnight_on, E_BAD_SYNTAX,     "/hours"},
	{"hours until 00:00",            hours_until_zero,       E_BAD_SYNTAX,     "/hours"},
	{"hours until 24:01",            hours_too_late,         E_BAD_SYNTAX,     "/hours"},
	{"more stations than fit",       too_many_stations,      E_TOO_LARGE,      "/stations"},
};
/* clang-format on */

static void
rejects(void **state)
{
	const struct reject *c = *state;
	struct batch batch = good();
	struct batch_service service = {0}; /* nothing is asked for what cannot be */
	struct error err = {0};
	bool created = false;

	c->change(&batch);
	assert_false(batch_open(&service, &batch, "admin:mzxw6ytboi2dgnbv", &created, &err));
	assert_int_equal(err.code, c->want);
	assert_string_equal(err.pointer, c->pointer);
	assert_false(created);
}

static void
where_regulation_does_not_allow_it_no_batch_is_unlinkable(void **state)
{
	struct batch batch = good();
	struct batch_service service = {.no_unlinkable = true};
	struct error err = {0};
	bool created = false;

	(void)state;
	batch.mode = BATCH_UNLINKABLE;
	(void)strcpy(batch.profile, "birth");
	assert_false(batch_open(&service, &batch, "admin:mzxw6ytboi2dgnbv", &created, &err));
	assert_int_equal(err.code, E_ANONYMITY_DENIED);
	assert_string_equal(err.pointer, "/mode");
}

static void
a_batch_without_stations_is_open_to_all(void **state)
{
	struct batch batch = good();

	(void)state;
	assert_true(batch_allows_station(&batch, 5));
	batch.station_count = 2;
	batch.stations[0] = 4;
	batch.stations[1] = 6;
	assert_true(batch_allows_station(&batch, 4));
	assert_true(batch_allows_station(&batch, 6));
	assert_false(batch_allows_station(&batch, 5));
}

static void
no_batch_has_a_name_of_that_length(void **state)
{
	DEFER(batch_cache_free) struct batch_cache *cache = batch_cache_new(NULL);
	char name[BATCH_NAME_MAX + 2];
	struct batch_facts facts;
	struct error err = {0}, err_empty = {0};

	(void)state;
	memset(name, 'a', sizeof name);
	name[sizeof name - 1] = '\0';
	assert_false(batch_cache_get(cache, name, 0, &facts, &err));
	assert_int_equal(err.code, E_UNKNOWN_BATCH);
	assert_false(batch_cache_get(cache, "", 0, &facts, &err_empty));
	assert_int_equal(err_empty.code, E_UNKNOWN_BATCH);
}

int
main(void)
{
	struct CMUnitTest tests[COUNT(REJECTS) + 3] = {
	    cmocka_unit_test(a_batch_without_stations_is_open_to_all),
	    cmocka_unit_test(no_batch_has_a_name_of_that_length),
	    cmocka_unit_test(where_regulation_does_not_allow_it_no_batch_is_unlinkable),
	};

	for (size_t i = 0; i < COUNT(REJECTS); i++)
		tests[3 + i] = (struct CMUnitTest){.name = REJECTS[i].why,
		    .test_func = rejects,
		    .initial_state = (void *)(uintptr_t)&REJECTS[i]};
	return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
