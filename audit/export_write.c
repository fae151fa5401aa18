#include "audit/export_write.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/events_filter.h"
#include "audit/export_archive.h"
#include "base/file.h"
#include "base/mem.h"
#include "proof/leaf_csv.h"

#define FOLDER_MODE 0700
#define FILE_MODE 0600

/* Parts are appended to; PART_TILES has the indexes of the tiles of level 0, 8 octets each. */
enum part { PART_LEAVES, PART_CSV, PART_TILES, PART_COUNT };
static const char *const PART_NAMES[PART_COUNT] = {"leaves.part", "csv.part", "tiles.part"};

struct export_writer {
	struct export_plan plan;
	struct checkpoint checkpoint;
	struct events_query query;
	struct export_progress progress;
	bool past; /* no later leaf can be one of them */
	int fds[PART_COUNT];
	struct buf pending[PART_COUNT]; /* of one bundle */
};

static bool
fail(struct error *err, const char *what)
{
	(void)error_set(err, E_FILE_FAILED, "cannot %s an export", what);
	error_cause_errno(err);
	return false;
}

static bool
path_in(const struct export_writer *writer, const char *name, char out[static PATH_MAX],
    struct error *err)
{
	const int len = snprintf(out, PATH_MAX, "%s/%s", writer->plan.folder, name);

	return (len > 0 && len < PATH_MAX) ||
	       error_set(err, E_FILE_FAILED, "the path of an export is too long");
}

/* ---- parts ---- */

static uint64_t *
part_len(struct export_progress *progress, enum part part)
{
	uint64_t *const lens[PART_COUNT] = {
	    &progress->leaves_len, &progress->csv_len, &progress->tiles_len};

	return lens[part];
}

static bool
open_part(struct export_writer *writer, enum part part, bool *out_whole, struct error *err)
{
	char path[PATH_MAX];
	struct stat status;

	if (!path_in(writer, PART_NAMES[part], path, err))
		return false;
	writer->fds[part] = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	if (writer->fds[part] < 0 || fstat(writer->fds[part], &status) != 0)
		return fail(err, "open");
	*out_whole = (uint64_t)status.st_size >= *part_len(&writer->progress, part);
	return true;
}

/* What was written and not kept is cut off. */
static bool
cut_parts(struct export_writer *writer, struct error *err)
{
	for (enum part part = PART_LEAVES; part < PART_COUNT; part++) {
		const off_t len = (off_t)*part_len(&writer->progress, part);

		if (ftruncate(writer->fds[part], len) != 0 ||
		    lseek(writer->fds[part], len, SEEK_SET) != len)
			return fail(err, "cut");
	}
	return true;
}

static bool
open_parts(struct export_writer *writer, struct error *err)
{
	bool whole = true;

	if (!file_make_dir(writer->plan.folder, FOLDER_MODE, err))
		return false;
	for (enum part part = PART_LEAVES; part < PART_COUNT; part++) {
		bool this_whole = false;

		if (!open_part(writer, part, &this_whole, err))
			return false;
		whole = whole && this_whole;
	}
	if (!whole)
		writer->progress = (struct export_progress){.first = -1, .last = -1};
	return cut_parts(writer, err);
}

static bool
write_pending(struct export_writer *writer, enum part part, struct error *err)
{
	struct buf *pending = &writer->pending[part];

	if (!export_write_all(writer->fds[part], buf_bytes(pending), err))
		return false;
	*part_len(&writer->progress, part) += pending->len;
	buf_truncate(pending, 0);
	return true;
}

static bool
sync_parts(struct export_writer *writer, struct error *err)
{
	for (enum part part = PART_LEAVES; part < PART_COUNT; part++)
		if (fsync(writer->fds[part]) != 0)
			return fail(err, "sync");
	return true;
}

/* ---- leaves ---- */

static bool
read_tile(struct export_writer *writer, const struct tile *tile, struct buf *out, struct error *err)
{
	bool found = false;

	if (!tile_read(writer->plan.files, tile, out, &found, err)) {
		if (err->code == E_BAD_SYNTAX)
			err->code = E_BAD_PROOF; /* not the length of a tile: somebody changed it */
		return false;
	}
	return found || error_set(err, E_RECORD_UNAVAILABLE,
			    "the log's files do not have the leaves from %llu on",
			    (unsigned long long)(tile->index * TILE_WIDTH));
}

static void
take_leaf(struct export_writer *writer, uint64_t seq, struct bytes text)
{
	struct export_progress *progress = &writer->progress;
	struct error unreadable = {0};
	struct leaf_view leaf;

	buf_append(&writer->pending[PART_LEAVES], text);
	buf_append_u8(&writer->pending[PART_LEAVES], '\n');
	leaf_csv_append((int64_t)seq, text, &writer->pending[PART_CSV]);
	if (progress->count == 0 || (uint64_t)progress->last / TILE_WIDTH != seq / TILE_WIDTH)
		buf_append_u64(&writer->pending[PART_TILES], seq / TILE_WIDTH);
	if (progress->count++ == 0)
		progress->first = (int64_t)seq;
	progress->last = (int64_t)seq;
	if (leaf_parse(text, &leaf, &unreadable))
		progress->last_st_s = leaf.sequenced_at_s;
}

static bool
look_at_leaf(struct export_writer *writer, uint64_t seq, struct bytes text, const uint8_t *in_tile,
    struct error *err)
{
	uint8_t hash[SHA256_BYTES];
	enum events_match match;

	leaf_hash(text, hash);
	if (memcmp(hash, in_tile, SHA256_BYTES) != 0)
		return error_set(err, E_BAD_PROOF, "leaf %llu is not what its tile has",
		    (unsigned long long)seq);
	match = events_match(&writer->query, text);
	writer->past = match == EVENTS_PAST;
	if (match == EVENTS_TAKE)
		take_leaf(writer, seq, text);
	if (writer->progress.count == writer->plan.scope->limit)
		writer->past = true;
	return true;
}

static bool
look_at_bundle(struct export_writer *writer, uint64_t index, struct error *err)
{
	const int width = tile_width_at(TILE_ENTRIES, index, writer->checkpoint.size);
	DEFER(buf_clear_public) struct buf bundle = {0};
	DEFER(buf_clear_public) struct buf hashes = {0};
	struct bytes rest, text;

	if (!read_tile(writer, &(struct tile){TILE_ENTRIES, index, width}, &bundle, err) ||
	    !read_tile(writer, &(struct tile){0, index, width}, &hashes, err))
		return false;
	rest = buf_bytes(&bundle);
	for (int i = 0; i < width && !writer->past; i++) {
		const uint64_t seq = index * TILE_WIDTH + (uint64_t)i;

		if (!tile_entry_take(&rest, &text))
			return error_set(err, E_BAD_PROOF, "the log's files end within leaf %llu",
			    (unsigned long long)seq);
		if (seq >= writer->progress.next &&
		    !look_at_leaf(writer, seq, text, hashes.data + i * SHA256_BYTES, err))
			return false;
	}
	writer->progress.next = index * TILE_WIDTH + (uint64_t)width;
	return true;
}

static bool
is_at_end(const struct export_writer *writer)
{
	return writer->past || writer->progress.next >= writer->checkpoint.size;
}

/* The archive has all of it again, so twice is what the disk has to hold. */
static bool
check_len(struct export_writer *writer, struct error *err)
{
	const struct export_progress *progress = &writer->progress;
	const uint64_t tiles = progress->tiles_len / 8 * (TILE_WIDTH * SHA256_BYTES + TAR_BLOCK);

	return progress->leaves_len + progress->csv_len + tiles <= writer->plan.len_max ||
	       error_set(err, E_TOO_LARGE,
		   "the export is larger than the service makes them: ask for fewer leaves, up to "
		   "%lld",
		   (long long)progress->last);
}

bool
export_writer_step(struct export_writer *writer, int bundles, bool *out_done, struct error *err)
{
	for (int i = 0; i < bundles && !is_at_end(writer); i++) {
		if (!look_at_bundle(writer, writer->progress.next / TILE_WIDTH, err))
			return false;
		for (enum part part = PART_LEAVES; part < PART_COUNT; part++)
			if (!write_pending(writer, part, err))
				return false;
		if (!check_len(writer, err))
			return false;
	}
	if (!sync_parts(writer, err))
		return false;
	*out_done = is_at_end(writer);
	return true;
}

/* ---- where to begin ---- */

/* `st` of a bundle's first leaf; false where it cannot be read: the walk finds out why. */
static bool
read_time(struct export_writer *writer, uint64_t index, int64_t *out_st_s)
{
	const int width = tile_width_at(TILE_ENTRIES, index, writer->checkpoint.size);
	DEFER(buf_clear_public) struct buf bundle = {0};
	struct error unreadable = {0};
	struct leaf_view leaf;
	struct bytes rest, text;

	if (!read_tile(writer, &(struct tile){TILE_ENTRIES, index, width}, &bundle, &unreadable))
		return false;
	rest = buf_bytes(&bundle);
	if (!tile_entry_take(&rest, &text) || !leaf_parse(text, &leaf, &unreadable))
		return false;
	*out_st_s = leaf.sequenced_at_s;
	return true;
}

/* The last bundle that begins before the time asked for, by halving: `st` never decreases. */
static void
seek(struct export_writer *writer)
{
	const int64_t from_s = writer->plan.scope->from_s;
	uint64_t low = writer->progress.next / TILE_WIDTH;
	uint64_t high = (writer->checkpoint.size + TILE_WIDTH - 1) / TILE_WIDTH;
	int64_t st_s = 0;

	while (from_s >= 0 && high > low + 1) {
		const uint64_t middle = low + (high - low) / 2;

		if (!read_time(writer, middle, &st_s))
			return;
		if (st_s < from_s)
			low = middle;
		else
			high = middle;
	}
	if (low * TILE_WIDTH > writer->progress.next)
		writer->progress.next = low * TILE_WIDTH;
}

static bool
begin(struct export_writer *writer, struct error *err)
{
	const int64_t limit = writer->plan.scope->limit;
	struct bytes text;

	if (!note_text(writer->plan.note, &text, err) ||
	    !checkpoint_parse(text, &writer->checkpoint, err) || !open_parts(writer, err))
		return false;
	if (writer->progress.count == 0)
		writer->progress.first = writer->progress.last = -1;
	if (writer->progress.next == 0) {
		writer->progress.next = (uint64_t)(writer->plan.scope->after + 1);
		seek(writer);
	}
	writer->past = limit >= 0 && writer->progress.count >= limit;
	if (writer->progress.csv_len > 0)
		return true;
	buf_append_text(&writer->pending[PART_CSV], LEAF_CSV_HEAD);
	return write_pending(writer, PART_CSV, err);
}

bool
export_writer_open(const struct export_plan *plan, const struct export_progress *progress,
    struct export_writer **out, struct error *err)
{
	DEFER(export_writer_free) struct export_writer *writer = xcalloc(1, sizeof *writer);

	writer->plan = *plan;
	writer->query = export_scope_query(plan->scope);
	writer->progress = *progress;
	for (enum part part = PART_LEAVES; part < PART_COUNT; part++)
		writer->fds[part] = -1;
	if (!begin(writer, err))
		return false;
	*out = TAKE(writer);
	return true;
}

void
export_writer_free(struct export_writer *writer)
{
	if (writer == NULL)
		return;
	for (enum part part = PART_LEAVES; part < PART_COUNT; part++) {
		if (writer->fds[part] >= 0)
			(void)close(writer->fds[part]);
		buf_clear_public(&writer->pending[part]);
	}
	free(writer);
}

uint64_t
export_writer_size(const struct export_writer *writer)
{
	return writer->checkpoint.size;
}

const struct export_progress *
export_writer_progress(const struct export_writer *writer)
{
	return &writer->progress;
}

/* ---- the archive ---- */

static bool
write_archive(struct export_writer *writer, int fd, struct export_result *out, struct error *err)
{
	const struct export_archive_parts parts = {.files = writer->plan.files,
	    .note = writer->plan.note,
	    .key = writer->plan.key,
	    .checkpoint = &writer->checkpoint,
	    .scope = writer->plan.scope,
	    .count = writer->progress.count,
	    .first = writer->progress.first,
	    .last = writer->progress.last,
	    .modified_at_s = writer->progress.last_st_s,
	    .name = writer->plan.name,
	    .leaves_fd = writer->fds[PART_LEAVES],
	    .csv_fd = writer->fds[PART_CSV],
	    .tiles_fd = writer->fds[PART_TILES],
	    .leaves_len = writer->progress.leaves_len,
	    .csv_len = writer->progress.csv_len,
	    .tiles_len = writer->progress.tiles_len};

	if (!export_archive_write(&parts, fd, out, err))
		return false;
	return fsync(fd) == 0 || fail(err, "sync");
}

static bool
remove_parts(const struct export_writer *writer, struct error *err)
{
	char path[PATH_MAX];

	for (enum part part = PART_LEAVES; part < PART_COUNT; part++)
		if (!path_in(writer, PART_NAMES[part], path, err) ||
		    (unlink(path) != 0 && errno != ENOENT))
			return fail(err, "clear up after");
	return true;
}

bool
export_writer_finish(struct export_writer *writer, struct export_result *out, struct error *err)
{
	char staged[PATH_MAX], path[PATH_MAX];
	bool written;
	int fd;

	if (!path_in(writer, EXPORT_ARCHIVE ".new", staged, err) ||
	    !path_in(writer, EXPORT_ARCHIVE, path, err))
		return false;
	fd = open(staged, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	if (fd < 0)
		return fail(err, "write");
	written = write_archive(writer, fd, out, err);
	(void)close(fd);
	if (!written)
		return false;
	if (rename(staged, path) != 0)
		return fail(err, "name");
	return file_sync_dir(writer->plan.folder, err) && remove_parts(writer, err);
}
