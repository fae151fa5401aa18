/* events_filter: which leaves a query asks for. Pure. */
#ifndef AUDIT_EVENTS_FILTER_H
#define AUDIT_EVENTS_FILTER_H

#include "audit/events.h"

/*
 * E_BAD_SYNTAX   a limit, time or cursor out of range; no event has this name or prefix; the
 *                code is not spelled like one (upper case, digits, '_')
 */
MUST_CHECK bool events_check(const struct events_query *query, struct error *err);

enum events_match { EVENTS_SKIP, EVENTS_TAKE, EVENTS_PAST };
/*
 * EVENTS_PAST: neither this leaf nor any after it, because `st` never decreases. What cannot be
 * read as a leaf is taken: whoever reads the log has to see it.
 */
enum events_match events_match(const struct events_query *query, struct bytes body);

/* The one log that `name` means: origin, else its last part; NULL: the only one. */
MUST_CHECK bool events_pick_log(const struct events_log *logs, size_t count, const char *name,
    const struct events_log **out, struct error *err);

#endif
