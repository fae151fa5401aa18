/*
 * shred_retention: when the last copy of an erased key is gone, from how its cluster is set up and
 * what its admin says about backups. The judgement is pure.
 */
#ifndef PROVISIONING_SHRED_RETENTION_H
#define PROVISIONING_SHRED_RETENTION_H

#include "db/db.h"

struct shred_retention {
	bool apart;          /* in another cluster than the main database */
	bool may_flush;      /* its owner has the rights of deploy/postgres/shred.sql */
	bool recycles;       /* wal_recycle */
	bool archives;       /* archive_mode */
	bool statistics;     /* ANALYZE copies keys into pg_statistic */
	int64_t keeps_mib;   /* wal_keep_size */
	int64_t slots;       /* replication slots */
	int64_t standbys;    /* connected ones */
	int64_t left;        /* keys in the main database although they belong into another */
	int64_t backup_days; /* [escrow] backup_days; -1: not said */
};

#define SHRED_NO_BOUND (-1)
/* Seconds after an erasure is `erased` and `flushed`, or SHRED_NO_BOUND. */
int64_t shred_retention_s(const struct shred_retention *retention);

/* The i-th reason why there is no bound, one line; NULL: there are no more. */
const char *shred_retention_reason(const struct shred_retention *retention, size_t i);

/* `main` and `keys` may be the same. All but backup_days. */
MUST_CHECK bool shred_retention_read(
    struct db *main, struct db *keys, bool named, struct shred_retention *out, struct error *err);

struct erasures_waiting {
	int64_t count, oldest_at_s;
};
/* What is recorded and not erased. */
MUST_CHECK bool erasures_waiting_read(
    struct db *main, struct erasures_waiting *out, struct error *err);

const struct stmt *const *shred_retention_statements(void);

#endif
