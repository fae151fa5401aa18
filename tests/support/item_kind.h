/*
 * item_kind: the smallest kind that does all that a kind may: it locks and reads, decides, writes
 * rows, asks for signatures, is refused, loses races and fails. Its hooks keep signatures.
 */
#ifndef TESTS_SUPPORT_ITEM_KIND_H
#define TESTS_SUPPORT_ITEM_KIND_H

#include <stdio.h>

#include "db/ledger.h"
#include "tests/support/fake_keeper.h"
#include "tests/support/test_db.h"

#define ITEM_ORIGIN "test.example/node1-2026"
#define ITEM_POISON INT64_C(-1) /* an id that the table's CHECK does not take */

struct item {
	struct proposal base;
	int64_t id;
	bool refuse, changes_status;
	size_t leaf_count; /* 0: one */
	char tbs[32];      /* "": nothing to sign */
	bool replayed;     /* it was recorded before: no leaf, no signature */
	struct record *records;
	struct record record;
};

struct item_world { /* context of the kind, set by the test before it starts a ledger */
	struct ledger_kind kind;
	struct ledger_hooks hooks;
	unsigned race_count;    /* writes that are said to have lost a race, from now on */
	unsigned drained_count; /* outbox leaves so far */
	struct rows *drained;
	size_t largest_batch;
};

/* The tables, and a log. */
void item_world_init(struct item_world *world, const struct test_db *db);
void item_world_clear(struct item_world *world);
DEFER_DECLARE_CLEAR(struct item_world, item_world_clear)

void item_init(struct item *item, struct item_world *world, int64_t id, const char *tbs);

#endif
