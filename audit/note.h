/* note: a bare leaf through the ledger: something happened, and nothing else is written. */
#ifndef AUDIT_NOTE_H
#define AUDIT_NOTE_H

#include "base/error.h"
#include "db/ledger.h"

struct note_proposal { /* of note_kind(); the caller fills record.leaf */
	struct proposal base;
	struct record record;
	struct error refused; /* E_NONE, or the refusal that the leaf records */
};

const struct ledger_kind *note_kind(void);

/*
 * A leaf of this event with severity, code and outcome: `refused` NULL for a success. The caller
 * may add details, counts and times afterwards. `actor` and `subject`: "" when there is none.
 */
void note_leaf(struct leaf *out, enum leaf_event event, const char *actor, const char *subject,
    const struct error *refused, int64_t at_s);

/* Records one leaf and waits for it. On false nothing is known to be recorded. */
MUST_CHECK bool note_record(struct ledger *ledger, const struct leaf *leaf, struct error *err);

#endif
