/* moniker verify: a backend's question. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cli.h"
#include "cmd/options.h"
#include "cmd/verify_offline.h"

#define EXIT_NOT_GOOD 1
#define EXIT_CANNOT_TELL 2

static void
print_text(const json_t *answer, const char *verdict)
{
	if (json_object_get(answer, "explain") != NULL)
		printf("%s  %s  %s\n", verdict, cli_text(answer, "pseudonym"),
		    cli_text(answer, "explain"));
	else if (strcmp(verdict, "good") == 0)
		printf("good  %s  fresh until %s\n", cli_text(answer, "pseudonym"),
		    cli_text(answer, "fresh_until"));
	else
		printf("%s  %s  reason %s  since %s\n", verdict, cli_text(answer, "pseudonym"),
		    cli_text(answer, "reason"), cli_text(answer, "revoked_at"));
}

static int
print_verdict(const json_t *answer, bool json)
{
	const char *verdict = cli_text(answer, "verdict");

	if (json)
		cli_print_json(answer);
	else
		print_text(answer, verdict);
	if (strcmp(verdict, "good") == 0)
		return EXIT_SUCCESS;
	/* "stale", and what says nothing of the certificate. */
	return strcmp(verdict, "stale") == 0 || strncmp(verdict, "no_", 3) == 0 ? EXIT_CANNOT_TELL
										: EXIT_NOT_GOOD;
}

static bool
ask_service(const struct cli_api *api, const char *path, json_t **out, struct error *err)
{
	DEFER(http_client_free) struct http_client *client = NULL;
	json_t *pem = NULL;

	return cli_api_open(api, "VERIFIER", &client, err) &&
	       cli_read_certificate(path, &pem, err) &&
	       cli_call(client, "POST", "/v1/verifications", json_pack("{s:o}", "certificate", pem),
		   out, err);
}

static int
verify_command(int argc, char **argv)
{
	struct cli_api api = {0};
	struct verify_offline offline = {.trust = getenv("MONIKER_TRUST")};
	bool json = false;
	const struct option_row rows[] = {OPTIONS_API(api, json),
	    {"--offline", OPTION_TEXT, &offline.bundle}, {"--trust", OPTION_TEXT, &offline.trust},
	    {"--max-age", OPTION_TEXT, &offline.max_age_s},
	    {"--accept-stale", OPTION_FLAG, &offline.accept_stale}};
	DEFER(json_release) json_t *answer = NULL;
	struct error err = {0};
	const char *bad = NULL;
	int words = 0;
	bool asked;

	if (!options_take(argc, argv, rows, COUNT(rows), &words, &bad))
		return cli_usage(&VERIFY_COMMAND, bad);
	if (words != 1)
		return cli_usage(&VERIFY_COMMAND, "name one certificate file");
	if (offline.bundle == NULL && (offline.max_age_s != NULL || offline.accept_stale))
		return cli_usage(&VERIFY_COMMAND, "--max-age and --accept-stale are for --offline");
	offline.certificate = argv[1];
	asked = offline.bundle != NULL ? verify_offline(&offline, &answer, &err)
				       : ask_service(&api, argv[1], &answer, &err);
	return asked ? print_verdict(answer, json) : cli_fail(&err, json, EXIT_CANNOT_TELL);
}

const struct subcommand VERIFY_COMMAND = {"verify", "is this certificate good now?",
    "usage: moniker verify CERT [--offline BUNDLE]\n"
    "\n"
    "Asks the service about the first certificate in the file CERT, PEM or DER, or judges it by\n"
    "a trust bundle (`moniker bundle fetch`), without the service.\n"
    "\n"
    "  --offline BUNDLE   judge by this file\n"
    "  --trust FILE       the Device Root that the bundle must have, PEM; default $MONIKER_TRUST;\n"
    "                     without either the bundle's own is believed\n"
    "  --accept-stale     good, and marked as stale, when the bundle is past its fresh_until\n"
    "  --max-age SECONDS  cannot tell if the bundle is older than that, whatever else is said\n"
    "  --url, --cacert, --cert, --key, --json   see `moniker --help`; role VERIFIER\n"
    "\n"
    "Exit status: 0 good, 1 not good (it says why), 2 cannot tell (stale, no answer, no bundle).\n",
    verify_command};
