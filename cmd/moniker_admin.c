/* moniker batch and token: what an admin prepares for a line, through the API. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/cli.h"
#include "cmd/options.h"

struct batch_options {
	struct cli_api api;
	bool json, escrow, manifest;
	const char *model, *mode, *profile, *quota, *opens_at, *closes_at, *hardware_ids, *replace;
	struct option_values stations;
};

static void
set_text(json_t *object, const char *name, const char *text)
{
	if (text != NULL)
		(void)json_object_set_new(object, name, json_string(text));
}

static json_t *
batch_body(const struct batch_options *options, const char *id)
{
	json_t *body = json_object();

	set_text(body, "id", id);
	set_text(body, "model", options->model);
	set_text(body, "mode", options->mode);
	set_text(body, "profile", options->profile);
	set_text(body, "opens_at", options->opens_at);
	set_text(body, "closes_at", options->closes_at);
	set_text(body, "hardware_ids", options->hardware_ids);
	set_text(body, "replace", options->replace);
	if (options->escrow)
		(void)json_object_set_new(body, "escrow", json_true());
	if (options->manifest)
		(void)json_object_set_new(body, "manifest", json_true());
	if (options->quota != NULL)
		(void)json_object_set_new(
		    body, "quota", json_integer(strtoll(options->quota, NULL, 10)));
	if (options->stations.count > 0) {
		json_t *stations = json_array();

		for (size_t i = 0; i < options->stations.count; i++)
			(void)json_array_append_new(stations, json_string(options->stations.at[i]));
		(void)json_object_set_new(body, "stations", stations);
	}
	return body;
}

static void
print_batch(const json_t *batch)
{
	printf("%-24s %-14s quota %" JSON_INTEGER_FORMAT "  issued %" JSON_INTEGER_FORMAT
	       "  refused %" JSON_INTEGER_FORMAT "  revoked %" JSON_INTEGER_FORMAT "\n",
	    cli_text(batch, "id"), cli_text(batch, "mode"),
	    json_integer_value(json_object_get(batch, "quota")),
	    json_integer_value(json_object_get(batch, "issued")),
	    json_integer_value(json_object_get(batch, "refused")),
	    json_integer_value(json_object_get(batch, "revoked")));
}

static int
run_batch(const struct batch_options *options, const char *verb, const char *id)
{
	DEFER(http_client_free) struct http_client *client = NULL;
	DEFER(json_release) json_t *answer = NULL;
	DEFER(buf_clear_public) struct buf path = {0};
	struct error err = {0};
	json_t *item;
	size_t i;
	const bool create = strcmp(verb, "create") == 0;

	buf_append_format(&path, "/v1/batches%s%s", id != NULL && !create ? "/" : "",
	    id != NULL && !create ? id : "");
	if (!cli_api_open(&options->api, "ADMIN", &client, &err) ||
	    !cli_call(client, create ? "POST" : "GET", buf_text(&path),
		create ? batch_body(options, id) : NULL, &answer, &err))
		return cli_fail(&err, options->json, EXIT_FAILURE);
	if (options->json)
		cli_print_json(answer);
	else if (id == NULL)
		json_array_foreach(json_object_get(answer, "items"), i, item) print_batch(item);
	else
		print_batch(answer);
	return EXIT_SUCCESS;
}

static int
batch_command(int argc, char **argv)
{
	struct batch_options options = {0};
	const struct option_row rows[] = {OPTIONS_API(options.api, options.json),
	    {"--model", OPTION_TEXT, &options.model}, {"--mode", OPTION_TEXT, &options.mode},
	    {"--profile", OPTION_TEXT, &options.profile}, {"--quota", OPTION_TEXT, &options.quota},
	    {"--opens-at", OPTION_TEXT, &options.opens_at},
	    {"--closes-at", OPTION_TEXT, &options.closes_at},
	    {"--hardware-ids", OPTION_TEXT, &options.hardware_ids},
	    {"--replace", OPTION_TEXT, &options.replace},
	    {"--escrow", OPTION_FLAG, &options.escrow},
	    {"--manifest", OPTION_FLAG, &options.manifest},
	    {"--station", OPTION_LIST, &options.stations}};
	const char *bad = NULL;
	int words = 0;

	if (!options_take(argc, argv, rows, COUNT(rows), &words, &bad))
		return cli_usage(&BATCH_COMMAND, bad);
	if (words == 2 && strcmp(argv[1], "create") == 0 && options.quota != NULL &&
	    options.model != NULL)
		return run_batch(&options, "create", argv[2]);
	if (words == 2 && strcmp(argv[1], "show") == 0)
		return run_batch(&options, "show", argv[2]);
	if (words == 1 && strcmp(argv[1], "list") == 0)
		return run_batch(&options, "list", NULL);
	return cli_usage(&BATCH_COMMAND, "say create ID --model M --quota N, show ID or list");
}

const struct subcommand BATCH_COMMAND = {"batch",
    "production lots: what may be enrolled, and how many",
    "usage: moniker batch create ID --model MODEL --quota N [OPTIONS]\n"
    "       moniker batch show ID\n"
    "       moniker batch list\n"
    "\n"
    "  --profile NAME         default device, or birth for unlinkable\n"
    "  --mode MODE            pseudonymous (default) or unlinkable\n"
    "  --opens-at, --closes-at TIME   RFC 3339 UTC; default now, and never\n"
    "  --hardware-ids WHAT    required (default), optional, or blind: stations send tags only\n"
    "  --manifest             only for hardware that is listed with `moniker manifest add`\n"
    "  --replace WHAT         same_station (default) or never\n"
    "  --escrow               seal each device's identity for the officers (moniker seat)\n"
    "  --station NAME         may enroll into it; repeat; default every station\n"
    "  --url, --cacert, --cert, --key, --json   see `moniker --help`; role ADMIN\n"
    "\n"
    "Exit status: 0 done, 1 refused or failed, 2 usage.\n",
    batch_command};

/* ---- token ---- */

/* "mac48=02:42:ac:11:00:02,imei=..." as an element of `for`. */
static bool
binding_of(const char *text, json_t **out, struct error *err)
{
	DEFER(mem_free) char *copy = xstrdup(text);
	char *rest = copy;
	char *id;
	json_t *ids = json_array();

	while ((id = strsep(&rest, ",")) != NULL) {
		char *value = strchr(id, '=');

		if (value == NULL) {
			json_decref(ids);
			return error_set(
			    err, E_HARDWARE_ID_INVALID, "write a hardware id as TYPE=VALUE");
		}
		*value++ = '\0';
		(void)json_array_append_new(
		    ids, json_pack("{s:s, s:s}", "type", id, "value", value));
	}
	*out = json_pack("{s:o}", "hardware_ids", ids);
	return true;
}

static bool
token_body(const char *count, const char *expires_in, const struct option_values *bound,
    json_t **out, struct error *err)
{
	json_t *body = json_object();

	if (bound->count > 0) {
		json_t *list = json_array();

		(void)json_object_set_new(body, "for", list);
		for (size_t i = 0; i < bound->count; i++) {
			json_t *binding = NULL;

			if (!binding_of(bound->at[i], &binding, err)) {
				json_decref(body);
				return false;
			}
			(void)json_array_append_new(list, binding);
		}
	} else
		(void)json_object_set_new(body, "count", json_integer(strtoll(count, NULL, 10)));
	if (expires_in != NULL)
		(void)json_object_set_new(
		    body, "expires_in_s", json_integer(strtoll(expires_in, NULL, 10)));
	*out = body;
	return true;
}

static int
token_command(int argc, char **argv)
{
	struct cli_api api = {0};
	bool json = false;
	const char *count = "1";
	const char *expires_in = NULL;
	struct option_values bound = {0};
	const struct option_row rows[] = {OPTIONS_API(api, json), {"--count", OPTION_TEXT, &count},
	    {"--expires-in-s", OPTION_TEXT, &expires_in}, {"--for", OPTION_LIST, &bound}};
	DEFER(http_client_free) struct http_client *client = NULL;
	DEFER(json_release) json_t *answer = NULL;
	DEFER(buf_clear_public) struct buf path = {0};
	struct error err = {0};
	json_t *body = NULL;
	const char *bad = NULL;
	json_t *token;
	size_t i;
	int words = 0;

	if (!options_take(argc, argv, rows, COUNT(rows), &words, &bad))
		return cli_usage(&TOKEN_COMMAND, bad);
	if (words != 2 || strcmp(argv[1], "mint") != 0)
		return cli_usage(&TOKEN_COMMAND, "say mint BATCH");
	buf_append_format(&path, "/v1/batches/%s/tokens", argv[2]);
	if (!token_body(count, expires_in, &bound, &body, &err))
		return cli_fail(&err, json, EXIT_FAILURE);
	if (!cli_api_open(&api, "ADMIN", &client, &err)) {
		json_decref(body);
		return cli_fail(&err, json, EXIT_FAILURE);
	}
	if (!cli_call(client, "POST", buf_text(&path), body, &answer, &err))
		return cli_fail(&err, json, EXIT_FAILURE);
	if (json)
		cli_print_json(answer);
	else
		json_array_foreach(json_object_get(answer, "tokens"), i, token)
		    puts(json_string_value(token));
	return EXIT_SUCCESS;
}

const struct subcommand TOKEN_COMMAND = {"token", "one-time enrollment tokens",
    "usage: moniker token mint BATCH [--count N] [--expires-in-s N] [--for TYPE=VALUE[,...]]...\n"
    "\n"
    "Prints tokens, one a line. They are shown once: the service keeps only a hash.\n"
    "\n"
    "  --count N          free tokens (default 1, at most 1000)\n"
    "  --expires-in-s N   seconds until they expire (default 30 days)\n"
    "  --for IDS          instead: a token bound to this hardware; repeat for more\n"
    "  --url, --cacert, --cert, --key, --json   see `moniker --help`; role ADMIN\n"
    "\n"
    "Exit status: 0 done, 1 refused or failed, 2 usage.\n",
    token_command};
