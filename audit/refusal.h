/*
 * refusal: authenticated refusals, coalesced: the first REFUSALS_PER_WINDOW of one (actor, event,
 * reason) and minute are leaves, the rest are counted in refusal_window, and become one leaf.
 *
 * Everything but refusals_close() runs on the ledger's thread, so nothing here is locked. Counts
 * of a try are tentative until settled: a batch that is rolled back has used up nothing.
 */
#ifndef AUDIT_REFUSAL_H
#define AUDIT_REFUSAL_H

#include "base/defer.h"
#include "base/error.h"
#include "db/ledger.h"

#define REFUSAL_KEYS_MAX \
	16384 /* counted apart in one minute; refusals of further ones are leaves */

struct refusals;
struct refusals *refusals_new(void);
void refusals_free(struct refusals *refusals);
DEFER_DECLARE(struct refusals, refusals_free)

/* The ledger's hooks of the same names. */
void refusals_sift(struct refusals *refusals, struct ledger_batch *batch);
MUST_CHECK bool refusals_write_windows(
    struct refusals *refusals, const struct ledger_batch *batch, struct error *err);
void refusals_settled(struct refusals *refusals, bool committed);

/* Counted by the present try and not yet settled. */
size_t refusals_dropped(const struct refusals *refusals);
/* Committed as counts instead of leaves, since the start. Any thread. */
int64_t refusals_windowed(const struct refusals *refusals);

/*
 * Writes the summary leaf of every window of this log that was over at now_s, and removes its
 * row in the same transaction. Windows that a crash left behind are among them.
 */
MUST_CHECK bool refusals_close(
    struct db *db, struct ledger *ledger, const char *origin, int64_t now_s, struct error *err);

const struct stmt *const *refusal_statements(void);

#endif
