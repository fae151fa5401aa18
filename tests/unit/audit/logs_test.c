#include "tests/support/cmocka_all.h"

#include <string.h>

#include "audit/logs.h"

#define LAST_SECOND_S INT64_C(1798761599) /* 2026-12-31T23:59:59Z */

static void
a_log_is_called_by_its_node_and_its_year(void **state)
{
	static const struct {
		const char *node;
		int64_t now_s;
		int n;
		const char *name;
	} ROWS[] = {
	    {"node1", LAST_SECOND_S, 1, "node1-2026"},
	    {"node1", LAST_SECOND_S + 1, 1, "node1-2027"},
	    {"node1", LAST_SECOND_S + 1, 2, "node1-2027-2"},
	    {"node1", LAST_SECOND_S, 9, "node1-2026-9"},
	    {"n", 0, 1, "n-1970"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		char name[LOGS_NAME_MAX + 1];

		logs_name(ROWS[i].node, ROWS[i].now_s, ROWS[i].n, name);
		assert_string_equal(name, ROWS[i].name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_log_is_called_by_its_node_and_its_year),
	};

	return cmocka_run_group_tests_name("audit/logs", tests, NULL, NULL);
}
