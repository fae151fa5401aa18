/* moniker revoke: an officer's act. A preview unless --apply is given. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cli.h"
#include "cmd/options.h"

struct revoke_options {
	struct cli_api api;
	bool json, apply;
	const char *serial, *pseudonym, *handle, *action, *reason, *why;
};

static json_t *
revoke_body(const struct revoke_options *options)
{
	const char *by = options->serial != NULL      ? "serial"
			 : options->pseudonym != NULL ? "pseudonym"
						      : "handle";
	const char *value = options->serial != NULL      ? options->serial
			    : options->pseudonym != NULL ? options->pseudonym
							 : options->handle;
	json_t *body = json_pack("{s:{s:s}, s:s, s:b}", "select", by, value, "action",
	    options->action, "dry_run", !options->apply);

	if (options->reason != NULL)
		(void)json_object_set_new(body, "reason", json_string(options->reason));
	if (options->why != NULL)
		(void)json_object_set_new(body, "why", json_string(options->why));
	return body;
}

static int
revoke_command(int argc, char **argv)
{
	struct revoke_options options = {.action = "revoke"};
	const struct option_row rows[] = {OPTIONS_API(options.api, options.json),
	    {"--serial", OPTION_TEXT, &options.serial},
	    {"--pseudonym", OPTION_TEXT, &options.pseudonym},
	    {"--handle", OPTION_TEXT, &options.handle}, {"--action", OPTION_TEXT, &options.action},
	    {"--reason", OPTION_TEXT, &options.reason}, {"--why", OPTION_TEXT, &options.why},
	    {"--apply", OPTION_FLAG, &options.apply}};
	DEFER(http_client_free) struct http_client *client = NULL;
	DEFER(json_release) json_t *answer = NULL;
	struct error err = {0};
	const char *bad = NULL;
	int words = 0;

	if (!options_take(argc, argv, rows, COUNT(rows), &words, &bad))
		return cli_usage(&REVOKE_COMMAND, bad);
	if (words != 0 ||
	    (options.serial != NULL) + (options.pseudonym != NULL) + (options.handle != NULL) != 1)
		return cli_usage(&REVOKE_COMMAND, "name one of --serial, --pseudonym, --handle");
	if (!cli_api_open(&options.api, "OFFICER", &client, &err) ||
	    !cli_call(client, "POST", "/v1/revocations", revoke_body(&options), &answer, &err))
		return cli_fail(&err, options.json, EXIT_FAILURE);
	if (options.json)
		cli_print_json(answer);
	else
		printf("%s: %s, %" JSON_INTEGER_FORMAT " certificate(s)%s\n", options.action,
		    cli_text(answer, "status"),
		    json_integer_value(json_object_get(answer, "count")),
		    options.apply ? "" : " (say --apply to do it)");
	return EXIT_SUCCESS;
}

const struct subcommand REVOKE_COMMAND = {"revoke",
    "change the status of a device, all its certificates with it",
    "usage: moniker revoke (--serial HEX | --pseudonym UUID | --handle HANDLE) [OPTIONS]\n"
    "\n"
    "Shows what would change; with --apply it is done at once.\n"
    "\n"
    "  --action ACTION   revoke (default, final), hold, release, readmit\n"
    "  --reason REASON   RFC 5280's, as keyCompromise or KEY_COMPROMISE (default UNSPECIFIED)\n"
    "  --why WORD        LOST CLONE POLICY REGULATOR DECOMMISSIONED, for the audit log\n"
    "  --apply           do it\n"
    "  --url, --cacert, --cert, --key, --json   see `moniker --help`; role OFFICER\n"
    "\n"
    "Exit status: 0 done, 1 refused or failed, 2 usage.\n",
    revoke_command};
