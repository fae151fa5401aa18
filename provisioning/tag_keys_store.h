/* tag_keys_store: which keys hardware tags are made with. */
#ifndef PROVISIONING_TAG_KEYS_STORE_H
#define PROVISIONING_TAG_KEYS_STORE_H

#include "db/db.h"
#include "provisioning/decide.h"

/*
 * Queues the reading, whose rows tag_keys_take() understands. It comes after a statement that locks
 * batches: whoever changes the keys (tag_rotation.h) has waited for those locks, so what is read
 * then holds until the transaction ends.
 */
MUST_CHECK bool tag_keys_queue(struct tx *tx, struct error *err);
void tag_keys_take(const struct rows *rows, struct decide_tag_keys *out);

const struct stmt *const *tag_keys_statements(void);

#endif
