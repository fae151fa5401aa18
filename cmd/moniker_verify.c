/* moniker verify: a backend's question. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cli.h"
#include "cmd/options.h"

#define EXIT_NOT_GOOD 1
#define EXIT_CANNOT_TELL 2

static int
print_verdict(const json_t *answer, bool json)
{
	const char *verdict = cli_text(answer, "verdict");
	const bool good = strcmp(verdict, "good") == 0;

	if (json)
		cli_print_json(answer);
	else if (good)
		printf("good  %s  fresh until %s\n", cli_text(answer, "pseudonym"),
		    cli_text(answer, "fresh_until"));
	else
		printf("%s  %s  reason %s  since %s\n", verdict, cli_text(answer, "pseudonym"),
		    cli_text(answer, "reason"), cli_text(answer, "revoked_at"));
	return good ? EXIT_SUCCESS : EXIT_NOT_GOOD;
}

static int
verify_command(int argc, char **argv)
{
	struct cli_api api = {0};
	bool json = false;
	const struct option_row rows[] = {OPTIONS_API(api, json)};
	DEFER(http_client_free) struct http_client *client = NULL;
	DEFER(json_release) json_t *answer = NULL;
	json_t *pem = NULL;
	struct error err = {0};
	const char *bad = NULL;
	int words = 0;

	if (!options_take(argc, argv, rows, COUNT(rows), &words, &bad))
		return cli_usage(&VERIFY_COMMAND, bad);
	if (words != 1)
		return cli_usage(&VERIFY_COMMAND, "name one certificate file");
	if (!cli_api_open(&api, "VERIFIER", &client, &err) || !cli_read_pem(argv[1], &pem, &err) ||
	    !cli_call(client, "POST", "/v1/verifications", json_pack("{s:o}", "certificate", pem),
		&answer, &err))
		return cli_fail(&err, json, EXIT_CANNOT_TELL);
	return print_verdict(answer, json);
}

const struct subcommand VERIFY_COMMAND = {"verify", "is this certificate good now?",
    "usage: moniker verify CERT\n"
    "\n"
    "Asks the service about the first certificate in the PEM file CERT.\n"
    "\n"
    "  --url, --cacert, --cert, --key, --json   see `moniker --help`; role VERIFIER\n"
    "\n"
    "Exit status: 0 good, 1 not good (it says why), 2 cannot tell.\n",
    verify_command};
