/* crl_store: the table crl, and the revocations that a CRL lists. */
#ifndef CA_CRL_STORE_H
#define CA_CRL_STORE_H

#include "ca/crl_build.h"
#include "db/db.h"
#include "keeper/key.h"

struct crl_key {               /* which CRL */
	const uint8_t *issuer; /* ISSUER_ID_BYTES, borrowed */
	int shard;
};

/* Makes its row, if there is none. */
MUST_CHECK bool crl_store_ensure(struct db *db, struct crl_key key, struct error *err);

struct crl_row { /* of one that was built */
	uint8_t issuer[ISSUER_ID_BYTES];
	int shard;
	int64_t this_update_s, next_update_s, status_seq;
};
/* All that were built; `out` has room for `max`. */
MUST_CHECK bool crl_store_list(
    struct db *db, struct crl_row *out, size_t max, size_t *out_count, struct error *err);
/* Appends its DER; *out has the row it belongs to. E_NOT_FOUND */
MUST_CHECK bool crl_store_get(
    struct db *db, struct crl_key key, struct crl_row *out, struct buf *out_der, struct error *err);

struct crl_lease {
	uint64_t number;            /* 0: another node builds */
	int64_t last_this_update_s; /* of the CRL in force; 0: none */
};
/*
 * Takes or renews the lease and draws a number that no other build ever had. The clock is the
 * floor: after a restored backup, too, numbers are above all that the keeper has seen.
 */
MUST_CHECK bool crl_store_lease(struct db *db, struct crl_key key, const char *node, int64_t now_s,
    int64_t until_s, struct crl_lease *out, struct error *err);
/* Stores what was built under the lease, and ends it. *out_kept false: the lease was lost. */
MUST_CHECK bool crl_store_keep(struct db *db, const struct crl_row *row, uint64_t number,
    const char *node, struct bytes der, bool *out_kept, struct error *err);

/* One snapshot of all revocations until tx_free(); call it first. *out_status_seq: what it
 * includes. */
MUST_CHECK bool crl_store_snapshot(struct tx *tx, int64_t *out_status_seq, struct error *err);
#define CRL_PAGE_MAX 4096 /* entries */
struct crl_page {
	int64_t after_seq;        /* in: 0 for the first page; out: for the next */
	int64_t not_after_from_s; /* certificates that ended before this are left out */
	size_t read; /* rows of the issuer that were read; below CRL_PAGE_MAX: the last page */
	struct crl_entry entries[CRL_PAGE_MAX];
	size_t count; /* of them, in the shard */
};
MUST_CHECK bool crl_store_page(
    struct tx *tx, struct crl_key key, int shard_count, struct crl_page *page, struct error *err);

struct crl_change { /* the last change of status among an issuer's certificates */
	uint8_t issuer[ISSUER_ID_BYTES];
	int64_t seq;
};
MUST_CHECK bool crl_store_changes(struct db *db, int64_t after_seq, struct crl_change *out,
    size_t max, size_t *out_count, struct error *err);

#endif
