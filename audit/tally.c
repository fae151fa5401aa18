#include "audit/tally.h"

#include "audit/note.h"
#include "base/mem.h"

#define FLUSH_AT_ONCE 64

void
tally_add(struct tally *tally, enum leaf_event event, enum error_code code)
{
	atomic_fetch_add_explicit(&tally->counts[event][code], 1, memory_order_relaxed);
}

size_t
tally_take(struct tally *tally, int64_t window_at_s, int64_t window_s, struct leaf *out, size_t max)
{
	size_t taken = 0;

	for (size_t slot = 0; slot < (size_t)LEAF_EVENT_COUNT * E_COUNT && taken < max; slot++) {
		size_t event = slot / E_COUNT, code = slot % E_COUNT;
		struct error refused = {.code = (enum error_code)code};
		uint64_t count =
		    atomic_exchange_explicit(&tally->counts[event][code], 0, memory_order_relaxed);

		if (count == 0)
			continue;
		note_leaf(&out[taken], (enum leaf_event)event, "nobody", "", &refused, window_at_s);
		out[taken].count = (int64_t)count;
		out[taken].window_s = window_s;
		taken++;
	}
	return taken;
}

static void
put_back(struct tally *tally, const struct leaf *leaf)
{
	atomic_fetch_add_explicit(&tally->counts[leaf->event][error_code_of(leaf->code)],
	    (uint64_t)leaf->count, memory_order_relaxed);
}

static bool
record_all(struct ledger *ledger, const struct leaf *leaves, size_t count, struct error *err)
{
	DEFER(mem_free) struct note_proposal *notes = xcalloc(count, sizeof *notes);
	struct proposal *proposals[FLUSH_AT_ONCE];

	for (size_t i = 0; i < count; i++) {
		notes[i].base.kind = note_kind();
		notes[i].record.leaf = leaves[i];
		proposals[i] = &notes[i].base;
	}
	return ledger_submit(ledger, proposals, count, err);
}

bool
tally_flush(struct tally *tally, struct ledger *ledger, int64_t window_at_s, int64_t window_s,
    struct error *err)
{
	DEFER(mem_free) struct leaf *leaves = xcalloc(FLUSH_AT_ONCE, sizeof *leaves);
	size_t count = FLUSH_AT_ONCE;

	while (count == FLUSH_AT_ONCE) {
		count = tally_take(tally, window_at_s, window_s, leaves, FLUSH_AT_ONCE);
		if (count == 0 || record_all(ledger, leaves, count, err))
			continue;
		for (size_t i = 0; i < count; i++)
			put_back(tally, &leaves[i]);
		return false;
	}
	return true;
}
