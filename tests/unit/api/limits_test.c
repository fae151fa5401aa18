#include "tests/support/cmocka_all.h"

#include "api/limits.h"

#define SLOW 1 /* a second: no test takes as long as the next one does */

/* Each class lets in another number, so that it shows which one was asked. */
static const struct limits BY_CLASS = {.of = {
					   [LIMIT_ADDRESS] = {SLOW, 2},
					   [LIMIT_TOKEN] = {SLOW, 3},
					   [LIMIT_DEVICE] = {SLOW, 4},
					   [LIMIT_STATION] = {SLOW, 5},
					   [LIMIT_VERIFIER] = {SLOW, 6},
					   [LIMIT_OPERATOR] = {SLOW, 7},
				       }};

static struct limiter *
make(const struct limits *limits)
{
	const struct rng rng = rng_repeatable(1);

	return limiter_new(limits, &rng);
}

static int
passed_of(struct limiter *limiter, const struct caller *caller)
{
	struct error err = {0};
	int count = 0;

	while (count < 100 && limiter_caller(limiter, caller, 1, &err))
		count++;
	return count;
}

static const struct row {
	const char *claim;
	struct caller caller;
	int passed;
} CALLERS[] = {
    {"a device", {.kind = CALLER_IS_DEVICE, .mask = CALLER_DEVICE, .spki_sha256 = {1}}, 4},
    {"another device", {.kind = CALLER_IS_DEVICE, .mask = CALLER_DEVICE, .spki_sha256 = {2}}, 4},
    {"a station", {.kind = CALLER_IS_OPERATOR, .mask = ROLE_STATION, .person = 1}, 5},
    {"another station", {.kind = CALLER_IS_OPERATOR, .mask = ROLE_STATION, .person = 2}, 5},
    {"a station with more roles",
	{.kind = CALLER_IS_OPERATOR,
	    .mask = ROLE_STATION | ROLE_VERIFIER | ROLE_ADMIN,
	    .person = 3},
	5},
    {"a verifier", {.kind = CALLER_IS_OPERATOR, .mask = ROLE_VERIFIER, .person = 4}, 6},
    {"a verifier with more roles",
	{.kind = CALLER_IS_OPERATOR, .mask = ROLE_VERIFIER | ROLE_ADMIN, .person = 5}, 6},
    {"an officer", {.kind = CALLER_IS_OPERATOR, .mask = ROLE_OFFICER, .person = 6}, 7},
    {"an admin", {.kind = CALLER_IS_OPERATOR, .mask = ROLE_ADMIN, .person = 7}, 7},
    {"a person without a role", {.kind = CALLER_IS_OPERATOR, .person = 8}, 7},
};

static void
each_caller_has_the_limit_of_its_role(void **state)
{
	DEFER(limiter_free) struct limiter *limiter = make(&BY_CLASS);

	(void)state;
	for (size_t i = 0; i < COUNT(CALLERS); i++)
		if (passed_of(limiter, &CALLERS[i].caller) != CALLERS[i].passed)
			fail_msg("not so: %s", CALLERS[i].claim);
	for (size_t i = 0; i < COUNT(CALLERS); i++)
		if (passed_of(limiter, &CALLERS[i].caller) != 0)
			fail_msg("its bucket is forgotten: %s", CALLERS[i].claim);
}

static void
addresses_and_tokens_have_theirs(void **state)
{
	DEFER(limiter_free) struct limiter *limiter = make(&BY_CLASS);
	const uint8_t one[LIMITER_NETWORK_BYTES] = {4, 192, 0, 2, 1};
	const uint8_t other[LIMITER_NETWORK_BYTES] = {4, 192, 0, 2, 2};
	struct error err = {0};

	(void)state;
	assert_true(limiter_address(limiter, one, 1, &err));
	assert_true(limiter_address(limiter, one, 1, &err));
	assert_false(limiter_address(limiter, one, 1, &err));
	err = (struct error){0};
	assert_true(limiter_address(limiter, other, 2, &err));
	for (int i = 0; i < 3; i++)
		assert_true(limiter_token(limiter, "mk1.a", &err));
	assert_false(limiter_token(limiter, "mk1.a", &err));
	err = (struct error){0};
	assert_true(limiter_token(limiter, "mk1.b", &err));
}

static void
who_is_refused_is_told_when_to_come_again(void **state)
{
	DEFER(limiter_free) struct limiter *limiter = make(&BY_CLASS);
	const struct caller station = {
	    .kind = CALLER_IS_OPERATOR, .mask = ROLE_STATION, .person = 1};
	struct error err = {0};

	(void)state;
	assert_true(limiter_caller(limiter, &station, 1000, &err));
	assert_false(limiter_caller(limiter, &station, 1, &err));
	assert_int_equal(err.code, E_RATE_LIMITED);
	assert_int_equal(err.retry_after_s, 996); /* seconds, rounded up */
}

static void
new_limits_hold_from_then_on(void **state)
{
	DEFER(limiter_free) struct limiter *limiter = make(&BY_CLASS);
	const struct limits none = {.of = {[LIMIT_OPERATOR] = {SLOW, 1}}};
	struct error err = {0};

	(void)state;
	assert_int_equal(passed_of(limiter, &CALLERS[3].caller), 5);
	limiter_set(limiter, &none);
	assert_true(limiter_caller(limiter, &CALLERS[3].caller, 1000, &err));
	assert_int_equal(passed_of(limiter, &CALLERS[7].caller), 1);
}

static void
without_a_limiter_there_is_no_limit(void **state)
{
	const uint8_t network[LIMITER_NETWORK_BYTES] = {4};
	struct error err = {0};

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_true(limiter_address(NULL, network, 1, &err));
	assert_true(limiter_caller(NULL, &CALLERS[0].caller, 1, &err));
	assert_true(limiter_token(NULL, "mk1.a", &err));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_caller_has_the_limit_of_its_role),
	    cmocka_unit_test(addresses_and_tokens_have_theirs),
	    cmocka_unit_test(who_is_refused_is_told_when_to_come_again),
	    cmocka_unit_test(new_limits_hold_from_then_on),
	    cmocka_unit_test(without_a_limiter_there_is_no_limit),
	};

	return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
