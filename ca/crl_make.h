/* crl_make: the CRLs of one shard from lease to table: read, record, sign, store. */
#ifndef CA_CRL_MAKE_H
#define CA_CRL_MAKE_H

#include "ca/crl.h"
#include "ca/crl_store.h"

struct crl_made {
	bool done;                             /* false, and no error: another node builds */
	struct crl_list lists[CRL_KIND_COUNT]; /* number 0: it was not built */
	struct crl_file *files[CRL_KIND_COUNT];
	struct crl_ours ours[CRL_KIND_COUNT];
	size_t entry_counts[CRL_KIND_COUNT];
	uint64_t turn; /* of the status index, of what is spooled */
	bool spooled;  /* some of that is in them */
};
void crl_made_clear(struct crl_made *made);
DEFER_DECLARE_CLEAR(struct crl_made, crl_made_clear)

/* Has the keeper sign what is built. E_FILE_FAILED, and what the keeper says */
MUST_CHECK bool crl_make_sign(struct keeper_client *keeper, const struct issuer *issuer,
    struct crl_build *build, struct crl_file **out, struct error *err);

/*
 * A delta, and with `full` the full CRL, too, of the same number and the same snapshot (RFC 5280
 * section 5.2.4). Without a full CRL to be the delta's base, one is made all the same. Blocks on
 * database, ledger and keeper; any of their errors.
 */
MUST_CHECK bool crl_make(const struct crl_options *options, const struct issuer *issuer, int shard,
    bool full, struct crl_made *out, struct error *err);
/* A list that was made without the database, put on record now. Any of the ledger's errors. */
struct crl_unrecorded {
	uint64_t number, base_number;
	int64_t at_s;
	int64_t entries, changes; /* -1: not known any more */
};
MUST_CHECK bool crl_make_record(const struct crl_options *options, const struct issuer *issuer,
    int shard, const struct crl_unrecorded *list, struct error *err);
/* Logs `why` and records it as crl.fail, if that can be done. */
void crl_make_failed(const struct crl_options *options, const struct issuer *issuer, int shard,
    const struct error *why);

#endif
