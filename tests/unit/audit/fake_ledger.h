/*
 * fake_ledger: stands in for db/ledger.c: decides at once and keeps the leaves, or is not there.
 * Include it in one test program; it defines ledger_submit().
 */
#ifndef TESTS_UNIT_AUDIT_FAKE_LEDGER_H
#define TESTS_UNIT_AUDIT_FAKE_LEDGER_H

#include "db/ledger.h"

#define FAKE_LEAVES_MAX 256

static struct fake_ledger {
	bool away;
	struct leaf leaves[FAKE_LEAVES_MAX];
	size_t count;
} fake_ledger;

/* A pointer for what only passes it on. */
static inline struct ledger *
fake_ledger_begin(void)
{
	memset(&fake_ledger, 0, sizeof fake_ledger);
	return (struct ledger *)(void *)&fake_ledger;
}

bool
ledger_submit(
    struct ledger *ledger, struct proposal *const *proposals, size_t count, struct error *err)
{
	struct ledger_batch batch = {.now_s = 1767225600, .proposals = proposals, .count = count};

	assert_ptr_equal(ledger, &fake_ledger);
	if (fake_ledger.away)
		return error_set(err, E_RECORD_UNAVAILABLE, "the fake ledger is away");
	proposals[0]->kind->decide(proposals[0]->kind->context, &batch);
	for (size_t i = 0; i < count; i++) {
		assert_ptr_equal(proposals[i]->kind, proposals[0]->kind);
		for (size_t k = 0; k < proposals[i]->record_count; k++) {
			assert_true(fake_ledger.count < FAKE_LEAVES_MAX);
			fake_ledger.leaves[fake_ledger.count++] = proposals[i]->records[k].leaf;
		}
		proposals[i]->err.recorded = proposals[i]->err.code != E_NONE;
	}
	return true;
}

#endif
