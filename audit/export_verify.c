#include "audit/export_verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/events_filter.h"
#include "audit/export_way.h"
#include "base/mem.h"
#include "proof/leaf_csv.h"
#include "proof/scan.h"
#include "proof/tlog_proof.h"

#define TEXT_MAX 240
#define PROGRESS_EVERY 4096 /* leaves */

struct judge {
	const struct export_options *options;
	struct export_verdict *verdict;
	struct export_manifest manifest;
	struct events_query query;
	struct export_way *way; /* NULL: the tiles do not lead to the root */
	struct scan csv;
	bool csv_broken; /* told once */
	bool contiguous; /* what was asked for is all from one leaf to another */
	int64_t last_st_s;
};

static void
judge_clear(struct judge *judge)
{
	export_manifest_clear(&judge->manifest);
	export_way_free(judge->way);
}
DEFER_DECLARE_CLEAR(struct judge, judge_clear)

static void __attribute__((format(printf, 4, 5)))
tell(struct judge *judge, enum verify_kind kind, int64_t seq, const char *format, ...)
{
	struct export_verdict *verdict = judge->verdict;
	char text[TEXT_MAX];
	va_list args;

	verdict->tampered = verdict->tampered || kind == VERIFY_TAMPERED;
	verdict->incomplete = verdict->incomplete || kind == VERIFY_INCOMPLETE;
	if (verdict->findings++ >= VERIFY_FINDINGS_MAX)
		return;
	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	judge->options->report(judge->options->context, &(struct verify_finding){kind, seq, text});
}

static bool
map(const struct judge *judge, const char *name, struct bytes *out)
{
	return judge->options->files->map(judge->options->files->context, name, out);
}

/* ---- manifest and checkpoint ---- */

static bool
open_manifest(struct judge *judge)
{
	struct error err = {0};
	struct bytes text;

	if (!map(judge, EXPORT_MANIFEST, &text)) {
		tell(judge, VERIFY_INCOMPLETE, -1, EXPORT_MANIFEST " is not there");
		return false;
	}
	if (!export_manifest_parse(text, &judge->manifest, &err)) {
		tell(judge, VERIFY_TAMPERED, -1, EXPORT_MANIFEST ": %s", err.detail);
		return false;
	}
	judge->query = export_scope_query(&judge->manifest.scope);
	return true;
}

static bool
open_checkpoint(struct judge *judge)
{
	const struct checkpoint *claimed = &judge->manifest.checkpoint;
	struct checkpoint *signed_one = &judge->verdict->checkpoint;
	struct error err = {0};
	struct bytes note;

	if (!map(judge, EXPORT_CHECKPOINT, &note)) {
		tell(judge, VERIFY_INCOMPLETE, -1, "there is no checkpoint");
		return false;
	}
	if (!tlog_open(note, judge->options->key, signed_one, &err)) {
		tell(judge, VERIFY_TAMPERED, -1, "the checkpoint: %s", err.detail);
		return false;
	}
	if (strcmp(claimed->origin, signed_one->origin) != 0 || claimed->size != signed_one->size ||
	    memcmp(claimed->root, signed_one->root, SHA256_BYTES) != 0)
		tell(judge, VERIFY_TAMPERED, -1,
		    EXPORT_MANIFEST " names another checkpoint than the one that is signed");
	return true;
}

/* ---- files ---- */

static int
compare_files(const void *a, const void *b)
{
	return strcmp(((const struct export_file *)a)->name, ((const struct export_file *)b)->name);
}

static void
check_file(struct judge *judge, const struct export_file *file)
{
	uint8_t hash[SHA256_BYTES];
	struct bytes contents;

	if (!map(judge, file->name, &contents)) {
		tell(judge, VERIFY_INCOMPLETE, -1, "%s is not there", file->name);
		return;
	}
	sha256(contents, hash);
	if (contents.len != file->len || memcmp(hash, file->sha256, SHA256_BYTES) != 0)
		tell(judge, VERIFY_TAMPERED, -1,
		    "%s is not the file that " EXPORT_MANIFEST " names", file->name);
}

/* The manifest's files are sorted by now. */
static void
check_names(struct judge *judge)
{
	const struct export_manifest *manifest = &judge->manifest;
	const struct export_files *files = judge->options->files;
	const char *name;

	for (size_t i = 1; i < manifest->file_count; i++)
		if (compare_files(&manifest->files[i - 1], &manifest->files[i]) == 0)
			tell(judge, VERIFY_TAMPERED, -1, EXPORT_MANIFEST " names %s twice",
			    manifest->files[i].name);
	for (size_t i = 0; files->name != NULL && (name = files->name(files->context, i)) != NULL;
	     i++) {
		struct export_file key = {0};

		(void)snprintf(key.name, sizeof key.name, "%s", name);
		if (strcmp(name, EXPORT_MANIFEST) != 0 &&
		    (strlen(name) >= sizeof key.name ||
			bsearch(&key, manifest->files, manifest->file_count,
			    sizeof manifest->files[0], compare_files) == NULL))
			tell(judge, VERIFY_TAMPERED, -1, "%.80s is not in " EXPORT_MANIFEST, name);
	}
}

static void
check_files(struct judge *judge)
{
	struct export_manifest *manifest = &judge->manifest;

	for (size_t i = 0; i < manifest->file_count; i++)
		check_file(judge, &manifest->files[i]);
	qsort(manifest->files, manifest->file_count, sizeof manifest->files[0], compare_files);
	check_names(judge);
}

static bool
has_line(struct bytes text, struct bytes line)
{
	for (size_t at = 0; at + line.len <= text.len; at++)
		if ((at == 0 || text.data[at - 1] == '\n') &&
		    memcmp(text.data + at, line.data, line.len) == 0)
			return true;
	return false;
}

/* What is for people, and what others may take for the key. */
static void
check_texts(struct judge *judge)
{
	DEFER(buf_clear_public) struct buf instructions = {0};
	DEFER(buf_clear_public) struct buf policy = {0};
	struct bytes text;

	export_instructions(&judge->manifest, judge->options->key, &instructions);
	export_policy_line(judge->options->key, &policy);
	if (map(judge, EXPORT_INSTRUCTIONS, &text) && !bytes_equal(text, buf_bytes(&instructions)))
		tell(judge, VERIFY_TAMPERED, -1,
		    EXPORT_INSTRUCTIONS " says something else than the manifest and this key");
	if (map(judge, EXPORT_POLICY, &text) && !has_line(text, buf_bytes(&policy)))
		tell(judge, VERIFY_TAMPERED, -1, EXPORT_POLICY " names another key");
}

/* ---- leaves ---- */

/* Where it stands in the log, as it says: its tile knows better. */
static bool
read_seq(struct bytes text, int64_t *out)
{
	struct scan in = {text};

	return scan_literal(&in, "{\"seq\":") && scan_number(&in, out);
}

static void
check_place(struct judge *judge, int64_t seq)
{
	const struct export_verdict *verdict = judge->verdict;

	if (seq <= verdict->last)
		tell(judge, VERIFY_TAMPERED, seq, "it comes after leaf %lld",
		    (long long)verdict->last);
	else if (judge->contiguous && verdict->count > 0 && seq != verdict->last + 1)
		tell(judge, VERIFY_TAMPERED, verdict->last + 1,
		    "the leaves from here to %lld are left out", (long long)seq - 1);
}

static void
check_leaf(struct judge *judge, int64_t seq, struct bytes text)
{
	struct error unreadable = {0};
	struct leaf_view leaf;

	if (!leaf_parse(text, &leaf, &unreadable)) {
		tell(judge, VERIFY_TAMPERED, seq, "%s", unreadable.detail);
		return;
	}
	if (seq <= judge->manifest.scope.after || events_match(&judge->query, text) != EVENTS_TAKE)
		tell(judge, VERIFY_TAMPERED, seq, "it is not what was asked for");
	if (leaf.sequenced_at_s < judge->last_st_s)
		tell(judge, VERIFY_TAMPERED, seq, "its time is before that of the leaf before it");
	judge->last_st_s = leaf.sequenced_at_s;
}

static void
check_hash(struct judge *judge, int64_t seq, struct bytes text)
{
	enum export_way_state state;
	uint8_t in_tile[SHA256_BYTES], hash[SHA256_BYTES];
	char path[TILE_PATH_MAX + 1];

	if (judge->way == NULL)
		return;
	state = export_way_hash(judge->way, (uint64_t)seq, in_tile, path);
	leaf_hash(text, hash);
	if (state == EXPORT_WAY_MISSING)
		tell(judge, VERIFY_INCOMPLETE, seq, "%s is not there: it is not proven", path);
	else if (state == EXPORT_WAY_BROKEN)
		tell(judge, VERIFY_TAMPERED, seq, "%s does not lead to the signed root", path);
	else if (memcmp(hash, in_tile, SHA256_BYTES) != 0)
		tell(judge, VERIFY_TAMPERED, seq, "its octets are not those that were hashed");
}

static void
check_csv(struct judge *judge, int64_t seq, struct bytes text)
{
	DEFER(buf_clear_public) struct buf want = {0};
	const struct bytes rest = judge->csv.rest;

	if (judge->csv_broken)
		return;
	leaf_csv_append(seq, text, &want);
	if (rest.len >= want.len && memcmp(rest.data, want.data, want.len) == 0) {
		judge->csv.rest = bytes_of(rest.data + want.len, rest.len - want.len);
		return;
	}
	judge->csv_broken = true;
	tell(judge, VERIFY_TAMPERED, seq, EXPORT_CSV " says something else of it");
}

static void
take_leaf(struct judge *judge, struct bytes text)
{
	struct export_verdict *verdict = judge->verdict;
	int64_t seq = -1;

	if (!read_seq(text, &seq) || (uint64_t)seq >= verdict->checkpoint.size) {
		tell(judge, VERIFY_TAMPERED, verdict->last + 1,
		    "line %lld of " EXPORT_LEAVES " is no leaf of this log",
		    (long long)verdict->count + 1);
		verdict->count++;
		return;
	}
	check_place(judge, seq);
	check_leaf(judge, seq, text);
	check_hash(judge, seq, text);
	check_csv(judge, seq, text);
	if (verdict->first < 0)
		verdict->first = seq;
	if (seq > verdict->last)
		verdict->last = seq;
	verdict->count++;
}

/* One file that is not there is no reason to say that leaves are left out. */
static void
open_csv(struct judge *judge)
{
	const bool found = map(judge, EXPORT_CSV, &judge->csv.rest);

	judge->csv_broken = !found || !scan_literal(&judge->csv, LEAF_CSV_HEAD);
	if (!found)
		tell(judge, VERIFY_INCOMPLETE, -1, "there is no " EXPORT_CSV);
	else if (judge->csv_broken)
		tell(judge, VERIFY_TAMPERED, -1, EXPORT_CSV " does not begin with its columns");
}

static bool
check_leaves(struct judge *judge)
{
	const struct export_options *options = judge->options;
	struct scan leaves = {0};
	struct bytes line;

	open_csv(judge);
	if (!map(judge, EXPORT_LEAVES, &leaves.rest)) {
		tell(judge, VERIFY_INCOMPLETE, -1, "there is no " EXPORT_LEAVES);
		return false;
	}
	while (leaves.rest.len > 0) {
		if (!scan_line(&leaves, &line)) {
			tell(judge, VERIFY_TAMPERED, judge->verdict->last + 1,
			    EXPORT_LEAVES " ends within it");
			break;
		}
		take_leaf(judge, line);
		if (options->progress != NULL && judge->verdict->count % PROGRESS_EVERY == 0)
			options->progress(options->context, (uint64_t)judge->verdict->count,
			    (uint64_t)judge->manifest.count);
	}
	if (!judge->csv_broken && judge->csv.rest.len > 0)
		tell(
		    judge, VERIFY_TAMPERED, -1, EXPORT_CSV " has more lines than there are leaves");
	return true;
}

/* ---- what is said of all of them ---- */

/* Nothing is missing before the first or after the last of what was asked for. */
static void
check_ends(struct judge *judge)
{
	const struct export_scope *scope = &judge->manifest.scope;
	const struct export_verdict *verdict = judge->verdict;
	const int64_t end = (int64_t)verdict->checkpoint.size - 1;
	const int64_t begin = scope->after + 1;
	const bool full = scope->limit >= 0 && verdict->count >= scope->limit;

	if (!judge->contiguous)
		return;
	if (scope->from_s < 0 && verdict->count > 0 && verdict->first != begin)
		tell(judge, VERIFY_TAMPERED, begin, "the leaves from here to %lld are left out",
		    (long long)verdict->first - 1);
	if (scope->to_s >= 0 || full)
		return;
	if (verdict->count > 0 && verdict->last != end)
		tell(judge, VERIFY_TAMPERED, verdict->last + 1,
		    "the leaves from here to %lld are left out", (long long)end);
	if (verdict->count == 0 && scope->from_s < 0 && begin <= end)
		tell(judge, VERIFY_TAMPERED, begin, "the leaves from here to %lld are left out",
		    (long long)end);
}

static void
check_counts(struct judge *judge)
{
	const struct export_manifest *manifest = &judge->manifest;
	const struct export_verdict *verdict = judge->verdict;

	if (manifest->count != verdict->count || manifest->first != verdict->first ||
	    manifest->last != verdict->last)
		tell(judge, VERIFY_TAMPERED, -1,
		    EXPORT_MANIFEST
		    " counts %lld leaves from %lld to %lld, there are %lld from %lld "
		    "to %lld",
		    (long long)manifest->count, (long long)manifest->first,
		    (long long)manifest->last, (long long)verdict->count, (long long)verdict->first,
		    (long long)verdict->last);
	if (manifest->scope.limit >= 0 && verdict->count > manifest->scope.limit)
		tell(judge, VERIFY_TAMPERED, verdict->last, "more leaves than were asked for");
}

void
export_verify(const struct export_options *options, struct export_verdict *out)
{
	DEFER(judge_clear) struct judge judge = {.options = options, .verdict = out};
	struct error err = {0};

	*out = (struct export_verdict){.first = -1, .last = -1};
	if (!open_manifest(&judge))
		return;
	judge.contiguous = export_scope_is_complete(&judge.manifest.scope);
	if (!open_checkpoint(&judge))
		return;
	check_files(&judge);
	check_texts(&judge);
	if (!export_way_open(options->files, &out->checkpoint, &judge.way, &err))
		tell(&judge, err.code == E_NOT_FOUND ? VERIFY_INCOMPLETE : VERIFY_TAMPERED, -1,
		    "the tiles: %s", err.detail);
	if (check_leaves(&judge)) {
		check_ends(&judge);
		check_counts(&judge);
	}
	out->complete = judge.contiguous && out->count > 0 && !out->tampered && !out->incomplete;
}
