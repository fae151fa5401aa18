/* moniker ca: the authorities, on the host. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/note.h"
#include "audit/outbox.h"
#include "ca/ceremony.h"
#include "cmd/ca_roll.h"
#include "cmd/cli.h"
#include "cmd/options.h"
#include "cmd/passphrase.h"

static json_t *
issuer_json(const struct issuer *issuer, const char *until, int64_t days_left)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:i, s:b}", "issuer", issuer->id_text, "kind",
	    issuer_kind_name(issuer->kind), "state", issuer_state_name(issuer_state(issuer)),
	    "not_after", until, "days_left", (json_int_t)days_left, "shards", issuer->shard_count,
	    "in_keeper", issuer->in_keeper);
}

static int
print_issuers(const struct issuers *issuers, bool json)
{
	const struct clock clock = clock_system();
	json_t *list = json_array();

	for (size_t i = 0; i < issuers_count(issuers); i++) {
		const struct issuer *issuer = issuers_at(issuers, i);
		const int64_t days_left =
		    (issuer->certificate.not_after_s - clock_now_s(&clock)) / DAY_S;
		char until[TIME_TEXT_LEN + 1];

		time_encode(until, issuer->certificate.not_after_s);
		if (json)
			(void)json_array_append_new(list, issuer_json(issuer, until, days_left));
		else
			printf("%s  %-15s  %-7s  until %s (%lld days)  shards %d%s\n",
			    issuer->id_text, issuer_kind_name(issuer->kind),
			    issuer_state_name(issuer_state(issuer)), until, (long long)days_left,
			    issuer->shard_count, issuer->in_keeper ? "  keeper" : "");
	}
	if (json)
		cli_print_json(list);
	json_decref(list);
	return EXIT_SUCCESS;
}

static int
print_trust(const struct issuers *issuers)
{
	DEFER(buf_clear_public) struct buf pem = {0};

	ca_trust_pem(issuers, &pem);
	(void)fputs(buf_text(&pem), stdout);
	return EXIT_SUCCESS;
}

/* ---- crl: the roots' own lists, renewed by hand before they lapse ---- */

static bool
renew_root_crls(struct tx *tx, const struct keyring *ring, const struct issuers *issuers,
    int *out_count, struct error *err)
{
	const struct clock clock = clock_system();
	const struct rng rng = rng_system();
	const int64_t now_s = clock_now_s(&clock);

	*out_count = 0;
	for (size_t i = 0; i < issuers_count(issuers); i++) {
		const struct issuer *root = issuers_at(issuers, i);
		struct leaf leaf;
		char subject[LEAF_VALUE_MAX + 1];

		if (root->parent != NULL)
			continue;
		(void)snprintf(subject, sizeof subject, "crl:%s/0000", root->id_text);
		note_leaf(&leaf, LEAF_CRL_PUBLISH, "system:ca", subject, NULL, now_s);
		if (!outbox_add(tx, &leaf, &rng, err) ||
		    !ceremony_renew_root_crl(tx, ring, root, now_s, err))
			return false;
		++*out_count;
	}
	return true;
}

static int
crl_command(struct db *db, const struct issuers *issuers, const char *ring_path,
    const char *passphrase_file, bool json)
{
	DEFER(secret_free) struct secret *passphrase = NULL;
	DEFER(keyring_free) struct keyring *ring = NULL;
	DEFER(tx_free) struct tx *tx = NULL;
	struct error err = {0};
	int count = 0;

	if (!passphrase_read(
		passphrase_file, "Passphrase of the roots' keyring: ", &passphrase, &err) ||
	    !keyring_read(ring_path, passphrase, &ring, &err) || !tx_begin(db, &tx, &err) ||
	    !renew_root_crls(tx, ring, issuers, &count, &err) || !tx_commit(&tx, &err))
		return cli_fail(&err, json, EXIT_FAILURE);
	if (json)
		printf("{\"renewed\":%d}\n", count);
	else
		printf("%d root CRL(s) renewed, for a year.\n", count);
	return EXIT_SUCCESS;
}

/* ---- the words ---- */

static int
list_or_crl(const struct ca_options *options, bool list)
{
	DEFER(db_free)
	struct db *db = db_new(&(struct db_options){.url = options->database_url,
	    .application = "moniker ca",
	    .connections_max = 1,
	    .wait_ms = 5000});
	DEFER(issuers_free) struct issuers *issuers = NULL;
	struct error err = {0};

	if (!issuers_load(db, "", &issuers, &err))
		return cli_fail(&err, options->json, EXIT_FAILURE);
	if (!list)
		return crl_command(
		    db, issuers, options->ring, options->passphrase_file, options->json);
	return options->pem ? print_trust(issuers) : print_issuers(issuers, options->json);
}

static int
ca_list(const struct ca_options *options, const char *word)
{
	(void)word;
	return list_or_crl(options, true);
}

static int
ca_crl(const struct ca_options *options, const char *word)
{
	(void)word;
	return list_or_crl(options, false);
}

static const struct word {
	const char *name;
	int words; /* with the name */
	bool wants_ring, wants_files;
	int (*run)(const struct ca_options *options, const char *word);
} WORDS[] = {
    {"list", 1, false, false, ca_list},
    {"crl", 1, true, false, ca_crl},
    {"roll", 2, false, true, ca_roll},
    {"retire", 2, false, true, ca_retire},
    {"status-signer", 1, false, true, ca_status_signer},
};

static int
ca_command(int argc, char **argv)
{
	struct ca_options options = {0};
	const struct option_row rows[] = {{"--config", OPTION_TEXT, &options.config},
	    {"--database-url", OPTION_TEXT, &options.database_url},
	    {"--dir", OPTION_TEXT, &options.dir}, {"--ring", OPTION_TEXT, &options.ring},
	    {"--passphrase-file", OPTION_TEXT, &options.passphrase_file},
	    {"--operators-passphrase-file", OPTION_TEXT, &options.operators_passphrase_file},
	    {"--shards", OPTION_TEXT, &options.shards}, {"--wait", OPTION_TEXT, &options.wait},
	    {"--again", OPTION_FLAG, &options.again}, {"--pem", OPTION_FLAG, &options.pem},
	    {"--dry-run", OPTION_FLAG, &options.dry_run}, {"--json", OPTION_FLAG, &options.json}};
	const char *bad = NULL;
	int words = 0;

	if (!options_take(argc, argv, rows, COUNT(rows), &words, &bad))
		return cli_usage(&CA_COMMAND, bad);
	for (size_t i = 0; i < COUNT(WORDS); i++) {
		const struct word *word = &WORDS[i];

		if (words == word->words && strcmp(argv[1], word->name) == 0 &&
		    options.database_url != NULL && (!word->wants_ring || options.ring != NULL) &&
		    (!word->wants_files || (options.config != NULL && options.dir != NULL)))
			return word->run(&options, words == 2 ? argv[2] : NULL);
	}
	return cli_usage(&CA_COMMAND,
	    "say `list`, `crl` and --ring, or `roll KIND`, `retire ID` or `status-signer` with "
	    "--config and --dir; and --database-url");
}

const struct subcommand CA_COMMAND = {"ca",
    "list the certificate authorities, roll them over, renew the roots' CRLs and the status signer",
    "usage: moniker ca list --database-url URL [--json | --pem]\n"
    "       moniker ca roll KIND --config FILE --database-url URL --dir DIR [OPTIONS]\n"
    "       moniker ca retire ID --config FILE --database-url URL --dir DIR [OPTIONS]\n"
    "       moniker ca status-signer --config FILE --database-url URL --dir DIR [OPTIONS]\n"
    "       moniker ca crl --database-url URL --ring FILE [--passphrase-file FILE] [--json]\n"
    "\n"
    "list shows roots and issuing CAs: id as it stands in CRL addresses, kind, state (next, "
    "active,\n"
    "rolled, retired), end, CRL shards. With --pem it prints what verifiers of devices trust.\n"
    "\n"
    "roll makes a new key and certificate for an issuing CA (device-ca, service-ca, "
    "operators-ca,\n"
    "birth-ca, pseudonym-ca) beside the old one, or the first of its kind. New certificates come "
    "from it once the running service has its key and "
    "has\n"
    "published its CRLs; old certificates stay good. Cut short, run it again: it goes on. A kind\n"
    "that was rolled within a day is left as it is.\n"
    "\n"
    "retire destroys the key of a rolled CA when all that it issued has expired.\n"
    "\n"
    "status-signer certifies the key that signs pages, status sets and bundles, if it has no\n"
    "certificate yet, or makes another key with its certificate. Verifiers fetch a new bundle "
    "then.\n"
    "\n"
    "crl renews the CRLs of both roots for a year, on the host that has their keyring; do it "
    "well\n"
    "before they lapse.\n"
    "\n"
    "  --config FILE          moniker.conf(5): the keeper's folder and its passphrase\n"
    "  --database-url URL     the owner's\n"
    "  --dir DIR              roots.ring, operators.ring and trust.pem, as `moniker init` left "
    "them;\n"
    "                         trust.pem is written anew\n"
    "  --ring FILE            the roots' keyring; default DIR/roots.ring\n"
    "  --passphrase-file FILE, --operators-passphrase-file FILE\n"
    "                         of the roots' and the Operators CA's keyring, mode 0400; without "
    "them\n"
    "                         the terminal is asked\n"
    "  --shards N             CRLs over which the new CA spreads its certificates, for its whole "
    "life:\n"
    "                         1 to 9999, default 1\n"
    "  --wait S               seconds for the service to publish the CRLs: 0 to 3600, default "
    "60\n"
    "  --again                roll, or another status signer, although it was done within a day\n"
    "  --dry-run              say what would be done\n"
    "  --json                 the result as JSON\n"
    "\n"
    "Exit status: 0 done, 1 failed, 2 usage.\n",
    ca_command};
