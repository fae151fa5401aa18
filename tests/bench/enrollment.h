/* enrollment: one in process, as a worker of the service prepares and finishes it. */
#ifndef TESTS_BENCH_ENROLLMENT_H
#define TESTS_BENCH_ENROLLMENT_H

#include "base/defer.h"
#include "base/rng.h"
#include "ca/issuer.h"
#include "db/proposal.h"

/* Apart from provisioning/enroll.h, whose `struct batch` is not the ledger's. */
struct ledger_kind *enrollment_kind_new(void);
void enrollment_kind_free(struct ledger_kind *kind);

struct enrollment_terms {
	const struct ledger_kind *kind; /* enrollment_kind_new() */
	const struct issuer *issuer;
	const struct rng *rng;
	int64_t person, batch;
	int64_t now_s;
};

struct enrollment;
/* CSR (base64) parsed and proven, a tag made of a random hardware id, the TBS built. */
struct enrollment *enrollment_new(const struct enrollment_terms *terms, struct bytes csr_text);
void enrollment_free(struct enrollment *enrollment);
DEFER_DECLARE(struct enrollment, enrollment_free)

struct proposal *enrollment_proposal(struct enrollment *enrollment); /* borrowed */
/* After the commit: what is to be signed; borrowed. Dies unless it was to be issued. */
struct bytes enrollment_tbs(const struct enrollment *enrollment);
/* Assembles the certificate; `signature` is at most KEY_SIGNATURE_MAX octets. */
const struct record *enrollment_finish(struct enrollment *enrollment, struct bytes signature);

#endif
