/*
 * shred: one key for each sealed record, in a database of their own. Deleting a key erases what it
 * wraps, in every copy of the main database.
 *
 * Keys are committed there before anything that needs them is committed here; those of enrollments
 * that were refused afterwards are swept. A thread of its own makes one commit of what queued up
 * during the one before, so that neither the ledger nor batches without escrow ever wait for it.
 */
#ifndef PROVISIONING_SHRED_H
#define PROVISIONING_SHRED_H

#include "base/clock.h"
#include "base/rng.h"
#include "db/db.h"
#include "provisioning/escrow_keep.h"

#define SHRED_COMMIT_MAX 1024     /* keys in one commit */
#define SHRED_ORPHAN_AGE_S 3600   /* a key without a record by then is swept */
#define SHRED_SWEEP_BACK_S 604800 /* how far the first sweep of a process looks back */

struct shred_options {
	const char *url;    /* the shred keys' database, the service's role */
	struct db *records; /* where escrow_record is */
	const struct clock *clock;
	const struct rng *rng;
};

struct shred;
/* Connects when first needed. E_INTERNAL: no thread */
MUST_CHECK bool shred_new(
    const struct shred_options *options, struct shred **out, struct error *err);
void shred_free(struct shred *shred); /* NULL is fine */
DEFER_DECLARE(struct shred, shred_free)
struct db *shred_db(struct shred *shred);

/*
 * Gives each its id, and blocks until all their keys are committed.
 * E_DATABASE_UNAVAILABLE, with retry_after_s
 */
MUST_CHECK bool shred_keep(
    struct shred *shred, struct escrow_sealed *const *sealed, size_t count, struct error *err);

/* Deletes keys that are older than an hour and belong to no record, and those of records that went
 * with their part of the log (audit/retention.h). */
MUST_CHECK bool shred_sweep(struct shred *shred, size_t *out_count, struct error *err);

/*
 * Deletes these keys, and what is left of them in the cluster: the pages they were in and, where it
 * lets us (*out_flushed), its write-ahead log. Those that are not there are no error: it may be
 * done again. *out_count: how many there were.
 */
MUST_CHECK bool shred_erase(struct shred *shred, const uint8_t (*ids)[SHRED_ID_BYTES], size_t count,
    size_t *out_count, bool *out_flushed, struct error *err);
/* Deletes them, when there are any, and says how many: nothing else. */
MUST_CHECK bool shred_delete(struct shred *shred, const uint8_t (*ids)[SHRED_ID_BYTES],
    size_t count, size_t *out_count, struct error *err);

/*
 * On the host: moves keys from the main database into their own, and leaves nothing of them in the
 * main one but what its write-ahead log and backups have. Both URLs are the owner's. Nothing is
 * moved if the second is a main database, too.
 */
MUST_CHECK bool shred_move(
    const char *from_url, const char *to_url, size_t *out_count, struct error *err);

#endif
