/* log_retention: moniker log prune, hold, release, holds: what is old goes, unless it is held. */
#ifndef CMD_LOG_RETENTION_H
#define CMD_LOG_RETENTION_H

#include "db/db.h"

struct log_prune {
	const char *config; /* moniker.conf(5) of the log's node: its folder is verified first */
	const char *keep_days;
	bool blobs, json;
};

/* Each returns an exit status. */
int log_prune_command(struct db *db, const struct log_prune *prune, const char *origin);
int log_hold_command(struct db *db, const char *name, const char *origin, bool json);
int log_release_command(struct db *db, const char *name, bool json);
int log_holds_command(struct db *db, bool json);

#endif
