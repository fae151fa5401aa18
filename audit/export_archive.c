#include "audit/export_archive.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define COPY_AT_ONCE (256u << 10)
#define NO_TILE UINT64_MAX

struct archive {
	const struct export_archive_parts *parts;
	int fd;
	struct sha256 sum; /* of all of it */
	uint64_t len;
	struct export_manifest manifest;
	uint64_t last_tile[TILE_LEVELS]; /* index of the last one of each level; NO_TILE: none */
};

static void
archive_clear(struct archive *archive)
{
	export_manifest_clear(&archive->manifest);
}
DEFER_DECLARE_CLEAR(struct archive, archive_clear)

bool
export_write_all(int fd, struct bytes data, struct error *err)
{
	while (data.len > 0) {
		const ssize_t put = write(fd, data.data, data.len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0) {
			(void)error_set(err, E_FILE_FAILED, "cannot write an export");
			error_cause_errno(err);
			return false;
		}
		data = bytes_of(data.data + put, data.len - (size_t)put);
	}
	return true;
}

static bool
put(struct archive *archive, struct bytes data, struct error *err)
{
	sha256_update(&archive->sum, data);
	archive->len += data.len;
	return export_write_all(archive->fd, data, err);
}

static bool
put_zeros(struct archive *archive, size_t len, struct error *err)
{
	static const uint8_t ZEROS[2 * TAR_BLOCK] = {0};

	return put(archive, bytes_of(ZEROS, len), err);
}

/* ---- files ---- */

static bool
put_head(struct archive *archive, const char *name, uint64_t len, struct error *err)
{
	DEFER(buf_clear_public) struct buf path = {0};
	uint8_t header[TAR_BLOCK];

	buf_append_format(&path, "%s/%s", archive->parts->name, name);
	return tar_header(buf_text(&path), len, archive->parts->modified_at_s, header, err) &&
	       put(archive, bytes_of(header, sizeof header), err);
}

static bool
put_contents(struct archive *archive, const char *name, struct bytes contents, struct error *err)
{
	return put_head(archive, name, contents.len, err) && put(archive, contents, err) &&
	       put_zeros(archive, tar_padding(contents.len), err);
}

/* A file that the manifest names. */
static bool
put_file(struct archive *archive, const char *name, struct bytes contents, struct error *err)
{
	struct export_file *file = export_manifest_add(&archive->manifest, name);

	file->len = contents.len;
	sha256(contents, file->sha256);
	return put_contents(archive, name, contents, err);
}

/* The first `len` octets of a part. */
static bool
copy_part(
    struct archive *archive, int fd, uint64_t len, struct sha256 *inout_sum, struct error *err)
{
	DEFER(mem_free) uint8_t *octets = xcalloc(1, COPY_AT_ONCE);
	uint64_t done = 0;

	while (done < len) {
		const size_t want = len - done < COPY_AT_ONCE ? (size_t)(len - done) : COPY_AT_ONCE;
		const ssize_t got = pread(fd, octets, want, (off_t)done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return error_set(err, E_FILE_FAILED, "a part of an export cannot be read");
		sha256_update(inout_sum, bytes_of(octets, (size_t)got));
		if (!put(archive, bytes_of(octets, (size_t)got), err))
			return false;
		done += (uint64_t)got;
	}
	return true;
}

static bool
put_part(struct archive *archive, const char *name, int fd, uint64_t len, struct error *err)
{
	struct export_file *file = export_manifest_add(&archive->manifest, name);
	struct sha256 sum;

	file->len = len;
	sha256_init(&sum);
	if (!put_head(archive, name, len, err) || !copy_part(archive, fd, len, &sum, err) ||
	    !put_zeros(archive, tar_padding(len), err))
		return false;
	sha256_final(&sum, file->sha256);
	return true;
}

/* ---- tiles ---- */

/* Once: tiles of one level come in order. */
static bool
put_tile(struct archive *archive, int level, uint64_t index, struct error *err)
{
	const struct tile tile = {
	    level, index, tile_width_at(level, index, archive->parts->checkpoint->size)};
	DEFER(buf_clear_public) struct buf hashes = {0};
	char path[TILE_PATH_MAX + 1];
	bool found = false;

	if (tile.width == 0 || archive->last_tile[level] == index)
		return true;
	archive->last_tile[level] = index;
	tile_path_encode(&tile, path);
	if (!tile_read(archive->parts->files, &tile, &hashes, &found, err)) {
		if (err->code == E_BAD_SYNTAX)
			err->code = E_BAD_PROOF;
		return false;
	}
	if (!found)
		return error_set(err, E_RECORD_UNAVAILABLE, "the log's %s is not there", path);
	return put_file(archive, path, buf_bytes(&hashes), err);
}

/* The tile of some leaves, and those above it up to the root. */
static bool
put_way(struct archive *archive, uint64_t index, struct error *err)
{
	for (int level = 0; level < TILE_LEVELS; level++)
		if (!put_tile(archive, level, index >> (level * TILE_HEIGHT), err))
			return false;
	return true;
}

static bool
put_tiles(struct archive *archive, struct error *err)
{
	const uint64_t size = archive->parts->checkpoint->size;

	for (uint64_t at = 0; at < archive->parts->tiles_len; at += 8) {
		uint8_t octets[8];
		uint64_t index = 0;

		if (pread(archive->parts->tiles_fd, octets, sizeof octets, (off_t)at) !=
		    (ssize_t)sizeof octets)
			return error_set(err, E_FILE_FAILED, "a part of an export cannot be read");
		for (size_t i = 0; i < sizeof octets; i++)
			index = index << 8 | octets[i];
		if (!put_way(archive, index, err))
			return false;
	}
	/* The tree's right edge: what the root is made of. */
	for (int level = 0; level < TILE_LEVELS; level++)
		if ((size >> (level * TILE_HEIGHT)) % TILE_WIDTH != 0 &&
		    !put_tile(archive, level, size >> (level * TILE_HEIGHT) >> TILE_HEIGHT, err))
			return false;
	return true;
}

/* ---- all of it ---- */

static bool
put_texts(struct archive *archive, struct error *err)
{
	DEFER(buf_clear_public) struct buf instructions = {0};
	DEFER(buf_clear_public) struct buf policy = {0};

	export_instructions(&archive->manifest, archive->parts->key, &instructions);
	export_policy_line(archive->parts->key, &policy);
	return put_file(archive, EXPORT_INSTRUCTIONS, buf_bytes(&instructions), err) &&
	       put_file(archive, EXPORT_CHECKPOINT, archive->parts->note, err) &&
	       put_file(archive, EXPORT_POLICY, buf_bytes(&policy), err);
}

static bool
put_manifest(struct archive *archive, struct error *err)
{
	DEFER(buf_clear_public) struct buf text = {0};

	export_manifest_encode(&archive->manifest, &text);
	return put_contents(archive, EXPORT_MANIFEST, buf_bytes(&text), err) &&
	       put_zeros(archive, 2 * TAR_BLOCK, err);
}

bool
export_archive_write(
    const struct export_archive_parts *parts, int fd, struct export_result *out, struct error *err)
{
	DEFER(archive_clear)
	struct archive archive = {.parts = parts,
	    .fd = fd,
	    .manifest = {.checkpoint = *parts->checkpoint,
		.scope = *parts->scope,
		.count = parts->count,
		.first = parts->first,
		.last = parts->last}};

	sha256_init(&archive.sum);
	for (int level = 0; level < TILE_LEVELS; level++)
		archive.last_tile[level] = NO_TILE;
	if (!put_texts(&archive, err) ||
	    !put_part(&archive, EXPORT_LEAVES, parts->leaves_fd, parts->leaves_len, err) ||
	    !put_part(&archive, EXPORT_CSV, parts->csv_fd, parts->csv_len, err) ||
	    !put_tiles(&archive, err) || !put_manifest(&archive, err))
		return false;
	out->len = archive.len;
	sha256_final(&archive.sum, out->sha256);
	return true;
}
