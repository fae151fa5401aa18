/* moniker bundle: the file that verifiers judge by offline. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "cmd/cli.h"
#include "cmd/options.h"
#include "verify/moniker_verify.h"

#define TRUST_FILE_MAX ((size_t)1 << 20)

DEFER_DECLARE(struct moniker_verifier, moniker_verifier_free)

struct fetch {
	struct cli_api api;
	const char *out;   /* path */
	const char *trust; /* PEM file with the Device Root, or NULL */
	bool json;
};

/* With the root that it must have, and with what it replaces: a bundle does not go back. */
static bool
open_verifier(const struct fetch *fetch, struct moniker_verifier **out, struct error *err)
{
	DEFER(moniker_verifier_free) struct moniker_verifier *verifier = NULL;
	DEFER(buf_clear_public) struct buf trust = {0};
	char why[MONIKER_WHY_MAX];
	enum moniker_load loaded;

	if (fetch->trust != NULL && !file_read(fetch->trust, TRUST_FILE_MAX, &trust, err))
		return false;
	verifier = moniker_verifier_new(fetch->trust == NULL ? NULL : trust.data, trust.len, why);
	if (verifier == NULL)
		return error_set(err, E_BAD_SYNTAX, "%s: %s", fetch->trust, why);
	loaded = moniker_verifier_load_file(verifier, fetch->out, 0, why);
	if (loaded != MONIKER_LOADED && loaded != MONIKER_LOAD_UNREADABLE)
		return error_set(
		    err, E_BAD_PROOF, "%s, which is to be replaced: %s", fetch->out, why);
	*out = TAKE(verifier);
	return true;
}

static bool
download(const struct fetch *fetch, struct http_answer *out, struct error *err)
{
	DEFER(http_client_free) struct http_client *client = NULL;

	if (!cli_api_open(&fetch->api, NULL, &client, err) ||
	    !http_client_call(client, "GET", "/v1/trust-bundle", NULL, bytes_of(NULL, 0), out, err))
		return false;
	return out->status == 200 ||
	       error_set(err, E_NOT_FOUND, "the service answered with status %ld", out->status);
}

static void
print_info(const struct fetch *fetch, struct moniker_verifier *verifier)
{
	struct moniker_bundle_info info;
	char until[TIME_TEXT_LEN + 1];

	moniker_verifier_info(verifier, &info);
	time_encode(until, info.fresh_until_s);
	if (fetch->json)
		printf("{\"file\":\"%s\",\"seq\":%lld,\"count\":%zu,\"fresh_until\":\"%s\","
		       "\"cursor\":\"%s\"}\n",
		    fetch->out, (long long)info.seq, info.count, until, info.cursor);
	else
		printf("%s: %zu held or revoked, fresh until %s\n", fetch->out, info.count, until);
}

/* Verified before it is written; the file is replaced at once, or not at all. */
static bool
fetch_bundle(const struct fetch *fetch, struct error *err)
{
	DEFER(moniker_verifier_free) struct moniker_verifier *verifier = NULL;
	DEFER(http_answer_clear) struct http_answer answer = {0};
	char why[MONIKER_WHY_MAX];

	if (!open_verifier(fetch, &verifier, err) || !download(fetch, &answer, err))
		return false;
	if (moniker_verifier_load(verifier, answer.body.data, answer.body.len, 0, why) !=
	    MONIKER_LOADED)
		return error_set(err, E_BAD_PROOF, "what the service sent: %s", why);
	if (!file_write(fetch->out, buf_bytes(&answer.body), 0644, err))
		return false;
	print_info(fetch, verifier);
	return true;
}

static int
bundle_command(int argc, char **argv)
{
	struct fetch fetch = {.trust = getenv("MONIKER_TRUST")};
	const struct option_row rows[] = {OPTIONS_API(fetch.api, fetch.json),
	    {"--out", OPTION_TEXT, &fetch.out}, {"--trust", OPTION_TEXT, &fetch.trust}};
	struct error err = {0};
	const char *bad = NULL;
	int words = 0;

	if (!options_take(argc, argv, rows, COUNT(rows), &words, &bad))
		return cli_usage(&BUNDLE_COMMAND, bad);
	if (words != 1 || strcmp(argv[1], "fetch") != 0)
		return cli_usage(&BUNDLE_COMMAND, "the word is fetch");
	if (fetch.out == NULL)
		return cli_usage(&BUNDLE_COMMAND, "--out is missing");
	return fetch_bundle(&fetch, &err) ? EXIT_SUCCESS : cli_fail(&err, fetch.json, EXIT_FAILURE);
}

const struct subcommand BUNDLE_COMMAND = {"bundle", "fetch what verifiers need offline",
    "usage: moniker bundle fetch --out FILE\n"
    "\n"
    "Fetches the trust bundle: the CA certificates of devices, and all that is held or revoked,\n"
    "signed. It is verified before FILE is written, and replaces FILE at once or not at all.\n"
    "\n"
    "  --out FILE         where to; what is there must be an older bundle of the same root\n"
    "  --trust FILE       the Device Root that it must have, PEM; default $MONIKER_TRUST;\n"
    "                     without either that of FILE, and at the first time its own\n"
    "  --url, --cacert, --cert, --key, --json   see `moniker --help`; no certificate is needed\n",
    bundle_command};
