/* audit_store: the end of this node's log, for what is said of it at start. */
#ifndef AUDIT_AUDIT_STORE_H
#define AUDIT_AUDIT_STORE_H

#include "base/error.h"
#include "db/db.h"

#define AUDIT_LAST_MAX 1024 /* leaves */

/* The newest AUDIT_LAST_MAX leaves, newest first: column 0 is the body. */
MUST_CHECK bool audit_last_leaves(
    struct db *db, const char *origin, struct rows **out, struct error *err);

/* Whether it answers at all. E_DATABASE_UNAVAILABLE */
MUST_CHECK bool audit_ask_database(struct db *db, struct error *err);

#endif
