/* issuing: certificates made in this process, from a CSR to the signed DER, on the fast path. */
#ifndef TESTS_BENCH_ISSUING_H
#define TESTS_BENCH_ISSUING_H

#include "base/buf.h"
#include "base/defer.h"

struct issuing_authorities;
struct issuing { /* shared by any number of threads */
	struct issuing_authorities *authorities;
	struct buf csr; /* DER */
};
void issuing_init(struct issuing *issuing);
void issuing_clear(struct issuing *issuing);
DEFER_DECLARE_CLEAR(struct issuing, issuing_clear)

/* Parses the CSR and its proof, builds the TBS, signs, assembles. */
void issuing_issue(const struct issuing *issuing);
/* The tag of a hardware id, for each `number` another. */
void issuing_tag(size_t number);

#endif
