/*
 * ocsp: the responder: an OCSP request in, an answer out, whatever comes (RFC 6960, 5019, 9654).
 *
 * An answer is signed by the responder of the first identifier's authority, with the status of now:
 * from the index of what is held and revoked (ca/status_index.h) where the certificate is known to
 * have been issued, else from the database. Certificates that have expired are answered for, too.
 * Without a nonce and for one certificate, the answer is kept and given again until half of its
 * time is over, or until the status changes: each time it is held against the index.
 */
#ifndef CA_OCSP_H
#define CA_OCSP_H

#include "base/metrics.h"
#include "ca/ocsp_memory.h"
#include "ca/ocsp_signers.h"
#include "ca/status_index.h"

#define OCSP_ANSWER_VALIDITY_S 3600 /* nextUpdate; less when the responder's certificate ends */

struct ocsp;
struct ocsp_options {
	struct ocsp_signers_options signers;
	struct db *db;
	struct status_index *statuses;
};
struct ocsp *ocsp_new(const struct ocsp_options *options);
void ocsp_free(struct ocsp *ocsp);
DEFER_DECLARE(struct ocsp, ocsp_free)

/* See ocsp_signers_look(): call it every second or so. */
void ocsp_look(struct ocsp *ocsp);

struct ocsp_reply {
	struct buf der; /* an OCSPResponse, always */
	bool cacheable; /* anybody who asks the same may get it, until: */
	struct ocsp_times times;
};
void ocsp_reply_clear(struct ocsp_reply *reply);
DEFER_DECLARE_CLEAR(struct ocsp_reply, ocsp_reply_clear)

/* Any thread. Why it is not a successful one is logged where it is our fault. */
void ocsp_answer(struct ocsp *ocsp, struct bytes request, struct ocsp_reply *out);
/* For what is no request at all. */
void ocsp_refuse(struct ocsp *ocsp, enum ocsp_status status, struct ocsp_reply *out);

void ocsp_health(struct ocsp *ocsp, struct ocsp_signers_health *out);

enum ocsp_metric {
	OCSP_RESPONSES, /* by ocsp_metric_status() */
	OCSP_STATUSES,  /* by enum ocsp_verdict */
	OCSP_KEPT,      /* answers that were given from memory */
	OCSP_SIGNATURES,
	OCSP_ANSWERS, /* in memory now; set when asked */
};
struct metrics *ocsp_metrics(struct ocsp *ocsp); /* borrowed */

const struct stmt *const *ocsp_statements(void);

#endif
