/* app: everything a handler may use, built once in cmd/service.c and passed down. Immutable while
 * serving. */
#ifndef API_APP_H
#define API_APP_H

#include "audit/audit.h"
#include "audit/holds.h"
#include "base/work.h"
#include "ca/crl.h"
#include "ca/expiry.h"
#include "ca/ocsp.h"
#include "ca/status_index.h"
#include "provisioning/batch.h"
#include "provisioning/disclosure.h"
#include "provisioning/enroll.h"
#include "provisioning/erasure.h"
#include "provisioning/handover.h"
#include "provisioning/operator.h"
#include "provisioning/pseudonym.h"
#include "provisioning/renew.h"
#include "provisioning/revoke.h"
#include "provisioning/token.h"
#include "provisioning/verify.h"

struct caller_cache;
struct status_notes;
struct limiter;

struct app {
	const struct clock *clock;
	const struct rng *rng;
	struct db *db;
	struct keeper_client *keeper;
	struct ledger *ledger;
	struct audit *audit;
	struct exports *exports;       /* audit/export.h */
	struct inspection *inspection; /* audit/inspection.h; NULL: switched off */
	const struct issuers *issuers;
	struct crl_publisher *crls;
	struct status_index *statuses;
	struct status_copy *copy;   /* ca/status_copy.h */
	struct status_notes *notes; /* ca/status_notes.h */
	struct ocsp *ocsp;
	struct expiry_watch *expiries;
	struct work_pool *work;       /* CPU work of NDJSON requests */
	struct caller_cache *callers; /* api/caller.h */
	struct limiter *limiter;      /* api/limits.h; NULL: no limits */
	struct metrics *metrics;      /* api/http_metrics.h */
	struct metrics *db_metrics;   /* db/db_metrics.h */
	/* Its database was away when it started: only routes with ROUTE_STANDBY are served, by what
	 * is remembered, and what these do not need is NULL (cmd/standby.h). */
	bool standby;
	const char *version;
	int64_t started_at_s;
	struct batch_service batches;
	struct token_service tokens;
	struct operator_service operators;
	struct enroll_service enrollment;
	struct renew_service renewal;
	struct pseudonym_service pseudonyms;
	struct revoke_service revocation;
	struct verify_service verification;
	struct disclosure_service disclosures;
	struct erasure_service erasures;
	struct holds_service holds;
	struct handover_service handovers;
};

#endif
