#include "tests/support/cmocka_all.h"

#include <string.h>

#include "base/rng.h"

static void
the_system_source_does_not_repeat_itself(void **state)
{
	const struct rng rng = rng_system();
	uint8_t a[32] = {0};
	uint8_t b[32] = {0};

	(void)state;
	rng_fill(&rng, a, sizeof a);
	rng_fill(&rng, b, sizeof b);
	assert_memory_not_equal(a, b, sizeof a);
}

static void
a_seed_gives_the_same_octets_at_every_call(void **state)
{
	const struct rng rng = rng_repeatable(UINT64_C(0x0102030405060708));
	uint8_t a[40];
	uint8_t b[40];

	(void)state;
	rng_fill(&rng, a, sizeof a);
	rng_fill(&rng, b, sizeof b);
	assert_memory_equal(a, b, sizeof a);
}

static void
every_octet_of_the_seed_counts(void **state)
{
	const struct rng zero = rng_repeatable(0);
	uint8_t a[16];
	uint8_t b[16];

	(void)state;
	rng_fill(&zero, a, sizeof a);
	for (int i = 0; i < 64; i += 8) {
		const struct rng other = rng_repeatable(UINT64_C(1) << i);

		rng_fill(&other, b, sizeof b);
		assert_memory_not_equal(a, b, sizeof a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_system_source_does_not_repeat_itself),
	    cmocka_unit_test(a_seed_gives_the_same_octets_at_every_call),
	    cmocka_unit_test(every_octet_of_the_seed_counts),
	};

	return cmocka_run_group_tests_name("rng", tests, NULL, NULL);
}
