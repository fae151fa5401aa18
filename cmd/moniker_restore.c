/* moniker restore: on a node's host, as root, when its database was restored from a backup and
 * before the service starts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/restore.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cmd/cli.h"
#include "cmd/host_files.h"
#include "cmd/options.h"
#include "cmd/passphrase.h"
#include "cmd/process_lock.h"
#include "keeper/keyring.h"

struct restoring {
	struct settings settings;
	struct secret *passphrase;
	struct keyring *ring;
	struct journal *journal;
	struct db *db;
	char name[LOG_NAME_MAX + 1];
	char *origin;
};

static void
restoring_clear(struct restoring *restoring)
{
	free(restoring->origin);
	db_free(restoring->db);
	journal_free(restoring->journal);
	keyring_free(restoring->ring);
	secret_free(restoring->passphrase);
	settings_clear(&restoring->settings);
}
DEFER_DECLARE_CLEAR(struct restoring, restoring_clear)

/* The lock is that of monikerd: neither of both runs beside the other. */
static bool
open_journal(struct restoring *restoring, struct error *err)
{
	const struct settings *settings = &restoring->settings;
	DEFER(mem_free) char *ring = settings_path(settings->keeper_dir, "keeper.ring");
	DEFER(mem_free) char *journal = host_journal_path(settings, restoring->name);
	const struct secret *mac_key;

	if (!process_lock_take(settings->keeper_dir, err) ||
	    !passphrase_read(settings->passphrase_file,
		"Passphrase of the keeper's keyring: ", &restoring->passphrase, err) ||
	    !keyring_read(ring, restoring->passphrase, &restoring->ring, err))
		return false;
	mac_key = keyring_find(restoring->ring, "journal");
	if (mac_key == NULL)
		return error_set(err, E_BAD_SYNTAX, "the keyring is not a keeper's");
	return journal_open(journal, mac_key, &restoring->journal, err);
}

static bool
restore(struct restoring *restoring, const char *config, const char *database_url,
    struct restore_result *out, struct error *err)
{
	const struct clock clock = clock_system();
	const struct rng rng = rng_system();
	DEFER(tx_free) struct tx *tx = NULL;

	if (!settings_read(config, &restoring->settings, err) ||
	    !settings_log_name(&restoring->settings, restoring->name, err) ||
	    !open_journal(restoring, err))
		return false;
	restoring->origin = settings_path(restoring->settings.audit_name, restoring->name);
	restoring->db = db_new(&(struct db_options){.url = database_url,
	    .application = "moniker restore",
	    .connections_max = 1,
	    .wait_ms = 5000});
	return tx_begin(restoring->db, &tx, err) &&
	       restore_log(tx,
		   &(struct restore_request){.origin = restoring->origin,
		       .journal = restoring->journal,
		       .now_s = clock_now_s(&clock),
		       .rng = &rng},
		   out, err) &&
	       tx_commit(&tx, err);
}

static void
print_done(const struct restore_result *result, bool json)
{
	if (json) {
		printf("{\"leaves\":%lld,\"size\":%lld,\"certificates\":%lld,\"tokens\":%lld,"
		       "\"batches\":%lld}\n",
		    (long long)result->leaves, (long long)result->size,
		    (long long)result->certificates, (long long)result->tokens,
		    (long long)result->batches);
		return;
	}
	if (result->leaves == 0) {
		printf("The database has all %lld leaves of the log: nothing was lost.\n",
		    (long long)result->size);
		return;
	}
	printf("%lld leaves are back; the log has %lld.\n"
	       "%lld certificates that they tell of have no row: they are unknown, and their "
	       "devices enroll again.\n"
	       "%lld tokens are burnt, %lld batches are closed.\n"
	       "Next: start monikerd. It puts what was revoked after the backup in force, and "
	       "records it again.\n",
	    (long long)result->leaves, (long long)result->size, (long long)result->certificates,
	    (long long)result->tokens, (long long)result->batches);
}

static int
run(int argc, char **argv)
{
	DEFER(restoring_clear) struct restoring restoring = {0};
	struct restore_result result = {0};
	const char *config = NULL, *database_url = NULL, *bad = NULL;
	struct error err = {0};
	bool json = false;
	int count;
	const struct option_row rows[] = {
	    {"--config", OPTION_TEXT, &config},
	    {"--database-url", OPTION_TEXT, &database_url},
	    {"--json", OPTION_FLAG, &json},
	};

	if (!options_take(argc, argv, rows, COUNT(rows), &count, &bad))
		return cli_usage(&RESTORE_COMMAND, bad);
	if (count != 0 || config == NULL || database_url == NULL)
		return cli_usage(&RESTORE_COMMAND, "--config and --database-url are needed");
	if (!restore(&restoring, config, database_url, &result, &err))
		return cli_fail(&err, json, EXIT_FAILURE);
	print_done(&result, json);
	return EXIT_SUCCESS;
}

const struct subcommand RESTORE_COMMAND = {
    .name = "restore",
    .summary = "after the database was restored from a backup",
    .help =
	"usage: moniker restore --config FILE --database-url URL\n\n"
	"On the host of a node, as root, with monikerd stopped, when the database was restored\n"
	"from a backup that is older than the node's log. Puts the leaves that it lost back from\n"
	"the keeper's journal, burns the tokens that are free, closes the batches that are open,\n"
	"and says how many certificates have no row any more. The next start of monikerd records\n"
	"again what was revoked since the backup. Where nothing was lost it changes nothing.\n\n"
	"  --config FILE        of monikerd\n"
	"  --database-url URL   of the schema's owner\n"
	"  --json               the result as JSON\n",
    .run = run,
};
