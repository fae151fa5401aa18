/* moniker init, migrate: what is done on the host, without the service. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "ca/authority.h"
#include "ca/ceremony.h"
#include "cmd/cli.h"
#include "cmd/host_files.h"
#include "cmd/options.h"
#include "cmd/passphrase.h"
#include "cmd/settings.h"
#include "db/migrate.h"
#include "provisioning/operator.h"
#include "provisioning/shred.h"

struct init_options {
	const char *config, *database_url, *http_url, *dir, *admin, *admin_key, *admin_csr;
	const char *roots_passphrase, *operators_passphrase, *kdf_memory;
	bool json;
};

struct init {
	const struct init_options *options;
	struct settings settings;
	struct secret *keeper_passphrase, *roots_passphrase, *operators_passphrase;
	struct keyring_cost cost;
	struct clock clock;
	struct rng rng;
	char log_name[LOG_NAME_MAX + 1];
	char *origin;
	struct db *db;
	struct ceremony ceremony;
	struct issuers *issuers;
};

static void
init_clear(struct init *init)
{
	ceremony_clear(&init->ceremony);
	issuers_free(init->issuers);
	db_free(init->db);
	free(init->origin);
	secret_free(init->keeper_passphrase);
	secret_free(init->roots_passphrase);
	secret_free(init->operators_passphrase);
	settings_clear(&init->settings);
}
DEFER_DECLARE_CLEAR(struct init, init_clear)

static bool
prepare(struct init *init, struct error *err)
{
	const struct init_options *options = init->options;

	if (!settings_read(options->config, &init->settings, err) ||
	    !passphrase_read(init->settings.passphrase_file,
		"New passphrase of the keeper's keyring: ", &init->keeper_passphrase, err) ||
	    !passphrase_read(options->roots_passphrase,
		"New passphrase of the roots' keyring: ", &init->roots_passphrase, err) ||
	    !passphrase_read(options->operators_passphrase,
		"New passphrase of the Operators CA's keyring: ", &init->operators_passphrase, err))
		return false;
	if (options->http_url != NULL &&
	    strcmp(options->http_url, init->settings.public_http_url) != 0)
		return error_set(err, E_CONFIG_INVALID,
		    "--public-http-url differs from public_http_url in the configuration");
	init->cost = KEYRING_COST_DEFAULT;
	if (options->kdf_memory != NULL)
		init->cost.memory_kib = (uint32_t)strtoul(options->kdf_memory, NULL, 10) * 1024;
	if (init->cost.memory_kib < 8192 || init->cost.memory_kib > 1048576)
		return error_set(err, E_CONFIG_INVALID, "--kdf-memory-mib is 8 to 1024");
	init->clock = clock_system();
	init->rng = rng_system();
	host_log_name(&init->settings, clock_now_s(&init->clock), init->log_name);
	init->origin = settings_path(init->settings.audit_name, init->log_name);
	return true;
}

/* Keys and policy, each under its own user and passphrase. */
static bool
write_keys(const struct init *init, struct error *err)
{
	const struct settings *settings = &init->settings;
	DEFER(mem_free) char *ring = settings_path(settings->keeper_dir, "keeper.ring");
	DEFER(mem_free) char *policy = settings_path(settings->keeper_dir, "policy.json");
	DEFER(mem_free) char *roots = settings_path(init->options->dir, "roots.ring");
	DEFER(mem_free) char *operators = settings_path(init->options->dir, "operators.ring");

	if (access(ring, F_OK) == 0)
		return error_set(err, E_STATE_CONFLICT, "%s is there already: init has run", ring);
	return host_make_dir(settings->keeper_dir, 0700, settings->keeper_user, err) &&
	       file_make_dir(init->options->dir, 0700, err) &&
	       keyring_write(
		   init->ceremony.roots, roots, init->roots_passphrase, init->cost, err) &&
	       keyring_write(init->ceremony.operators, operators, init->operators_passphrase,
		   init->cost, err) &&
	       policy_write(&init->ceremony.policy, policy, err) &&
	       host_give(policy, settings->keeper_user, err) &&
	       keyring_write(
		   init->ceremony.keeper, ring, init->keeper_passphrase, init->cost, err) &&
	       host_give(ring, settings->keeper_user, err);
}

/* Trust anchors: cacert.pem for clients of the service, trust.pem for whoever verifies devices. */
static bool
write_public(const struct init *init, struct error *err)
{
	DEFER(mem_free) char *cacert_path = settings_path(init->options->dir, "cacert.pem");
	DEFER(mem_free) char *trust_path = settings_path(init->options->dir, "trust.pem");
	DEFER(buf_clear_public) struct buf cacert = {0};
	DEFER(buf_clear_public) struct buf trust = {0};
	const struct buf *certificates = init->ceremony.certificates;

	pem_encode(&cacert, "CERTIFICATE", buf_bytes(&certificates[ISSUER_OPERATIONS_ROOT]));
	pem_encode(&trust, "CERTIFICATE", buf_bytes(&certificates[ISSUER_DEVICE_ROOT]));
	pem_encode(&trust, "CERTIFICATE", buf_bytes(&certificates[ISSUER_DEVICE_CA]));
	pem_encode(&trust, "CERTIFICATE", buf_bytes(&certificates[ISSUER_PSEUDONYM_CA]));
	return host_make_dir(init->settings.state_dir, 0700, init->settings.user, err) &&
	       host_make_dir(init->settings.audit_dir, 0755, init->settings.user, err) &&
	       file_write(cacert_path, buf_bytes(&cacert), 0644, err) &&
	       file_write(trust_path, buf_bytes(&trust), 0644, err);
}

static bool
record_authorities(struct init *init, struct error *err)
{
	const int64_t now_s = clock_now_s(&init->clock);
	DEFER(tx_free) struct tx *tx = NULL;

	return tx_begin(init->db, &tx, err) &&
	       ceremony_store(tx, &init->ceremony, init->origin, now_s, err) && tx_commit(&tx, err);
}

static bool
admin_csr(const struct init *init, struct csr **out, struct error *err)
{
	DEFER(buf_clear_public) struct buf text = {0};

	if (init->options->admin_csr != NULL) {
		if (!file_read(init->options->admin_csr, CSR_TEXT_MAX, &text, err))
			return false;
	} else if (!cli_make_csr(init->options->admin_key, &text, err))
		return false;
	return csr_parse_text(buf_bytes(&text), out, err);
}

/* Recorded; now the signature, which goes beside the TBS and into <dir>/admin.pem. */
static bool
sign_admin(struct init *init, const struct operator_pending *pending, struct error *err)
{
	DEFER(tx_free) struct tx *tx = NULL;
	struct operator_unsigned waiting = {0};
	DEFER(buf_clear_public) struct buf signature = {0};
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(buf_clear_public) struct buf pem = {0};
	DEFER(mem_free) char *path = settings_path(init->options->dir, "admin.pem");
	size_t count = 0;
	bool kept;

	kept =
	    tx_begin(init->db, &tx, err) && operator_list_unsigned(tx, &waiting, 1, &count, err) &&
	    (count == 1 || error_set(err, E_INTERNAL, "the admin's certificate is not pending")) &&
	    ceremony_sign(init->ceremony.operators, waiting.issuer, buf_bytes(&waiting.tbs),
		&signature, err) &&
	    operator_keep_signature(tx, waiting.serial, buf_bytes(&signature), err) &&
	    tx_commit(&tx, err) && operator_certificate_find(init->db, pending->serial, &der, err);
	buf_clear_public(&waiting.tbs);
	if (!kept)
		return false;
	pem_encode(&pem, "CERTIFICATE", buf_bytes(&der));
	return file_write(path, buf_bytes(&pem), 0644, err);
}

/* Person, role, TBS and leaf in one transaction; only then the signature. */
static bool
make_admin(struct init *init, struct error *err)
{
	DEFER(csr_free) struct csr *csr = NULL;
	DEFER(tx_free) struct tx *tx = NULL;
	struct operator_request request = {
	    .name = init->options->admin, .roles = ROLE_ADMIN, .actor = "system:init"};
	struct operator_pending pending = {0};

	if (!admin_csr(init, &csr, err))
		return false;
	request.csr = csr;
	return issuers_load(init->db, init->settings.public_http_url, &init->issuers, err) &&
	       tx_begin(init->db, &tx, err) &&
	       operator_add_offline(tx, issuers_active(init->issuers, ISSUER_OPERATORS_CA),
		   &request, &init->clock, &init->rng, &pending, err) &&
	       tx_commit(&tx, err) && sign_admin(init, &pending, err);
}

static bool
run_init(struct init *init, struct error *err)
{
	struct migrate_report migrated;

	if (!prepare(init, err) || !migrate_apply(init->options->database_url, &migrated, err))
		return false;
	init->db = db_new(&(struct db_options){.url = init->options->database_url,
	    .application = "moniker init",
	    .connections_max = 2,
	    .wait_ms = 5000});
	return ceremony_run(&(struct ceremony_request){.name = AUTHORITY_ORGANIZATION,
				.http_url = init->settings.public_http_url,
				.origin = init->origin,
				.clock = &init->clock,
				.rng = &init->rng},
		   &init->ceremony, err) &&
	       write_keys(init, err) &&
	       host_open_journal(&init->settings, init->log_name, init->origin,
		   keyring_find(init->ceremony.keeper, "journal"), err) &&
	       write_public(init, err) && record_authorities(init, err) && make_admin(init, err);
}

static int
init_command(int argc, char **argv)
{
	struct init_options options = {0};
	const struct option_row rows[] = {{"--config", OPTION_TEXT, &options.config},
	    {"--database-url", OPTION_TEXT, &options.database_url},
	    {"--public-http-url", OPTION_TEXT, &options.http_url},
	    {"--dir", OPTION_TEXT, &options.dir}, {"--admin", OPTION_TEXT, &options.admin},
	    {"--admin-key", OPTION_TEXT, &options.admin_key},
	    {"--admin-csr", OPTION_TEXT, &options.admin_csr},
	    {"--roots-passphrase-file", OPTION_TEXT, &options.roots_passphrase},
	    {"--operators-passphrase-file", OPTION_TEXT, &options.operators_passphrase},
	    {"--kdf-memory-mib", OPTION_TEXT, &options.kdf_memory},
	    {"--json", OPTION_FLAG, &options.json}};
	DEFER(init_clear) struct init init = {.options = &options};
	struct error err = {0};
	const char *bad = NULL;
	int words = 0;

	if (!options_take(argc, argv, rows, COUNT(rows), &words, &bad))
		return cli_usage(&INIT_COMMAND, bad);
	if (words != 0 || options.config == NULL || options.database_url == NULL ||
	    options.dir == NULL || options.admin == NULL ||
	    (options.admin_key == NULL) == (options.admin_csr == NULL))
		return cli_usage(&INIT_COMMAND, "an option is missing");
	if (!run_init(&init, &err))
		return cli_fail(&err, options.json, EXIT_FAILURE);
	if (options.json)
		printf("{\"log\":\"%s\",\"admin\":\"%s\"}\n", init.origin, options.admin);
	else
		printf("Initialized. The log is %s.\n"
		       "%s's certificate is %s/admin.pem. Next: start monikerd.\n",
		    init.origin, options.admin, options.dir);
	return EXIT_SUCCESS;
}

const struct subcommand INIT_COMMAND = {"init",
    "make the authorities, the keeper's keys and the first admin",
    "usage: moniker init --config FILE --database-url URL --dir DIR --admin NAME\n"
    "                    (--admin-key FILE | --admin-csr FILE) [OPTIONS]\n"
    "\n"
    "Runs once, on the host, as root or as the one user of an unprivileged installation: applies\n"
    "the migrations, makes the two roots and the issuing CAs, the keeper's keyring, policy and\n"
    "journal, records the first admin, and only then signs the admin's certificate.\n"
    "\n"
    "  --config FILE          moniker.conf(5)\n"
    "  --database-url URL     libpq connection string of the owner's role (moniker_owner)\n"
    "  --dir DIR              where roots.ring and operators.ring (keep them offline), "
    "cacert.pem,\n"
    "                         trust.pem and admin.pem go\n"
    "  --admin NAME           name of the first admin\n"
    "  --admin-key FILE       makes the admin's key there (0600), or uses the one that is there\n"
    "  --admin-csr FILE       or: the admin's own CSR, PEM\n"
    "  --roots-passphrase-file FILE, --operators-passphrase-file FILE\n"
    "                         mode 0400; without them the terminal is asked\n"
    "  --public-http-url URL  must equal public_http_url of the configuration: it is burned into\n"
    "                         certificates\n"
    "  --kdf-memory-mib N     memory of Argon2id for the keyrings (8 to 1024, default 256)\n"
    "  --json                 the result as JSON\n"
    "\n"
    "Exit status: 0 done, 1 failed, 2 usage.\n",
    init_command};

/* ---- migrate ---- */

static int
migrate_command(int argc, char **argv)
{
	const char *url = NULL, *shred_url = NULL;
	bool json = false;
	const struct option_row rows[] = {{"--database-url", OPTION_TEXT, &url},
	    {"--shred-url", OPTION_TEXT, &shred_url}, {"--json", OPTION_FLAG, &json}};
	struct migrate_report report = {0}, shred = {0};
	struct error err = {0};
	const char *bad = NULL;
	size_t moved = 0;
	int words = 0;

	if (!options_take(argc, argv, rows, COUNT(rows), &words, &bad))
		return cli_usage(&MIGRATE_COMMAND, bad);
	if (words != 0 || url == NULL)
		return cli_usage(&MIGRATE_COMMAND, "give --database-url");
	if (!migrate_apply(url, &report, &err) ||
	    (shred_url != NULL && (!migrate_apply_shred(shred_url, &shred, &err) ||
				      !shred_move(url, shred_url, &moved, &err))))
		return cli_fail(&err, json, EXIT_FAILURE);
	if (json && shred_url == NULL)
		printf("{\"applied\":%d,\"total\":%d}\n", report.applied, report.total);
	else if (json)
		printf("{\"applied\":%d,\"total\":%d,\"shred_applied\":%d,\"shred_total\":%d,"
		       "\"moved\":%zu}\n",
		    report.applied, report.total, shred.applied, shred.total, moved);
	else
		printf("%d of %d migrations applied now.\n", report.applied, report.total);
	if (!json && shred_url != NULL)
		printf("%d of %d migrations of the shred keys' database; %zu keys moved there.\n",
		    shred.applied, shred.total, moved);
	return EXIT_SUCCESS;
}

const struct subcommand MIGRATE_COMMAND = {"migrate", "bring the database's schema up to date",
    "usage: moniker migrate --database-url URL [--shred-url URL] [--json]\n"
    "\n"
    "Applies the migrations that the database lacks, each in one transaction. URL is the owner's.\n"
    "With --shred-url (the owner's, of the database that [escrow] shred_url names) it makes the\n"
    "table of shred keys there, and moves keys there that the main database still has.\n"
    "\n"
    "Exit status: 0 up to date, 1 failed, 2 usage.\n",
    migrate_command};
