#include "audit/refusal.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit/audit.h"
#include "audit/note.h"
#include "audit/refusal_store.h"
#include "base/mem.h"

#define SLOTS (2 * (size_t)REFUSAL_KEYS_MAX) /* at most half full, so that probing ends soon */

struct entry { /* of the present minute */
	bool used;
	enum leaf_event event;
	char code[32], actor[LEAF_VALUE_MAX + 1];
	int64_t leaves;           /* committed as leaves */
	int64_t tentative_leaves; /* of the present try */
	int64_t tentative_drops;
};

struct refusals {
	int64_t window_at_s;
	size_t used;
	struct entry *slots;
	size_t touched[LEDGER_RECORDS_MAX]; /* slots with tentative counts */
	size_t touched_count;
	size_t dropped;
	_Atomic int64_t windowed; /* committed as counts, since the start */
};

struct refusals *
refusals_new(void)
{
	struct refusals *refusals = xcalloc(1, sizeof *refusals);

	refusals->slots = xcalloc(SLOTS, sizeof *refusals->slots);
	return refusals;
}

void
refusals_free(struct refusals *refusals)
{
	if (refusals == NULL)
		return;
	free(refusals->slots);
	free(refusals);
}

/* ---- counting ---- */

static size_t
hash_text(size_t hash, const char *text) /* FNV-1a */
{
	for (; *text != '\0'; text++)
		hash = (hash ^ (uint8_t)*text) * UINT64_C(1099511628211);
	return hash;
}

/* The slot of this leaf's key; NULL when it is a new one and the table is full. */
static struct entry *
entry_of(struct refusals *refusals, const struct leaf *leaf)
{
	size_t hash = hash_text(UINT64_C(14695981039346656037) + leaf->event, leaf->actor);
	size_t i = hash_text(hash, leaf->code) % SLOTS;
	struct entry *entry = &refusals->slots[i];

	while (entry->used) {
		if (entry->event == leaf->event && strcmp(entry->actor, leaf->actor) == 0 &&
		    strcmp(entry->code, leaf->code) == 0)
			return entry;
		i = (i + 1) % SLOTS;
		entry = &refusals->slots[i];
	}
	if (refusals->used == REFUSAL_KEYS_MAX)
		return NULL;
	refusals->used++;
	entry->used = true;
	entry->event = leaf->event;
	memcpy(entry->code, leaf->code, sizeof entry->code);
	memcpy(entry->actor, leaf->actor, sizeof entry->actor);
	return entry;
}

static void
touch(struct refusals *refusals, const struct entry *entry)
{
	if (entry->tentative_leaves == 0 && entry->tentative_drops == 0)
		refusals->touched[refusals->touched_count++] = (size_t)(entry - refusals->slots);
}

static void
sift_record(struct refusals *refusals, struct record *record)
{
	struct entry *entry;

	if (!record->leaf.failure || refusals->touched_count == LEDGER_RECORDS_MAX)
		return;
	entry = entry_of(refusals, &record->leaf);
	if (entry == NULL)
		return;
	touch(refusals, entry);
	if (entry->leaves + entry->tentative_leaves < REFUSALS_PER_WINDOW) {
		entry->tentative_leaves++;
		return;
	}
	entry->tentative_drops++;
	refusals->dropped++;
	record->dropped = true;
}

static void
settle(struct refusals *refusals, bool committed)
{
	for (size_t i = 0; i < refusals->touched_count; i++) {
		struct entry *entry = &refusals->slots[refusals->touched[i]];

		if (committed)
			entry->leaves += entry->tentative_leaves;
		entry->tentative_leaves = 0;
		entry->tentative_drops = 0;
	}
	if (committed)
		(void)atomic_fetch_add(&refusals->windowed, (int64_t)refusals->dropped);
	refusals->touched_count = 0;
	refusals->dropped = 0;
}

static void
begin_window(struct refusals *refusals, int64_t window_at_s)
{
	if (refusals->window_at_s == window_at_s)
		return;
	if (refusals->used > 0)
		memset(refusals->slots, 0, SLOTS * sizeof *refusals->slots);
	refusals->used = 0;
	refusals->window_at_s = window_at_s;
}

void
refusals_sift(struct refusals *refusals, struct ledger_batch *batch)
{
	settle(refusals, false); /* the try before, if any, was rolled back */
	begin_window(refusals, batch->now_s - batch->now_s % REFUSAL_WINDOW_S);
	for (size_t i = 0; i < batch->count; i++) {
		struct proposal *proposal = batch->proposals[i];

		if (proposal->err.code == E_NONE)
			continue; /* summaries and reports of failures are no refusals */
		for (size_t k = 0; k < proposal->record_count; k++)
			sift_record(refusals, &proposal->records[k]);
	}
}

bool
refusals_write_windows(
    struct refusals *refusals, const struct ledger_batch *batch, struct error *err)
{
	DEFER(mem_free) struct refusal_count *counts = NULL;
	size_t count = 0;

	if (refusals->dropped == 0)
		return true;
	counts = xcalloc(refusals->touched_count, sizeof *counts);
	for (size_t i = 0; i < refusals->touched_count; i++) {
		const struct entry *entry = &refusals->slots[refusals->touched[i]];
		struct refusal_count *row = &counts[count];

		if (entry->tentative_drops == 0)
			continue;
		row->count = entry->tentative_drops;
		row->key.window_at_s = refusals->window_at_s;
		memcpy(row->key.code, entry->code, sizeof row->key.code);
		memcpy(row->key.actor, entry->actor, sizeof row->key.actor);
		(void)snprintf(
		    row->key.event, sizeof row->key.event, "%s", leaf_event_name(entry->event));
		count++;
	}
	return refusal_window_add(batch->tx, batch->log, counts, count, err);
}

void
refusals_settled(struct refusals *refusals, bool committed)
{
	settle(refusals, committed);
}

size_t
refusals_dropped(const struct refusals *refusals)
{
	return refusals->dropped;
}

int64_t
refusals_windowed(const struct refusals *refusals)
{
	return atomic_load(&refusals->windowed);
}

/* ---- summaries ---- */

struct close_proposal {
	struct proposal base;
	struct refusal_key key;
	int64_t count; /* read under lock; 0: the row is gone, summed up already */
	struct record record;
};

/* Reading and removing are one statement: the row is this log's, and nobody else writes to it. */
static bool
close_read(void *context, struct ledger_batch *batch, struct error *err)
{
	(void)context;
	for (size_t i = 0; i < batch->count; i++) {
		struct close_proposal *closing = (struct close_proposal *)batch->proposals[i];

		if (!refusal_window_take(
			batch->tx, batch->log, &closing->key, &closing->count, err))
			return false;
	}
	return true;
}

static void
close_decide(void *context, struct ledger_batch *batch)
{
	(void)context;
	for (size_t i = 0; i < batch->count; i++) {
		struct close_proposal *closing = (struct close_proposal *)batch->proposals[i];
		struct error refused = {.code = error_code_of(closing->key.code)};
		enum leaf_event event = leaf_event_of(bytes_of_text(closing->key.event));

		closing->base.err = (struct error){0};
		closing->base.records = &closing->record;
		closing->base.record_count = closing->count == 0 ? 0 : 1;
		closing->base.changes_status = false;
		note_leaf(&closing->record.leaf, event, closing->key.actor, "", &refused,
		    closing->key.window_at_s);
		memcpy(closing->record.leaf.code, closing->key.code, sizeof closing->key.code);
		closing->record.leaf.count = closing->count;
		closing->record.leaf.window_s = REFUSAL_WINDOW_S;
		closing->record.dropped = false;
	}
}

static const struct ledger_kind CLOSE_KIND = {
    .name = "refusal window", .lock_and_read = close_read, .decide = close_decide};

static bool
close_some(struct ledger *ledger, const struct refusal_key *keys, size_t count, struct error *err)
{
	DEFER(mem_free) struct close_proposal *closing = xcalloc(count, sizeof *closing);
	struct proposal *proposals[REFUSAL_LIST_MAX];

	for (size_t i = 0; i < count; i++) {
		closing[i].base.kind = &CLOSE_KIND;
		closing[i].key = keys[i];
		proposals[i] = &closing[i].base;
	}
	if (!ledger_submit(ledger, proposals, count, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (closing[i].base.err.code != E_NONE) {
			*err = closing[i].base.err;
			return false;
		}
	}
	return true;
}

bool
refusals_close(
    struct db *db, struct ledger *ledger, const char *origin, int64_t now_s, struct error *err)
{
	DEFER(mem_free) struct refusal_key *keys = xcalloc(REFUSAL_LIST_MAX, sizeof *keys);
	int64_t before_s = now_s - REFUSAL_WINDOW_S + 1;
	size_t count = REFUSAL_LIST_MAX;

	while (count == REFUSAL_LIST_MAX)
		if (!refusal_window_list(db, origin, before_s, keys, &count, err) ||
		    (count > 0 && !close_some(ledger, keys, count, err)))
			return false;
	return true;
}
