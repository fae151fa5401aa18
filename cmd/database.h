/* database: the service's connections, checked, and the authorities that are read first. */
#ifndef CMD_DATABASE_H
#define CMD_DATABASE_H

#include "ca/issuer.h"
#include "cmd/settings.h"

struct database {                /* zero-initialized: closed */
	struct metrics *metrics; /* db/db_metrics.h */
	struct db *db;
	struct issuers *issuers;
};
/*
 * On false db and metrics are there all the same; database_clear() closes them.
 * E_DATABASE_UNAVAILABLE; E_CONFIG_INVALID (schema, settings of PostgreSQL, authorities)
 */
MUST_CHECK bool database_open(const struct settings *settings, const struct clock *clock,
    struct database *out, struct error *err);
void database_clear(struct database *database);

#endif
