/*
 * adoption: what a node recorded and did not sign before it was lost. Once its log is retired
 * (audit/logs.h), a live node commits to the same TBSCertificate in its own log, under cert.adopt
 * and with a new nonce, and has its keeper sign it: a keeper signs only what its own journal
 * commits to.
 *
 * Of two live nodes one adopts. What an adopter did not sign before it was lost, too, is adopted
 * again.
 */
#ifndef CA_ADOPTION_H
#define CA_ADOPTION_H

#include "base/rng.h"
#include "db/db.h"
#include "db/ledger.h"

struct adoption_options { /* all borrowed */
	struct db *db;
	struct ledger *ledger;
	const struct rng *rng;
	const char *node; /* the leaves' actor */
};

/*
 * Adopts all that there is, page by page; *out_adopted counts those that are this node's now. Cheap
 * when there is none. Those that the keeper does not sign now are signed, or given up (cert.abort),
 * as this log's own are. The ledger's errors, and the database's: what is left is found at the next
 * call
 */
MUST_CHECK bool adoption_run(
    const struct adoption_options *options, size_t *out_adopted, struct error *err);

const struct stmt *const *adoption_statements(void);

#endif
