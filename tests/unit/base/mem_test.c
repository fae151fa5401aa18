#include "tests/support/cmocka_all.h"

#include <string.h>

#include "base/mem.h"

static void
new_memory_is_zero(void **state)
{
	DEFER(mem_free) unsigned char *mem = xcalloc(1000, 3);

	(void)state;
	for (int i = 0; i < 3000; i++)
		assert_int_equal(mem[i], 0);
}

static void
nothing_is_still_a_pointer_that_can_be_freed(void **state)
{
	DEFER(mem_free) void *none = xcalloc(0, 8);
	DEFER(mem_free) void *grown = xrealloc(NULL, 0);
	DEFER(mem_free) char *empty = xstrdup("");

	(void)state;
	assert_non_null(none);
	assert_non_null(grown);
	assert_string_equal(empty, "");
}

static void
growing_keeps_the_octets(void **state)
{
	DEFER(mem_free) char *text = xstrdup("kept");

	(void)state;
	text = xrealloc(text, 100000);
	assert_string_equal(text, "kept");
}

static void
taking_leaves_nothing_to_free(void **state)
{
	DEFER(mem_free) char *text = xstrdup("taken");
	DEFER(mem_free) char *other = TAKE(text);

	(void)state;
	assert_null(text);
	assert_string_equal(other, "taken");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(new_memory_is_zero),
	    cmocka_unit_test(nothing_is_still_a_pointer_that_can_be_freed),
	    cmocka_unit_test(growing_keeps_the_octets),
	    cmocka_unit_test(taking_leaves_nothing_to_free),
	};

	return cmocka_run_group_tests_name("mem", tests, NULL, NULL);
}
