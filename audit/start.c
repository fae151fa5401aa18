#include "audit/start.h"

#include "audit/audit_store.h"
#include "audit/note.h"

/*
 * Seconds since the last leaf before this start, when that is not svc.stop: the service did not
 * operate. 0: it was stopped in order, or it never ran. Leaves that came in since (the outbox is
 * drained as soon as the ledger runs) do not hide the gap.
 */
static bool
read_gap(const struct start *start, int64_t *out_gap_s, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;
	struct leaf_view last;

	*out_gap_s = 0;
	if (!audit_last_leaves(start->db, start->origin, &rows, err))
		return false;
	for (size_t i = 0; i < rows_count(rows); i++) {
		if (!leaf_parse(rows_bytes(rows, i, 0), &last, err))
			return false;
		if (last.sequenced_at_s >= start->at_s)
			continue;
		if (last.event != LEAF_SVC_STOP)
			*out_gap_s = start->at_s - last.sequenced_at_s;
		break;
	}
	return true;
}

static bool
record(const struct start *start, struct ledger *ledger, int64_t gap_s, struct error *err)
{
	struct note_proposal down = {.base.kind = note_kind()};
	struct note_proposal started = {.base.kind = note_kind()};
	struct proposal *const both[] = {&down.base, &started.base};
	size_t skipped = gap_s == 0 ? 1 : 0;

	note_leaf(&down.record.leaf, LEAF_SVC_DOWN, start->actor, "", NULL, start->at_s - gap_s);
	down.record.leaf.severity = 4;
	down.record.leaf.failure = true;
	down.record.leaf.window_s = gap_s;
	note_leaf(&started.record.leaf, LEAF_SVC_START, start->actor, "", NULL, start->at_s);
	return ledger_submit(ledger, both + skipped, COUNT(both) - skipped, err);
}

bool
start_record(const struct start *start, struct ledger *ledger, struct error *err)
{
	int64_t gap_s;

	return read_gap(start, &gap_s, err) && record(start, ledger, gap_s, err);
}
