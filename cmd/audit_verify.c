/* moniker audit verify: a log, or a proof from it, with its key alone: no database, no network. */
#include "cmd/audit_verify.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/export_verify.h"
#include "base/file.h"
#include "base/text.h"
#include "cmd/audit_verify_logs.h"
#include "cmd/cli.h"
#include "cmd/log_source.h"
#include "cmd/options.h"
#include "cmd/progress.h"
#include "proof/log_chain.h"
#include "proof/merkle.h"
#include "proof/tlog_proof.h"
#include "proof/verify.h"

enum verdict { VERDICT_GOOD = 0, VERDICT_TAMPERED = 1, VERDICT_INCOMPLETE = 2, VERDICT_USAGE = 3 };

struct verify_command {
	const char *vkey, *policy, *since, *to, *leaves;
	bool json;
	struct log_keys keys;
	struct buf since_note, to_note;
	struct bytes held; /* the file of --leaves, mapped */
	json_t *findings;  /* with --json */
	json_t *about;     /* with --json: members of the answer, or NULL */
	struct progress progress;
};

static void
command_clear(struct verify_command *command)
{
	buf_clear_public(&command->since_note);
	buf_clear_public(&command->to_note);
	if (command->held.len > 0) /* mapped for us: what we were lent is ours to give back */
		(void)munmap((void *)(uintptr_t)command->held.data, command->held.len);
	json_decref(command->findings);
	json_decref(command->about);
}
DEFER_DECLARE_CLEAR(struct verify_command, command_clear)

/* ---- telling ---- */

const char *
verify_kind_name(enum verify_kind kind)
{
	switch (kind) {
	case VERIFY_TAMPERED: return "tampered";
	case VERIFY_INCOMPLETE: return "incomplete";
	case VERIFY_NOTICE: return "notice";
	}
	return "";
}

static void
report(void *context, const struct verify_finding *finding)
{
	const struct verify_command *command = context;

	if (command->json) {
		json_t *seq =
		    finding->seq < 0 ? json_null() : json_integer((json_int_t)finding->seq);

		(void)json_array_append_new(command->findings,
		    json_pack("{s:s, s:o, s:s}", "kind", verify_kind_name(finding->kind), "seq",
			seq, "text", finding->text));
		return;
	}
	if (finding->seq < 0)
		(void)printf("%s: %s\n", verify_kind_name(finding->kind), finding->text);
	else
		(void)printf("%s: leaf %lld: %s\n", verify_kind_name(finding->kind),
		    (long long)finding->seq, finding->text);
}

/* Where the log before is, this one cannot tell. */
static void
opened(void *context, const struct leaf_view *leaf, struct bytes text)
{
	struct log_opening opening;
	struct error err = {0};
	char what[160];

	if (leaf->seq != 0 || !log_opening_parse(text, &opening, &err) || !opening.continues)
		return;
	(void)snprintf(what, sizeof what,
	    "it continues %s, which ended with %llu leaves: verify the folder of both", opening.log,
	    (unsigned long long)opening.size);
	report(context, &(struct verify_finding){VERIFY_NOTICE, 0, what});
}

static void
tell_progress(void *context, uint64_t done, uint64_t size)
{
	struct verify_command *command = context;

	progress_tell(&command->progress, "leaves", done, size);
}

static int
conclude(
    const struct verify_command *command, enum verdict verdict, const struct checkpoint *checkpoint)
{
	static const char *const NAMES[] = {"good", "tampered", "incomplete", "usage"};
	DEFER(buf_clear_public) struct buf root = {0};

	base64_encode(&root, bytes_of(checkpoint->root, SHA256_BYTES));
	if (command->json) {
		json_t *document = json_pack("{s:s, s:s, s:I, s:s, s:O}", "verdict", NAMES[verdict],
		    "origin", checkpoint->origin, "size", (json_int_t)checkpoint->size, "root",
		    buf_text(&root), "findings", command->findings);

		(void)json_object_update_missing(document, command->about);
		cli_print_json(document);
		json_decref(document);
		return (int)verdict;
	}
	if (checkpoint->origin[0] == '\0')
		(void)printf("%s\n", NAMES[verdict]);
	else
		(void)printf("%s: %s, %llu leaves, root %s\n", NAMES[verdict], checkpoint->origin,
		    (unsigned long long)checkpoint->size, buf_text(&root));
	return (int)verdict;
}

/* An error of one thing that was looked at, as a finding and the verdict. */
static int
conclude_error(const struct verify_command *command, const struct error *err)
{
	const bool tampered = err->code == E_BAD_PROOF || err->code == E_BAD_SYNTAX;
	const struct verify_finding finding = {
	    tampered ? VERIFY_TAMPERED : VERIFY_INCOMPLETE, -1, err->detail};

	report((void *)(uintptr_t)command, &finding);
	return conclude(
	    command, tampered ? VERDICT_TAMPERED : VERDICT_INCOMPLETE, &(struct checkpoint){0});
}

/* ---- what there is to verify ---- */

/* What is good but for its witnesses cannot be said to be: others may have been shown another. */
static int
conclude_cosigned(
    const struct verify_command *command, struct bytes note, const struct checkpoint *checkpoint)
{
	struct error err = {0};

	if (log_keys_quorum(&command->keys, note, &err))
		return conclude(command, VERDICT_GOOD, checkpoint);
	report((void *)(uintptr_t)command,
	    &(struct verify_finding){VERIFY_INCOMPLETE, -1, err.detail});
	return conclude(command, VERDICT_INCOMPLETE, checkpoint);
}

static bool
pick_key(struct verify_command *command, const struct tile_files *files, struct buf *out_note,
    const struct note_key **out, struct error *err)
{
	bool found = false;

	return files->read(files->context, "checkpoint", NOTE_MAX, out_note, &found, err) &&
	       log_keys_pick(&command->keys, buf_bytes(out_note), out, err);
}

/* ---- exports ---- */

/* What holds of the leaves that are in it, in words that cannot be taken for more. */
static void
tell_claim(struct verify_command *command, const struct export_verdict *verdict)
{
	if (command->json) {
		if (command->about == NULL)
			command->about = json_object();
		(void)json_object_set_new(command->about, "proves",
		    verdict->tampered || verdict->incomplete ? json_null()
		    : verdict->complete                      ? json_string("complete")
							     : json_string("inclusion"));
		(void)json_object_set_new(
		    command->about, "leaves", json_integer((json_int_t)verdict->count));
		return;
	}
	if (verdict->tampered || verdict->incomplete)
		return;
	if (verdict->complete)
		(void)printf("complete: leaves %lld to %lld, and none of them is missing\n",
		    (long long)verdict->first, (long long)verdict->last);
	else
		(void)printf("inclusion only: %lld leaves are in the log; that no other belongs to "
			     "them is not proven\n",
		    (long long)verdict->count);
}

static void
add_finding(struct verify_command *command, struct export_verdict *verdict, enum verify_kind kind,
    const char *text)
{
	report(command, &(struct verify_finding){kind, -1, text});
	verdict->tampered = verdict->tampered || kind == VERIFY_TAMPERED;
	verdict->incomplete = verdict->incomplete || kind == VERIFY_INCOMPLETE;
}

/* What is good but for its witnesses cannot be said to be, as of a log. */
static void
check_witnesses(
    struct verify_command *command, struct log_source *source, struct export_verdict *verdict)
{
	struct bytes note = {0};
	struct error err = {0};

	if (!verdict->tampered && log_source_map(source, EXPORT_CHECKPOINT, &note) &&
	    !log_keys_quorum(&command->keys, note, &err))
		add_finding(command, verdict, VERIFY_INCOMPLETE, err.detail);
}

static int
verify_export(struct verify_command *command, struct log_source *source, const struct note_key *key)
{
	const struct export_files files = {source, log_source_map, log_source_name};
	const struct export_options options = {.files = &files,
	    .key = key,
	    .context = command,
	    .report = report,
	    .progress = tell_progress};
	struct export_verdict verdict;

	export_verify(&options, &verdict);
	if (!log_source_is_plain(source))
		add_finding(command, &verdict, VERIFY_TAMPERED,
		    "the archive holds something else beside the files of the export");
	if (command->since != NULL)
		add_finding(command, &verdict, VERIFY_INCOMPLETE,
		    "an export does not show that the log continues a checkpoint that was kept: "
		    "take moniker audit proof --from-size");
	check_witnesses(command, source, &verdict);
	progress_end(&command->progress);
	tell_claim(command, &verdict);
	return conclude(command,
	    verdict.tampered     ? VERDICT_TAMPERED
	    : verdict.incomplete ? VERDICT_INCOMPLETE
				 : VERDICT_GOOD,
	    &verdict.checkpoint);
}

static bool
is_export(struct log_source *source)
{
	struct bytes manifest;

	return log_source_map(source, EXPORT_MANIFEST, &manifest);
}

/* ---- logs ---- */

static int
verify_whole(struct verify_command *command, const char *path)
{
	DEFER(log_source_free) struct log_source *source = NULL;
	DEFER(buf_clear_public) struct buf note = {0};
	struct tile_files files;
	struct verify_options options = {.context = command,
	    .report = report,
	    .opened = opened,
	    .progress = tell_progress,
	    .files = &files,
	    .earlier = buf_bytes(&command->since_note),
	    .leaves = command->held};
	struct verify_result result;
	struct error err = {0};

	if (!log_source_open(path, &source, &err))
		return conclude_error(command, &err);
	files = log_source_files(source);
	if (!pick_key(command, &files, &note, &options.key, &err))
		return conclude_error(command, &err);
	if (is_export(source))
		return verify_export(command, source, options.key);
	options.has_blobs = log_source_has_blobs(source);
	verify_log(&options, &result);
	progress_end(&command->progress);
	if (!result.tampered && !result.incomplete)
		return conclude_cosigned(command, buf_bytes(&note), &result.checkpoint);
	return conclude(
	    command, result.tampered ? VERDICT_TAMPERED : VERDICT_INCOMPLETE, &result.checkpoint);
}

static int
verify_leaf(struct verify_command *command, struct bytes text)
{
	DEFER(tlog_proof_clear) struct tlog_proof proof = {0};
	const struct note_key *key = NULL;
	struct checkpoint checkpoint;
	struct error err = {0};

	if (!tlog_proof_parse(text, &proof, &err) ||
	    !log_keys_pick(&command->keys, proof.note, &key, &err) ||
	    !tlog_proof_verify(&proof, key, &checkpoint, &err))
		return conclude_error(command, &err);
	if (!command->json)
		(void)printf("leaf %llu: %.*s\n", (unsigned long long)proof.index,
		    (int)proof.extra.len, (const char *)proof.extra.data);
	return conclude_cosigned(command, proof.note, &checkpoint);
}

static int
verify_growth(struct verify_command *command, struct bytes lines)
{
	DEFER(buf_clear_public) struct buf hashes = {0};
	const struct bytes old_note = buf_bytes(&command->since_note);
	const struct bytes new_note = buf_bytes(&command->to_note);
	const struct note_key *key = NULL;
	struct checkpoint before, after;
	struct error err = {0};

	if (!log_keys_pick(&command->keys, old_note, &key, &err) ||
	    !tlog_open(old_note, key, &before, &err) || !tlog_open(new_note, key, &after, &err) ||
	    !tlog_hashes_parse(lines, &hashes, &err) ||
	    !merkle_verify_consistency(
		before.size, after.size, buf_bytes(&hashes), before.root, after.root, &err))
		return conclude_error(command, &err);
	return conclude_cosigned(command, new_note, &after);
}

/* A proof is small and says what it is; anything else is a log. */
static int
verify_path(struct verify_command *command, const char *path)
{
	DEFER(buf_clear_public) struct buf text = {0};
	struct error err = {0};

	if (command->to != NULL)
		return file_read(path, TLOG_PROOF_MAX, &text, &err)
			   ? verify_growth(command, buf_bytes(&text))
			   : conclude_error(command, &err);
	if (file_read(path, TLOG_PROOF_MAX, &text, &err) &&
	    strncmp(buf_text(&text), TLOG_PROOF_HEAD, sizeof TLOG_PROOF_HEAD - 1) == 0)
		return verify_leaf(command, buf_bytes(&text));
	if (has_logs(path))
		return verify_logs(&command->keys, path, command->json);
	return verify_whole(command, path);
}

/* As large as the log: mapped. An empty file holds nothing against it. */
static bool
map_leaves(const char *path, struct bytes *out, struct error *err)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status = {0};
	void *map = NULL;

	if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0)
		map = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (fd >= 0)
		(void)close(fd);
	if (map == NULL || map == MAP_FAILED)
		return error_set(err, E_FILE_FAILED, "%s is not a file with leaves", path);
	*out = bytes_of(map, (size_t)status.st_size);
	return true;
}

static int
usage(const char *what)
{
	(void)cli_usage(&AUDIT_COMMAND, what);
	return VERDICT_USAGE;
}

int
audit_verify(int argc, char **argv)
{
	DEFER(command_clear)
	struct verify_command command = {.findings = json_array(), .progress = progress_begin()};
	const struct option_row rows[] = {{"--vkey", OPTION_TEXT, &command.vkey},
	    {"--policy", OPTION_TEXT, &command.policy}, {"--since", OPTION_TEXT, &command.since},
	    {"--to", OPTION_TEXT, &command.to}, {"--leaves", OPTION_TEXT, &command.leaves},
	    {"--json", OPTION_FLAG, &command.json}};
	struct error err = {0};
	const char *bad = NULL;
	int words = 0;

	if (!options_take(argc, argv, rows, COUNT(rows), &words, &bad))
		return usage(bad);
	if (words != 1)
		return usage("say what to verify");
	if ((command.since != NULL || command.leaves != NULL) && has_logs(argv[1]))
		return usage("--since and --leaves are of one log: name its folder");
	if (command.to != NULL && command.since == NULL)
		return usage("--to needs --since");
	if (!log_keys_read(command.vkey, command.policy, &command.keys, &err) ||
	    (command.since != NULL &&
		!file_read(command.since, NOTE_MAX, &command.since_note, &err)) ||
	    (command.to != NULL && !file_read(command.to, NOTE_MAX, &command.to_note, &err)) ||
	    (command.leaves != NULL && !map_leaves(command.leaves, &command.held, &err)))
		return usage(err.detail);
	return verify_path(&command, argv[1]);
}

int
audit_verify_export(const char *path, const struct log_keys *keys, bool json, json_t *about)
{
	DEFER(command_clear)
	struct verify_command command = {.json = json,
	    .keys = *keys,
	    .findings = json_array(),
	    .about = about,
	    .progress = progress_begin()};

	return verify_whole(&command, path);
}
