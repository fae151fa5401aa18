/*
 * migrate: forward-only schema changes, db/migrations/NNNN_name.sql and
 * db/shred_migrations/, compiled into the binary.
 *
 * Each runs in one transaction and leaves a row (number, name, SHA-256) in schema_migration.
 */
#ifndef DB_MIGRATE_H
#define DB_MIGRATE_H

#include "base/error.h"

struct migrate_report {
	int applied; /* just now */
	int total;   /* compiled in */
};

/*
 * Applies what is missing. `url` is the owner's connection string.
 * E_DATABASE_UNAVAILABLE, E_CONFIG_INVALID (one that was applied differs from ours, or is unknown
 * to us)
 */
MUST_CHECK bool migrate_apply(const char *url, struct migrate_report *out, struct error *err);

/* The same for the database of [escrow] shred_url. */
MUST_CHECK bool migrate_apply_shred(const char *url, struct migrate_report *out, struct error *err);

struct db;
/* For the service: the schema is exactly the one compiled in. E_CONFIG_INVALID */
MUST_CHECK bool migrate_check(struct db *db, struct error *err);
MUST_CHECK bool migrate_check_shred(struct db *db, struct error *err);

#endif
