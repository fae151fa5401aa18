/*
 * ca_job: what the commands of `moniker ca` share that change authorities: the lock, the keyrings,
 * the word to the running service.
 */
#ifndef CMD_CA_JOB_H
#define CMD_CA_JOB_H

#include "base/clock.h"
#include "base/rng.h"
#include "base/secret.h"
#include "ca/authority.h"
#include "cmd/ca_roll.h"
#include "cmd/settings.h"
#include "db/db.h"
#include "keeper/keyring.h"

struct ca_job {
	const struct ca_options *options;
	struct settings settings;
	struct clock clock;
	struct rng rng;
	struct db *db;
	struct tx *lock; /* open while the tool is at work */
	struct issuers *issuers;
	enum issuer_kind kind;
	int shards, wait_s;
	const char *stage; /* what there was when we came, for the user */
	bool first;        /* there was none of its kind */
};
/* Reads options and settings, and takes the lock. E_CONFIG_INVALID, E_STATE_CONFLICT, E_DATABASE_*
 */
MUST_CHECK bool ca_job_open(struct ca_job *job, struct error *err);
void ca_job_clear(struct ca_job *job);
DEFER_DECLARE_CLEAR(struct ca_job, ca_job_clear)

/* A keyring: opened, changed and written at the cost that it had. */
struct ca_ring {
	char *path;
	struct secret *passphrase;
	struct keyring *keys;
	struct keyring_cost cost;
};
MUST_CHECK bool ca_ring_open(
    const struct ca_job *job, enum authority_ring which, struct ca_ring *out, struct error *err);
MUST_CHECK bool ca_ring_save(const struct ca_ring *ring, struct error *err);
void ca_ring_clear(struct ca_ring *ring);
DEFER_DECLARE_CLEAR(struct ca_ring, ca_ring_clear)

/* The supervisor starts the keeper anew if its files have changed; the service looks around. */
void ca_tell_service(const struct ca_job *job);

#endif
