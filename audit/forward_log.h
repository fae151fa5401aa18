/*
 * forward_log: the logs of a node as they are published, for the forwarder: leaf after leaf, and
 * which log continues which. From the folders alone: what retention dropped from the database is
 * there, and a log that has ended.
 */
#ifndef AUDIT_FORWARD_LOG_H
#define AUDIT_FORWARD_LOG_H

#include "audit/tiles.h"
#include "proof/leaf.h"

#define FORWARD_LOGS_MAX 64 /* that follow one another */

/* Its published size; 0: nothing is published yet. */
MUST_CHECK bool forward_log_size(const char *folder, uint64_t *out, struct error *err);

/*
 * Calls `take` for the leaves from `from` on, below `to`, in order, each as its tile has it.
 * `size`: published, and not below `to`.
 * E_RECORD_UNAVAILABLE   the folder does not have them
 * E_BAD_PROOF            one is not what was hashed, or is cut
 */
MUST_CHECK bool forward_log_read(const char *folder, uint64_t from, uint64_t to, uint64_t size,
    tiles_take take, void *taker, struct error *err);

/*
 * The log in `dir` that continues `before`, on the way to `last`: names, the last parts of origins.
 * "": `last` does not go back to it. `last` has a published leaf.
 */
MUST_CHECK bool forward_log_after(const char *dir, const char *before, const char *last,
    char out[static LEAF_VALUE_MAX + 1], struct error *err);

#endif
