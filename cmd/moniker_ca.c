/* moniker ca: the authorities, on the host. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/note.h"
#include "audit/outbox.h"
#include "ca/ceremony.h"
#include "cmd/cli.h"
#include "cmd/options.h"
#include "cmd/passphrase.h"

static int
print_issuers(const struct issuers *issuers, bool json)
{
	json_t *list = json_array();

	for (size_t i = 0; i < issuers_count(issuers); i++) {
		const struct issuer *issuer = issuers_at(issuers, i);
		char until[TIME_TEXT_LEN + 1];

		time_encode(until, issuer->certificate.not_after_s);
		if (json)
			(void)json_array_append_new(
			    list, json_pack("{s:s, s:s, s:s, s:b, s:s}", "issuer", issuer->id_text,
				      "kind", issuer_kind_name(issuer->kind), "not_after", until,
				      "in_keeper", issuer->in_keeper, "state",
				      issuer_state_name(issuer_state(issuer))));
		else
			printf("%s  %-16s %-8s until %s%s\n", issuer->id_text,
			    issuer_kind_name(issuer->kind), issuer_state_name(issuer_state(issuer)),
			    until, issuer->in_keeper ? "  keeper" : "");
	}
	if (json)
		cli_print_json(list);
	json_decref(list);
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

static int
ca_command(int argc, char **argv)
{
	const char *url = NULL;
	const char *ring = NULL;
	const char *passphrase_file = NULL;
	bool json = false;
	const struct option_row rows[] = {{"--database-url", OPTION_TEXT, &url},
	    {"--ring", OPTION_TEXT, &ring}, {"--passphrase-file", OPTION_TEXT, &passphrase_file},
	    {"--json", OPTION_FLAG, &json}};
	DEFER(db_free) struct db *db = NULL;
	DEFER(issuers_free) struct issuers *issuers = NULL;
	struct error err = {0};
	const char *bad = NULL;
	int words = 0;

	if (!options_take(argc, argv, rows, COUNT(rows), &words, &bad))
		return cli_usage(&CA_COMMAND, bad);
	if (words != 1 || url == NULL ||
	    (strcmp(argv[1], "list") != 0 && (strcmp(argv[1], "crl") != 0 || ring == NULL)))
		return cli_usage(
		    &CA_COMMAND, "say `list`, or `crl` and --ring, and --database-url");
	db = db_new(&(struct db_options){
	    .url = url, .application = "moniker ca", .connections_max = 1, .wait_ms = 5000});
	if (!issuers_load(db, "", &issuers, &err))
		return cli_fail(&err, json, EXIT_FAILURE);
	return ring != NULL ? crl_command(db, issuers, ring, passphrase_file, json)
			    : print_issuers(issuers, json);
}

const struct subcommand CA_COMMAND = {"ca",
    "list the certificate authorities, renew the roots' CRLs",
    "usage: moniker ca list --database-url URL [--json]\n"
    "       moniker ca crl --database-url URL --ring FILE [--passphrase-file FILE] [--json]\n"
    "\n"
    "list shows roots and issuing CAs with their ids, as they stand in CRL addresses. crl renews "
    "the\n"
    "CRLs of both roots for a year, on the host that has their keyring; do it well before they "
    "lapse.\n"
    "\n"
    "  --database-url URL     the owner's\n"
    "  --ring FILE            roots.ring, from `moniker init`\n"
    "  --passphrase-file FILE mode 0400; without it the terminal is asked\n"
    "\n"
    "Exit status: 0 done, 1 failed, 2 usage.\n",
    ca_command};
