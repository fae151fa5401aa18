/* outbox: how command-line tools get leaves into the log, whether the service runs or not. */
#ifndef AUDIT_OUTBOX_H
#define AUDIT_OUTBOX_H

#include "base/error.h"
#include "base/rng.h"
#include "db/db.h"
#include "proof/leaf.h"

#define OUTBOX_TAIL_MAX 2000 /* octets; the table's CHECK says the same */

/*
 * Appends what the ledger keeps of a leaf that has no place yet: its bytes after `"st":"...",`.
 * E_INTERNAL   not a leaf, or too long
 */
MUST_CHECK bool outbox_tail(const struct leaf *leaf, struct buf *out, struct error *err);

/*
 * Puts the leaf (all but seq, st and nonce, which is drawn here) into audit_outbox, in the tool's
 * own transaction.
 */
MUST_CHECK bool outbox_add(
    struct tx *tx, const struct leaf *leaf, const struct rng *rng, struct error *err);

/* The octets of a leaf that tells of a log: of its subject, as it stands in the tail. */
void outbox_subject(const char *log_name, struct buf *out);

const struct stmt *const *outbox_statements(void);

#endif
