/* memory_log: the files of a log in memory, built by the edge as a publisher builds them. */
#ifndef TESTS_SUPPORT_MEMORY_LOG_H
#define TESTS_SUPPORT_MEMORY_LOG_H

#include "tests/support/cmocka_all.h"

#include <stdlib.h>

#include "base/mem.h"
#include "proof/checkpoint.h"
#include "proof/edge.h"
#include "proof/note.h"

#define MEMORY_FILES_MAX 64

struct memory_file {
	char path[TILE_PATH_MAX + 1];
	struct buf contents;
};

struct memory_log {
	struct memory_file files[MEMORY_FILES_MAX];
	size_t count;
	size_t reads; /* of files that are there */
	struct edge *edge;
	struct buf bundle; /* entries of the last bundle */
};

__attribute__((unused)) static struct memory_file *
memory_log_find(struct memory_log *log, const char *path)
{
	for (size_t i = 0; i < log->count; i++)
		if (strcmp(log->files[i].path, path) == 0)
			return &log->files[i];
	return NULL;
}

__attribute__((unused)) static void
memory_log_put(struct memory_log *log, const char *path, struct bytes contents)
{
	struct memory_file *file = memory_log_find(log, path);

	if (file == NULL) {
		assert_true(log->count < MEMORY_FILES_MAX);
		file = &log->files[log->count++];
		snprintf(file->path, sizeof file->path, "%s", path);
	}
	buf_truncate(&file->contents, 0);
	buf_append(&file->contents, contents);
}

__attribute__((unused)) static void
memory_log_remove(struct memory_log *log, const char *path)
{
	struct memory_file *file = memory_log_find(log, path);

	assert_non_null(file);
	file->path[0] = '\0';
}

__attribute__((unused)) static void
memory_log_put_tile(
    struct memory_log *log, int level, uint64_t index, int width, struct bytes octets)
{
	const struct tile tile = {level, index, width};
	char path[TILE_PATH_MAX + 1];

	tile_path_encode(&tile, path);
	memory_log_put(log, path, octets);
}

__attribute__((unused)) static bool
memory_log_full(void *context, int level, uint64_t index, const uint8_t *hashes, struct error *err)
{
	(void)err;
	memory_log_put_tile(
	    context, level, index, TILE_WIDTH, bytes_of(hashes, TILE_WIDTH * SHA256_BYTES));
	return true;
}

__attribute__((unused)) static void
memory_log_init(struct memory_log *log)
{
	*log = (struct memory_log){.edge = edge_new()};
}

__attribute__((unused)) static void
memory_log_clear(struct memory_log *log)
{
	for (size_t i = 0; i < log->count; i++)
		buf_clear_public(&log->files[i].contents);
	buf_clear_public(&log->bundle);
	edge_free(log->edge);
}
DEFER_DECLARE_CLEAR(struct memory_log, memory_log_clear)

__attribute__((unused)) static void
memory_log_append(struct memory_log *log, struct bytes leaf)
{
	const uint64_t index = log->edge->size / TILE_WIDTH;
	struct error err = {0};
	uint8_t hash[SHA256_BYTES];

	leaf_hash(leaf, hash);
	tile_entry_append(&log->bundle, leaf);
	assert_true(edge_append(log->edge, hash, memory_log_full, log, &err));
	if (log->edge->size % TILE_WIDTH != 0)
		return;
	memory_log_put_tile(log, TILE_ENTRIES, index, TILE_WIDTH, buf_bytes(&log->bundle));
	buf_truncate(&log->bundle, 0);
}

/* Writes the partial tiles of the present size. */
__attribute__((unused)) static void
memory_log_flush(struct memory_log *log)
{
	const uint64_t size = log->edge->size;

	for (int level = 0; level < TILE_LEVELS; level++) {
		const int width = edge_width(log->edge, level);

		if (width > 0)
			memory_log_put_tile(log, level,
			    size >> (level * TILE_HEIGHT) >> TILE_HEIGHT, width,
			    bytes_of(log->edge->hashes[level], (size_t)width * SHA256_BYTES));
	}
	if (size % TILE_WIDTH != 0)
		memory_log_put_tile(log, TILE_ENTRIES, size / TILE_WIDTH, (int)(size % TILE_WIDTH),
		    buf_bytes(&log->bundle));
}

/* And the checkpoint, by the key of this seed. */
__attribute__((unused)) static void
memory_log_sign(struct memory_log *log, const struct note_key *key, const uint8_t *seed)
{
	DEFER(buf_clear_public) struct buf text = {0};
	DEFER(buf_clear_public) struct buf note = {0};
	struct checkpoint checkpoint = {.size = log->edge->size};

	snprintf(checkpoint.origin, sizeof checkpoint.origin, "%s", key->name);
	edge_root(log->edge, checkpoint.root);
	checkpoint_encode(&checkpoint, &text);
	note_sign(key, seed, buf_bytes(&text), &note);
	memory_log_put(log, "checkpoint", buf_bytes(&note));
}

__attribute__((unused)) static bool
memory_log_read(void *context, const char *path, size_t len_max, struct buf *out, bool *out_found,
    struct error *err)
{
	struct memory_log *log = context;
	const struct memory_file *file = memory_log_find(log, path);

	*out_found = file != NULL;
	if (file == NULL)
		return true;
	log->reads++;
	if (file->contents.len > len_max)
		return error_set(err, E_FILE_FAILED, "longer than %zu octets", len_max);
	buf_append(out, buf_bytes(&file->contents));
	return true;
}

__attribute__((unused)) static struct tile_files
memory_log_files(struct memory_log *log)
{
	return (struct tile_files){log, memory_log_read};
}

#endif
