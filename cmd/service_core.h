/*
 * service_core: all that a service has, for the files that build it (cmd/service.c) and keep it
 * going (cmd/service_loop.c). Others: cmd/service.h.
 */
#ifndef CMD_SERVICE_CORE_H
#define CMD_SERVICE_CORE_H

#include <pthread.h>

#include "api/app.h"
#include "api/server.h"
#include "cmd/database.h"
#include "cmd/escrow_parts.h"
#include "cmd/forwarding.h"
#include "cmd/settings.h"
#include "cmd/standby.h"
#include "cmd/tls_identity.h"
#include "proof/tlog_policy.h"
#include "provisioning/pseudonym_ticks.h"

/* Everything that is built at start, in order; torn down in the reverse order. */
struct service {
	const char *config_path;
	const struct settings *settings; /* of the start */
	struct settings current;         /* with what reloads changed */
	struct clock clock;
	struct rng rng;
	struct keeper_client *keeper;
	struct database database;
	struct status_index *statuses;
	struct status_copy *copy;
	struct revoke_later *later;
	struct tlog_policy policy; /* of the log's witnesses */
	struct audit *audit;
	const char *disks[3]; /* with a NULL at the end */
	struct forwarding forwarding;
	struct ledger *ledger;
	struct crl_publisher *crls;
	struct ocsp *ocsp;
	struct expiry_watch *expiries;
	struct work_pool *work;
	struct batch_cache *batches;
	struct escrow_parts escrow;
	struct ledger_kind *enroll_kind, *renew_kind, *revoke_kind, *pseudonym_kind;
	struct pseudonym_revoker pseudonyms;
	struct pseudonym_ticks *ticks;
	struct caller_cache *callers;
	struct standby_memory remembered;
	struct verify_cache *verified;
	struct status_notes *notes;
	struct limiter *limiter;
	struct metrics *metrics;
	struct app app;
	struct tls_identity tls;
	struct server *server;
	int signals;
	pthread_t control;
	bool control_runs;
};

#endif
