/* moniker audit hold: legal holds by the API: what keeps the log from being dropped. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/retention.h"
#include "cmd/audit_verify.h"
#include "cmd/cli.h"
#include "cmd/options.h"

struct hold_command {
	struct cli_api api;
	bool json, apply;
	const char *log;
};

static void
print_hold(const json_t *hold)
{
	const char *log = json_string_value(json_object_get(hold, "log"));

	(void)printf("%s  %s  %s  %s\n", cli_text(hold, "name"), cli_text(hold, "placed_at"),
	    log != NULL ? log : "all logs", cli_text(hold, "placed_by"));
}

/* One hold, a list of them, or nothing: what was released leaves no answer. */
static int
show(const struct hold_command *command, const json_t *answer)
{
	const json_t *items = json_object_get(answer, "items"), *hold;
	size_t i;

	if (answer != NULL && command->json)
		cli_print_json(answer);
	else if (items != NULL)
		json_array_foreach(items, i, hold) print_hold(hold);
	else if (answer != NULL)
		print_hold(answer);
	return EXIT_SUCCESS;
}

static int
call_and_show(const struct hold_command *command, const char *role, const char *method,
    const char *path, json_t *body)
{
	DEFER(http_client_free) struct http_client *client = NULL;
	DEFER(json_release) json_t *answer = NULL;
	struct error err = {0};

	if (!cli_api_open(&command->api, role, &client, &err)) {
		json_decref(body);
		return cli_fail(&err, command->json, EXIT_FAILURE);
	}
	return cli_call(client, method, path, body, &answer, &err)
		   ? show(command, answer)
		   : cli_fail(&err, command->json, EXIT_FAILURE);
}

/* Both roles may read: whichever is at hand. */
static int
list(const struct hold_command *command)
{
	const bool is_legal = cli_api_certificate(&command->api, "LEGAL") != NULL;

	return call_and_show(
	    command, is_legal ? "LEGAL" : "AUDITOR", "GET", "/v1/audit/holds", NULL);
}

static int
place(const struct hold_command *command, const char *name)
{
	json_t *body;

	if (!command->apply) {
		(void)fprintf(stderr,
		    "Would keep %s from being dropped until %s is released. Nothing was done: say "
		    "--apply.\n",
		    command->log != NULL ? command->log : "all logs", name);
		return EXIT_SUCCESS;
	}
	body = json_pack("{s:s}", "name", name);
	if (command->log != NULL)
		(void)json_object_set_new(body, "log", json_string(command->log));
	return call_and_show(command, "LEGAL", "POST", "/v1/audit/holds", body);
}

/* Without --apply: the hold that it would be, so that a wrong name is found before. */
static int
release(const struct hold_command *command, const char *name)
{
	DEFER(buf_clear_public) struct buf path = {0};
	int status;

	buf_append_format(&path, "/v1/audit/holds/%s", name);
	status = call_and_show(
	    command, "LEGAL", command->apply ? "DELETE" : "GET", buf_text(&path), NULL);
	if (status == EXIT_SUCCESS && !command->apply)
		(void)fprintf(stderr, "Would release it. Nothing was done: say --apply.\n");
	return status;
}

int
audit_hold(int argc, char **argv)
{
	struct hold_command command = {0};
	const struct option_row rows[] = {OPTIONS_API(command.api, command.json),
	    {"--log", OPTION_TEXT, &command.log}, {"--apply", OPTION_FLAG, &command.apply}};
	const char *bad = NULL;
	int words = 0;

	if (!options_take(argc, argv, rows, COUNT(rows), &words, &bad))
		return cli_usage(&AUDIT_COMMAND, bad);
	if (words == 1 && strcmp(argv[1], "list") == 0)
		return list(&command);
	if (words != 2 || !retention_is_name(argv[2]))
		return cli_usage(&AUDIT_COMMAND,
		    "say hold list, or place or release and a name: 1 to 32 of A-Z a-z 0-9 . _ -");
	if (strcmp(argv[1], "place") == 0)
		return place(&command, argv[2]);
	if (strcmp(argv[1], "release") == 0 && command.log == NULL)
		return release(&command, argv[2]);
	return cli_usage(&AUDIT_COMMAND, "say hold list, place or release, with what it needs");
}
