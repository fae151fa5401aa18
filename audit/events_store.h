/* events_store: leaves as rows. */
#ifndef AUDIT_EVENTS_STORE_H
#define AUDIT_EVENTS_STORE_H

#include "base/error.h"
#include "db/db.h"

/* All logs in order of id, at most `max`: id, origin, size, public key. */
MUST_CHECK bool events_read_logs(struct db *db, size_t max, struct rows **out, struct error *err);

/* Leaves with after < seq < size in order, at most `max`: seq, body. */
MUST_CHECK bool events_read_leaves(struct db *db, int log, int64_t after, int64_t size, int64_t max,
    struct rows **out, struct error *err);

#endif
