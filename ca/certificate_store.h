/* certificate_store: issued certificates as rows: bodies, signatures, lookups. */
#ifndef CA_CERTIFICATE_STORE_H
#define CA_CERTIFICATE_STORE_H

#include "base/hash.h"
#include "base/text.h"
#include "ca/issue.h"
#include "ca/reason.h"
#include "db/db.h"

/* Rows of certificate_body for a batch's winners: leaf seqs[i] commits to issued[i]. */
MUST_CHECK bool certificate_insert_bodies(struct tx *tx, int log,
    const struct issued *const *issued, const int64_t *seqs, size_t count, struct error *err);

/* Rows of certificate; pseudonyms are UUID octets. One that is there already ends the transaction.
 */
struct certificate_row {
	const struct issued *issued;
	int64_t device;
	uint8_t pseudonym[UUID_BYTES];
};
MUST_CHECK bool certificate_insert(
    struct tx *tx, const struct certificate_row *rows, size_t count, struct error *err);

struct certificate_status { /* what the database says of one certificate */
	bool known;         /* there is a row: false makes a well-signed certificate `unknown` */
	int64_t device;
	char handle[HANDLE_TEXT_LEN + 1];
	char pseudonym[UUID_TEXT_LEN + 1];
	char device_state[10]; /* active held revoked replaced */
	int64_t not_before_s, not_after_s;
	bool held, revoked; /* of this certificate */
	bool signed_;       /* its signature is on record, so it is never given up (cert.abort) */
	enum reason reason;
	int64_t revoked_at_s;
};
/* One set statement for all; out[i] belongs to serials[i]. */
MUST_CHECK bool certificate_statuses(struct db *db, const uint8_t (*serials)[SERIAL_BYTES],
    size_t count, struct certificate_status *out, struct error *err);
/* Three columns from `column` on: state, reason, revoked_at_s; NULL: neither held nor revoked. */
void certificate_status_read_revocation(
    const struct rows *rows, size_t row, int column, struct certificate_status *out);

/* The DER of a signed certificate, or an empty buf while it has no signature yet or no row. */
MUST_CHECK bool certificate_find_der(struct db *db, const uint8_t serial[static SERIAL_BYTES],
    struct buf *out_der, uint8_t out_issuer[static ISSUER_ID_BYTES], struct error *err);

/* The leaf of the log `origin` that commits to each certificate; -1: there is none. */
MUST_CHECK bool certificate_leaves(struct db *db, const char *origin,
    const uint8_t (*serials)[SERIAL_BYTES], size_t count, int64_t *out_seqs, struct error *err);

/* Makes the partitions of this month and the three after it. */
MUST_CHECK bool certificate_ensure_partitions(struct db *db, int64_t now_s, struct error *err);
/* Months after that of `now_s` with partitions (0: only the present one; -1: not even that). */
MUST_CHECK bool certificate_months_ahead(
    struct db *db, int64_t now_s, int *out_months, struct error *err);

/*
 * Moves signed_head past what has its signature, so that the search at the next start is short.
 * Call it now and then, e.g. hourly; it is never needed for correctness.
 */
MUST_CHECK bool certificate_advance_signed(struct db *db, struct error *err);

/*
 * The ledger's hooks (db/ledger.h): context is unused. certificate_read_unsigned gives the oldest
 * first; when there are none it moves signed_head to the log's size.
 */
bool certificate_keep_signatures(void *context, struct tx *tx,
    const struct ledger_signature *signatures, size_t count, struct error *err);
bool certificate_read_unsigned(void *context, struct tx *tx, int log, int64_t after,
    struct ledger_unsigned *out, size_t max, size_t *out_count, struct error *err);

const struct stmt *const *certificate_statements(void);

#endif
