/* moniker disclose: an identity lifted by two roles: asked for, approved, fetched, opened, closed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>

#include "base/defer_openssl.h"
#include "base/file.h"
#include "base/mem.h"
#include "ca/certificate.h"
#include "cmd/cli.h"
#include "cmd/disclose_open.h"
#include "cmd/options.h"
#include "cmd/passphrase.h"
#include "cmd/seat_file.h"
#include "provisioning/disclosure.h"

struct disclose_options {
	struct cli_api api;
	bool json;
	const char *as; /* legal or officer */
	const char *basis, *case_number, *order, *out, *vkey, *policy, *package;
	const char *sample, *log, *found; /* of an escrow audit */
	struct option_values seats, passphrase_files;
};

/* ---- the service ---- */

static json_t *
role_body(const struct disclose_options *options)
{
	return json_pack("{s:s}", "role", options->as != NULL ? options->as : "officer");
}

static int
show_answer(const struct disclose_options *options, const json_t *answer)
{
	if (options->json) {
		cli_print_json(answer);
		return EXIT_SUCCESS;
	}
	printf("%s  %s", cli_text(answer, "id"), cli_text(answer, "status"));
	if (json_is_string(json_object_get(answer, "outcome")))
		printf(" (%s)", cli_text(answer, "outcome"));
	printf("\n\n%s", cli_text(answer, "request"));
	return EXIT_SUCCESS;
}

static bool
call(const struct disclose_options *options, const char *method, const char *id, const char *step,
    json_t *body, json_t **out, struct error *err)
{
	DEFER(http_client_free) struct http_client *client = NULL;
	DEFER(buf_clear_public) struct buf path = {0};

	buf_append_format(
	    &path, "/v1/disclosures%s%s%s", id != NULL ? "/" : "", id != NULL ? id : "", step);
	if (!cli_api_open(&options->api, cli_role(options->as), &client, err)) {
		json_decref(body);
		return false;
	}
	return cli_call(client, method, buf_text(&path), body, out, err);
}

static int
call_and_show(const struct disclose_options *options, const char *method, const char *id,
    const char *step, json_t *body)
{
	DEFER(json_release) json_t *answer = NULL;
	struct error err = {0};

	return call(options, method, id, step, body, &answer, &err)
		   ? show_answer(options, answer)
		   : cli_fail(&err, options->json, EXIT_FAILURE);
}

/* ---- request ---- */

static bool
digest_of_file(const char *path, char out[static 2 * SHA256_BYTES + 1], struct error *err)
{
	DEFER(buf_clear_public) struct buf file = {0};
	uint8_t digest[SHA256_BYTES];

	if (!file_read(path, DISCLOSE_PACKAGE_MAX, &file, err))
		return false;
	sha256(buf_bytes(&file), digest);
	hex_encode(out, bytes_of(digest, sizeof digest));
	return true;
}

/* What it is about: pseudonyms, or a sample that the log draws. */
static void
add_what(const struct disclose_options *options, int count, char **pseudonyms, json_t *body)
{
	json_t *what = options->sample != NULL ? json_object() : json_array();

	(void)json_object_set_new(body, options->sample != NULL ? "sample" : "pseudonyms", what);
	if (options->sample != NULL)
		(void)json_object_set_new(
		    what, "count", json_integer(strtoll(options->sample, NULL, 10)));
	if (options->sample != NULL && options->log != NULL)
		(void)json_object_set_new(what, "log", json_string(options->log));
	for (int i = 0; i < count; i++)
		(void)json_array_append_new(what, json_string(pseudonyms[i]));
}

static int
request_command(const struct disclose_options *options, int count, char **pseudonyms)
{
	char order[2 * SHA256_BYTES + 1];
	struct error err = {0};
	json_t *body;

	if (!digest_of_file(options->order, order, &err))
		return cli_fail(&err, options->json, EXIT_FAILURE);
	body =
	    json_pack("{s:s, s:s, s:s, s:s}", "basis", options->basis, "case", options->case_number,
		"order_sha256", order, "role", options->as != NULL ? options->as : "officer");
	add_what(options, count, pseudonyms, body);
	return call_and_show(options, "POST", NULL, "", body);
}

/* ---- approve: what is shown is what is signed, by the officer's own key ---- */

static const char *
own_file(const struct disclose_options *options, const char *given, const char *suffix)
{
	char name[32];

	if (given != NULL)
		return given;
	(void)snprintf(name, sizeof name, "MONIKER_%s%s", cli_role(options->as), suffix);
	return getenv(name);
}

static bool
read_own_handle(
    const struct disclose_options *options, char out[static HANDLE_TEXT_LEN + 1], struct error *err)
{
	const char *path = own_file(options, options->api.certificate, "_CERT");
	DEFER(buf_clear_public) struct buf pem = {0};
	DEFER(buf_clear_public) struct buf der = {0};
	struct certificate certificate;
	struct bytes name;

	if (path == NULL)
		return error_set(err, E_INCOMPLETE, "give --cert and --key");
	if (!file_read(path, CERTIFICATE_TEXT_MAX, &pem, err) ||
	    !pem_decode(buf_bytes(&pem), "CERTIFICATE", &der, err) ||
	    !certificate_parse(buf_bytes(&der), &certificate, err))
		return false;
	if (!certificate_common_name(&certificate, &name) || name.len != HANDLE_TEXT_LEN)
		return error_set(err, E_BAD_SYNTAX, "%s is no person's certificate", path);
	(void)snprintf(out, HANDLE_TEXT_LEN + 1, "%.*s", (int)name.len, (const char *)name.data);
	return true;
}

static bool
sign(const struct disclose_options *options, struct bytes message, struct buf *out,
    struct error *err)
{
	const char *path = own_file(options, options->api.key, "_KEY");
	FILE *file = path != NULL ? fopen(path, "re") : NULL;
	DEFER(EVP_PKEY_free)
	EVP_PKEY *key = file != NULL ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
	DEFER(EVP_MD_CTX_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t signature[512];
	size_t len = sizeof signature;

	if (file != NULL)
		(void)fclose(file);
	if (key == NULL)
		return error_set(
		    err, E_FILE_FAILED, "%s: no private key", path != NULL ? path : "--key");
	if (EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) != 1 ||
	    EVP_DigestSign(ctx, signature, &len, message.data, message.len) != 1)
		return error_set(err, E_INTERNAL, "the approval cannot be signed");
	base64_encode(out, bytes_of(signature, len));
	return true;
}

static bool
approve(const struct disclose_options *options, const char *id, json_t **out, struct error *err)
{
	DEFER(json_release) json_t *shown = NULL;
	DEFER(buf_clear_public) struct buf message = {0};
	DEFER(buf_clear_public) struct buf signature = {0};
	struct disclosure_text text;
	char handle[HANDLE_TEXT_LEN + 1];
	const char *request;
	enum seat_role role =
	    options->as != NULL && strcmp(options->as, "legal") == 0 ? SEAT_LEGAL : SEAT_OFFICER;
	json_t *body;

	if (!read_own_handle(options, handle, err) ||
	    !call(options, "GET", id, "", NULL, &shown, err))
		return false;
	request = cli_text(shown, "request");
	if (!disclosure_parse(bytes_of_text(request), &text, err))
		return false;
	if (strcmp(text.id, id) != 0)
		return error_set(err, E_BAD_SYNTAX, "the service shows another request");
	(void)fputs(request, stderr);
	disclosure_approval_encode(bytes_of_text(request), role, handle, &message);
	if (!sign(options, buf_bytes(&message), &signature, err))
		return false;
	body = role_body(options);
	(void)json_object_set_new(body, "signature", json_string(buf_text(&signature)));
	return call(options, "POST", id, "/approval", body, out, err);
}

static int
approve_command(const struct disclose_options *options, const char *id)
{
	DEFER(json_release) json_t *answer = NULL;
	struct error err = {0};

	return approve(options, id, &answer, &err) ? show_answer(options, answer)
						   : cli_fail(&err, options->json, EXIT_FAILURE);
}

/* ---- fetch, open, receipt ---- */

static bool
tell_problem(const struct http_answer *answer, struct error *err)
{
	DEFER(json_release) json_t *problem = NULL;
	struct error unread = {0};

	if (!json_parse(buf_bytes(&answer->body), &problem, &unread))
		return error_set(err, E_INTERNAL, "the service answered %ld", answer->status);
	return error_set(err, E_STATE_CONFLICT, "%s: %s", cli_text(problem, "code"),
	    cli_text(problem, "detail"));
}

/* The package's octets as they are: its digest goes into the receipt. */
static bool
fetch(const struct disclose_options *options, const char *id, struct error *err)
{
	DEFER(http_client_free) struct http_client *client = NULL;
	DEFER(http_answer_clear) struct http_answer answer = {0};
	DEFER(buf_clear_public) struct buf path = {0};

	buf_append_format(&path, "/v1/disclosures/%s/package?role=%s", id,
	    options->as != NULL ? options->as : "officer");
	if (!cli_api_open(&options->api, cli_role(options->as), &client, err) ||
	    !http_client_call(
		client, "GET", buf_text(&path), NULL, (struct bytes){0}, &answer, err))
		return false;
	if (answer.status != 200)
		return tell_problem(&answer, err);
	return file_write(options->out, buf_bytes(&answer.body), 0600, err);
}

static int
fetch_command(const struct disclose_options *options, const char *id)
{
	struct error err = {0};

	return fetch(options, id, &err) ? EXIT_SUCCESS
					: cli_fail(&err, options->json, EXIT_FAILURE);
}

static bool
open_seats(const struct disclose_options *options, struct disclose_open *out, struct error *err)
{
	for (size_t i = 0; i < options->seats.count; i++) {
		DEFER(secret_free) struct secret *passphrase = NULL;
		const char *file =
		    i < options->passphrase_files.count ? options->passphrase_files.at[i] : NULL;

		(void)fprintf(stderr, "%s\n", options->seats.at[i]);
		if (!passphrase_read(file, "Passphrase of this seat's key: ", &passphrase, err) ||
		    !seat_file_open(options->seats.at[i], passphrase, &out->seats[i], err))
			return false;
		out->seat_count++;
	}
	return true;
}

static int
open_command(const struct disclose_options *options)
{
	DEFER(json_release) json_t *told = NULL;
	struct disclose_open open = {.package = options->package,
	    .cacert =
		options->api.ca_file != NULL ? options->api.ca_file : getenv("MONIKER_CACERT")};
	struct error err = {0};
	bool good;

	if (open.cacert == NULL)
		return cli_usage(&DISCLOSE_COMMAND, "open needs --cacert");
	good = log_keys_read(options->vkey, options->policy, &open.logs, &err) &&
	       open_seats(options, &open, &err) && disclose_open(&open, &told, &err);
	for (size_t i = 0; i < open.seat_count; i++)
		seat_key_clear(&open.seats[i]);
	if (!good)
		return cli_fail(&err, options->json, EXIT_FAILURE);
	cli_print_json(told);
	return EXIT_SUCCESS;
}

/* What `open` printed of an audit, without the words: why a record does not open stays with you. */
static bool
read_found(const char *path, json_t **out, struct error *err)
{
	static const char *const counts[] = {"opened", "erased", "other_seats"};
	DEFER(buf_clear_public) struct buf file = {0};
	DEFER(json_release) json_t *told = NULL;
	const json_t *found, *item;
	json_t *faults;
	size_t i;

	if (!file_read(path, DISCLOSE_PACKAGE_MAX, &file, err) ||
	    !json_parse(buf_bytes(&file), &told, err))
		return false;
	found = json_object_get(told, "found");
	if (!json_is_object(found))
		return error_set(err, E_BAD_SYNTAX, "%s tells nothing of an escrow audit", path);
	*out = json_object();
	for (i = 0; i < COUNT(counts); i++)
		(void)json_object_set(*out, counts[i], json_object_get(found, counts[i]));
	faults = json_array();
	json_array_foreach(json_object_get(found, "faults"), i, item)(void)
	    json_array_append(faults, json_object_get(item, "leaf"));
	(void)json_object_set_new(*out, "faults", faults);
	return true;
}

static int
receipt_command(const struct disclose_options *options, const char *id)
{
	char digest[2 * SHA256_BYTES + 1];
	struct error err = {0};
	json_t *body, *found = NULL;

	if (!digest_of_file(options->package, digest, &err) ||
	    (options->found != NULL && !read_found(options->found, &found, &err)))
		return cli_fail(&err, options->json, EXIT_FAILURE);
	body = role_body(options);
	(void)json_object_set_new(body, "package_sha256", json_string(digest));
	if (found != NULL)
		(void)json_object_set_new(body, "found", found);
	return call_and_show(options, "POST", id, "/receipt", body);
}

/* ---- the words ---- */

static int
run_word(const struct disclose_options *options, int words, char **argv)
{
	const char *word = argv[1];
	const char *id = words == 2 ? argv[2] : NULL;

	if (strcmp(word, "request") == 0 && (words >= 2) != (options->sample != NULL) &&
	    options->basis != NULL && options->case_number != NULL && options->order != NULL)
		return request_command(options, words - 1, argv + 2);
	if (strcmp(word, "open") == 0 && words == 1 && options->package != NULL &&
	    options->seats.count >= 2 && options->seats.count <= DISCLOSE_SEATS_MAX)
		return open_command(options);
	if (id != NULL && strcmp(word, "show") == 0)
		return call_and_show(options, "GET", id, "", NULL);
	if (id != NULL && strcmp(word, "approve") == 0)
		return approve_command(options, id);
	if (id != NULL && strcmp(word, "reject") == 0)
		return call_and_show(options, "POST", id, "/rejection", role_body(options));
	if (id != NULL && strcmp(word, "fetch") == 0 && options->out != NULL)
		return fetch_command(options, id);
	if (id != NULL && strcmp(word, "receipt") == 0 && options->package != NULL)
		return receipt_command(options, id);
	return cli_usage(&DISCLOSE_COMMAND,
	    "say request, show, approve, reject, fetch, open or receipt, with what it needs");
}

static int
disclose_command(int argc, char **argv)
{
	struct disclose_options options = {0};
	const struct option_row rows[] = {OPTIONS_API(options.api, options.json),
	    {"--as", OPTION_TEXT, &options.as}, {"--basis", OPTION_TEXT, &options.basis},
	    {"--case", OPTION_TEXT, &options.case_number}, {"--order", OPTION_TEXT, &options.order},
	    {"--sample", OPTION_TEXT, &options.sample}, {"--log", OPTION_TEXT, &options.log},
	    {"--found", OPTION_TEXT, &options.found}, {"--out", OPTION_TEXT, &options.out},
	    {"--vkey", OPTION_TEXT, &options.vkey}, {"--policy", OPTION_TEXT, &options.policy},
	    {"--package", OPTION_TEXT, &options.package}, {"--seat", OPTION_LIST, &options.seats},
	    {"--passphrase-file", OPTION_LIST, &options.passphrase_files}};
	const char *bad = NULL;
	int words = 0;

	if (!options_take(argc, argv, rows, COUNT(rows), &words, &bad))
		return cli_usage(&DISCLOSE_COMMAND, bad);
	if (options.as != NULL && strcmp(options.as, "legal") != 0 &&
	    strcmp(options.as, "officer") != 0)
		return cli_usage(&DISCLOSE_COMMAND, "--as is legal or officer");
	if (words == 0)
		return cli_usage(&DISCLOSE_COMMAND, "say what");
	return run_word(&options, words, argv);
}

const struct subcommand DISCLOSE_COMMAND = {"disclose",
    "lift a pseudonym, by two roles, on a recorded legal basis",
    "usage: moniker disclose request PSEUDONYM... --basis BASIS --case TEXT --order FILE\n"
    "       moniker disclose request --basis ESCROW_AUDIT --sample N [--log NAME] --case TEXT "
    "--order "
    "FILE\n"
    "       moniker disclose show ID\n"
    "       moniker disclose approve ID\n"
    "       moniker disclose reject ID\n"
    "       moniker disclose fetch ID --out FILE\n"
    "       moniker disclose open --package FILE --seat FILE --seat FILE (--policy FILE | --vkey "
    "KEY)\n"
    "                             --cacert FILE [--passphrase-file FILE]...\n"
    "       moniker disclose receipt ID --package FILE [--found FILE]\n"
    "\n"
    "request asks for at most ten identities; it expires after 72 hours. approve shows the request "
    "and\n"
    "signs it with your own key: one person of each of the roles legal and officer, none of them "
    "who\n"
    "asked. fetch gets the package: sealed records with the log's proofs. open needs no network: "
    "it\n"
    "checks all of this again and opens the records with a seat of each role. receipt closes it.\n"
    "Each step is a leaf of the audit log before it counts.\n"
    "An escrow audit opens N records that the log itself draws, and tells only which of them open; "
    "its\n"
    "receipt takes what open printed.\n"
    "\n"
    "  --as ROLE              legal or officer (default): the role in which you act\n"
    "  --basis BASIS          COURT_ORDER STATUTE VITAL_INTEREST RECALL SUBJECT_ACCESS INCIDENT\n"
    "                         ESCROW_AUDIT\n"
    "  --case TEXT            the case's number\n"
    "  --order FILE           the order; its SHA-256 goes on record, not the file\n"
    "  --sample N             1 to 50 sealed identities, drawn from this log or that of --log "
    "NAME\n"
    "  --package FILE         from fetch\n"
    "  --found FILE           what open printed of an escrow audit\n"
    "  --seat FILE            a seat's key, from `moniker seat new`; at least one of each role\n"
    "  --passphrase-file FILE of the seats, in their order, mode 0400; else the terminal is asked\n"
    "  --policy FILE, --vkey KEY\n"
    "                         the logs' keys, as for `moniker audit verify`\n"
    "  --url, --cacert, --cert, --key, --json   see `moniker --help`; role OFFICER or LEGAL\n"
    "\n"
    "Exit status: 0 done, 1 refused or failed, 2 usage.\n",
    disclose_command};
