#include "cmd/ca_job.h"

#include <signal.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ca/roll.h"
#include "cmd/passphrase.h"
#include "cmd/process_lock.h"

#define SHARDS_MAX 9999
#define WAIT_DEFAULT_S 60
#define WAIT_MAX_S 3600

static bool
read_number(const char *text, const char *option, int min, int max, int *out, struct error *err)
{
	char *end = NULL;
	long number;

	if (text == NULL)
		return true;
	number = strtol(text, &end, 10);
	if (*text == '\0' || *end != '\0' || number < min || number > max)
		return error_set(err, E_CONFIG_INVALID, "%s is %d to %d", option, min, max);
	*out = (int)number;
	return true;
}

bool
ca_job_open(struct ca_job *job, struct error *err)
{
	const struct ca_options *options = job->options;

	job->clock = clock_system();
	job->rng = rng_system();
	job->shards = 1;
	job->wait_s = WAIT_DEFAULT_S;
	if (!read_number(options->shards, "--shards", 1, SHARDS_MAX, &job->shards, err) ||
	    !read_number(options->wait, "--wait", 0, WAIT_MAX_S, &job->wait_s, err) ||
	    !settings_read(options->config, &job->settings, err))
		return false;
	job->db = db_new(&(struct db_options){.url = options->database_url,
	    .application = "moniker ca",
	    .connections_max = 3,
	    .wait_ms = 5000});
	return tx_begin(job->db, &job->lock, err) && roll_lock(job->lock, err) &&
	       issuers_load(job->db, job->settings.public_http_url, &job->issuers, err);
}

void
ca_job_clear(struct ca_job *job)
{
	issuers_free(job->issuers);
	tx_free(job->lock);
	db_free(job->db);
	settings_clear(&job->settings);
}
/* ---- keyrings ---- */

void
ca_ring_clear(struct ca_ring *ring)
{
	keyring_free(ring->keys);
	secret_free(ring->passphrase);
	free(ring->path);
}
bool
ca_ring_open(
    const struct ca_job *job, enum authority_ring which, struct ca_ring *out, struct error *err)
{
	const struct ca_options *options = job->options;
	const char *const files[] = {[RING_ROOTS] = options->passphrase_file,
	    [RING_OPERATORS] = options->operators_passphrase_file,
	    [RING_KEEPER] = job->settings.passphrase_file};
	static const char *const prompts[] = {
	    [RING_ROOTS] = "Passphrase of the roots' keyring: ",
	    [RING_OPERATORS] = "Passphrase of the Operators CA's keyring: ",
	    [RING_KEEPER] = "Passphrase of the keeper's keyring: ",
	};

	if (which == RING_ROOTS && options->ring != NULL)
		out->path = xstrdup(options->ring);
	else
		out->path = which == RING_KEEPER
				? settings_path(job->settings.keeper_dir, "keeper.ring")
				: settings_path(options->dir,
				      which == RING_ROOTS ? "roots.ring" : "operators.ring");
	return passphrase_read(files[which], prompts[which], &out->passphrase, err) &&
	       keyring_read_cost(out->path, &out->cost, err) &&
	       keyring_read(out->path, out->passphrase, &out->keys, err);
}

bool
ca_ring_save(const struct ca_ring *ring, struct error *err)
{
	return keyring_write(ring->keys, ring->path, ring->passphrase, ring->cost, err);
}

void
ca_tell_service(const struct ca_job *job)
{
	const pid_t supervisor = process_lock_holder(job->settings.keeper_dir);

	if (supervisor > 0)
		(void)kill(supervisor, SIGHUP);
}
