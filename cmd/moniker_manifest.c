/* moniker manifest: the hardware that a batch is for, as a list of tags made on this machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cmd/blind_tags.h"
#include "cmd/cli.h"
#include "cmd/options.h"
#include "cmd/progress.h"

#define LINE_MAX_LEN (HWID_COUNT_MAX * (HWID_TEXT_MAX + 16)) /* characters */
#define TRIES_MAX 30                                         /* a second apart */

struct manifest_options {
	struct cli_api api;
	bool json;
	const char *batch;
};

struct upload {
	const struct manifest_options *options;
	struct http_client *client;
	struct hwid ids[BLIND_TAGS_MAX]; /* not sent yet */
	size_t count;
	size_t line; /* of the file, for the user */
	json_int_t read, added;
	struct progress progress;
};

static void
upload_clear(struct upload *upload)
{
	for (size_t i = 0; i < BLIND_TAGS_MAX; i++)
		hwid_clear(&upload->ids[i]);
	http_client_free(upload->client);
}
DEFER_DECLARE_CLEAR(struct upload, upload_clear)

static json_t *
tags_body(int kid, const uint8_t (*tags)[TAG_BYTES], size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		char hex[2 * TAG_BYTES + 1];

		hex_encode(hex, bytes_of(tags[i], TAG_BYTES));
		(void)json_array_append_new(list, json_string(hex));
	}
	return json_pack("{s:i, s:o}", "kid", kid, "tags", list);
}

static bool
send_once(struct upload *upload, struct error *err)
{
	DEFER(buf_clear_public) struct buf path = {0};
	DEFER(json_release) json_t *answer = NULL;
	uint8_t tags[BLIND_TAGS_MAX][TAG_BYTES];
	int kid;

	buf_append_format(&path, "/v1/batches/%s/manifest", upload->options->batch);
	if (!blind_tags_make(upload->client, upload->ids, upload->count, tags, &kid, err) ||
	    !cli_call(upload->client, "POST", buf_text(&path),
		tags_body(kid, (const uint8_t(*)[TAG_BYTES])tags, upload->count), &answer, err))
		return false;
	upload->added += json_integer_value(json_object_get(answer, "added"));
	return true;
}

/* What is listed already is not listed again, so whatever was lost on the way is sent again. */
static bool
send_all(struct upload *upload, struct error *err)
{
	for (int try = 1; upload->count > 0; try++) {
		struct error failed = {0};

		if (send_once(upload, &failed)) {
			upload->read += (json_int_t)upload->count;
			upload->count = 0;
			progress_tell(
			    &upload->progress, "hardware ids read", (uint64_t)upload->read, 0);
			return true;
		}
		if (try == TRIES_MAX || error_info(failed.code)->kind != ERROR_KIND_UNAVAILABLE) {
			*err = failed;
			return false;
		}
		(void)sleep(1);
	}
	return true;
}

/* "mac48=02:42:ac:11:00:02,imei=..."; an empty line or one of a comment is none. */
static bool
take_line(struct upload *upload, char *text, struct error *err)
{
	char *id;

	text[strcspn(text, "\r\n")] = '\0';
	if (text[0] == '\0' || text[0] == '#')
		return true;
	while ((id = strsep(&text, ",")) != NULL) {
		struct error failed = {0};

		if (upload->count == BLIND_TAGS_MAX && !send_all(upload, err))
			return false;
		/* What is wrong with it says the service's own check; the id itself is not shown.
		 */
		if (!blind_tags_parse(id, &upload->ids[upload->count], &failed))
			return error_set(
			    err, failed.code, "line %zu: %s", upload->line, failed.detail);
		upload->count++;
	}
	return true;
}

static bool
read_lines(struct upload *upload, FILE *in, struct error *err)
{
	char text[LINE_MAX_LEN + 2];

	while (fgets(text, sizeof text, in) != NULL) {
		upload->line++;
		if (strlen(text) > LINE_MAX_LEN)
			return error_set(err, E_TOO_LARGE, "line %zu is too long", upload->line);
		if (!take_line(upload, text, err))
			return false;
	}
	if (ferror(in))
		return error_set(err, E_FILE_FAILED, "the list cannot be read");
	return send_all(upload, err);
}

static bool
add_file(struct upload *upload, const char *path, struct error *err)
{
	FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	bool done;

	if (in == NULL) {
		(void)error_set(err, E_FILE_FAILED, "cannot open %s", path);
		error_cause_errno(err);
		return false;
	}
	done = cli_api_open(&upload->options->api, "ADMIN", &upload->client, err) &&
	       read_lines(upload, in, err);
	if (in != stdin)
		(void)fclose(in);
	return done;
}

static int
add_command(const struct manifest_options *options, const char *path)
{
	DEFER(upload_clear)
	struct upload upload = {.options = options, .progress = progress_begin()};
	struct error err = {0};

	const bool done = add_file(&upload, path, &err);

	progress_end(&upload.progress);
	if (!done)
		return cli_fail(&err, options->json, EXIT_FAILURE);
	if (options->json)
		printf("{\"read\":%" JSON_INTEGER_FORMAT ",\"added\":%" JSON_INTEGER_FORMAT "}\n",
		    upload.read, upload.added);
	else
		printf("%" JSON_INTEGER_FORMAT " hardware ids read, %" JSON_INTEGER_FORMAT
		       " added to the manifest of %s\n",
		    upload.read, upload.added, options->batch);
	return EXIT_SUCCESS;
}

static int
show_command(const struct manifest_options *options)
{
	DEFER(http_client_free) struct http_client *client = NULL;
	DEFER(json_release) json_t *answer = NULL;
	DEFER(buf_clear_public) struct buf path = {0};
	struct error err = {0};

	buf_append_format(&path, "/v1/batches/%s/manifest", options->batch);
	if (!cli_api_open(&options->api, "ADMIN", &client, &err) ||
	    !cli_call(client, "GET", buf_text(&path), NULL, &answer, &err))
		return cli_fail(&err, options->json, EXIT_FAILURE);
	if (options->json)
		cli_print_json(answer);
	else
		printf("%s: listed %" JSON_INTEGER_FORMAT ", enrolled %" JSON_INTEGER_FORMAT
		       ", missing %" JSON_INTEGER_FORMAT "\n",
		    options->batch, json_integer_value(json_object_get(answer, "listed")),
		    json_integer_value(json_object_get(answer, "enrolled")),
		    json_integer_value(json_object_get(answer, "missing")));
	return EXIT_SUCCESS;
}

static int
manifest_command(int argc, char **argv)
{
	struct manifest_options options = {0};
	const struct option_row rows[] = {OPTIONS_API(options.api, options.json)};
	const char *bad = NULL;
	int words = 0;

	if (!options_take(argc, argv, rows, COUNT(rows), &words, &bad))
		return cli_usage(&MANIFEST_COMMAND, bad);
	options.batch = words >= 2 ? argv[2] : NULL;
	if (words == 3 && strcmp(argv[1], "add") == 0)
		return add_command(&options, argv[3]);
	if (words == 2 && strcmp(argv[1], "show") == 0)
		return show_command(&options);
	return cli_usage(&MANIFEST_COMMAND, "say add BATCH FILE, or show BATCH");
}

const struct subcommand MANIFEST_COMMAND = {"manifest", "the hardware that a batch is for",
    "usage: moniker manifest add BATCH FILE\n"
    "       moniker manifest show BATCH\n"
    "\n"
    "add    lists the hardware ids of FILE (- is standard input) in the manifest of a batch that "
    "was\n"
    "       created with --manifest: a line each device, TYPE=VALUE[,TYPE=VALUE]..., at most 4. "
    "They\n"
    "       stay on this machine: what goes out are their tags, made blind, 20 a second. Running "
    "it\n"
    "       again adds what is missing.\n"
    "show   how many are listed, how many of these a device has or had, and how many are missing\n"
    "\n"
    "  --url, --cacert, --cert, --key, --json   see `moniker --help`; role ADMIN\n"
    "\n"
    "Exit status: 0 done, 1 refused or failed, 2 usage.\n",
    manifest_command};
