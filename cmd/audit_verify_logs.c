#include "cmd/audit_verify_logs.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/log_folder.h"
#include "base/mem.h"
#include "base/text.h"
#include "cmd/audit_verify.h"
#include "cmd/cli.h"
#include "proof/log_chain.h"

struct logs {
	const struct log_keys *keys;
	const char *path;
	bool json;
	json_t *findings, *items; /* with --json */
	bool tampered, incomplete;
	struct log_chain *chain;
};
struct one { /* the log that is being verified */
	struct logs *logs;
	const char *name;
	int at; /* in the chain */
};

static void
logs_clear(struct logs *logs)
{
	json_decref(logs->findings);
	json_decref(logs->items);
	log_chain_free(logs->chain);
}
DEFER_DECLARE_CLEAR(struct logs, logs_clear)

/* ---- telling ---- */

static void
tell(struct logs *logs, const char *name, enum verify_kind kind, int64_t seq, const char *text)
{
	logs->tampered = logs->tampered || kind == VERIFY_TAMPERED;
	logs->incomplete = logs->incomplete || kind == VERIFY_INCOMPLETE;
	if (logs->json)
		(void)json_array_append_new(logs->findings,
		    json_pack("{s:s, s:s, s:o, s:s}", "log", name, "kind", verify_kind_name(kind),
			"seq", seq < 0 ? json_null() : json_integer((json_int_t)seq), "text",
			text));
	else if (seq < 0)
		(void)printf("%s: %s: %s\n", verify_kind_name(kind), name, text);
	else
		(void)printf(
		    "%s: %s: leaf %lld: %s\n", verify_kind_name(kind), name, (long long)seq, text);
}

static void
report(void *context, const struct verify_finding *finding)
{
	const struct one *one = context;

	tell(one->logs, one->name, finding->kind, finding->seq, finding->text);
}

static void
report_chain(void *context, const char *name, enum verify_kind kind, const char *text)
{
	tell(context, name, kind, -1, text);
}

static void
opened(void *context, const struct leaf_view *leaf, struct bytes text)
{
	const struct one *one = context;

	log_chain_opened(one->logs->chain, one->at, leaf, text);
}

static void
tell_log(struct logs *logs, const struct checkpoint *checkpoint)
{
	DEFER(buf_clear_public) struct buf root = {0};

	base64_encode(&root, bytes_of(checkpoint->root, SHA256_BYTES));
	if (logs->json)
		(void)json_array_append_new(
		    logs->items, json_pack("{s:s, s:I, s:s}", "origin", checkpoint->origin, "size",
				     (json_int_t)checkpoint->size, "root", buf_text(&root)));
	else
		(void)printf("log: %s, %llu leaves, root %s\n", checkpoint->origin,
		    (unsigned long long)checkpoint->size, buf_text(&root));
}

static void
tell_error(struct one *one, const struct error *err)
{
	tell(one->logs, one->name,
	    err->code == E_BAD_PROOF || err->code == E_BAD_SYNTAX ? VERIFY_TAMPERED
								  : VERIFY_INCOMPLETE,
	    -1, err->detail);
}

/* ---- one log ---- */

static bool
is_log(const char *path, const char *name)
{
	DEFER(buf_clear_public) struct buf checkpoint = {0};

	buf_append_format(&checkpoint, "%s/%s/checkpoint", path, name);
	return log_folder_name_valid(name) && access(buf_text(&checkpoint), F_OK) == 0;
}

/* The name of the folder is the one that the other logs know it by. */
static bool
check_name(const struct note_key *key, const char *name, struct error *err)
{
	const char *slash = strrchr(key->name, '/');

	return strcmp(slash == NULL ? key->name : slash + 1, name) == 0 ||
	       error_set(err, E_BAD_PROOF, "its folder is of another name than %.100s", key->name);
}

static bool
open_log(struct one *one, const struct tile_files *files, struct buf *out_note,
    struct note_key *out, struct error *err)
{
	bool found = false;

	return files->read(files->context, "checkpoint", NOTE_MAX, out_note, &found, err) &&
	       log_keys_pick_like(one->logs->keys, buf_bytes(out_note), out, err) &&
	       check_name(out, one->name, err);
}

static void
verify_one(struct logs *logs, const char *name)
{
	struct one one = {logs, name, log_chain_add(logs->chain, name)};
	DEFER(log_source_free) struct log_source *source = NULL;
	DEFER(buf_clear_public) struct buf folder = {0};
	DEFER(buf_clear_public) struct buf note = {0};
	struct tile_files files;
	struct note_key key;
	struct verify_options options = {
	    .files = &files, .key = &key, .context = &one, .report = report, .opened = opened};
	struct verify_result result;
	struct error err = {0};

	if (one.at < 0) {
		tell(logs, name, VERIFY_INCOMPLETE, -1, "there are too many logs");
		return;
	}
	buf_append_format(&folder, "%s/%s", logs->path, name);
	if (!log_source_open(buf_text(&folder), &source, &err)) {
		tell_error(&one, &err);
		return;
	}
	files = log_source_files(source);
	if (!open_log(&one, &files, &note, &key, &err)) {
		tell_error(&one, &err);
		return;
	}
	options.has_blobs = log_source_has_blobs(source);
	verify_log(&options, &result);
	log_chain_verified(logs->chain, one.at, &result);
	tell_log(logs, &result.checkpoint);
	if (!log_keys_quorum(logs->keys, buf_bytes(&note), &err))
		tell_error(&one, &err);
}

/* ---- all ---- */

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names of the logs, sorted; at most LOG_CHAIN_MAX + 1 of them, each to be freed. */
static size_t
list_logs(const char *path, char *out[static LOG_CHAIN_MAX + 1])
{
	DIR *folder = opendir(path);
	const struct dirent *entry;
	size_t count = 0;

	if (folder == NULL)
		return 0;
	while (count <= LOG_CHAIN_MAX && (entry = readdir(folder)) != NULL) /* NOLINT: its own */
		if (is_log(path, entry->d_name))
			out[count++] = xstrdup(entry->d_name);
	(void)closedir(folder);
	qsort(out, count, sizeof *out, compare_names);
	return count;
}

bool
has_logs(const char *path)
{
	char *names[LOG_CHAIN_MAX + 1];
	const size_t count = list_logs(path, names);
	DEFER(buf_clear_public) struct buf checkpoint = {0};

	for (size_t i = 0; i < count; i++)
		free(names[i]);
	buf_append_format(&checkpoint, "%s/checkpoint", path);
	return count > 0 && access(buf_text(&checkpoint), F_OK) != 0;
}

static int
conclude(const struct logs *logs, size_t count)
{
	static const char *const NAMES[] = {"good", "tampered", "incomplete"};
	const int verdict = logs->tampered ? 1 : logs->incomplete ? 2 : 0;

	if (logs->json) {
		json_t *document = json_pack("{s:s, s:O, s:O}", "verdict", NAMES[verdict], "logs",
		    logs->items, "findings", logs->findings);

		cli_print_json(document);
		json_decref(document);
	} else
		(void)printf("%s: %zu logs\n", NAMES[verdict], count);
	return verdict;
}

int
verify_logs(const struct log_keys *keys, const char *path, bool json)
{
	DEFER(logs_clear)
	struct logs logs = {.keys = keys,
	    .path = path,
	    .json = json,
	    .findings = json_array(),
	    .items = json_array(),
	    .chain = log_chain_new()};
	char *names[LOG_CHAIN_MAX + 1];
	const size_t count = list_logs(path, names);

	for (size_t i = 0; i < count; i++) {
		verify_one(&logs, names[i]);
		free(names[i]);
	}
	(void)log_chain_check(logs.chain, report_chain, &logs);
	return conclude(&logs, count);
}
