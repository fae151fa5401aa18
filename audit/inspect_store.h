/* inspect_store: the background check's rows: how far it is, what it found, and what it looks at.
 */
#ifndef AUDIT_INSPECT_STORE_H
#define AUDIT_INSPECT_STORE_H

#include "audit/inspect_fault.h"
#include "db/db.h"

#define INSPECT_LOGS_MAX 64
#define INSPECT_REVOCATION_BYTES 22 /* month (2, big endian), serial */

/* ---- how far it is ---- */

struct inspect_progress {
	int64_t pass, next_seq, done_at_s;
};
/* Of a log that was never looked at: the first pass, at its beginning. */
MUST_CHECK bool inspect_store_progress(
    struct db *db, int log, struct inspect_progress *out, struct error *err);
MUST_CHECK bool inspect_store_keep_progress(
    struct db *db, int log, const struct inspect_progress *progress, struct error *err);

/* The log of this origin, and those that are closed: id, origin, public key. */
MUST_CHECK bool inspect_store_logs(
    struct db *db, const char *origin, struct rows **out, struct error *err);

/* ---- what was found ---- */

/* Sets `known` of those that were told before, and notes that this pass has seen them. */
MUST_CHECK bool inspect_store_mark_seen(struct db *db, const struct inspect_subject *subject,
    const struct inspect_faults *faults, bool *known, struct error *err);
MUST_CHECK bool inspect_store_insert_faults(struct tx *tx, const struct inspect_subject *subject,
    const struct inspect_faults *faults, int64_t now_s, struct error *err);
/* Forgets those that this pass has not seen: how many. */
MUST_CHECK bool inspect_store_forget_mended(
    struct db *db, const struct inspect_subject *subject, size_t *out_count, struct error *err);
MUST_CHECK bool inspect_store_count_faults(struct db *db, int64_t *out, struct error *err);

/* ---- what it looks at ---- */

/* Whether retention dropped the part that has this leaf. */
MUST_CHECK bool inspect_store_was_pruned(
    struct db *db, int log, int64_t seq, bool *out, struct error *err);
/* Whether a leaf waits to be recorded that says that parts of this log were dropped. */
MUST_CHECK bool inspect_store_prune_waits(
    struct db *db, const char *name, bool *out, struct error *err);
/* Whether certificates that began then, or up to `back_s` before (31 days at most), are still kept:
 * months are dropped by hand. */
MUST_CHECK bool inspect_store_has_month(
    struct db *db, int64_t at_s, int64_t back_s, bool *out, struct error *err);

enum inspect_column { /* of: */
	INSPECT_COLUMN_SEQ,
	INSPECT_COLUMN_KIND, /* enum inspect_what */
	INSPECT_COLUMN_NONCE,
	INSPECT_COLUMN_BODY, /* what the leaf commits to */
	INSPECT_COLUMN_SERIAL,
	INSPECT_COLUMN_ISSUER,
	INSPECT_COLUMN_ABORTED,
	INSPECT_COLUMN_HANDLE, /* from here on of the certificate's own row; NULL: there is none */
	INSPECT_COLUMN_ROW_ISSUER,
	INSPECT_COLUMN_SPKI,
	INSPECT_COLUMN_NOT_BEFORE,
	INSPECT_COLUMN_NOT_AFTER,
	INSPECT_COLUMN_BATCH, /* handle; NULL: its device has no row, or it is of no device */
	INSPECT_COLUMN_IS_DEVICE,
	INSPECT_COLUMN_COUNT
};
/* What the leaves from `first` on, below `end`, commit to, in order. */
MUST_CHECK bool inspect_store_committed(
    struct db *db, int log, int64_t first, int64_t end, struct rows **out, struct error *err);

/* Of each certificate with one of these handles: place of the handle from 1 on, state (NULL: none),
 * reason. */
MUST_CHECK bool inspect_store_statuses(
    struct db *db, const struct bytes *handles, size_t count, struct rows **out, struct error *err);

/* Revocations in order after this one: month and serial, place, whether it is as the change says.
 */
MUST_CHECK bool inspect_store_revocations(struct db *db,
    const uint8_t after[static INSPECT_REVOCATION_BYTES], size_t max, struct rows **out,
    struct error *err);
/* Changes in order after this place: seq, issuer, serial, state, at, reason, hash, hash before. */
MUST_CHECK bool inspect_store_changes(
    struct db *db, int64_t after, size_t max, struct rows **out, struct error *err);

const struct stmt *const *inspect_statements(void);

#endif
