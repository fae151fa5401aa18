/*
 * cosign: asks the witnesses of a policy for their cosignatures on a checkpoint (C2SP
 * tlog-witness), all at once and within bounds.
 *
 * A witness that is slow, dead or lying costs one checkpoint `timeout_ms` at most, and is then left
 * alone for a while that grows with each failure. What it answers is bounded, and taken only where
 * it is its signature on this checkpoint.
 */
#ifndef AUDIT_COSIGN_H
#define AUDIT_COSIGN_H

#include "proof/tlog_policy.h"

#define COSIGN_GRACE_MS 100  /* for the rest, once there is a quorum */
#define COSIGN_PAUSE_MS 1000 /* after a first failure; doubled with each */
#define COSIGN_PAUSE_MAX_MS 16000
#define COSIGN_WHY_MAX 120

struct cosign_options {
	const struct tlog_policy *policy; /* borrowed; witnesses without a URL are not asked */
	const char *folder;               /* of the log: its tiles prove what has grown */
	const char *ca_file;              /* PEM, for https; or NULL: the system's */
	int64_t timeout_ms;
};

struct cosigners;
/* E_CONFIG_INVALID: all witnesses that have a URL are no quorum; or a URL is none */
MUST_CHECK bool cosigners_new(
    const struct cosign_options *options, struct cosigners **out, struct error *err);
void cosigners_free(struct cosigners *cosigners);
DEFER_DECLARE(struct cosigners, cosigners_free)

/*
 * Appends the note with the cosignatures that were to be had; the log's tiles are there up to its
 * size. *out_quorum: whether they are enough. Not for two threads at once.
 * E_BAD_SYNTAX   the note is no checkpoint
 */
MUST_CHECK bool cosigners_collect(struct cosigners *cosigners, struct bytes note, struct buf *out,
    bool *out_quorum, struct error *err);

/* How it went the last time, and since the start. */
struct cosign_health {
	size_t count;
	bool has_quorum;
	/* A witness holds a checkpoint that this log's does not continue, or a larger one: the log
	 * was forked, or went back. */
	bool contradicted;
	struct cosign_witness {
		char name[NOTE_NAME_MAX + 1]; /* in the policy */
		bool cosigned;                /* the newest checkpoint */
		uint64_t cosignatures, failures;
		char why[COSIGN_WHY_MAX]; /* of the last failure; "": none since the last success */
	} witnesses[TLOG_POLICY_WITNESSES_MAX];
};
void cosigners_health(const struct cosigners *cosigners, struct cosign_health *out);

#endif
