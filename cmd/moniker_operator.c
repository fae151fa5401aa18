/* moniker operator: persons and stations. add, list, cert, renew and remove call the API; sign and
 * add --offline run on the host. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "ca/ceremony.h"
#include "cmd/cli.h"
#include "cmd/options.h"
#include "cmd/passphrase.h"
#include "cmd/settings.h"
#include "provisioning/operator.h"

#define SIGN_MAX 256 /* pending certificates in one run */

struct operator_options {
	struct cli_api api;
	bool json, yes, offline;
	const char *config, *csr, *new_key, *out, *database_url, *ring, *passphrase_file;
	struct option_values roles;
};

/* ---- sign: shows and signs exactly what is pending ---- */

static void
show_pending(const struct operator_unsigned *pending, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char serial[SERIAL_TEXT_LEN + 1];

		hex_encode(serial, bytes_of(pending[i].serial, SERIAL_BYTES));
		(void)fprintf(stderr, "%s  %s ", serial, pending[i].name);
		for (unsigned bit = 0; bit < ROLE_COUNT; bit++)
			if ((pending[i].roles & 1U << bit) != 0)
				(void)fprintf(stderr, " %s", operator_role_name(1U << bit));
		(void)fputc('\n', stderr);
	}
}

static bool
confirmed(size_t count)
{
	char answer[16] = "";

	(void)fprintf(stderr, "Sign %zu certificate(s)? Type yes: ", count);
	return fgets(answer, sizeof answer, stdin) != NULL && strcmp(answer, "yes\n") == 0;
}

static bool
sign_all(struct tx *tx, const struct keyring *ring, const struct operator_unsigned *pending,
    size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		DEFER(buf_clear_public) struct buf signature = {0};

		if (!ceremony_sign(
			ring, pending[i].issuer, buf_bytes(&pending[i].tbs), &signature, err) ||
		    !operator_keep_signature(tx, pending[i].serial, buf_bytes(&signature), err))
			return false;
	}
	return true;
}

static bool
sign_pending(const struct operator_options *options, struct operator_unsigned *pending,
    size_t *out_count, struct error *err)
{
	DEFER(secret_free) struct secret *passphrase = NULL;
	DEFER(keyring_free) struct keyring *ring = NULL;
	DEFER(db_free)
	struct db *db = db_new(&(struct db_options){.url = options->database_url,
	    .application = "moniker operator sign",
	    .connections_max = 1,
	    .wait_ms = 5000});
	DEFER(tx_free) struct tx *tx = NULL;

	if (!tx_begin(db, &tx, err) ||
	    !operator_list_unsigned(tx, pending, SIGN_MAX, out_count, err))
		return false;
	if (*out_count == 0)
		return true;
	show_pending(pending, *out_count);
	if (!options->yes && !confirmed(*out_count))
		return error_set(err, E_STATE_CONFLICT, "not confirmed: nothing was signed");
	return passphrase_read(options->passphrase_file,
		   "Passphrase of the Operators CA's keyring: ", &passphrase, err) &&
	       keyring_read(options->ring, passphrase, &ring, err) &&
	       sign_all(tx, ring, pending, *out_count, err) && tx_commit(&tx, err);
}

static int
sign_command(const struct operator_options *options)
{
	struct operator_unsigned *pending = xcalloc(SIGN_MAX, sizeof *pending);
	struct error err = {0};
	size_t count = 0;
	const bool done = sign_pending(options, pending, &count, &err);

	for (size_t i = 0; i < SIGN_MAX; i++)
		buf_clear_public(&pending[i].tbs);
	free(pending);
	if (!done)
		return cli_fail(&err, options->json, EXIT_FAILURE);
	if (options->json)
		printf("{\"signed\":%zu}\n", count);
	else
		printf("%zu certificate(s) signed.\n", count);
	return EXIT_SUCCESS;
}

static bool
read_csr(const struct operator_options *options, struct buf *out, struct error *err)
{
	return options->csr != NULL ? file_read(options->csr, CSR_TEXT_MAX, out, err)
				    : cli_make_csr(options->new_key, out, err);
}

/* ---- add --offline: without the service, for whoever has no certificate to call it with ---- */

static bool
read_roles(const struct operator_options *options, unsigned *out, struct error *err)
{
	for (size_t i = 0; i < options->roles.count; i++) {
		unsigned role = 0;

		if (!operator_role_of(options->roles.at[i], &role))
			return error_set(
			    err, E_BAD_SYNTAX, "there is no such role: %s", options->roles.at[i]);
		*out |= role;
	}
	return true;
}

/* In one transaction; the leaves wait in the outbox for the service. */
static bool
record_offline(const struct operator_options *options, struct db *db,
    struct operator_request *request, struct operator_pending *out, struct error *err)
{
	DEFER(settings_clear) struct settings settings = {0};
	DEFER(issuers_free) struct issuers *issuers = NULL;
	DEFER(buf_clear_public) struct buf text = {0};
	DEFER(csr_free) struct csr *csr = NULL;
	DEFER(tx_free) struct tx *tx = NULL;
	const struct clock clock = clock_system();
	const struct rng rng = rng_system();

	if (!settings_read(options->config, &settings, err) ||
	    !read_roles(options, &request->roles, err) || !read_csr(options, &text, err) ||
	    !csr_parse_text(buf_bytes(&text), &csr, err))
		return false;
	request->csr = csr;
	return issuers_load(db, settings.public_http_url, &issuers, err) &&
	       tx_begin(db, &tx, err) &&
	       operator_add_offline(tx, issuers_active(issuers, ISSUER_OPERATORS_CA), request,
		   &clock, &rng, out, err) &&
	       tx_commit(&tx, err);
}

/* May be run again until it has the certificate: the same key gets what is recorded. */
static bool
add_offline(const struct operator_options *options, const char *name, struct error *err)
{
	DEFER(db_free)
	struct db *db = db_new(&(struct db_options){.url = options->database_url,
	    .application = "moniker operator add",
	    .connections_max = 2,
	    .wait_ms = 5000});
	struct operator_request request = {.name = name, .actor = "system:offline"};
	struct operator_pending pending = {0};
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(buf_clear_public) struct buf pem = {0};

	if (!record_offline(options, db, &request, &pending, err) ||
	    !operator_certificate_find(db, pending.serial, &der, err))
		return false;
	if (der.len == 0)
		return error_set(err, E_NOT_FOUND,
		    "the certificate is pending: run `moniker operator sign`, then this again");
	pem_encode(&pem, "CERTIFICATE", buf_bytes(&der));
	return file_write(options->out, buf_bytes(&pem), 0644, err);
}

static int
add_offline_command(const struct operator_options *options, const char *name)
{
	struct error err = {0};

	return add_offline(options, name, &err) ? EXIT_SUCCESS
						: cli_fail(&err, options->json, EXIT_FAILURE);
}

/* ---- through the API ---- */

static bool
add_body(const struct operator_options *options, const char *name, json_t **out, struct error *err)
{
	DEFER(buf_clear_public) struct buf csr = {0};
	json_t *roles = json_array();

	for (size_t i = 0; i < options->roles.count; i++)
		(void)json_array_append_new(roles, json_string(options->roles.at[i]));
	if (!read_csr(options, &csr, err)) {
		json_decref(roles);
		return false;
	}
	*out = json_pack("{s:s, s:o, s:s%}", "name", name, "roles", roles, "csr",
	    (const char *)csr.data, csr.len);
	return *out != NULL || error_set(err, E_BAD_SYNTAX, "the name or the CSR is not text");
}

static bool
add_operator(struct http_client *client, const struct operator_options *options, const char *name,
    json_t **out, struct error *err)
{
	json_t *body = NULL;

	return add_body(options, name, &body, err) &&
	       cli_call(client, "POST", "/v1/operators", body, out, err);
}

static bool
fetch_certificate(struct http_client *client, const struct operator_options *options,
    const char *name, struct error *err)
{
	DEFER(buf_clear_public) struct buf path = {0};
	DEFER(json_release) json_t *answer = NULL;
	const char *pem;

	buf_append_format(&path, "/v1/operators/%s", name);
	if (!cli_call(client, "GET", buf_text(&path), NULL, &answer, err))
		return false;
	pem = json_string_value(json_object_get(answer, "certificate"));
	if (pem == NULL)
		return error_set(err, E_NOT_FOUND, "the certificate of %s is not signed yet", name);
	return file_write(options->out, bytes_of_text(pem), 0644, err);
}

/* May be run again until it has the certificate: the same key gets what is recorded. */
static bool
renew_own(const struct operator_options *options, struct error *err)
{
	DEFER(http_client_free) struct http_client *client = NULL;
	DEFER(buf_clear_public) struct buf csr = {0};
	DEFER(json_release) json_t *answer = NULL;
	const char *pem;

	if (!cli_api_open(&options->api, NULL, &client, err) ||
	    !cli_make_csr(options->new_key, &csr, err) ||
	    !cli_call(client, "POST", "/v1/operators/renewals",
		json_pack("{s:s%}", "csr", (const char *)csr.data, csr.len), &answer, err))
		return false;
	pem = json_string_value(json_object_get(answer, "certificate"));
	if (pem == NULL)
		return error_set(err, E_NOT_FOUND,
		    "certificate %s is pending: run `moniker operator sign` on the host, then this "
		    "again",
		    cli_text(answer, "serial"));
	return file_write(options->out, bytes_of_text(pem), 0644, err);
}

static int
renew_command(const struct operator_options *options)
{
	struct error err = {0};

	return renew_own(options, &err) ? EXIT_SUCCESS
					: cli_fail(&err, options->json, EXIT_FAILURE);
}

static void
print_operator(const json_t *item)
{
	const json_t *roles = json_object_get(item, "roles");
	size_t i;
	json_t *role;

	printf("%-24s %s  %-8s ", cli_text(item, "name"), cli_text(item, "handle"),
	    cli_text(item, "status"));
	json_array_foreach(roles, i, role) printf(" %s", json_string_value(role));
	(void)putchar('\n');
}

static int
api_command(const struct operator_options *options, const char *verb, const char *name)
{
	DEFER(http_client_free) struct http_client *client = NULL;
	DEFER(json_release) json_t *answer = NULL;
	DEFER(buf_clear_public) struct buf path = {0};
	struct error err = {0};
	size_t i;
	json_t *item;
	bool done = cli_api_open(&options->api, "ADMIN", &client, &err);

	buf_append_format(
	    &path, "/v1/operators%s%s", name != NULL ? "/" : "", name != NULL ? name : "");
	if (done && strcmp(verb, "add") == 0)
		done = add_operator(client, options, name, &answer, &err);
	else if (done && strcmp(verb, "cert") == 0)
		done = fetch_certificate(client, options, name, &err);
	else if (done)
		done = cli_call(client, strcmp(verb, "remove") == 0 ? "DELETE" : "GET",
		    buf_text(&path), NULL, &answer, &err);
	if (!done)
		return cli_fail(&err, options->json, EXIT_FAILURE);
	if (options->json && answer != NULL)
		cli_print_json(answer);
	else if (strcmp(verb, "list") == 0)
		json_array_foreach(json_object_get(answer, "items"), i, item) print_operator(item);
	else if (strcmp(verb, "add") == 0)
		print_operator(answer);
	return EXIT_SUCCESS;
}

static int
operator_command(int argc, char **argv)
{
	struct operator_options options = {0};
	const struct option_row rows[] = {OPTIONS_API(options.api, options.json),
	    {"--role", OPTION_LIST, &options.roles}, {"--csr", OPTION_TEXT, &options.csr},
	    {"--new-key", OPTION_TEXT, &options.new_key}, {"--out", OPTION_TEXT, &options.out},
	    {"--database-url", OPTION_TEXT, &options.database_url},
	    {"--ring", OPTION_TEXT, &options.ring},
	    {"--passphrase-file", OPTION_TEXT, &options.passphrase_file},
	    {"--config", OPTION_TEXT, &options.config},
	    {"--offline", OPTION_FLAG, &options.offline}, {"--yes", OPTION_FLAG, &options.yes}};
	const char *bad = NULL;
	int words = 0;

	if (!options_take(argc, argv, rows, COUNT(rows), &words, &bad))
		return cli_usage(&OPERATOR_COMMAND, bad);
	if (words == 1 && strcmp(argv[1], "sign") == 0)
		return options.database_url != NULL && options.ring != NULL
			   ? sign_command(&options)
			   : cli_usage(&OPERATOR_COMMAND, "sign needs --database-url and --ring");
	if (words == 1 && strcmp(argv[1], "list") == 0)
		return api_command(&options, "list", NULL);
	if (words == 2 && strcmp(argv[1], "add") == 0 && options.offline)
		return options.config != NULL && options.database_url != NULL &&
			       options.out != NULL &&
			       (options.csr == NULL) != (options.new_key == NULL)
			   ? add_offline_command(&options, argv[2])
			   : cli_usage(&OPERATOR_COMMAND, "add --offline needs --config, "
							  "--database-url, --out and a key or CSR");
	if (words == 2 && strcmp(argv[1], "add") == 0 &&
	    (options.csr == NULL) != (options.new_key == NULL))
		return api_command(&options, "add", argv[2]);
	if (words == 2 && strcmp(argv[1], "cert") == 0 && options.out != NULL)
		return api_command(&options, "cert", argv[2]);
	if (words == 1 && strcmp(argv[1], "renew") == 0)
		return options.api.certificate != NULL && options.api.key != NULL &&
			       options.new_key != NULL && options.out != NULL
			   ? renew_command(&options)
			   : cli_usage(&OPERATOR_COMMAND,
				 "renew needs --cert, --key, --new-key and --out");
	if (words == 2 && strcmp(argv[1], "remove") == 0)
		return api_command(&options, "remove", argv[2]);
	return cli_usage(
	    &OPERATOR_COMMAND, "say add, sign, cert, renew, list or remove, with what it needs");
}

const struct subcommand OPERATOR_COMMAND = {"operator",
    "persons and stations, their roles and certificates",
    "usage: moniker operator add NAME --role ROLE... (--new-key FILE | --csr FILE)\n"
    "       moniker operator add NAME --role ROLE... (--new-key FILE | --csr FILE) --offline\n"
    "                            --config FILE --database-url URL --out FILE\n"
    "       moniker operator sign --database-url URL --ring FILE [--passphrase-file FILE] [--yes]\n"
    "       moniker operator cert NAME --out FILE\n"
    "       moniker operator renew --cert FILE --key FILE --new-key FILE --out FILE\n"
    "       moniker operator list\n"
    "       moniker operator remove NAME\n"
    "\n"
    "add records a pending certificate through the API (as an admin); with --offline in the "
    "database\n"
    "itself, when nobody is left who could call the service: run it, sign, and it again. sign runs "
    "on the host that\n"
    "holds the Operators CA's keyring: it shows and signs exactly what is pending. cert fetches a\n"
    "signed certificate. renew asks for the caller's own next one, as whoever it is, and fetches "
    "it\n"
    "when it is signed: run it again until then. The old one stays good until its end.\n"
    "Roles: station verifier officer auditor legal admin.\n"
    "\n"
    "  --new-key FILE         makes the key there (0600) and a CSR for it\n"
    "  --csr FILE             or: a CSR, PEM\n"
    "  --ring FILE            operators.ring, from `moniker init`\n"
    "  --passphrase-file FILE mode 0400; without it the terminal is asked\n"
    "  --yes                  do not ask before signing\n"
    "  --url, --cacert, --cert, --key, --json   see `moniker --help`; role ADMIN\n"
    "\n"
    "Exit status: 0 done, 1 refused or failed, 2 usage.\n",
    operator_command};
