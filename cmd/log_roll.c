/*
 * moniker log roll: a new log for this node, as of a new year. The service goes on in the one
 * before; from its next start on it writes to the new one, whose first leaf says where that ended.
 */
#include "cmd/log_roll.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "audit/log_folder.h"
#include "audit/logs.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cmd/cli.h"
#include "cmd/host_files.h"
#include "cmd/passphrase.h"
#include "keeper/keyring.h"
#include "proof/note.h"

#define ANNOUNCE_WAIT_MS 30000
#define ANNOUNCE_LOOK_MS 100

struct rolling {
	struct settings settings;
	struct secret *passphrase;
	struct keyring *ring;
	struct db *db;
	char before[LOG_NAME_MAX + 1], name[LOGS_NAME_MAX + 1];
	uint8_t public_key[32];
	char *origin;
};

static void
rolling_clear(struct rolling *rolling)
{
	free(rolling->origin);
	db_free(rolling->db);
	keyring_free(rolling->ring);
	secret_free(rolling->passphrase);
	settings_clear(&rolling->settings);
}
DEFER_DECLARE_CLEAR(struct rolling, rolling_clear)

/* The key that signs all logs of this deployment, and the one of its journals. */
static bool
open_ring(struct rolling *rolling, struct error *err)
{
	DEFER(mem_free) char *path = settings_path(rolling->settings.keeper_dir, "keeper.ring");
	uint8_t private_key[crypto_sign_SECRETKEYBYTES];
	const struct secret *seed;

	if (!passphrase_read(rolling->settings.passphrase_file,
		"Passphrase of the keeper's keyring: ", &rolling->passphrase, err) ||
	    !keyring_read(path, rolling->passphrase, &rolling->ring, err))
		return false;
	seed = keyring_find(rolling->ring, "log");
	if (seed == NULL || secret_bytes(seed).len != crypto_sign_SEEDBYTES ||
	    keyring_find(rolling->ring, "journal") == NULL)
		return error_set(err, E_BAD_SYNTAX, "the keyring is not a keeper's");
	(void)crypto_sign_seed_keypair(rolling->public_key, private_key, secret_bytes(seed).data);
	sodium_memzero(private_key, sizeof private_key);
	return true;
}

static bool
make_row(struct rolling *rolling, struct error *err)
{
	const struct clock clock = clock_system();
	const struct rng rng = rng_system();
	const struct logs_roll roll = {.name = rolling->settings.audit_name,
	    .node = rolling->settings.node,
	    .before = rolling->before,
	    .public_key = rolling->public_key,
	    .now_s = clock_now_s(&clock)};
	DEFER(tx_free) struct tx *tx = NULL;

	if (!tx_begin(rolling->db, &tx, err) || !logs_roll(tx, &roll, &rng, rolling->name, err) ||
	    !tx_commit(&tx, err))
		return false;
	rolling->origin = settings_path(rolling->settings.audit_name, rolling->name);
	return true;
}

/* A log that nobody has announced is none: the service that runs does it, within a moment. */
static bool
wait_for_announcement(const struct rolling *rolling, struct error *err)
{
	static const struct timespec MOMENT = {.tv_nsec = ANNOUNCE_LOOK_MS * 1000000L};
	const int64_t until_ms = clock_monotonic_ms() + ANNOUNCE_WAIT_MS;
	bool announced = false;

	for (;;) {
		if (!logs_is_announced(rolling->db, rolling->name, &announced, err))
			return false;
		if (announced)
			return true;
		if (clock_monotonic_ms() >= until_ms)
			return error_set(err, E_STATE_CONFLICT,
			    "%s does not announce %s yet: start monikerd, and run this again",
			    rolling->before, rolling->name);
		(void)nanosleep(&MOMENT, NULL);
	}
}

/* After the announcement: from here on the next start takes the new one. */
static bool
switch_over(const struct rolling *rolling, struct error *err)
{
	if (host_has_journal(&rolling->settings, rolling->name))
		return host_use_log(&rolling->settings, rolling->name, err);
	return host_open_journal(&rolling->settings, rolling->name, rolling->origin,
	    keyring_find(rolling->ring, "journal"), err);
}

static bool
print_done(const struct rolling *rolling, bool json, struct error *err)
{
	DEFER(buf_clear_public) struct buf vkey = {0};
	struct note_key key;

	if (!note_key_init(&key, rolling->origin, rolling->public_key, err))
		return false;
	note_key_encode(&key, &vkey);
	if (json)
		printf("{\"log\":\"%s\",\"vkey\":\"%s\"}\n", rolling->origin, buf_text(&vkey));
	else
		printf("log %s\n"
		       "is announced, and written to from the next start of monikerd on. Next: add "
		       "the "
		       "line to\nthe policies of witnesses and auditors, then restart monikerd.\n",
		    buf_text(&vkey));
	return true;
}

int
log_roll(const char *config, const char *database_url, bool json)
{
	DEFER(rolling_clear) struct rolling rolling = {0};
	struct error err = {0};

	rolling.db = db_new(&(struct db_options){.url = database_url,
	    .application = "moniker log",
	    .connections_max = 1,
	    .wait_ms = 5000});
	if (!settings_read(config, &rolling.settings, &err) ||
	    !settings_log_name(&rolling.settings, rolling.before, &err) ||
	    !open_ring(&rolling, &err) || !make_row(&rolling, &err) ||
	    !wait_for_announcement(&rolling, &err) || !switch_over(&rolling, &err) ||
	    !print_done(&rolling, json, &err))
		return cli_fail(&err, json, EXIT_FAILURE);
	return EXIT_SUCCESS;
}

static bool
use(const char *config, const char *name, struct error *err)
{
	DEFER(settings_clear) struct settings settings = {0};

	if (!settings_read(config, &settings, err))
		return false;
	if (!log_folder_name_valid(name) || !host_has_journal(&settings, name))
		return error_set(err, E_NOT_FOUND, "this node has no journal of a log %.64s", name);
	return host_use_log(&settings, name, err);
}

int
log_use(const char *config, const char *name, bool json)
{
	struct error err = {0};

	if (!use(config, name, &err))
		return cli_fail(&err, json, EXIT_FAILURE);
	if (json)
		printf("{\"log\":\"%s\"}\n", name);
	else
		printf("The next start writes to %s.\n", name);
	return EXIT_SUCCESS;
}
