/* moniker log: the logs of a deployment's nodes, on the host: another node's is opened, a lost
 * node's retired, what is old dropped or held. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "audit/logs.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "cmd/cli.h"
#include "cmd/host_files.h"
#include "cmd/log_retention.h"
#include "cmd/log_roll.h"
#include "cmd/options.h"
#include "cmd/passphrase.h"
#include "keeper/keyring.h"

struct log_options {
	const char *config, *database_url, *keep_days;
	bool force, blobs, json;
};

static struct db *
open_database(const struct log_options *options)
{
	return db_new(&(struct db_options){.url = options->database_url,
	    .application = "moniker log",
	    .connections_max = 1,
	    .wait_ms = 5000});
}

/* ---- open ---- */

struct opening {
	struct settings settings;
	struct secret *passphrase;
	struct keyring *ring;
	char name[LOG_NAME_MAX + 1];
	char *origin;
};

static void
opening_clear(struct opening *opening)
{
	free(opening->origin);
	keyring_free(opening->ring);
	secret_free(opening->passphrase);
	settings_clear(&opening->settings);
}
DEFER_DECLARE_CLEAR(struct opening, opening_clear)

/* The keyring is a copy of the first node's: all nodes issue as the same authorities. */
static bool
open_ring(struct opening *opening, struct error *err)
{
	DEFER(mem_free) char *log = settings_path(opening->settings.keeper_dir, "log");
	DEFER(mem_free) char *ring = settings_path(opening->settings.keeper_dir, "keeper.ring");
	DEFER(mem_free) char *policy = settings_path(opening->settings.keeper_dir, "policy.json");

	if (access(log, F_OK) == 0)
		return error_set(err, E_STATE_CONFLICT, "%s is there: this node has a log", log);
	if (access(policy, R_OK) != 0)
		return error_set(err, E_FILE_FAILED, "%s is missing: copy it from a node", policy);
	return passphrase_read(opening->settings.passphrase_file,
		   "Passphrase of the keeper's keyring: ", &opening->passphrase, err) &&
	       keyring_read(ring, opening->passphrase, &opening->ring, err) &&
	       host_give(policy, opening->settings.keeper_user, err) &&
	       host_give(ring, opening->settings.keeper_user, err);
}

static bool
log_public_key(const struct keyring *ring, uint8_t out[static 32], struct error *err)
{
	const struct secret *seed = keyring_find(ring, "log");
	uint8_t private_key[crypto_sign_SECRETKEYBYTES];

	if (seed == NULL || secret_bytes(seed).len != crypto_sign_SEEDBYTES ||
	    keyring_find(ring, "journal") == NULL)
		return error_set(err, E_BAD_SYNTAX, "the keyring is not a keeper's");
	(void)crypto_sign_seed_keypair(out, private_key, secret_bytes(seed).data);
	sodium_memzero(private_key, sizeof private_key);
	return true;
}

/* Folders and journal before the row: an empty journal that no row names harms nobody. */
static bool
make_log(const struct opening *opening, const struct log_options *options, int64_t now_s,
    struct error *err)
{
	const struct settings *settings = &opening->settings;
	const struct rng rng = rng_system();
	DEFER(db_free) struct db *db = open_database(options);
	DEFER(tx_free) struct tx *tx = NULL;
	uint8_t public_key[32];

	return log_public_key(opening->ring, public_key, err) && tx_begin(db, &tx, err) &&
	       logs_open(tx, opening->origin, public_key, now_s, &rng, err) &&
	       host_make_dir(settings->keeper_dir, 0700, settings->keeper_user, err) &&
	       host_make_dir(settings->state_dir, 0700, settings->user, err) &&
	       host_make_dir(settings->audit_dir, 0755, settings->user, err) &&
	       host_open_journal(settings, opening->name, opening->origin,
		   keyring_find(opening->ring, "journal"), err) &&
	       tx_commit(&tx, err);
}

static int
open_command(const struct log_options *options)
{
	const struct clock clock = clock_system();
	const int64_t now_s = clock_now_s(&clock);
	DEFER(opening_clear) struct opening opening = {0};
	struct error err = {0};

	if (!settings_read(options->config, &opening.settings, &err))
		return cli_fail(&err, options->json, EXIT_FAILURE);
	host_log_name(&opening.settings, now_s, opening.name);
	opening.origin = settings_path(opening.settings.audit_name, opening.name);
	if (!open_ring(&opening, &err) || !make_log(&opening, options, now_s, &err))
		return cli_fail(&err, options->json, EXIT_FAILURE);
	if (options->json)
		printf("{\"log\":\"%s\"}\n", opening.origin);
	else
		printf("The log is %s. Next: start monikerd.\n", opening.origin);
	return EXIT_SUCCESS;
}

/* ---- retire ---- */

static int
retire_command(const struct log_options *options, const char *origin)
{
	const struct clock clock = clock_system();
	const struct rng rng = rng_system();
	DEFER(db_free) struct db *db = open_database(options);
	DEFER(tx_free) struct tx *tx = NULL;
	struct logs_retired retired = {0};
	struct error err = {0};
	char at[TIME_TEXT_LEN + 1];

	if (!tx_begin(db, &tx, &err) ||
	    !logs_retire(tx, origin, options->force, clock_now_s(&clock), &rng, &retired, &err) ||
	    !tx_commit(&tx, &err))
		return cli_fail(&err, options->json, EXIT_FAILURE);
	time_encode(at, retired.at_s);
	if (options->json)
		printf("{\"log\":\"%s\",\"size\":%lld,\"retired_at\":\"%s\"}\n", origin,
		    (long long)retired.size, at);
	else
		printf("%s %s at size %lld (%s).\n", origin,
		    retired.was_so ? "was retired" : "is retired", (long long)retired.size, at);
	return EXIT_SUCCESS;
}

/* ---- the words ---- */

/* -1: none of these. */
static int
retention_command(const struct log_options *options, int words, char **argv)
{
	const struct log_prune prune = {
	    options->config, options->keep_days, options->blobs, options->json};
	const bool prunes = words == 2 && strcmp(argv[1], "prune") == 0 &&
			    options->config != NULL && options->keep_days != NULL;
	const bool holds = (words == 2 || words == 3) && strcmp(argv[1], "hold") == 0;
	const bool releases = words == 2 && strcmp(argv[1], "release") == 0;
	const bool lists = words == 1 && strcmp(argv[1], "holds") == 0;
	DEFER(db_free) struct db *db = NULL;

	if (!prunes && !holds && !releases && !lists)
		return -1;
	db = open_database(options);
	if (prunes)
		return log_prune_command(db, &prune, argv[2]);
	if (holds)
		return log_hold_command(db, argv[2], words == 3 ? argv[3] : NULL, options->json);
	return releases ? log_release_command(db, argv[2], options->json)
			: log_holds_command(db, options->json);
}

static int
log_command(int argc, char **argv)
{
	struct log_options options = {0};
	const struct option_row rows[] = {{"--config", OPTION_TEXT, &options.config},
	    {"--database-url", OPTION_TEXT, &options.database_url},
	    {"--keep-days", OPTION_TEXT, &options.keep_days},
	    {"--blobs", OPTION_FLAG, &options.blobs}, {"--force", OPTION_FLAG, &options.force},
	    {"--json", OPTION_FLAG, &options.json}};
	const char *bad = NULL;
	int words = 0, status;

	if (!options_take(argc, argv, rows, COUNT(rows), &words, &bad))
		return cli_usage(&LOG_COMMAND, bad);
	if (words == 2 && strcmp(argv[1], "use") == 0 && options.config != NULL)
		return log_use(options.config, argv[2], options.json);
	if (options.database_url == NULL)
		return cli_usage(&LOG_COMMAND, "give --database-url");
	if (words == 1 && strcmp(argv[1], "open") == 0 && options.config != NULL)
		return open_command(&options);
	if (words == 1 && strcmp(argv[1], "roll") == 0 && options.config != NULL)
		return log_roll(options.config, options.database_url, options.json);
	if (words == 2 && strcmp(argv[1], "retire") == 0)
		return retire_command(&options, argv[2]);
	status = retention_command(&options, words, argv);
	return status >= 0
		   ? status
		   : cli_usage(&LOG_COMMAND, "say open, roll or use with --config, retire and the "
					     "log's origin, prune with "
					     "--config and --keep-days, hold, release or holds");
}

const struct subcommand LOG_COMMAND = {"log",
    "open a node's log, roll it over, retire a lost node's, drop or hold what is old",
    "usage: moniker log open --config FILE --database-url URL\n"
    "       moniker log roll --config FILE --database-url URL\n"
    "       moniker log use NAME --config FILE\n"
    "       moniker log retire ORIGIN --database-url URL [--force]\n"
    "       moniker log prune ORIGIN --config FILE --keep-days N --database-url URL [--blobs]\n"
    "       moniker log hold NAME [ORIGIN] --database-url URL\n"
    "       moniker log release NAME --database-url URL\n"
    "       moniker log holds --database-url URL\n"
    "\n"
    "open    on the host of another node, with copies of a node's keeper.ring and policy.json in "
    "its\n"
    "        [keeper] dir: makes its folders, its journal and its log, <[audit] "
    "name>/<node>-<year>.\n"
    "roll    on a node's host, once a year, while monikerd runs: a new log that continues this "
    "node's.\n"
    "        The present one announces it and goes on; the next start of monikerd writes to the "
    "new\n"
    "        one. Prints its verifier key. May be run again.\n"
    "use     which of this node's logs the next start writes to: back to the one before, where\n"
    "        monikerd says that it is not closed.\n"
    "retire  for a node that will never come back: its log stays as it is for ever, its node can\n"
    "        neither write nor start again, and the live nodes adopt (cert.adopt) and sign what "
    "it\n"
    "        recorded and did not sign. Refused while no other log lives.\n"
    "prune   drops from the database what is older than --keep-days, in parts of 1,048,576 leaves, "
    "and\n"
    "        leaves log.prune. The published log has to be there and verify; it stays. Refused\n"
    "        while the log is held.\n"
    "hold    keeps all of a log, or of all logs, until the hold of this name is released.\n"
    "\n"
    "  --config FILE        moniker.conf(5) of that node\n"
    "  --database-url URL   libpq connection string of the owner's role (moniker_owner)\n"
    "  --keep-days N        what is younger stays\n"
    "  --blobs              what leaves commit to, instead of the leaves\n"
    "  --force              although the log's newest leaf is less than three minutes old\n"
    "  --json               the result as JSON\n"
    "\n"
    "Exit status: 0 done, 1 refused or failed, 2 usage.\n",
    log_command};
