#include "audit/tiles_write.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/log_folder.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#define NEW ".new" /* files on their way, in the log's folder */
#define FILE_MODE 0644
#define FOLDER_MODE 0755
#define NAME_ROOM (TILE_PATH_MAX + 16)

struct pending {
	char path[TILE_PATH_MAX + 1];
	bool full;
	bool written; /* false: it is there already */
	struct buf octets;
};

struct tiles_writer {
	char *folder;
	struct pending *pending;
	size_t count, capacity;
	char (*dirty)[TILE_PATH_MAX + 1]; /* folders that a rename or a new folder changed */
	size_t dirty_count, dirty_capacity;
	bool repaired;
};

/* "<folder>/<name>"; the caller frees. */
static char *
inside(const struct tiles_writer *writer, const char *name)
{
	DEFER(buf_clear_public) struct buf path = {0};

	buf_append_format(&path, "%s/%s", writer->folder, name);
	return xstrdup(buf_text(&path));
}

static char *
new_name(const struct tiles_writer *writer, size_t i)
{
	char name[32];

	(void)snprintf(name, sizeof name, NEW "/%zu", i);
	return inside(writer, name);
}

static bool
fail(struct error *err, const char *what, const char *path)
{
	(void)error_set(err, E_FILE_FAILED, "cannot %s %s", what, path);
	error_cause_errno(err);
	return false;
}

/* Removes the files of a folder, which may be missing. */
static void
empty_folder(const char *path)
{
	DIR *folder = opendir(path);
	const struct dirent *entry;

	if (folder == NULL)
		return;
	while ((entry = readdir(folder)) != NULL) /* NOLINT: a stream of its own */
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(folder), entry->d_name, 0);
	(void)closedir(folder);
}

bool
tiles_writer_new(const char *folder, struct tiles_writer **out, struct error *err)
{
	DEFER(tiles_writer_free) struct tiles_writer *writer = xcalloc(1, sizeof *writer);
	DEFER(mem_free) char *news = NULL;

	writer->folder = xstrdup(folder);
	news = inside(writer, NEW);
	if (!file_make_dir(folder, FOLDER_MODE, err) || !file_make_dir(news, FOLDER_MODE, err))
		return false;
	empty_folder(news);
	*out = TAKE(writer);
	return true;
}

void
tiles_writer_free(struct tiles_writer *writer)
{
	if (writer == NULL)
		return;
	for (size_t i = 0; i < writer->capacity; i++)
		buf_clear_public(&writer->pending[i].octets);
	free(writer->pending);
	free(writer->dirty);
	free(writer->folder);
	free(writer);
}

void
tiles_writer_forget(struct tiles_writer *writer)
{
	writer->count = 0;
	writer->dirty_count = 0;
}

void
tiles_writer_put(struct tiles_writer *writer, const struct tile *tile, struct bytes octets)
{
	struct pending *pending;

	if (writer->count == writer->capacity) {
		const size_t capacity = writer->capacity * 2 + 16;

		writer->pending = xrealloc(writer->pending, capacity * sizeof writer->pending[0]);
		memset(&writer->pending[writer->capacity], 0,
		    (capacity - writer->capacity) * sizeof writer->pending[0]);
		writer->capacity = capacity;
	}
	pending = &writer->pending[writer->count++];
	tile_path_encode(tile, pending->path);
	pending->full = tile->width == TILE_WIDTH;
	buf_truncate(&pending->octets, 0);
	buf_append(&pending->octets, octets);
}

bool
tiles_writer_repaired(struct tiles_writer *writer)
{
	const bool repaired = writer->repaired;

	writer->repaired = false;
	return repaired;
}

/* ---- folders ---- */

static void
mark_dirty(struct tiles_writer *writer, const char *path, size_t len)
{
	for (size_t i = 0; i < writer->dirty_count; i++)
		if (strncmp(writer->dirty[i], path, len) == 0 && writer->dirty[i][len] == '\0')
			return;
	if (writer->dirty_count == writer->dirty_capacity) {
		writer->dirty_capacity = writer->dirty_capacity * 2 + 16;
		writer->dirty =
		    xrealloc(writer->dirty, writer->dirty_capacity * sizeof writer->dirty[0]);
	}
	(void)snprintf(
	    writer->dirty[writer->dirty_count++], sizeof writer->dirty[0], "%.*s", (int)len, path);
}

/* Makes the folders that lead to `path`, and marks those whose entries change. */
static bool
make_way(struct tiles_writer *writer, const char *path, struct error *err)
{
	size_t parent_len = 0;

	for (const char *slash = path; (slash = strchr(slash, '/')) != NULL; slash++) {
		const size_t len = (size_t)(slash - path);
		char name[TILE_PATH_MAX + 1];
		DEFER(mem_free) char *folder = NULL;

		(void)snprintf(name, sizeof name, "%.*s", (int)len, path);
		folder = inside(writer, name);
		if (mkdir(folder, FOLDER_MODE) == 0)
			mark_dirty(writer, path, parent_len);
		else if (errno != EEXIST)
			return fail(err, "make the folder", folder);
		parent_len = len;
	}
	mark_dirty(writer, path, parent_len);
	return true;
}

static bool
sync_dirty(struct tiles_writer *writer, struct error *err)
{
	for (size_t i = 0; i < writer->dirty_count; i++) {
		DEFER(mem_free) char *folder = inside(writer, writer->dirty[i]);

		if (!file_sync_dir(folder, err))
			return false;
	}
	writer->dirty_count = 0;
	return true;
}

/* ---- files ---- */

/* A full tile that is there stays, unless somebody changed it. */
static bool
is_there(struct tiles_writer *writer, const struct pending *pending)
{
	const struct tile_files files = log_folder_files(writer->folder);
	DEFER(buf_clear_public) struct buf found = {0};
	struct error unreadable = {0};
	bool exists = false;

	if (!pending->full)
		return false;
	if (files.read(files.context, pending->path, TILE_LEN_MAX, &found, &exists, &unreadable) &&
	    (!exists || bytes_equal(buf_bytes(&found), buf_bytes(&pending->octets))))
		return exists;
	log_warning("audit.tile_changed", "%s had changed and is replaced", pending->path);
	writer->repaired = true;
	return false;
}

static bool
stage_all(struct tiles_writer *writer, struct error *err)
{
	for (size_t i = 0; i < writer->count; i++) {
		struct pending *pending = &writer->pending[i];
		DEFER(mem_free) char *path = new_name(writer, i);

		pending->written = !is_there(writer, pending);
		if (pending->written &&
		    !file_stage(path, buf_bytes(&pending->octets), FILE_MODE, err))
			return false;
	}
	return true;
}

static bool
move_in(struct tiles_writer *writer, const char *from, const char *name, struct error *err)
{
	DEFER(mem_free) char *to = inside(writer, name);

	return make_way(writer, name, err) && (rename(from, to) == 0 || fail(err, "make", to));
}

static bool
move_all(struct tiles_writer *writer, struct error *err)
{
	for (size_t i = 0; i < writer->count; i++) {
		DEFER(mem_free) char *from = new_name(writer, i);

		if (writer->pending[i].written &&
		    !move_in(writer, from, writer->pending[i].path, err))
			return false;
	}
	return true;
}

/* The full tile is durable: its parts are not needed any more. What stays does no harm. */
static void
remove_parts(const struct tiles_writer *writer)
{
	for (size_t i = 0; i < writer->count; i++) {
		char name[NAME_ROOM];
		DEFER(mem_free) char *parts = NULL;

		if (!writer->pending[i].full)
			continue;
		(void)snprintf(name, sizeof name, "%s.p", writer->pending[i].path);
		parts = inside(writer, name);
		empty_folder(parts);
		(void)rmdir(parts);
	}
}

bool
tiles_writer_flush(struct tiles_writer *writer, struct error *err)
{
	if (!stage_all(writer, err) || !move_all(writer, err) || !sync_dirty(writer, err))
		return false;
	remove_parts(writer);
	writer->count = 0;
	return true;
}

bool
tiles_writer_checkpoint(struct tiles_writer *writer, struct bytes note, struct error *err)
{
	DEFER(mem_free) char *path = inside(writer, NEW "/checkpoint");

	return file_stage(path, note, FILE_MODE, err) && move_in(writer, path, "checkpoint", err) &&
	       sync_dirty(writer, err);
}
