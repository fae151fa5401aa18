/* moniker audit proof: a leaf with its proof, or the hashes from one size of the log to another. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cmd/audit_verify.h"
#include "cmd/cli.h"
#include "cmd/options.h"

struct proof_command {
	struct cli_api api;
	bool json;
	const char *log, *out, *from_size, *size;
};

static bool
is_number(const char *text)
{
	return text[0] != '\0' && strspn(text, "0123456789") == strlen(text) && strlen(text) < 20;
}

/* Both numbers are digits, so they need no escapes; a log's name may hold a slash. */
static void
put_path(const struct proof_command *command, const char *seq, struct buf *out)
{
	if (seq != NULL)
		buf_append_format(out, "/v1/audit/proofs/inclusion?seq=%s", seq);
	else
		buf_append_format(out, "/v1/audit/proofs/consistency?old=%s", command->from_size);
	if (command->size != NULL)
		buf_append_format(out, "&%s=%s", seq != NULL ? "size" : "new", command->size);
	if (command->log != NULL)
		buf_append_format(out, "&log=%s", command->log);
}

static bool
fetch(struct http_client *client, const struct proof_command *command, const char *seq,
    struct error *err)
{
	DEFER(http_answer_clear) struct http_answer answer = {0};
	DEFER(buf_clear_public) struct buf path = {0};

	put_path(command, seq, &path);
	if (!http_client_call(
		client, "GET", buf_text(&path), NULL, (struct bytes){0}, &answer, err))
		return false;
	if (answer.status != 200)
		return error_set(err, E_INTERNAL, "the service answered %ld: %.100s", answer.status,
		    buf_text(&answer.body));
	if (command->out != NULL)
		return file_write(command->out, buf_bytes(&answer.body), 0644, err);
	(void)fwrite(answer.body.data, 1, answer.body.len, stdout);
	return true;
}

static const char *
check(const struct proof_command *command, int words, char **argv)
{
	if (words > 1 || (words == 1) == (command->from_size != NULL))
		return "say a leaf's number, or --from-size";
	if (words == 1 && !is_number(argv[1]))
		return "a leaf is named by its number";
	if (command->from_size != NULL && (!is_number(command->from_size) || command->size == NULL))
		return "--from-size and --size are numbers, and go together";
	if (command->size != NULL && !is_number(command->size))
		return "--size is a number";
	if (command->log != NULL && strpbrk(command->log, "&=?#% ") != NULL)
		return "that is no log's name";
	return NULL;
}

int
audit_proof(int argc, char **argv)
{
	struct proof_command command = {0};
	const struct option_row rows[] = {OPTIONS_API(command.api, command.json),
	    {"--log", OPTION_TEXT, &command.log}, {"--out", OPTION_TEXT, &command.out},
	    {"--from-size", OPTION_TEXT, &command.from_size},
	    {"--size", OPTION_TEXT, &command.size}};
	DEFER(http_client_free) struct http_client *client = NULL;
	struct error err = {0};
	const char *bad = NULL;
	int words = 0;

	if (!options_take(argc, argv, rows, COUNT(rows), &words, &bad))
		return cli_usage(&AUDIT_COMMAND, bad);
	bad = check(&command, words, argv);
	if (bad != NULL)
		return cli_usage(&AUDIT_COMMAND, bad);
	if (!cli_api_open(&command.api, "AUDITOR", &client, &err) ||
	    !fetch(client, &command, words == 1 ? argv[1] : NULL, &err))
		return cli_fail(&err, command.json, EXIT_FAILURE);
	return EXIT_SUCCESS;
}
