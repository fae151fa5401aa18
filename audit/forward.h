/*
 * forward: this node's log, leaf after leaf, to a syslog receiver over TLS; where its cursor is in
 * a log that this one continues, that one first, to its end.
 *
 * At least once and in order, with repeats from an earlier leaf on after something failed. Syslog
 * has no receipts: what was sent counts when the receiver ended the session in order, and is passed
 * over for good FORWARD_SETTLE_MS later, which is the time that it has to keep what it read. Only
 * what is published is sent. A thread of its own, so that a receiver that hangs is in nobody's way.
 */
#ifndef AUDIT_FORWARD_H
#define AUDIT_FORWARD_H

#include "audit/syslog_session.h"
#include "proof/checkpoint.h"

#define FORWARD_SESSION_LEAVES 4096 /* in one session at most */
#define FORWARD_SETTLE_MS 10000
#define FORWARD_LOOK_MS 250   /* whether there is more */
#define FORWARD_PAUSE_MS 1000 /* after a failure; doubled up to */
#define FORWARD_PAUSE_MAX_MS 30000

/* ---- how far it is, pure ---- */

struct forward_progress {   /* numbers of the next leaf */
	uint64_t settled;   /* never sent again; what the cursor's file has */
	uint64_t confirmed; /* the receiver has read those before */
	uint64_t candidate; /* to be settled; 0: none */
	int64_t candidate_at_ms;
};
/* The receiver read up to `next`. */
void forward_confirmed(struct forward_progress *progress, uint64_t next, int64_t now_ms);
/* True: `settled` has moved. */
bool forward_settle(struct forward_progress *progress, int64_t now_ms);
/* Something failed: from where on it is sent again. */
uint64_t forward_again(struct forward_progress *progress);

/* ---- the thread ---- */

struct forward_options {
	const char *origin, *node;
	const char *path; /* of the cursor */
	struct syslog_target target;
	const char *dir;                 /* of the published logs, a folder each */
	uint64_t (*size)(void *context); /* published leaves of this one */
	void *size_context;
};
struct forward;
/* E_FILE_FAILED: the cursor cannot be read */
MUST_CHECK bool forward_new(
    const struct forward_options *options, struct forward **out, struct error *err);
void forward_free(struct forward *forward);
DEFER_DECLARE(struct forward, forward_free)

struct forward_health {
	bool failing;
	uint64_t lag;  /* published leaves of these logs that the receiver has not read */
	uint64_t sent; /* since the start, repeats too */
};
void forward_health(struct forward *forward, struct forward_health *out);

#endif
