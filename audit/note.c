#include "audit/note.h"

#include <stdio.h>

static void
note_decide(void *context, struct ledger_batch *batch)
{
	(void)context;
	for (size_t i = 0; i < batch->count; i++) {
		struct note_proposal *note = (struct note_proposal *)batch->proposals[i];

		note->base.err = note->refused;
		note->base.records = &note->record;
		note->base.record_count = 1;
		note->base.changes_status = false;
		note->record.dropped = false;
	}
}

static const struct ledger_kind NOTE_KIND = {.name = "note", .decide = note_decide};

const struct ledger_kind *
note_kind(void)
{
	return &NOTE_KIND;
}

void
note_leaf(struct leaf *out, enum leaf_event event, const char *actor, const char *subject,
    const struct error *refused, int64_t at_s)
{
	*out = (struct leaf){.event = event, .severity = 1, .at_s = at_s};
	if (refused != NULL) {
		const struct error_info *info = error_info(refused->code);

		(void)snprintf(out->code, sizeof out->code, "%s", info->name);
		out->severity = info->severity;
		out->failure = true;
	}
	(void)snprintf(out->actor, sizeof out->actor, "%s", actor);
	(void)snprintf(out->subject, sizeof out->subject, "%s", subject);
}

bool
note_record(struct ledger *ledger, const struct leaf *leaf, struct error *err)
{
	struct note_proposal note = {.base.kind = &NOTE_KIND, .record.leaf = *leaf};
	struct proposal *proposal = &note.base;

	if (!ledger_submit(ledger, &proposal, 1, err))
		return false;
	if (note.base.err.code != E_NONE) {
		*err = note.base.err;
		return false;
	}
	return true;
}
