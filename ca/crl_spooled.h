/*
 * crl_spooled: what is revoked and not on record yet (status_index_force) in the lists of a shard.
 *
 * A list that is made from the database has it besides. While there is no database, lists are made
 * from those in force: by the node that has made these, since the numbers up to the next lease are
 * its own (ca/crl_store.h). Such a list says nothing of what other nodes record meanwhile, so its
 * nextUpdate stays as it was.
 */
#ifndef CA_CRL_SPOOLED_H
#define CA_CRL_SPOOLED_H

#include "ca/crl.h"
#include "ca/crl_make.h"

struct crl_spooled {               /* zero-initialised by the caller */
	struct crl_entry *entries; /* by serial number */
	bool *listed;              /* in the list that is made */
	size_t count;
	uint64_t turn; /* of the status index */
};
/* That of one shard. `statuses` may be NULL: nothing. */
void crl_spooled_read(
    struct status_index *statuses, const struct issuer *issuer, int shard, struct crl_spooled *out);
void crl_spooled_clear(struct crl_spooled *spooled);
DEFER_DECLARE_CLEAR(struct crl_spooled, crl_spooled_clear)

/* A list that begins: nothing is in it yet. */
void crl_spooled_begin(struct crl_spooled *spooled);
/* What the database adds to the list: of a hold, or the end of one, a revocation is made here. */
void crl_spooled_merge(struct crl_spooled *spooled, struct crl_entry *entries, size_t count);
/* Adds the rest. E_FILE_FAILED */
MUST_CHECK bool crl_spooled_add(
    const struct crl_spooled *spooled, struct crl_build *build, struct error *err);

/*
 * The number of the lists that go on from `served`, those in force; 0: they cannot be gone on from.
 * `tried` is the number that was taken last for such lists: the keeper may have signed one of them
 * before the other failed, and signs none of that number again.
 */
uint64_t crl_spooled_number(
    const struct crl_view served[static CRL_KIND_COUNT], uint64_t tried, int64_t now_s);

struct crl_spooled_base { /* what is gone on from, borrowed */
	const struct issuer *issuer;
	int shard;
	const struct crl_view *served; /* CRL_KIND_COUNT */
	uint64_t number;               /* crl_spooled_number() */
};
/*
 * A full CRL and a delta of this number: those in force, and what is spooled. Neither stored nor
 * recorded; out->done is true. E_FILE_FAILED, E_INTERNAL, and what the keeper says
 */
MUST_CHECK bool crl_spooled_make(const struct crl_options *options,
    const struct crl_spooled_base *base, struct crl_spooled *spooled, struct crl_made *out,
    struct error *err);

#endif
