/*
 * erasure: a sealed identity made unreadable for ever, in every copy: the key of its wrap is
 * deleted.
 *
 *   recorded -> erased
 *
 * On record first: from that COMMIT on the identity is not disclosed any more. The keys may lie in
 * another cluster, so they are deleted after it, and again after whatever cut it short, until the
 * ledger has recorded that it is done. Each of these steps may be done twice.
 */
#ifndef PROVISIONING_ERASURE_H
#define PROVISIONING_ERASURE_H

#include "db/ledger.h"
#include "provisioning/disclosure_text.h"
#include "provisioning/shred.h"

#define ERASURE_DEVICES_MAX DISCLOSURE_DEVICES_MAX
#define ERASURE_RECORDS_MAX (4 * ERASURE_DEVICES_MAX)

enum erasure_basis {
	ERASURE_SUBJECT_REQUEST, /* of the person whose device it is */
	ERASURE_RETENTION_END,
	ERASURE_STATUTE,
	ERASURE_COURT_ORDER,
	ERASURE_BASIS_COUNT
};
bool erasure_basis_of(struct bytes name, enum erasure_basis *out); /* "SUBJECT_REQUEST" */

struct erasure_request {
	enum erasure_basis basis;
	const char *case_number;                          /* disclosure_case_valid() */
	uint8_t devices[ERASURE_DEVICES_MAX][UUID_BYTES]; /* sorted, each once */
	size_t device_count;
};
struct erasure { /* as it is on record */
	char id[HANDLE_TEXT_LEN + 1];
	int64_t person;
	uint8_t asked[SHA256_BYTES];
	struct buf body; /* the request's text */
	uint8_t nonce[COMMITMENT_NONCE_BYTES];
	int log;
	int64_t seq;
	bool erased, flushed; /* flushed: nor are the keys in their cluster's write-ahead log */
	int64_t at_s, erased_at_s;
	int64_t record_count;
};
void erasure_clear(struct erasure *erasure);
DEFER_DECLARE_CLEAR(struct erasure, erasure_clear)

struct erasure_service {
	struct db *db;
	struct ledger *ledger;
	struct shred *shred;
	const struct clock *clock;
	const struct rng *rng;
};
struct erasure_caller {
	int64_t person;
	const char *actor; /* "legal:<handle>" */
};

/*
 * Records it, and tries to do it at once: `out` says how far it came. The same person with the same
 * request gets the one that is on record (*out_created false).
 * E_UNKNOWN_DEVICE, E_ERASED
 * E_STATE_CONFLICT   there is no sealed identity, or a disclosure of it is open
 */
MUST_CHECK bool erasure_submit(const struct erasure_service *service,
    const struct erasure_request *request, const struct erasure_caller *caller, bool *out_created,
    struct erasure *out, struct error *err);
/* E_NOT_FOUND */
MUST_CHECK bool erasure_get(struct db *db, const char *id, struct erasure *out, struct error *err);

/*
 * Does what is recorded and not done. With `again` it first deletes the keys of all erasures: a
 * restored backup of their cluster may have brought some back (*out_back).
 */
MUST_CHECK bool erasure_sweep(const struct erasure_service *service, bool again, size_t *out_done,
    size_t *out_back, struct error *err);

const struct stmt *const *erasure_statements(void);

#endif
