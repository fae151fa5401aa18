/* moniker enroll, renew, rotate: the reference client of stations and devices. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "cmd/blind_seal.h"
#include "cmd/blind_tags.h"
#include "cmd/cli.h"
#include "cmd/options.h"
#include "cmd/settings.h"

#define TRIES_MAX 5 /* of a call whose answer may have been lost; the service is idempotent */

struct enroll_options {
	struct cli_api api;
	bool json, replace, blind;
	const char *batch, *token_file, *out, *profile;
	struct option_values hardware_ids;
};

static bool
hardware_ids_of(const struct option_values *values, json_t **out, struct error *err)
{
	json_t *ids = json_array();

	for (size_t i = 0; i < values->count; i++) {
		DEFER(mem_free) char *type = xstrdup(values->at[i]);
		char *value = strchr(type, '=');

		if (value == NULL) {
			json_decref(ids);
			return error_set(
			    err, E_HARDWARE_ID_INVALID, "write a hardware id as TYPE=VALUE");
		}
		*value++ = '\0';
		(void)json_array_append_new(
		    ids, json_pack("{s:s, s:s}", "type", type, "value", value));
	}
	*out = ids;
	return true;
}

struct id_list {
	struct hwid ids[HWID_COUNT_MAX];
};

static void
id_list_clear(struct id_list *list)
{
	for (size_t i = 0; i < HWID_COUNT_MAX; i++)
		hwid_clear(&list->ids[i]);
}
DEFER_DECLARE_CLEAR(struct id_list, id_list_clear)

static bool
parse_ids(const struct option_values *values, struct id_list *out, struct error *err)
{
	if (values->count == 0 || values->count > HWID_COUNT_MAX)
		return error_set(err, E_HARDWARE_ID_MISSING,
		    "--blind needs one to %d --hardware-id", HWID_COUNT_MAX);
	for (size_t i = 0; i < values->count; i++)
		if (!blind_tags_parse(values->at[i], &out->ids[i], err))
			return false;
	return true;
}

static bool
add_tags(struct http_client *client, const struct hwid *ids, size_t count, json_t *body,
    struct error *err)
{
	uint8_t tags[HWID_COUNT_MAX][TAG_BYTES];
	json_t *list;
	int kid;

	if (!blind_tags_make(client, ids, count, tags, &kid, err))
		return false;
	list = json_array();
	for (size_t i = 0; i < count; i++) {
		char hex[2 * TAG_BYTES + 1];

		hex_encode(hex, bytes_of(tags[i], TAG_BYTES));
		(void)json_array_append_new(list, json_string(hex));
	}
	return json_object_set_new(
		   body, "hardware_tags", json_pack("{s:i, s:o}", "kid", kid, "tags", list)) == 0 ||
	       error_set(err, E_INTERNAL, "no room");
}

/* Where the batch keeps identities: for the officers, past the service. */
static bool
add_sealed(struct http_client *client, const struct enroll_options *options, const struct hwid *ids,
    size_t count, json_t *body, struct error *err)
{
	const struct blind_seal with = {.batch = options->batch,
	    .ca_file = cli_api_ca_file(&options->api),
	    .certificate = cli_api_certificate(&options->api, "STATION")};
	DEFER(buf_clear_public) struct buf sealed = {0};

	return blind_seal_make(client, &with, ids, count, &sealed, err) &&
	       (sealed.len == 0 ||
		   json_object_set_new(
		       body, "sealed", json_stringn((const char *)sealed.data, sealed.len)) == 0 ||
		   error_set(err, E_INTERNAL, "no room"));
}

/* The hardware ids stay here: what goes out are their tags, and what only the officers can open. */
static bool
add_blind(struct http_client *client, const struct enroll_options *options, json_t *body,
    struct error *err)
{
	DEFER(id_list_clear) struct id_list given = {0};
	const size_t count = options->hardware_ids.count;

	return parse_ids(&options->hardware_ids, &given, err) &&
	       add_tags(client, given.ids, count, body, err) &&
	       add_sealed(client, options, given.ids, count, body, err);
}

static bool
enroll_body(struct http_client *client, const struct enroll_options *options, const char *key_path,
    json_t **out, struct error *err)
{
	DEFER(buf_clear_public) struct buf csr = {0};
	DEFER(secret_free) struct secret *token = NULL;
	DEFER(json_release) json_t *body = NULL;
	json_t *ids = NULL;

	if (!cli_make_csr(key_path, &csr, err) ||
	    (options->token_file != NULL && !secret_read_file(options->token_file, &token, err)) ||
	    (!options->blind && !hardware_ids_of(&options->hardware_ids, &ids, err)))
		return false;
	body =
	    json_pack("{s:s%, s:o*}", "csr", (const char *)csr.data, csr.len, "hardware_ids", ids);
	if (options->batch != NULL)
		(void)json_object_set_new(body, "batch", json_string(options->batch));
	if (options->profile != NULL)
		(void)json_object_set_new(body, "profile", json_string(options->profile));
	if (token != NULL)
		(void)json_object_set_new(body, "token",
		    json_stringn((const char *)secret_bytes(token).data, secret_bytes(token).len));
	if (options->replace)
		(void)json_object_set_new(body, "replace", json_true());
	if (options->blind && !add_blind(client, options, body, err))
		return false;
	*out = TAKE(body);
	return true;
}

/* The request, not only the call, has to be made again. */
static bool
wants_another(const struct error *failed)
{
	return failed->code == E_TAG_KEY_CHANGED || failed->code == E_SEAT_SET_CHANGED;
}

/* The same request again gets the same certificate, so a lost answer is simply asked for again. */
static bool
call_until_answered(struct http_client *client, const char *path, const json_t *body, json_t **out,
    struct error *err)
{
	for (int try = 1;; try++) {
		struct error failed = {0};
		enum error_kind kind;

		if (cli_call(client, "POST", path, json_deep_copy(body), out, &failed))
			return true;
		kind = error_info(failed.code)->kind;
		if (try == TRIES_MAX || wants_another(&failed) ||
		    (kind != ERROR_KIND_UNAVAILABLE && kind != ERROR_KIND_RATE_LIMITED &&
			failed.code != E_INTERNAL)) {
			*err = failed;
			return false;
		}
		(void)sleep(1);
	}
}

/* <dir>/cert.pem: the certificate and its chain. */
static bool
store(const char *dir, const json_t *answer, struct error *err)
{
	DEFER(mem_free) char *path = settings_path(dir, "cert.pem");
	DEFER(buf_clear_public) struct buf pem = {0};
	json_t *element;
	size_t i;

	buf_append_text(&pem, cli_text(answer, "certificate"));
	json_array_foreach(json_object_get(answer, "chain"), i, element)
	    buf_append_text(&pem, json_string_value(element));
	return file_write(path, buf_bytes(&pem), 0644, err);
}

static int
report(const json_t *answer, const char *dir, bool json)
{
	if (json)
		cli_print_json(answer);
	else
		printf("%s\n  serial       %s\n  not after    %s\n  renew after  %s\n  key         "
		       " %s/key.pem\n  certificate  %s/cert.pem\n",
		    cli_text(answer, "pseudonym"), cli_text(answer, "serial"),
		    cli_text(answer, "not_after"), cli_text(answer, "renew_after"), dir, dir);
	return EXIT_SUCCESS;
}

/* What was made just before the key of tags or the seat set was changed is made again. */
static bool
enroll_until_answered(struct http_client *client, const struct enroll_options *options,
    const char *key_path, json_t **out, struct error *err)
{
	for (int try = 1;; try++) {
		DEFER(json_release) json_t *body = NULL;
		struct error failed = {0};

		if (!enroll_body(client, options, key_path, &body, err))
			return false;
		if (call_until_answered(client, "/v1/enrollments", body, out, &failed))
			return true;
		if (!wants_another(&failed) || try == TRIES_MAX) {
			*err = failed;
			return false;
		}
		if (failed.code == E_SEAT_SET_CHANGED)
			(void)sleep(1);
	}
}

static bool
run_enroll(const struct enroll_options *options, json_t **out, struct error *err)
{
	DEFER(http_client_free) struct http_client *client = NULL;
	DEFER(mem_free) char *key_path = settings_path(options->out, "key.pem");
	const char *role = options->token_file == NULL || options->blind ? "STATION" : NULL;

	return cli_api_open(&options->api, role, &client, err) &&
	       file_make_dir(options->out, 0700, err) &&
	       enroll_until_answered(client, options, key_path, out, err) &&
	       store(options->out, *out, err);
}

static int
enroll_command(int argc, char **argv)
{
	struct enroll_options options = {0};
	const struct option_row rows[] = {OPTIONS_API(options.api, options.json),
	    {"--batch", OPTION_TEXT, &options.batch}, {"--out", OPTION_TEXT, &options.out},
	    {"--profile", OPTION_TEXT, &options.profile},
	    {"--token-file", OPTION_TEXT, &options.token_file},
	    {"--hardware-id", OPTION_LIST, &options.hardware_ids},
	    {"--replace", OPTION_FLAG, &options.replace}, {"--blind", OPTION_FLAG, &options.blind}};
	DEFER(json_release) json_t *answer = NULL;
	struct error err = {0};
	const char *bad = NULL;
	int words = 0;

	if (!options_take(argc, argv, rows, COUNT(rows), &words, &bad))
		return cli_usage(&ENROLL_COMMAND, bad);
	if (words != 0 || options.out == NULL ||
	    (options.batch == NULL && options.token_file == NULL))
		return cli_usage(&ENROLL_COMMAND, "give --out and --batch or --token-file");
	if (!run_enroll(&options, &answer, &err))
		return cli_fail(&err, options.json, EXIT_FAILURE);
	return report(answer, options.out, options.json);
}

const struct subcommand ENROLL_COMMAND = {"enroll", "get a device its first certificate",
    "usage: moniker enroll --out DIR (--batch ID | --token-file FILE) [OPTIONS]\n"
    "\n"
    "Makes DIR/key.pem (0600; an existing one is used, so that running it again after a lost\n"
    "answer gets the same certificate), sends a CSR and writes DIR/cert.pem with its chain.\n"
    "\n"
    "  --batch ID               the production lot\n"
    "  --token-file FILE        a one-time token instead of a station's certificate (mode 0400)\n"
    "  --hardware-id TYPE=VALUE mac48 eui64 imei soc_uid se_serial tpm_ek idevid; repeat, at most "
    "4\n"
    "  --blind                  the hardware ids stay here: the service gets their tags, which it\n"
    "                           made without seeing the ids, and, where the batch keeps\n"
    "                           identities in escrow, a record that the officers alone can open;\n"
    "                           needs a station's certificate and, with escrow, --batch\n"
    "  --replace                the same board again with a new key\n"
    "  --profile NAME           when it is not the batch's\n"
    "  --url, --cacert, --cert, --key, --json   see `moniker --help`; role STATION\n"
    "\n"
    "Exit status: 0 enrolled, 1 refused or failed, 2 usage.\n",
    enroll_command};

/* ---- renew, rotate ---- */

struct next_options { /* a certificate that is asked for under another one */
	const char *path;
	const char *dir; /* whose certificate and key it is asked with */
	const char *out; /* where it goes to */
	bool new_key;
	const char *epoch; /* or NULL */
};

static bool
place_key(const char *dir, struct error *err)
{
	DEFER(mem_free) char *key_path = settings_path(dir, "key.pem");
	DEFER(mem_free) char *next_path = settings_path(dir, "key.next.pem");

	if (rename(next_path, key_path) == 0)
		return file_sync_dir(dir, err);
	(void)error_set(err, E_FILE_FAILED, "cannot put the new key in place: it is %s", next_path);
	error_cause_errno(err);
	return false;
}

/* What a run that ended between its certificate and its key has left. */
static bool
mend_pair(const char *dir, struct error *err)
{
	DEFER(mem_free) char *next_path = settings_path(dir, "key.next.pem");
	DEFER(mem_free) char *certificate_path = settings_path(dir, "cert.pem");

	return !cli_key_fits(next_path, certificate_path) || place_key(dir, err);
}

/* A new key lies beside until its certificate is there: after a lost answer it is used again. */
static bool
run_next(const struct enroll_options *options, const struct next_options *next, json_t **out,
    struct error *err)
{
	DEFER(http_client_free) struct http_client *client = NULL;
	DEFER(mem_free) char *certificate_path = settings_path(next->dir, "cert.pem");
	DEFER(mem_free) char *as_path = settings_path(next->dir, "key.pem");
	DEFER(mem_free) char *key_path = settings_path(next->out, "key.pem");
	DEFER(mem_free) char *next_path = settings_path(next->out, "key.next.pem");
	DEFER(buf_clear_public) struct buf csr = {0};
	DEFER(json_release) json_t *body = NULL;
	struct cli_api api = options->api;

	api.certificate = certificate_path;
	api.key = as_path;
	if (!mend_pair(next->dir, err) || !mend_pair(next->out, err) ||
	    !cli_api_open(&api, NULL, &client, err) || !file_make_dir(next->out, 0700, err) ||
	    !cli_make_csr(next->new_key ? next_path : key_path, &csr, err))
		return false;
	body =
	    json_pack("{s:s%, s:s*}", "csr", (const char *)csr.data, csr.len, "epoch", next->epoch);
	return call_until_answered(client, next->path, body, out, err) &&
	       store(next->out, *out, err) && (!next->new_key || place_key(next->out, err));
}

static int
renew_command(int argc, char **argv)
{
	struct enroll_options options = {0};
	bool new_key = false;
	const struct option_row rows[] = {{"--url", OPTION_TEXT, &options.api.url},
	    {"--cacert", OPTION_TEXT, &options.api.ca_file}, {"--json", OPTION_FLAG, &options.json},
	    {"--dir", OPTION_TEXT, &options.out}, {"--new-key", OPTION_FLAG, &new_key}};
	DEFER(json_release) json_t *answer = NULL;
	struct error err = {0};
	const char *bad = NULL;
	int words = 0;

	if (!options_take(argc, argv, rows, COUNT(rows), &words, &bad))
		return cli_usage(&RENEW_COMMAND, bad);
	if (words != 0 || options.out == NULL)
		return cli_usage(&RENEW_COMMAND, "give --dir");
	if (!run_next(&options,
		&(struct next_options){.path = "/v1/renewals",
		    .dir = options.out,
		    .out = options.out,
		    .new_key = new_key},
		&answer, &err))
		return cli_fail(&err, options.json, EXIT_FAILURE);
	return report(answer, options.out, options.json);
}

const struct subcommand RENEW_COMMAND = {"renew", "get a device its next certificate",
    "usage: moniker renew --dir DIR [--new-key]\n"
    "\n"
    "Renews DIR/cert.pem under itself, with DIR/key.pem or a new key. Due from two thirds of the\n"
    "validity on, until 30 days after expiry.\n"
    "\n"
    "  --url, --cacert, --json   see `moniker --help`\n"
    "\n"
    "Exit status: 0 renewed, 1 refused or failed, 2 usage.\n",
    renew_command};

static bool
is_one_folder(const char *path, const char *other)
{
	struct stat a, b;

	return strcmp(path, other) == 0 || (stat(path, &a) == 0 && stat(other, &b) == 0 &&
					       a.st_dev == b.st_dev && a.st_ino == b.st_ino);
}

static int
rotate_command(int argc, char **argv)
{
	struct enroll_options options = {0};
	struct next_options next = {.path = "/v1/pseudonyms", .new_key = true};
	bool next_epoch = false;
	const struct option_row rows[] = {{"--url", OPTION_TEXT, &options.api.url},
	    {"--cacert", OPTION_TEXT, &options.api.ca_file}, {"--json", OPTION_FLAG, &options.json},
	    {"--dir", OPTION_TEXT, &next.dir}, {"--out", OPTION_TEXT, &next.out},
	    {"--next", OPTION_FLAG, &next_epoch}};
	DEFER(json_release) json_t *answer = NULL;
	struct error err = {0};
	const char *bad = NULL;
	int words = 0;

	if (!options_take(argc, argv, rows, COUNT(rows), &words, &bad))
		return cli_usage(&ROTATE_COMMAND, bad);
	if (words != 0 || next.dir == NULL || next.out == NULL)
		return cli_usage(&ROTATE_COMMAND, "give --dir and --out");
	if (is_one_folder(next.dir, next.out))
		return cli_usage(&ROTATE_COMMAND,
		    "--out is another folder than --dir, which is asked with again");
	next.epoch = next_epoch ? "next" : NULL;
	if (!run_next(&options, &next, &answer, &err))
		return cli_fail(&err, options.json, EXIT_FAILURE);
	return report(answer, next.out, options.json);
}

const struct subcommand ROTATE_COMMAND = {"rotate",
    "get a device of an unlinkable batch its next pseudonym",
    "usage: moniker rotate --dir DIR --out DIR [--next]\n"
    "\n"
    "Asks with the birth certificate in --dir, or with a pseudonym's that is valid, for another\n"
    "pseudonym: a new name under a new key, which nothing ties to those before. What --out had\n"
    "is replaced; the same call after a lost answer gets the same certificate.\n"
    "\n"
    "  --dir DIR   cert.pem and key.pem to ask with, as moniker enroll wrote them; kept\n"
    "  --out DIR   where cert.pem and key.pem of the pseudonym go\n"
    "  --next      of the epoch to come, from a day before it starts\n"
    "  --url, --cacert, --json   see `moniker --help`\n"
    "\n"
    "Run it at the hour that `renew after` says, which is another one each time: devices that ask\n"
    "at an hour of their own can be told apart by it.\n"
    "\n"
    "Exit status: 0 a pseudonym is there, 1 refused or failed, 2 usage.\n",
    rotate_command};
