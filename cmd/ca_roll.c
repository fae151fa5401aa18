#include "cmd/ca_roll.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "ca/authority.h"
#include "ca/roll.h"
#include "cmd/ca_job.h"
#include "cmd/cli.h"
#include "keeper/link.h"

#define LOOK_EVERY_MS 200
#define UNLINKABLE_KEYS 2

/* ---- a key for the new authority ---- */

/* One that an earlier run left in the ring before it was recorded, or NULL. */
static bool
find_unused(const struct ca_job *job, const struct keyring *ring, const struct secret **out,
    struct error *err)
{
	static const char prefix[] = "issuer:";
	uint8_t id[ISSUER_ID_BYTES];

	*out = NULL;
	for (size_t i = 0; i < keyring_count(ring) && *out == NULL; i++) {
		const char *name = keyring_name(ring, i);
		bool used = false;

		if (strncmp(name, prefix, sizeof prefix - 1) != 0 ||
		    !hex_decode(bytes_of_text(name + sizeof prefix - 1), id, sizeof id))
			continue;
		if (!roll_key_used(job->lock, id, &used, err))
			return false;
		if (!used)
			*out = keyring_find(ring, name);
	}
	return true;
}

/* An installation that is older than the unlinkable mode has none of its keys. */
static void
add_unlinkable_keys(struct keyring *keys)
{
	static const char *const names[] = {"link:1", "block:1"};

	_Static_assert(COUNT(names) == UNLINKABLE_KEYS, "room is left for as many");
	for (size_t i = 0; i < COUNT(names); i++)
		if (keyring_find(keys, names[i]) == NULL)
			keyring_add(keys, names[i], secret_random(LINK_KEY_BYTES));
}

static bool
make_key(enum issuer_kind kind, struct ca_ring *ring, struct key **out, struct error *err)
{
	DEFER(secret_free) struct secret *pkcs8 = NULL;
	DEFER(key_free) struct key *key = NULL;
	uint8_t id[ISSUER_ID_BYTES];
	char name[KEYRING_NAME_MAX + 1];

	if (keyring_count(ring->keys) + UNLINKABLE_KEYS >= KEYRING_ENTRIES_MAX)
		return error_set(err, E_STATE_CONFLICT,
		    "%s is full: retire authorities that are done with", ring->path);
	if (!key_generate(&pkcs8, err) || !key_open(secret_bytes(pkcs8), &key, err))
		return false;
	key_issuer_id(key, id);
	authority_key_name(name, id);
	keyring_add(ring->keys, name, TAKE(pkcs8));
	if (kind == ISSUER_PSEUDONYM_CA)
		add_unlinkable_keys(ring->keys);
	if (!ca_ring_save(ring, err))
		return false;
	*out = TAKE(key);
	return true;
}

static bool
get_key(const struct ca_job *job, struct key **out, struct error *err)
{
	DEFER(ca_ring_clear) struct ca_ring ring = {0};
	const struct secret *unused;

	if (!ca_ring_open(job, authority_plan(job->kind)->ring, &ring, err) ||
	    !find_unused(job, ring.keys, &unused, err))
		return false;
	return unused != NULL ? key_open(secret_bytes(unused), out, err)
			      : make_key(job->kind, &ring, out, err);
}

/* ---- the steps ---- */

/* A key, and what the root shall sign, on record. */
static bool
record(struct ca_job *job, struct roll *roll, struct error *err)
{
	const int64_t now_s = clock_now_s(&job->clock);
	DEFER(key_free) struct key *key = NULL;
	DEFER(tx_free) struct tx *tx = NULL;

	return get_key(job, &key, err) &&
	       roll_prepare(job->issuers, job->kind, key_spki(key), job->shards, now_s, &job->rng,
		   roll, err) &&
	       tx_begin(job->db, &tx, err) && roll_record(tx, roll, now_s, &job->rng, err) &&
	       tx_commit(&tx, err);
}

/* True when the keeper's policy has it, or does now. */
static bool
allow(const struct ca_job *job, struct bytes der, int shard_count, struct error *err)
{
	DEFER(mem_free) char *path = settings_path(job->settings.keeper_dir, "policy.json");
	DEFER(policy_clear) struct policy policy = {0};
	struct certificate certificate;
	uint8_t id[ISSUER_ID_BYTES];

	if (authority_plan(job->kind)->ring != RING_KEEPER)
		return true;
	if (!certificate_parse(der, &certificate, err) || !policy_read(path, &policy, err))
		return false;
	issuer_id_of_spki(certificate.spki, id);
	if (policy_find(&policy, id) != NULL)
		return true;
	if (policy.issuer_count == POLICY_ISSUERS_MAX)
		return error_set(err, E_STATE_CONFLICT,
		    "the keeper's policy is full: retire authorities that are done with");
	authority_policy(job->kind, &certificate, job->settings.public_http_url, shard_count,
	    &policy.issuers[policy.issuer_count++]);
	return policy_write(&policy, path, err);
}

/* The root signs what is on record; the keeper may use the key; then the services learn of it. */
static bool
install(struct ca_job *job, const struct roll *roll, struct error *err)
{
	DEFER(ca_ring_clear) struct ca_ring roots = {0};
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(tx_free) struct tx *tx = NULL;

	if (!ca_ring_open(job, RING_ROOTS, &roots, err) ||
	    !roll_sign(roll, roots.keys, &der, err) ||
	    !allow(job, buf_bytes(&der), roll->shard_count, err))
		return false;
	ca_tell_service(job);
	return tx_begin(job->db, &tx, err) &&
	       roll_install(tx, roll, buf_bytes(&der), clock_now_s(&job->clock), &job->rng, err) &&
	       tx_commit(&tx, err);
}

static bool
activate_once(const struct ca_job *job, bool *out_done, struct error *err)
{
	DEFER(tx_free) struct tx *tx = NULL;

	return tx_begin(job->db, &tx, err) &&
	       roll_activate(tx, job->kind, clock_now_s(&job->clock), &job->rng, out_done, err) &&
	       (!*out_done || tx_commit(&tx, err));
}

/* Certificates are issued only when their CRLs are there, which takes the keeper with its key. */
static bool
activate(const struct ca_job *job, struct error *err)
{
	const struct timespec pause = {.tv_nsec = LOOK_EVERY_MS * 1000000L};
	const int64_t until_ms = clock_monotonic_ms() + (int64_t)job->wait_s * 1000;
	bool done = false;

	for (;;) {
		if (!activate_once(job, &done, err))
			return false;
		if (done)
			return true;
		if (clock_monotonic_ms() >= until_ms)
			return error_set(err, E_TIMEOUT,
			    "the new authority is made, and issues nothing before the service has "
			    "built its CRLs: start or reload monikerd, then run this again");
		(void)nanosleep(&pause, NULL);
	}
}

static const struct issuer *
find_next(const struct ca_job *job)
{
	for (size_t i = 0; i < issuers_count(job->issuers); i++) {
		const struct issuer *issuer = issuers_at(job->issuers, i);

		if (issuer->kind == job->kind && issuer_state(issuer) == ISSUER_NEXT)
			return issuer;
	}
	return NULL;
}

/* Whatever an earlier run did not come to. */
static bool
run_steps(struct ca_job *job, struct error *err)
{
	DEFER(roll_clear) struct roll roll = {0};
	const struct issuer *next = find_next(job);
	int64_t last_at_s;
	bool pending = false;

	if (!roll_last(job->lock, job->kind, &last_at_s, err) ||
	    !roll_pending(job->lock, job->kind, &roll, &pending, err))
		return false;
	job->first = issuers_active(job->issuers, job->kind) == NULL;
	job->stage = next != NULL ? "waiting" : pending ? "recorded" : "new";
	if (next == NULL && !pending && !job->options->again &&
	    clock_now_s(&job->clock) - last_at_s < ROLL_AGAIN_S)
		job->stage = "done";
	if (job->options->dry_run || strcmp(job->stage, "done") == 0)
		return true;
	if (next != NULL) {
		if (!allow(job, buf_bytes(&next->der), next->shard_count, err))
			return false;
		ca_tell_service(job);
		return activate(job, err);
	}
	if (!pending && !record(job, &roll, err))
		return false;
	return install(job, &roll, err) &&
	       (authority_plan(job->kind)->ring != RING_KEEPER || activate(job, err));
}

/* ---- what is told ---- */

void
ca_trust_pem(const struct issuers *issuers, struct buf *out)
{
	static const enum issuer_kind kinds[] = {
	    ISSUER_DEVICE_ROOT, ISSUER_DEVICE_CA, ISSUER_PSEUDONYM_CA};

	for (size_t k = 0; k < COUNT(kinds); k++)
		for (size_t i = 0; i < issuers_count(issuers); i++) {
			const struct issuer *issuer = issuers_at(issuers, i);

			if (issuer->kind == kinds[k] && issuer_state(issuer) != ISSUER_RETIRED)
				pem_encode(out, "CERTIFICATE", buf_bytes(&issuer->der));
		}
}

static bool
write_trust(struct ca_job *job, struct error *err)
{
	DEFER(mem_free) char *path = settings_path(job->options->dir, "trust.pem");
	DEFER(buf_clear_public) struct buf pem = {0};

	if (!issuers_reload(job->issuers, job->db, err))
		return false;
	ca_trust_pem(job->issuers, &pem);
	return file_write(path, buf_bytes(&pem), 0644, err);
}

static void
print_roll(const struct ca_job *job)
{
	const struct issuer *active = issuers_active(job->issuers, job->kind);
	const char *id = active != NULL ? active->id_text : "none";

	if (job->options->json)
		printf("{\"kind\":\"%s\",\"active\":\"%s\",\"stage\":\"%s\",\"dry_run\":%s}\n",
		    issuer_kind_name(job->kind), id, job->stage,
		    job->options->dry_run ? "true" : "false");
	else if (job->options->dry_run)
		printf("%s: the active one is %s. A roll would %s.\n", issuer_kind_name(job->kind),
		    id,
		    strcmp(job->stage, "new") == 0    ? "make a new one"
		    : strcmp(job->stage, "done") == 0 ? "do nothing: it was done within a day"
						      : "finish the one that has begun");
	else
		printf("%s: %s is active%s\n", issuer_kind_name(job->kind), id,
		    strcmp(job->stage, "done") == 0
			? " since less than a day; --again for another one."
		    : job->first
			? ", the first of its kind."
			: ". Certificates of the one before stay good, and its CRLs go on.");
}

static bool
run_roll(struct ca_job *job, const char *word, struct error *err)
{
	if (!issuer_kind_of(word, &job->kind) || authority_plan(job->kind)->parent == job->kind)
		return error_set(err, E_CONFIG_INVALID,
		    "%s: a roll is for device-ca, service-ca, operators-ca, birth-ca or "
		    "pseudonym-ca",
		    word);
	if (job->kind == ISSUER_PSEUDONYM_CA && job->options->shards != NULL)
		return error_set(err, E_CONFIG_INVALID,
		    "the shards of a Pseudonym CA are its epochs': leave --shards out");
	if (!ca_job_open(job, err))
		return false;
	if (job->kind == ISSUER_PSEUDONYM_CA)
		job->shards = AUTHORITY_EPOCH_SHARDS;
	if (!run_steps(job, err))
		return false;
	if (job->options->dry_run)
		return true;
	if (!write_trust(job, err))
		return false;
	ca_tell_service(job);
	return true;
}

int
ca_roll(const struct ca_options *options, const char *word)
{
	DEFER(ca_job_clear) struct ca_job job = {.options = options};
	struct error err = {0};

	if (!run_roll(&job, word, &err))
		return cli_fail(&err, options->json, EXIT_FAILURE);
	print_roll(&job);
	return EXIT_SUCCESS;
}

/* ---- retire ---- */

static bool
forget_key(const struct ca_job *job, const struct issuer *issuer, struct error *err)
{
	DEFER(ca_ring_clear) struct ca_ring ring = {0};
	char name[KEYRING_NAME_MAX + 1];

	authority_key_name(name, issuer->id);
	if (!ca_ring_open(job, authority_plan(issuer->kind)->ring, &ring, err))
		return false;
	if (keyring_find(ring.keys, name) == NULL)
		return true;
	keyring_remove(ring.keys, name);
	return ca_ring_save(&ring, err);
}

static bool
disallow(const struct ca_job *job, const struct issuer *issuer, struct error *err)
{
	DEFER(mem_free) char *path = settings_path(job->settings.keeper_dir, "policy.json");
	DEFER(policy_clear) struct policy policy = {0};

	if (authority_plan(issuer->kind)->ring != RING_KEEPER)
		return true;
	if (!policy_read(path, &policy, err))
		return false;
	return !policy_remove(&policy, issuer->id) || policy_write(&policy, path, err);
}

static bool
retire_recorded(const struct ca_job *job, const struct issuer *issuer, struct error *err)
{
	const int64_t now_s = clock_now_s(&job->clock);
	DEFER(tx_free) struct tx *tx = NULL;
	char from[TIME_TEXT_LEN + 1];
	int64_t from_s;

	if (issuer_state(issuer) == ISSUER_RETIRED)
		return true; /* an earlier run: what is left are the files */
	if (!tx_begin(job->db, &tx, err) || !roll_retire_from(tx, issuer, &from_s, err))
		return false;
	if (from_s == INT64_MAX)
		return error_set(err, E_STATE_CONFLICT, "%s is %s: only a rolled one is retired",
		    issuer->id_text, issuer_state_name(issuer_state(issuer)));
	if (now_s < from_s) {
		time_encode(from, from_s);
		return error_set(err, E_STATE_CONFLICT,
		    "certificates of %s may be valid: not before %s", issuer->id_text, from);
	}
	return job->options->dry_run ||
	       (roll_retire(tx, issuer, now_s, &job->rng, err) && tx_commit(&tx, err));
}

static bool
run_retire(struct ca_job *job, const char *word, struct error *err)
{
	const struct issuer *issuer = NULL;
	uint8_t id[ISSUER_ID_BYTES];

	if (!ca_job_open(job, err))
		return false;
	if (hex_decode(bytes_of_text(word), id, sizeof id))
		issuer = issuers_find(job->issuers, id);
	if (issuer == NULL)
		return error_set(err, E_NOT_FOUND, "there is no authority %s", word);
	if (!retire_recorded(job, issuer, err))
		return false;
	if (job->options->dry_run)
		return true;
	if (!disallow(job, issuer, err) || !forget_key(job, issuer, err) || !write_trust(job, err))
		return false;
	ca_tell_service(job);
	return true;
}

int
ca_retire(const struct ca_options *options, const char *word)
{
	DEFER(ca_job_clear) struct ca_job job = {.options = options};
	struct error err = {0};

	if (!run_retire(&job, word, &err))
		return cli_fail(&err, options->json, EXIT_FAILURE);
	if (options->json)
		printf("{\"retired\":\"%s\",\"dry_run\":%s}\n", word,
		    options->dry_run ? "true" : "false");
	else
		printf(options->dry_run ? "%s may be retired.\n"
					: "%s is retired, its key destroyed.\n",
		    word);
	return EXIT_SUCCESS;
}
