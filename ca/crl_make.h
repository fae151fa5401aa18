/* crl_make: one CRL from lease to table: read, record, sign, store. */
#ifndef CA_CRL_MAKE_H
#define CA_CRL_MAKE_H

#include "ca/crl.h"
#include "ca/crl_store.h"

struct crl_made {
	bool done; /* false, and no error: another node builds it */
	struct crl_build build;
	struct crl_row row;
	uint64_t number;
};
void crl_made_clear(struct crl_made *made);
DEFER_DECLARE_CLEAR(struct crl_made, crl_made_clear)

/* Blocks on database, ledger and keeper; any of their errors. */
MUST_CHECK bool crl_make(const struct crl_options *options, const struct issuer *issuer, int shard,
    struct crl_made *out, struct error *err);
/* Logs `why` and records it as crl.fail, if that can be done. */
void crl_make_failed(const struct crl_options *options, const struct issuer *issuer, int shard,
    const struct error *why);

#endif
