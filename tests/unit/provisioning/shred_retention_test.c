/* When the last copy of an erased key is gone: each thing that keeps one, alone. */
#include "tests/support/cmocka_all.h"

#include "ca/profile.h"
#include "provisioning/shred_retention.h"

#define GOOD                                                       \
	(struct shred_retention)                                   \
	{                                                          \
		.apart = true, .may_flush = true, .backup_days = 0 \
	}

static void
a_cluster_that_keeps_nothing_has_erased_at_once(void **state)
{
	struct shred_retention retention = GOOD;

	(void)state;
	assert_int_equal(shred_retention_s(&retention), 0);
	assert_null(shred_retention_reason(&retention, 0));
}

static void
backups_are_the_bound(void **state)
{
	struct shred_retention retention = GOOD;

	(void)state;
	retention.backup_days = 7;
	retention.archives = true; /* the archive is among what is kept that long */
	assert_int_equal(shred_retention_s(&retention), 7 * DAY_S);
	retention.apart = false;
	assert_int_equal(shred_retention_s(&retention), 7 * DAY_S);
}

static void
whatever_keeps_a_key_leaves_no_bound(void **state)
{
	struct shred_retention rows[] = {GOOD, GOOD, GOOD, GOOD, GOOD, GOOD, GOOD, GOOD, GOOD};
	static const char *const words[] = {"backup_days", "archive_mode", "may not drop",
	    "wal_recycle", "wal_keep_size", "slot", "standby", "pg_statistic", "moniker migrate"};

	(void)state;
	rows[0].backup_days = -1;
	rows[1].archives = true;
	rows[2].may_flush = false;
	rows[3].recycles = true;
	rows[4].keeps_mib = 16;
	rows[5].slots = 1;
	rows[6].standbys = 1;
	rows[7].statistics = true;
	rows[8].left = 1;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(shred_retention_s(&rows[i]), SHRED_NO_BOUND);
		assert_non_null(strstr(shred_retention_reason(&rows[i], 0), words[i]));
		assert_null(shred_retention_reason(&rows[i], 1));
	}
}

static void
all_reasons_are_told(void **state)
{
	const struct shred_retention all = {.recycles = true,
	    .archives = true,
	    .statistics = true,
	    .keeps_mib = 1,
	    .slots = 1,
	    .standbys = 1,
	    .left = 1};
	size_t count = 0;

	(void)state;
	while (shred_retention_reason(&all, count) != NULL)
		count++;
	assert_int_equal(count, 8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_cluster_that_keeps_nothing_has_erased_at_once),
	    cmocka_unit_test(backups_are_the_bound),
	    cmocka_unit_test(whatever_keeps_a_key_leaves_no_bound),
	    cmocka_unit_test(all_reasons_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
