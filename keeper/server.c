#include "keeper/server.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "keeper/client.h"
#include "keeper/lane.h"

_Static_assert(JOURNAL_APPEND_MAX == KEEPER_APPEND_MAX, "one append is one record");

#define STACK_BYTES \
	((size_t)512 * 1024) /* memory is locked, so that default stacks would be dear */
#define LOG_SEED_BYTES NOTE_SEED_BYTES
#define MAC_KEY_BYTES 32

struct generation { /* the threads of one set of channels */
	atomic_bool stopping;
	struct lane lanes[CONTROL_CHANNELS];
	pthread_t threads[CONTROL_CHANNELS];
	size_t started;
};

struct keeper {
	struct keeper_core core;
	struct generation *generation; /* NULL: nothing is served */
	pthread_t verifier;
	bool verifying;
};

/* ---- opening ---- */

static bool
secret_of(const struct keyring *ring, const char *name, size_t len, const struct secret **out,
    struct error *err)
{
	const struct secret *secret = keyring_find(ring, name);

	if (secret == NULL || secret_bytes(secret).len != len)
		return error_set(
		    err, E_CONFIG_INVALID, "the keyring has no \"%s\" of %zu octets", name, len);
	*out = secret;
	return true;
}

/* "<kind>:<kid>", kid 0 to 255 without leading zeros. */
static bool
kid_of(const char *name, const char *kind, uint8_t *out)
{
	char same[KEYRING_NAME_MAX + 1];
	unsigned kid = 0;

	if (strncmp(name, kind, strlen(kind)) != 0)
		return false;
	for (const char *c = name + strlen(kind); *c >= '0' && *c <= '9' && kid <= UINT8_MAX; c++)
		kid = 10 * kid + (unsigned)(*c - '0');
	(void)snprintf(same, sizeof(same), "%s%u", kind, kid);
	*out = (uint8_t)kid;
	return kid <= UINT8_MAX && strcmp(same, name) == 0;
}

/* out_before, or NULL: the one that was added before the newest. */
static bool
newest_find(const struct keyring *ring, const char *kind, struct newest *out,
    struct newest *out_before, struct error *err)
{
	for (size_t i = 0; i < keyring_count(ring); i++) {
		const char *name = keyring_name(ring, i);
		uint8_t kid = 0;

		if (!kid_of(name, kind, &kid))
			continue;
		if (out_before != NULL)
			*out_before = *out;
		if (!secret_of(ring, name, MAC_KEY_BYTES, &out->secret, err))
			return false;
		out->kid = kid;
	}
	return true;
}

static bool
signer_open(struct keeper_core *core, const struct policy_issuer *issuer, struct error *err)
{
	char name[sizeof("issuer:") + ISSUER_ID_TEXT_LEN] = "issuer:";
	struct signer *signer = &core->signers[core->signer_count];
	const struct secret *secret;
	uint8_t id[ISSUER_ID_BYTES];

	hex_encode(name + strlen(name), bytes_of(issuer->id, ISSUER_ID_BYTES));
	secret = keyring_find(core->ring, name);
	if (secret == NULL)
		return error_set(err, E_CONFIG_INVALID, "the policy has %s, the keyring not", name);
	if (!key_open(secret_bytes(secret), &signer->key, err))
		return false;
	signer->issuer = issuer;
	core->signer_count++;
	key_issuer_id(signer->key, id);
	if (memcmp(id, issuer->id, ISSUER_ID_BYTES) != 0)
		return error_set(err, E_CONFIG_INVALID, "%s is another key", name);
	return true;
}

/* Every issuer of the policy has its key, and every key of an issuer its policy. */
static bool
signers_open(struct keeper_core *core, struct error *err)
{
	size_t keys = 0;

	for (size_t i = 0; i < core->policy.issuer_count; i++)
		if (!signer_open(core, &core->policy.issuers[i], err))
			return false;
	for (size_t i = 0; i < keyring_count(core->ring); i++)
		keys += strncmp(keyring_name(core->ring, i), "issuer:", 7) == 0;
	if (keys != core->signer_count)
		return error_set(err, E_CONFIG_INVALID, "the keyring has an issuer without policy");
	return true;
}

static bool
log_open(struct keeper_core *core, const char *path, struct error *err)
{
	const struct secret *mac_key = NULL;
	uint8_t public_key[crypto_sign_PUBLICKEYBYTES], secret_key[crypto_sign_SECRETKEYBYTES];
	DEFER(buf_clear_public) struct buf last = {0};
	struct leaf_view view;
	uint64_t size;

	if (!secret_of(core->ring, "journal", MAC_KEY_BYTES, &mac_key, err) ||
	    !secret_of(core->ring, "log", LOG_SEED_BYTES, &core->log_seed, err) ||
	    !journal_open(path, mac_key, &core->journal, err))
		return false;
	(void)crypto_sign_seed_keypair(public_key, secret_key, secret_bytes(core->log_seed).data);
	sodium_memzero(secret_key, sizeof(secret_key));
	if (!note_key_init(&core->log_key, journal_origin(core->journal), public_key, err))
		return false;
	size = journal_tree(core->journal)->size;
	core->last_at_s = INT64_MIN;
	if (size == 0)
		return true;
	if (!journal_get(core->journal, size - 1, &last, err) ||
	    !leaf_parse(buf_bytes(&last), &view, err))
		return false;
	core->last_at_s = view.sequenced_at_s;
	return true;
}

/* "<name>/status", as the log's origin is "<name>/<log>". */
static bool
status_open(struct keeper_core *core, struct error *err)
{
	uint8_t public_key[crypto_sign_PUBLICKEYBYTES], secret_key[crypto_sign_SECRETKEYBYTES];
	const char *origin = journal_origin(core->journal);
	const char *slash = strrchr(origin, '/');
	char name[NOTE_NAME_MAX + 1];

	if (!newest_find(core->ring, "status:", &core->status, NULL, err))
		return false;
	if (core->status.secret == NULL)
		return true;
	(void)crypto_sign_seed_keypair(
	    public_key, secret_key, secret_bytes(core->status.secret).data);
	sodium_memzero(secret_key, sizeof secret_key);
	(void)snprintf(name, sizeof name, "%.*s/status",
	    slash != NULL ? (int)(slash - origin) : (int)strlen(origin), origin);
	return note_key_init(&core->status_key, name, public_key, err);
}

bool
keeper_open(const struct keeper_paths *paths, const struct secret *passphrase,
    const struct clock *clock, struct keeper **out, struct error *err)
{
	DEFER(keeper_free) struct keeper *keeper = xcalloc(1, sizeof(*keeper));
	struct keeper_core *core = &keeper->core;

	core->clock = clock;
	core->failure_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (core->failure_fd < 0) {
		(void)error_set(err, E_FILE_FAILED, "no event descriptor");
		error_cause_errno(err);
		return false;
	}
	if (!keyring_read(paths->keyring, passphrase, &core->ring, err) ||
	    !policy_read(paths->policy, &core->policy, err) || !signers_open(core, err) ||
	    !newest_find(core->ring, "tag:", &core->tag, &core->tag_before, err) ||
	    !newest_find(core->ring, "token:", &core->token, NULL, err) ||
	    !newest_find(core->ring, "link:", &core->link, NULL, err) ||
	    !newest_find(core->ring, "block:", &core->block, NULL, err) ||
	    !crl_numbers_open(paths->crl_numbers, &core->crl_numbers, err) ||
	    !log_open(core, paths->journal, err) || !status_open(core, err))
		return false;
	*out = TAKE(keeper);
	return true;
}

int
keeper_failure_fd(const struct keeper *keeper)
{
	return keeper->core.failure_fd;
}

/* ---- serving ---- */

static void *
lane_thread(void *argument)
{
	lane_run(argument);
	return NULL;
}

/* A message that is being answered is answered; what waits behind it is not read. */
static void
generation_free(struct generation *generation)
{
	if (generation == NULL)
		return;
	generation->stopping = true;
	for (size_t i = 0; i < CONTROL_CHANNELS; i++)
		(void)shutdown(generation->lanes[i].fd, SHUT_RD);
	for (size_t i = 0; i < generation->started; i++)
		(void)pthread_join(generation->threads[i], NULL);
	for (size_t i = 0; i < CONTROL_CHANNELS; i++) {
		(void)close(generation->lanes[i].fd);
		lane_clear(&generation->lanes[i]);
	}
	mem_free(generation);
}
DEFER_DECLARE(struct generation, generation_free)

static bool
thread_start(pthread_t *out, void *(*run)(void *), void *argument, struct error *err)
{
	pthread_attr_t attributes;
	int failed;

	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
	failed = pthread_create(out, &attributes, run, argument);
	(void)pthread_attr_destroy(&attributes);
	return failed == 0 ? true : error_set(err, E_INTERNAL, "no thread");
}

bool
keeper_serve(struct keeper *keeper, const int channels[static CONTROL_CHANNELS], struct error *err)
{
	DEFER(generation_free) struct generation *generation = xcalloc(1, sizeof(*generation));

	/* The one before ends first: the journal has one ordered lane at a time. */
	generation_free(TAKE(keeper->generation));
	for (size_t i = 0; i < CONTROL_CHANNELS; i++)
		generation->lanes[i] = (struct lane){
		    .core = &keeper->core,
		    .kind = i == 0 ? LANE_ORDERED : LANE_STATELESS,
		    .fd = channels[i],
		    .stopping = &generation->stopping,
		};
	for (size_t i = 0; i < CONTROL_CHANNELS; i++) {
		if (!thread_start(&generation->threads[i], lane_thread, &generation->lanes[i], err))
			return false;
		generation->started++;
	}
	keeper->generation = TAKE(generation);
	return true;
}

void
keeper_stop(struct keeper *keeper)
{
	generation_free(TAKE(keeper->generation));
}

/* ---- verifying ---- */

static void *
verify_thread(void *argument)
{
	struct keeper_core *core = argument;
	struct error err = {0};

	if (journal_verify(core->journal, &err)) {
		log_info("keeper.verified", "the journal is whole");
	} else if (err.code != E_KEEPER_UNAVAILABLE) {
		core->damaged = true;
		log_error(LOG_LEVEL_ERROR, "keeper.damaged", NULL, &err);
	}
	return NULL;
}

bool
keeper_verify_begin(struct keeper *keeper, struct error *err)
{
	if (keeper->verifying)
		return true;
	keeper->verifying = thread_start(&keeper->verifier, verify_thread, &keeper->core, err);
	return keeper->verifying;
}

void
keeper_free(struct keeper *keeper)
{
	struct keeper_core *core;

	if (keeper == NULL)
		return;
	core = &keeper->core;
	keeper_stop(keeper);
	if (keeper->verifying) {
		journal_interrupt(core->journal);
		(void)pthread_join(keeper->verifier, NULL);
	}
	for (size_t i = 0; i < core->signer_count; i++)
		key_free(core->signers[i].key);
	journal_free(core->journal);
	crl_numbers_free(core->crl_numbers);
	policy_clear(&core->policy);
	keyring_free(core->ring);
	if (core->failure_fd >= 0)
		(void)close(core->failure_fd);
	mem_free(keeper);
}
