/*
 * reload: what SIGHUP changes in the running service: limits, log level, TLS certificate and its
 * names, authorities. All or nothing: what cannot be taken up, or not recorded, changes nothing.
 *
 * The service reads the configuration itself, as its own user, as it did when it started.
 */
#ifndef CMD_RELOAD_H
#define CMD_RELOAD_H

#include "api/server.h"
#include "cmd/settings.h"
#include "cmd/tls_identity.h"

struct reload { /* all borrowed; one thread */
	const char *config_path;
	const struct settings *started; /* what the process was started with */
	struct settings *current;       /* those taken up last: replaced by every reload */
	struct db *db;
	struct issuers *issuers;
	struct limiter *limiter;
	struct server *server;
	struct tls_identity *tls;                /* in force */
	struct tls_identity_options tls_options; /* but for the names */
};

/*
 * Reads the file and takes up what has changed, recorded as config.change; the log says what, and
 * which keys need a restart.
 * E_CONFIG_INVALID   all is as before, and data.fault on record
 * E_FILE_FAILED, those of the ledger and the database: all is as before
 */
MUST_CHECK bool reload_run(struct reload *reload, struct error *err);

#endif
