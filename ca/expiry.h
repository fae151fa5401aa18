/*
 * expiry: what will lapse, when, and from when on somebody should be told.
 *
 * A pure list made from facts, and a watch that gathers the facts. /readyz, the metrics and the
 * log all read the same list, so they never disagree.
 */
#ifndef CA_EXPIRY_H
#define CA_EXPIRY_H

#include "base/clock.h"
#include "base/defer.h"
#include "base/error.h"
#include "ca/issuer.h"
#include "db/db.h"

enum expiry_what {
	EXPIRY_ROOT,      /* a root's certificate */
	EXPIRY_ROOT_CRL,  /* a root's CRL, renewed by hand */
	EXPIRY_ISSUER,    /* an active issuing CA's certificate */
	EXPIRY_TLS,       /* the service's own certificate, on this node */
	EXPIRY_OCSP,      /* the first of its OCSP responders' certificates */
	EXPIRY_STATUS,    /* the newest certificate of the key that signs pages, sets and bundles */
	EXPIRY_OPERATORS, /* the first person's certificate that will lapse */
	EXPIRY_LOG,       /* the open log's age, on this node */
	EXPIRY_PARTITIONS, /* months that the tables are ready for */
	EXPIRY_WHAT_COUNT
};
const char *expiry_name(enum expiry_what what);   /* "root-crl": closed set, a metric's label */
const char *expiry_remedy(enum expiry_what what); /* what to do, one line */

#define EXPIRY_ID_MAX 128 /* characters */
struct expiry {
	enum expiry_what what;
	char id[EXPIRY_ID_MAX + 1]; /* issuer id or the log's origin; "" where there is only one */
	int64_t not_after_s, warn_from_s;
	int64_t due_count; /* how many are due at once: 1, of EXPIRY_OPERATORS the persons */
	bool vital;        /* past its end the service cannot do its work: not ready */
};

/* ---- the list: pure ---- */

struct expiry_root_crl {
	uint8_t issuer[ISSUER_ID_BYTES];
	int64_t next_update_s;
};
struct expiry_renewed {      /* a certificate that the service renews by itself */
	int64_t not_after_s; /* 0: not known */
	int64_t renew_at_s;
	bool failing; /* the last attempt to renew failed */
};
struct expiry_facts { /* a time of 0: not known, and not in the list */
	const struct issuers *issuers;
	struct expiry_root_crl root_crls[ISSUERS_MAX];
	size_t root_crl_count;
	struct expiry_renewed tls, ocsp;
	/* Persons whose newest certificate is not past its end: the first to lapse, and how many
	 * lapse within EXPIRY_OPERATORS_WARN_S. */
	int64_t operators_not_after_s, operators_due_count;
	char log_origin[EXPIRY_ID_MAX + 1];
	int64_t log_opened_at_s;
	int64_t status_not_after_s;
	int64_t partitions_until_s; /* end of the last month that has its tables */
};
#define EXPIRY_ROOT_WARN_S (3 * 365 * DAY_S) /* every verifier has to learn a new root */
#define EXPIRY_ROOT_CRL_WARN_S (60 * DAY_S)
#define EXPIRY_ISSUER_MARGIN_S (90 * DAY_S) /* beyond the longest life of what it issues */
#define EXPIRY_STATUS_WARN_S (90 * DAY_S)   /* verifiers have to fetch another bundle */
#define EXPIRY_OPERATORS_WARN_S (30 * DAY_S)
#define EXPIRY_LOG_AGE_S (396 * DAY_S) /* 13 months */
#define EXPIRY_PARTITIONS_WARN_S (60 * DAY_S)

#define EXPIRY_MAX (2 * ISSUERS_MAX + EXPIRY_WHAT_COUNT)
/* In the order of enum expiry_what; returns how many. */
size_t expiry_list(const struct expiry_facts *facts, struct expiry out[static EXPIRY_MAX]);

enum expiry_state { EXPIRY_FAR, EXPIRY_DUE, EXPIRY_PAST };
enum expiry_state expiry_state(const struct expiry *expiry, int64_t now_s);

/* ---- the watch ---- */

struct expiry_watch;
struct expiry_watch_options {
	struct db *db;
	const struct issuers *issuers;
	const struct clock *clock;
	const char *log_origin; /* of this node's open log */
};
struct expiry_watch *expiry_watch_new(const struct expiry_watch_options *options);
void expiry_watch_free(struct expiry_watch *watch);
DEFER_DECLARE(struct expiry_watch, expiry_watch_free)

/* The service says how its own certificates stand. Any thread. */
void expiry_watch_tls(struct expiry_watch *watch, const struct expiry_renewed *tls);
void expiry_watch_ocsp(struct expiry_watch *watch, const struct expiry_renewed *ocsp);
/*
 * The list as it stands; the database is asked every five seconds at most. Any thread.
 * E_DATABASE_UNAVAILABLE
 */
MUST_CHECK bool expiry_watch_list(struct expiry_watch *watch, struct expiry out[static EXPIRY_MAX],
    size_t *out_count, struct error *err);
/* Logs what is due, at the first call of each UTC day. One thread. */
void expiry_watch_log(struct expiry_watch *watch);

const struct stmt *const *expiry_statements(void);

#endif
