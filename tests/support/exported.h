/* exported: a log of SIZE leaves in a folder, exports of it, and their archives taken apart. */
#ifndef TESTS_SUPPORT_EXPORTED_H
#define TESTS_SUPPORT_EXPORTED_H

#include "audit/export_verify.h"
#include "audit/export_write.h"
#include "audit/log_folder.h"
#include "base/file.h"
#include "proof/tar.h"
#include "tests/support/folder.h"
#include "tests/support/signed_log.h"

#define EXPORTED_SIZE 1500
#define EXPORTED_NAME "node1-2026-1500"
#define EXPORTED_FILES_MAX 64

struct exported {
	struct folder log_folder, folder;
	struct signed_log log;
	struct tile_files files;
	struct buf note;
	struct buf archive;
	struct tar_entry entries[EXPORTED_FILES_MAX]; /* of archive, names without the folder */
	size_t count;
	/* What the last verification said. */
	struct export_verdict verdict;
	struct buf findings; /* "seq: text" a line */
};

/* Every third leaf is a refusal, every 100th by officer:a; two in a second. */
__attribute__((unused)) static void
exported_fill(struct signed_log *log)
{
	for (size_t i = 0; i < EXPORTED_SIZE; i++) {
		struct leaf leaf = {.event = i % 3 == 0 ? LEAF_ENROLL_REFUSED : LEAF_ENROLL_OK,
		    .sequenced_at_s = SIGNED_LOG_BEGAN_S + (int64_t)i / 2};

		if (i == 0)
			leaf.event = LEAF_LOG_OPEN;
		leaf.failure = leaf.event == LEAF_ENROLL_REFUSED;
		snprintf(leaf.code, sizeof leaf.code, "%s", leaf.failure ? "BAD_PROOF" : "");
		snprintf(
		    leaf.actor, sizeof leaf.actor, "%s", i % 100 == 0 ? "officer:a" : "station:b");
		signed_log_add(log, leaf);
	}
}

__attribute__((unused)) static int
exported_make(void **state)
{
	struct exported *exported = calloc(1, sizeof *exported);
	struct tiles_source source;
	struct tiles *tiles = NULL;
	struct error err = {0};

	assert_non_null(exported);
	folder_init(&exported->log_folder);
	folder_init(&exported->folder);
	signed_log_init(&exported->log);
	exported_fill(&exported->log);
	source = signed_log_source(&exported->log);
	signed_log_note(&exported->log, EXPORTED_SIZE, &exported->note);
	assert_true(
	    tiles_open(exported->log_folder.path, SIGNED_LOG_ORIGIN, &source, &tiles, &err));
	assert_true(tiles_publish(tiles, buf_bytes(&exported->note), &err));
	tiles_free(tiles);
	exported->files = log_folder_files(exported->log_folder.path);
	*state = exported;
	return 0;
}

__attribute__((unused)) static int
exported_remove(void **state)
{
	struct exported *exported = *state;

	folder_clear(&exported->log_folder);
	folder_clear(&exported->folder);
	signed_log_clear(&exported->log);
	buf_clear_public(&exported->note);
	buf_clear_public(&exported->archive);
	buf_clear_public(&exported->findings);
	free(exported);
	return 0;
}

__attribute__((unused)) static struct export_scope
exported_all(void)
{
	return (struct export_scope){.after = -1, .limit = -1, .from_s = -1, .to_s = -1};
}

__attribute__((unused)) static struct export_plan
exported_plan(const struct exported *exported, const struct export_scope *scope)
{
	return (struct export_plan){.files = &exported->files,
	    .note = buf_bytes(&exported->note),
	    .key = &exported->log.key,
	    .scope = scope,
	    .folder = exported->folder.path,
	    .name = EXPORTED_NAME,
	    .len_max = 1 << 30};
}

__attribute__((unused)) static void
exported_take_apart(struct exported *exported)
{
	struct bytes rest = buf_bytes(&exported->archive);
	struct error err = {0};
	bool end = false;

	for (exported->count = 0;; exported->count++) {
		struct tar_entry *entry = &exported->entries[exported->count];

		assert_true(exported->count < EXPORTED_FILES_MAX);
		assert_true(tar_take(&rest, entry, &end, &err));
		if (end)
			return;
		assert_memory_equal(entry->name, EXPORTED_NAME "/", sizeof EXPORTED_NAME);
		memmove(entry->name, entry->name + sizeof EXPORTED_NAME,
		    strlen(entry->name) + 1 - sizeof EXPORTED_NAME);
	}
}

/* From the beginning to the archive, which is read and taken apart. */
__attribute__((unused)) static void
exported_run(struct exported *exported, const struct export_scope *scope)
{
	const struct export_plan plan = exported_plan(exported, scope);
	DEFER(export_writer_free) struct export_writer *writer = NULL;
	struct export_result result;
	struct error err = {0};
	uint8_t hash[SHA256_BYTES];
	bool done = false;

	assert_true(export_writer_open(&plan, &(struct export_progress){0}, &writer, &err));
	while (!done)
		assert_true(export_writer_step(writer, 2, &done, &err));
	assert_true(export_writer_finish(writer, &result, &err));
	buf_truncate(&exported->archive, 0);
	assert_true(file_read(
	    folder_file(&exported->folder, EXPORT_ARCHIVE), 1 << 24, &exported->archive, &err));
	assert_int_equal(result.len, exported->archive.len);
	sha256(buf_bytes(&exported->archive), hash);
	assert_memory_equal(hash, result.sha256, sizeof hash);
	exported_take_apart(exported);
}

__attribute__((unused)) static struct tar_entry *
exported_find(struct exported *exported, const char *name)
{
	for (size_t i = 0; i < exported->count; i++)
		if (strcmp(exported->entries[i].name, name) == 0)
			return &exported->entries[i];
	return NULL;
}

__attribute__((unused)) static bool
exported_map(void *context, const char *name, struct bytes *out)
{
	const struct tar_entry *entry = exported_find(context, name);

	if (entry != NULL)
		*out = entry->contents;
	return entry != NULL;
}

__attribute__((unused)) static const char *
exported_name(void *context, size_t index)
{
	const struct exported *exported = context;

	return index < exported->count ? exported->entries[index].name : NULL;
}

__attribute__((unused)) static void
exported_report(void *context, const struct verify_finding *finding)
{
	struct exported *exported = context;

	buf_append_format(
	    &exported->findings, "%lld: %s\n", (long long)finding->seq, finding->text);
}

__attribute__((unused)) static const struct export_verdict *
exported_verify(struct exported *exported)
{
	const struct export_files files = {exported, exported_map, exported_name};

	buf_truncate(&exported->findings, 0);
	export_verify(&(struct export_options){.files = &files,
			  .key = &exported->log.key,
			  .context = exported,
			  .report = exported_report},
	    &exported->verdict);
	return &exported->verdict;
}

/* Whether a finding is of this leaf (-1: of none) and says this. */
__attribute__((unused)) static bool
exported_found(struct exported *exported, long long seq, const char *words)
{
	char begin[32];
	const char *line = buf_text(&exported->findings);

	snprintf(begin, sizeof begin, "%lld: ", seq);
	for (; *line != '\0'; line += strcspn(line, "\n") + 1) {
		const char *found = strstr(line, words);

		if (strncmp(line, begin, strlen(begin)) == 0 && found != NULL &&
		    found < line + strcspn(line, "\n"))
			return true;
	}
	print_error("no finding of %lld that says \"%s\" in:\n%s", seq, words,
	    buf_text(&exported->findings));
	return false;
}

#endif
