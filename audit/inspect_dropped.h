/*
 * inspect_dropped: rows of a log that are not there, and are said to have been dropped by
 * retention: whether the log itself says so, in a leaf log.prune that comes later. Pure.
 */
#ifndef AUDIT_INSPECT_DROPPED_H
#define AUDIT_INSPECT_DROPPED_H

#include "audit/inspect_fault.h"
#include "proof/leaf.h"

struct inspect_gap { /* within one part: what of it is missing, from the first to the last */
	int64_t first, last;
};
struct inspect_dropped { /* zero-initialized is empty */
	struct inspect_gap *gaps;
	size_t count, capacity;
};
void inspect_dropped_clear(struct inspect_dropped *dropped);
DEFER_DECLARE_CLEAR(struct inspect_dropped, inspect_dropped_clear)

/* In the order of leaves; those of one part are one gap. */
void inspect_dropped_add(struct inspect_dropped *dropped, int64_t first, int64_t last);

/* A leaf that says of this log, `name`, what was dropped of it; of leaves to come none can. */
bool inspect_is_prune(
    const struct leaf_view *leaf, const char *name, int64_t *out_first, int64_t *out_last);
/* Forgets the gaps that this leaf, which was proven, has whole. */
void inspect_dropped_excuse(
    struct inspect_dropped *dropped, const struct leaf_view *leaf, const char *name);

/* What is left, each by its first leaf. */
void inspect_dropped_put(const struct inspect_dropped *dropped, struct inspect_faults *faults);

#endif
