/* moniker erase: sealed identities made unreadable for good, by legal. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/cli.h"
#include "cmd/options.h"

struct erase_options {
	struct cli_api api;
	bool json, apply;
	const char *basis, *case_number;
};

static int
show(const struct erase_options *options, const json_t *answer)
{
	if (options->json) {
		cli_print_json(answer);
		return EXIT_SUCCESS;
	}
	printf("%s  %s%s\n\n%s", cli_text(answer, "id"), cli_text(answer, "status"),
	    json_is_true(json_object_get(answer, "flushed"))
		? ""
		: "; the keys may still be in their cluster's write-ahead log: moniker doctor",
	    cli_text(answer, "request"));
	return EXIT_SUCCESS;
}

static int
call_and_show(
    const struct erase_options *options, const char *method, const char *path, json_t *body)
{
	DEFER(http_client_free) struct http_client *client = NULL;
	DEFER(json_release) json_t *answer = NULL;
	struct error err = {0};

	if (!cli_api_open(&options->api, "LEGAL", &client, &err)) {
		json_decref(body);
		return cli_fail(&err, options->json, EXIT_FAILURE);
	}
	return cli_call(client, method, path, body, &answer, &err)
		   ? show(options, answer)
		   : cli_fail(&err, options->json, EXIT_FAILURE);
}

static int
request_command(const struct erase_options *options, int count, char **pseudonyms)
{
	json_t *list = json_array();

	for (int i = 0; i < count; i++)
		(void)json_array_append_new(list, json_string(pseudonyms[i]));
	if (options->apply)
		return call_and_show(options, "POST", "/v1/erasures",
		    json_pack("{s:o, s:s, s:s}", "pseudonyms", list, "basis", options->basis,
			"case", options->case_number));
	json_decref(list);
	(void)fprintf(stderr,
	    "Would make %d sealed identities unreadable, for ever and for everybody. Nothing was "
	    "done: say --apply.\n",
	    count);
	return EXIT_SUCCESS;
}

static int
show_command(const struct erase_options *options, const char *id)
{
	DEFER(buf_clear_public) struct buf path = {0};

	buf_append_format(&path, "/v1/erasures/%s", id);
	return call_and_show(options, "GET", buf_text(&path), NULL);
}

static int
erase_command(int argc, char **argv)
{
	struct erase_options options = {0};
	const struct option_row rows[] = {OPTIONS_API(options.api, options.json),
	    {"--basis", OPTION_TEXT, &options.basis}, {"--case", OPTION_TEXT, &options.case_number},
	    {"--apply", OPTION_FLAG, &options.apply}};
	const char *bad = NULL;
	int words = 0;

	if (!options_take(argc, argv, rows, COUNT(rows), &words, &bad))
		return cli_usage(&ERASE_COMMAND, bad);
	if (words >= 2 && strcmp(argv[1], "request") == 0 && options.basis != NULL &&
	    options.case_number != NULL)
		return request_command(&options, words - 1, argv + 2);
	if (words == 2 && strcmp(argv[1], "show") == 0)
		return show_command(&options, argv[2]);
	return cli_usage(&ERASE_COMMAND, "say request or show, with what it needs");
}

const struct subcommand ERASE_COMMAND = {"erase", "make sealed identities unreadable for good",
    "usage: moniker erase request PSEUDONYM... --basis BASIS --case TEXT [--apply]\n"
    "       moniker erase show ID\n"
    "\n"
    "request deletes the keys of at most ten sealed identities: what is left, in every copy of "
    "the\n"
    "database, is noise. Without --apply it only says what it would do. Certificates go on, and "
    "the\n"
    "hardware stays on record by its tag: it is still a duplicate. It is refused while a "
    "disclosure\n"
    "is open, and a package that was fetched before can still be opened by the seats. show tells\n"
    "whether the keys are deleted yet; moniker doctor, when the last copy of a key is gone.\n"
    "\n"
    "  --basis BASIS          SUBJECT_REQUEST RETENTION_END STATUTE COURT_ORDER\n"
    "  --case TEXT            the case's number\n"
    "  --apply                do it\n"
    "  --url, --cacert, --cert, --key, --json   see `moniker --help`; role LEGAL\n"
    "\n"
    "Exit status: 0 done, 1 refused or failed, 2 usage.\n",
    erase_command};
