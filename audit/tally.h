/*
 * tally: unauthenticated failures, counted in memory by event and reason, with a fixed number of
 * slots, so that a stranger's flood costs neither memory nor leaves. Any thread.
 */
#ifndef AUDIT_TALLY_H
#define AUDIT_TALLY_H

#include <stdatomic.h>

#include "base/error.h"
#include "db/ledger.h"

struct tally {
	_Atomic uint64_t counts[LEAF_EVENT_COUNT][E_COUNT];
};

void tally_add(struct tally *tally, enum leaf_event event, enum error_code code);

/*
 * Takes the counts out, as one summary leaf (actor "nobody", cnt, win) each, of the window that
 * began at window_at_s. At most `max`; what is left comes with the next call.
 */
size_t tally_take(
    struct tally *tally, int64_t window_at_s, int64_t window_s, struct leaf *out, size_t max);

/* Takes the counts and records them. On false they are counted again, for the next time. */
MUST_CHECK bool tally_flush(struct tally *tally, struct ledger *ledger, int64_t window_at_s,
    int64_t window_s, struct error *err);

#endif
