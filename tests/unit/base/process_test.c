#include "tests/support/cmocka_all.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/process.h"

static void
a_file_that_is_open_counts(void **state)
{
	struct process_use before, during;
	int fd;

	(void)state;
	process_look(&before);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	process_look(&during);
	(void)close(fd);
	assert_int_equal(during.fds, before.fds + 1);
	assert_true(during.fds < during.fds_max);
}

static void
memory_that_is_touched_counts(void **state)
{
	static const size_t MANY = (size_t)64 << 20;
	struct process_use before, during;
	char *touched;

	(void)state;
	process_look(&before);
	touched = malloc(MANY);
	assert_non_null(touched);
	memset(touched, 1, MANY);
	process_look(&during);
	assert_int_equal(touched[MANY - 1], 1);
	free(touched);
	assert_true(during.resident_bytes > before.resident_bytes + (int64_t)MANY / 2);
	assert_true(during.virtual_bytes >= during.resident_bytes);
}

static void
time_that_is_spent_counts(void **state)
{
	struct process_use before, after;

	(void)state;
	process_look(&before);
	do
		process_look(&after);
	while (after.cpu_us <= before.cpu_us);
	assert_int_equal(after.threads, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_file_that_is_open_counts),
	    cmocka_unit_test(memory_that_is_touched_counts),
	    cmocka_unit_test(time_that_is_spent_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
