/* brought_store: the sealed records that stations brought, by their ids: each counts once, for
 * ever. */
#ifndef PROVISIONING_BROUGHT_STORE_H
#define PROVISIONING_BROUGHT_STORE_H

#include "provisioning/enroll_kind.h"

/* Queues which of the proposals' records were brought before; brought_take() understands the rows.
 */
MUST_CHECK bool brought_queue_read(const struct ledger_batch *batch, struct error *err);
void brought_take(const struct rows *rows, struct decide_snapshot *out);
/* Those of winners. No round trip; one that another transaction has written is a lost race. */
MUST_CHECK bool brought_queue_insert(const struct ledger_batch *batch, struct error *err);

const struct stmt *const *brought_statements(void);

#endif
