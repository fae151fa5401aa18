/* outbox_store: rows of audit_outbox. */
#ifndef AUDIT_OUTBOX_STORE_H
#define AUDIT_OUTBOX_STORE_H

#include "base/bytes.h"
#include "base/error.h"
#include "db/db.h"

MUST_CHECK bool outbox_insert(struct tx *tx, struct bytes tail, struct error *err);

/* Removes the oldest `max` that do not hold `without`, and gives them in order: column 0 is the
 * tail. */
MUST_CHECK bool outbox_take(
    struct tx *tx, size_t max, struct bytes without, struct rows **out, struct error *err);

#endif
