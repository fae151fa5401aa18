/* moniker audit: the log on request. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/audit_verify.h"
#include "cmd/cli.h"
#include "cmd/options.h"

struct tail_options {
	struct cli_api api;
	bool json;
	const char *log, *after, *event, *code, *actor, *from, *to, *limit;
};

/* The values are of the character set of leaves; anything else the service refuses. */
static void
add_query(struct buf *path, const char *name, const char *value)
{
	if (value == NULL)
		return;
	buf_append_format(path, "%s%s=", strchr(buf_text(path), '?') == NULL ? "?" : "&", name);
	for (const char *c = value; *c != '\0'; c++)
		if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
		    (*c >= '0' && *c <= '9') || *c == '.' || *c == '-' || *c == '_')
			buf_append_u8(path, (uint8_t)*c);
		else
			buf_append_format(path, "%%%02X", (unsigned char)*c);
}

static bool
one_page(struct http_client *client, const struct tail_options *options, int64_t *after,
    bool *out_more, struct error *err)
{
	DEFER(http_answer_clear) struct http_answer answer = {0};
	DEFER(buf_clear_public) struct buf path = {0};
	char number[32];

	(void)snprintf(number, sizeof number, "%lld", (long long)*after);
	buf_append_text(&path, "/v1/audit/events");
	add_query(&path, "log", options->log);
	add_query(&path, "after", number);
	add_query(&path, "ev", options->event);
	add_query(&path, "rc", options->code);
	add_query(&path, "act", options->actor);
	add_query(&path, "from", options->from);
	add_query(&path, "to", options->to);
	add_query(&path, "limit", options->limit);
	if (!http_client_call(
		client, "GET", buf_text(&path), NULL, (struct bytes){0}, &answer, err))
		return false;
	if (answer.status != 200)
		return error_set(err, E_INTERNAL, "the service answered %ld: %.100s", answer.status,
		    buf_text(&answer.body));
	(void)fwrite(answer.body.data, 1, answer.body.len, stdout);
	(void)fflush(stdout);
	*out_more = answer.next >= 0;
	if (*out_more)
		*after = answer.next;
	return true;
}

/* Pages until the end. */
static bool
tail(struct http_client *client, const struct tail_options *options, struct error *err)
{
	int64_t after = options->after != NULL ? strtoll(options->after, NULL, 10) : -1;
	bool more = true;

	while (more)
		if (!one_page(client, options, &after, &more, err))
			return false;
	return true;
}

static int
audit_command(int argc, char **argv)
{
	struct tail_options options = {0};
	const struct option_row rows[] = {OPTIONS_API(options.api, options.json),
	    {"--log", OPTION_TEXT, &options.log}, {"--after", OPTION_TEXT, &options.after},
	    {"--ev", OPTION_TEXT, &options.event}, {"--rc", OPTION_TEXT, &options.code},
	    {"--act", OPTION_TEXT, &options.actor}, {"--from", OPTION_TEXT, &options.from},
	    {"--to", OPTION_TEXT, &options.to}, {"--limit", OPTION_TEXT, &options.limit}};
	DEFER(http_client_free) struct http_client *client = NULL;
	struct error err = {0};
	const char *bad = NULL;
	int words = 0;

	if (argc > 1 && strcmp(argv[1], "verify") == 0)
		return audit_verify(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "proof") == 0)
		return audit_proof(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "export") == 0)
		return audit_export(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "hold") == 0)
		return audit_hold(argc - 1, argv + 1);
	if (!options_take(argc, argv, rows, COUNT(rows), &words, &bad))
		return cli_usage(&AUDIT_COMMAND, bad);
	if (words != 1 || strcmp(argv[1], "tail") != 0)
		return cli_usage(&AUDIT_COMMAND, "say tail, export, hold, proof or verify");
	if (!cli_api_open(&options.api, "AUDITOR", &client, &err) || !tail(client, &options, &err))
		return cli_fail(&err, options.json, EXIT_FAILURE);
	return EXIT_SUCCESS;
}

const struct subcommand AUDIT_COMMAND = {"audit", "the audit log on request",
    "usage: moniker audit tail [OPTIONS]\n"
    "       moniker audit export --out FILE --vkey KEY|--policy FILE [OPTIONS]\n"
    "       moniker audit proof SEQ [--size N] [--log NAME] [--out FILE]\n"
    "       moniker audit proof --from-size N --size N [--log NAME] [--out FILE]\n"
    "       moniker audit hold list\n"
    "       moniker audit hold place NAME [--log NAME] [--apply]\n"
    "       moniker audit hold release NAME [--apply]\n"
    "       moniker audit verify DIR|TAR|PROOF --vkey KEY|--policy FILE [--since FILE] [--to "
    "FILE]\n"
    "                           [--leaves FILE]\n"
    "\n"
    "tail prints the log's leaves, one JSON object a line, exactly as they were hashed.\n"
    "\n"
    "  --log NAME         where there is more than one\n"
    "  --after SEQ        leaves after this one (default: from the first)\n"
    "  --ev EVENT         such as enroll.refused, or enroll.*\n"
    "  --rc CODE          such as DUPLICATE_HARDWARE\n"
    "  --act ACTOR        such as station:7f3kq2m5nv4wxyza\n"
    "  --from, --to TIME  RFC 3339 UTC, of sequencing\n"
    "  --limit N          leaves per request\n"
    "\n"
    "export fetches an archive of them that proves itself, and verifies it. It takes the same "
    "options;\n"
    "--limit N is the first so many leaves. Without --ev, --rc and --act it proves that no leaf "
    "is\n"
    "missing. The same command again goes on with what was begun (FILE.job, FILE.part).\n"
    "\n"
    "proof prints a leaf with its way to the newest checkpoint (.tlog-proof), or the hashes alone\n"
    "for a tree of --size leaves, or from one of --from-size.\n"
    "\n"
    "  --out FILE         instead of standard output\n"
    "  --url, --cacert, --cert, --key   see `moniker --help`; role AUDITOR\n"
    "\n"
    "hold place keeps a log, or without --log all of them, from being dropped, whatever its age, "
    "until\n"
    "hold release; NAME is the case's. Role LEGAL; list, also AUDITOR.\n"
    "\n"
    "  --apply            do it; without, it says what it would do\n"
    "\n"
    "verify needs no service: a log's folder, an archive of one, an export, a proof, or a folder "
    "of\n"
    "several logs, which are held against each other, too.\n"
    "\n"
    "  --vkey KEY         the log's verifier key, as kept since the log was opened\n"
    "  --policy FILE      logs, witnesses and the quorum that has to be under the checkpoint "
    "(C2SP\n"
    "                     tlog-policy); \"log KEY\" alone is the same as --vkey\n"
    "  --since FILE       a checkpoint that was kept: the log has to continue it\n"
    "  --to FILE          a later one: what is verified are the hashes between the two\n"
    "  --leaves FILE      leaves that somebody has, in order, as tail prints them: they have to "
    "be\n"
    "                     the log's; of the database, of another reader, kept since last year\n"
    "  --json             findings as JSON\n"
    "\n"
    "Exit status: 0 done, 1 refused or failed, 2 usage; verify, and export at its end: 0 good, 1 "
    "tampering, 2 incomplete, "
    "3 usage.\n",
    audit_command};
