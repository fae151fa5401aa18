#include "tests/support/cmocka_all.h"

#include "api/caller.h"

static const struct row {
	const char *claim;
	enum caller_kind kind;
	unsigned has, wanted;
	const char *actor;
} ROWS[] = {
    {"who shows nothing is nobody", CALLER_IS_NOBODY, 0, ROLE_ADMIN, "nobody"},
    {"a device is a device", CALLER_IS_DEVICE, CALLER_DEVICE, CALLER_DEVICE,
	"device:abcdefghijklmnop"},
    {"a person acts in the role that is wanted", CALLER_IS_OPERATOR, ROLE_OFFICER | ROLE_ADMIN,
	ROLE_ADMIN, "admin:abcdefghijklmnop"},
    {"of several wanted roles the first counts", CALLER_IS_OPERATOR, ROLE_OFFICER | ROLE_ADMIN,
	ROLE_OFFICER | ROLE_ADMIN, "officer:abcdefghijklmnop"},
    {"a person without that role acts in its own", CALLER_IS_OPERATOR, ROLE_STATION, ROLE_ADMIN,
	"station:abcdefghijklmnop"},
    {"a person without any role is a person", CALLER_IS_OPERATOR, 0, ROLE_ADMIN,
	"person:abcdefghijklmnop"},
};

static void
actors_are_role_and_handle(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		const struct caller caller = {
		    .kind = ROWS[i].kind, .mask = ROWS[i].has, .handle = "abcdefghijklmnop"};
		char actor[CALLER_ACTOR_LEN];

		caller_actor(&caller, ROWS[i].wanted, actor);
		if (strcmp(actor, ROWS[i].actor) != 0)
			fail_msg("%s: %s", ROWS[i].claim, actor);
	}
}

static void
device_and_anybody_are_no_roles(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < ROLE_COUNT; bit++) {
		assert_int_not_equal(1U << bit, CALLER_DEVICE);
		assert_int_not_equal(1U << bit, CALLER_ANY);
	}
	assert_int_not_equal(CALLER_DEVICE, CALLER_ANY);
}

static void
no_certificate_needs_no_database(void **state)
{
	const struct clock clock = clock_fixed(1767225600);
	DEFER(caller_cache_free)
	struct caller_cache *cache = caller_cache_new(NULL, NULL, NULL, &clock);
	struct caller_memory memory = {0};
	struct caller caller;
	struct error err = {0};

	(void)state;
	assert_true(caller_resolve(cache, &memory, &caller, &err));
	assert_int_equal(caller.kind, CALLER_IS_NOBODY);
	assert_int_equal(caller.mask, 0);
	assert_int_equal(caller.refused.code, E_NONE);
	caller_memory_clear(&memory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(actors_are_role_and_handle),
	    cmocka_unit_test(device_and_anybody_are_no_roles),
	    cmocka_unit_test(no_certificate_needs_no_database),
	};

	return cmocka_run_group_tests_name("caller", tests, NULL, NULL);
}
