/* enroll_store: what an enrollment reads under lock, and what the winners of a batch write. */
#ifndef PROVISIONING_ENROLL_STORE_H
#define PROVISIONING_ENROLL_STORE_H

#include "provisioning/enroll_kind.h"

/* Ids of devices to come, drawn ahead: a draw costs as much as an insert. Those that are left at
 * the end are gaps. */
struct device_ids {
	int64_t ids[LEDGER_BATCH_MAX];
	size_t count; /* not yet given away; the last ones go first */
};

struct enroll_snapshot {
	struct decide_snapshot rows;
	int64_t *stations;                          /* of all batches; rows.batches point here */
	char (*token_handles)[HANDLE_TEXT_LEN + 1]; /* of rows.tokens */
	uint8_t (*key_serials)[SERIAL_BYTES];       /* of rows.keys: their first certificate */
	struct enroll_superseded *superseded;       /* of devices that may be replaced */
	size_t superseded_count;
};
void enroll_snapshot_free(struct enroll_snapshot *snapshot);
DEFER_DECLARE(struct enroll_snapshot, enroll_snapshot_free)

/* Locks batches, tokens and tags, in this order and each sorted; two round trips. Afterwards there
 * is an id for each proposal. */
MUST_CHECK bool enroll_store_read(const struct ledger_batch *batch, struct device_ids *ids,
    struct enroll_snapshot **out, struct error *err);

/* Counts refusals and issues, and writes all that a new device is, but for its status changes.
 * No round trip. */
MUST_CHECK bool enroll_store_write(const struct ledger_batch *batch,
    const struct enroll_snapshot *snapshot, struct device_ids *ids, struct error *err);

#endif
