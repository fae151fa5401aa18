/*
 * standby: the service while it has started and its database is away.
 *
 * It says so (/readyz, 503 to whatever needs the database), serves the CRLs that were kept, takes
 * officers' revocations into the spool and holds them in force, by what it remembers of the last
 * time that the database was there. When that answers again, the whole service starts.
 */
#ifndef CMD_STANDBY_H
#define CMD_STANDBY_H

#include "api/caller.h"
#include "cmd/database.h"
#include "cmd/settings.h"
#include "keeper/client.h"

/* ---- while the database is there ---- */

struct standby_memory { /* zero-initialized: what was written last */
	bool written;
	int64_t issuers_version, callers_of;
};
/* Writes what a standby has to know, if it has changed since. E_FILE_FAILED */
MUST_CHECK bool standby_remember(struct standby_memory *memory, const struct settings *settings,
    const struct issuers *issuers, struct caller_cache *callers, struct error *err);

/* ---- while it is away ---- */

struct standby_options {
	const struct settings *settings;
	const struct clock *clock;
	const struct rng *rng;
	struct keeper_client *keeper;
	int signals;
};
/*
 * Opens the database. While it is away a standby serves; *out_stopped: until it was told to stop,
 * and nothing is open. Otherwise as database_open(), and
 * E_FILE_FAILED, E_BAD_SYNTAX   it is away, and there is too little on disk to serve by
 */
MUST_CHECK bool standby_reach_database(const struct standby_options *options, struct database *out,
    bool *out_stopped, struct error *err);

#endif
