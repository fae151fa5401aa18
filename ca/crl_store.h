/* crl_store: the tables crl and crl_part, and the revocations that a CRL lists. */
#ifndef CA_CRL_STORE_H
#define CA_CRL_STORE_H

#include "ca/crl_der.h"
#include "ca/crl_file.h"
#include "db/db.h"
#include "keeper/key.h"

struct crl_key {               /* one issuer's shard: a full CRL, and the delta to it */
	const uint8_t *issuer; /* ISSUER_ID_BYTES, borrowed */
	int shard;
};

/* Makes its row, if there is none. */
MUST_CHECK bool crl_store_ensure(struct db *db, struct crl_key key, struct error *err);

/* ---- the lists in force ---- */

struct crl_list {
	uint64_t number; /* 0: there is none */
	int64_t this_update_s, next_update_s;
	int64_t status_seq; /* status_head.seq that it includes */
};
enum crl_kind { CRL_FULL, CRL_DELTA, CRL_KIND_COUNT };
struct crl_row {
	uint8_t issuer[ISSUER_ID_BYTES];
	int shard;
	struct crl_list lists[CRL_KIND_COUNT];
};
/* All that were built; `out` has room for `max`. */
MUST_CHECK bool crl_store_list(
    struct db *db, struct crl_row *out, size_t max, size_t *out_count, struct error *err);
/* Reads the DER into a sealed file in `dir`; *out says which it is. E_NOT_FOUND */
MUST_CHECK bool crl_store_get(struct db *db, struct crl_key key, enum crl_kind kind,
    const char *dir, struct crl_list *out, struct crl_file **out_file, struct error *err);

/* ---- building ---- */

struct crl_base {        /* a full CRL that deltas start from */
	uint64_t number; /* 0: none */
	int64_t at_s, status_seq;
};
struct crl_lease {
	uint64_t number;            /* 0: another node builds */
	int64_t last_this_update_s; /* of the full CRL in force; 0: none */
	struct crl_base base, next_base;
};
/*
 * Takes or renews the lease and draws a number that no other build ever had, a whole multiple of
 * CRL_NUMBERS_PER_S: those up to the next one are for lists of the same maker without the database
 * (ca/crl_spooled.h). The clock is the floor: after a restored backup, too, numbers are above all
 * that the keeper has seen.
 */
MUST_CHECK bool crl_store_lease(struct db *db, struct crl_key key, const char *node, int64_t now_s,
    int64_t until_s, struct crl_lease *out, struct error *err);

/* Gives the lease back: nothing was built. */
MUST_CHECK bool crl_store_release(
    struct db *db, struct crl_key key, const char *node, uint64_t number, struct error *err);

struct crl_publication { /* what was built under a lease */
	struct crl_key key;
	const char *node;
	uint64_t number; /* the lease's */
	struct crl_base base, next_base;
	const struct crl_list *lists[CRL_KIND_COUNT]; /* or NULL: it stays as it is */
	struct crl_file *files[CRL_KIND_COUNT];       /* sealed */
};
/* Stores it in one transaction, and ends the lease. *out_kept false: the lease was lost. */
MUST_CHECK bool crl_store_keep(
    struct db *db, const struct crl_publication *publication, bool *out_kept, struct error *err);

/* ---- what is listed ---- */

/* One snapshot of all revocations until tx_free(); call it first. *out_status_seq: what it
 * includes. */
MUST_CHECK bool crl_store_snapshot(struct tx *tx, int64_t *out_status_seq, struct error *err);
#define CRL_PAGE_MAX 4096 /* entries */
struct crl_page {
	int64_t after_seq;        /* in: changes from here on; out: for the next page */
	int64_t not_after_from_s; /* certificates that ended before this are left out */
	size_t read; /* rows of the issuer that were read; below CRL_PAGE_MAX: the last page */
	struct crl_entry entries[CRL_PAGE_MAX];
	size_t count; /* of them, in the shard */
};
MUST_CHECK bool crl_store_page(
    struct tx *tx, struct crl_key key, int shard_count, struct crl_page *page, struct error *err);
/* The same of those that were released and are good since; `since_seq` stays from page to page. */
MUST_CHECK bool crl_store_released(struct tx *tx, struct crl_key key, int shard_count,
    int64_t since_seq, struct crl_page *page, struct error *err);

struct crl_change { /* of one certificate's status */
	uint8_t issuer[ISSUER_ID_BYTES];
	uint8_t serial[SERIAL_BYTES];
	int64_t seq;
};
/* In their order. */
MUST_CHECK bool crl_store_changes(struct db *db, int64_t after_seq, struct crl_change *out,
    size_t max, size_t *out_count, struct error *err);

#endif
