/* moniker ca status-signer: another key that signs status, or the first certificate of one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ca/roll.h"
#include "ca/status_signer.h"
#include "cmd/ca_job.h"
#include "cmd/cli.h"

#define PREFIX "status:"
#define SEED_BYTES 32
#define KID_MAX 255

/* The keyrings are opened before anything is changed: a wrong passphrase changes nothing. */
struct rings {
	struct ca_ring keeper, roots;
};

static void
rings_clear(struct rings *rings)
{
	ca_ring_clear(&rings->keeper);
	ca_ring_clear(&rings->roots);
}
DEFER_DECLARE_CLEAR(struct rings, rings_clear)

/* The entry that the keeper signs with, the last of them; NULL: it has none. */
static const char *
newest_entry(const struct keyring *ring)
{
	const char *newest = NULL;

	for (size_t i = 0; i < keyring_count(ring); i++)
		if (strncmp(keyring_name(ring, i), PREFIX, sizeof PREFIX - 1) == 0)
			newest = keyring_name(ring, i);
	return newest;
}

static bool
has_key(const struct keyring *ring, const uint8_t public_key[static AUTHORITY_ED25519_BYTES])
{
	const char *entry = newest_entry(ring);
	uint8_t has[AUTHORITY_ED25519_BYTES];

	if (entry == NULL)
		return false;
	authority_ed25519_public(keyring_find(ring, entry), has);
	return memcmp(has, public_key, sizeof has) == 0;
}

/* In one write: the keeper that is started next has the new one, and no other. */
static bool
replace_key(struct ca_ring *ring, struct error *err)
{
	const char *before = newest_entry(ring->keys);
	const unsigned long kid =
	    before == NULL ? 0 : strtoul(before + sizeof PREFIX - 1, NULL, 10);
	char old[KEYRING_NAME_MAX + 1] = "", name[KEYRING_NAME_MAX + 1];

	(void)snprintf(name, sizeof name, PREFIX "%lu", kid % KID_MAX + 1);
	if (before != NULL) {
		(void)snprintf(old, sizeof old, "%s", before);
		keyring_remove(ring->keys, old);
	}
	if (keyring_count(ring->keys) == KEYRING_ENTRIES_MAX)
		return error_set(err, E_STATE_CONFLICT,
		    "%s is full: retire authorities that are done with", ring->path);
	keyring_add(ring->keys, name, secret_random(SEED_BYTES));
	return ca_ring_save(ring, err);
}

/* A key that no certificate names yet, and what the root shall sign, on record. */
static bool
record(struct ca_job *job, struct rings *rings, bool fresh, struct status_signer *out,
    struct error *err)
{
	const int64_t now_s = clock_now_s(&job->clock);
	DEFER(tx_free) struct tx *tx = NULL;
	uint8_t public_key[AUTHORITY_ED25519_BYTES];
	int64_t last_s;
	int count;

	if (fresh && !replace_key(&rings->keeper, err))
		return false;
	authority_ed25519_public(
	    keyring_find(rings->keeper.keys, newest_entry(rings->keeper.keys)), public_key);
	return status_signer_count(job->lock, &count, &last_s, err) &&
	       status_signer_prepare(
		   job->issuers, public_key, count + 1, now_s, &job->rng, out, err) &&
	       tx_begin(job->db, &tx, err) &&
	       status_signer_record(tx, out, now_s, &job->rng, err) && tx_commit(&tx, err);
}

static bool
install(struct ca_job *job, const struct rings *rings, const struct status_signer *signer,
    struct error *err)
{
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(tx_free) struct tx *tx = NULL;

	if (!has_key(rings->keeper.keys, signer->public_key))
		return error_set(err, E_NOT_FOUND,
		    "the key on record is not the newest in %s: run this where it was made",
		    rings->keeper.path);
	return status_signer_sign(signer, rings->roots.keys, &der, err) &&
	       tx_begin(job->db, &tx, err) &&
	       status_signer_install(
		   tx, signer, buf_bytes(&der), clock_now_s(&job->clock), &job->rng, err) &&
	       tx_commit(&tx, err);
}

/* "recorded": an earlier run began it; "uncertified": a key without one; "new"; "done". */
static bool
find_stage(struct ca_job *job, const struct keyring *keeper, struct status_signer *pending,
    struct error *err)
{
	const char *newest = newest_entry(keeper);
	uint8_t public_key[AUTHORITY_ED25519_BYTES];
	bool found = false, known = true;
	int64_t last_s;
	int count;

	if (newest != NULL) {
		authority_ed25519_public(keyring_find(keeper, newest), public_key);
		if (!status_signer_known(job->lock, public_key, &known, err))
			return false;
	}
	if (!status_signer_pending(job->lock, pending, &found, err) ||
	    !status_signer_count(job->lock, &count, &last_s, err))
		return false;
	job->stage = found ? "recorded" : known ? "new" : "uncertified";
	if (!found && known && newest != NULL && !job->options->again &&
	    clock_now_s(&job->clock) - last_s < ROLL_AGAIN_S)
		job->stage = "done";
	return true;
}

static bool
run_steps(struct ca_job *job, struct error *err)
{
	DEFER(rings_clear) struct rings rings = {0};
	DEFER(status_signer_clear) struct status_signer signer = {0};

	if (!ca_job_open(job, err) || !ca_ring_open(job, RING_KEEPER, &rings.keeper, err) ||
	    !find_stage(job, rings.keeper.keys, &signer, err))
		return false;
	if (job->options->dry_run || strcmp(job->stage, "done") == 0)
		return true;
	if (!ca_ring_open(job, RING_ROOTS, &rings.roots, err) ||
	    (strcmp(job->stage, "recorded") != 0 &&
		!record(job, &rings, strcmp(job->stage, "new") == 0, &signer, err)) ||
	    !install(job, &rings, &signer, err))
		return false;
	ca_tell_service(job);
	return true;
}

int
ca_status_signer(const struct ca_options *options, const char *word)
{
	DEFER(ca_job_clear) struct ca_job job = {.options = options};
	struct error err = {0};

	(void)word;
	if (!run_steps(&job, &err))
		return cli_fail(&err, options->json, EXIT_FAILURE);
	if (options->json)
		printf("{\"stage\":\"%s\",\"dry_run\":%s}\n", job.stage,
		    options->dry_run ? "true" : "false");
	else if (strcmp(job.stage, "done") == 0)
		printf("The status signer is certified since less than a day; --again for "
		       "another one.\n");
	else
		printf("The status signer %s: %s.\n", options->dry_run ? "would be" : "is now",
		    strcmp(job.stage, "new") == 0 ? "a new key with its certificate"
						  : "certified, with the key that is there");
	return EXIT_SUCCESS;
}
