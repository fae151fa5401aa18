#include "audit/forward_log.h"

#include <stdio.h>
#include <string.h>

#include "audit/log_folder.h"
#include "proof/log_chain.h"
#include "proof/tile.h"

bool
forward_log_size(const char *folder, uint64_t *out, struct error *err)
{
	const struct tile_files files = log_folder_files(folder);
	DEFER(buf_clear_public) struct buf note = {0};
	struct checkpoint checkpoint;
	struct bytes text;
	bool found = false;

	*out = 0;
	if (!files.read(files.context, "checkpoint", NOTE_MAX, &note, &found, err))
		return false;
	if (!found)
		return true;
	if (!note_text(buf_bytes(&note), &text, err) || !checkpoint_parse(text, &checkpoint, err))
		return false;
	*out = checkpoint.size;
	return true;
}

/* ---- leaves ---- */

static bool
read_tile(const char *folder, const struct tile *tile, struct buf *out, struct error *err)
{
	const struct tile_files files = log_folder_files(folder);
	bool found = false;

	return tile_read(&files, tile, out, &found, err) &&
	       (found || error_set(err, E_RECORD_UNAVAILABLE,
			     "the published log does not have the leaves from %llu on",
			     (unsigned long long)(tile->index * TILE_WIDTH)));
}

struct span {
	uint64_t from, to;
};

static bool
read_bundle(const char *folder, uint64_t index, int width, const struct span *span, tiles_take take,
    void *taker, struct error *err)
{
	DEFER(buf_clear_public) struct buf bundle = {0};
	DEFER(buf_clear_public) struct buf hashes = {0};
	struct bytes rest, leaf;

	if (!read_tile(folder, &(struct tile){TILE_ENTRIES, index, width}, &bundle, err) ||
	    !read_tile(folder, &(struct tile){0, index, width}, &hashes, err))
		return false;
	rest = buf_bytes(&bundle);
	for (int i = 0; i < width; i++) {
		const uint64_t seq = index * TILE_WIDTH + (uint64_t)i;
		uint8_t hash[SHA256_BYTES];

		if (!tile_entry_take(&rest, &leaf))
			return error_set(err, E_BAD_PROOF,
			    "the published log ends within leaf %llu", (unsigned long long)seq);
		leaf_hash(leaf, hash);
		if (memcmp(hash, hashes.data + (size_t)i * SHA256_BYTES, SHA256_BYTES) != 0)
			return error_set(err, E_BAD_PROOF, "leaf %llu is not what its tile has",
			    (unsigned long long)seq);
		if (seq >= span->from && seq < span->to && !take(taker, seq, leaf, err))
			return false;
	}
	return true;
}

bool
forward_log_read(const char *folder, uint64_t from, uint64_t to, uint64_t size, tiles_take take,
    void *taker, struct error *err)
{
	const struct span span = {from, to};

	for (uint64_t index = from / TILE_WIDTH; index * TILE_WIDTH < to; index++)
		if (!read_bundle(folder, index, tile_width_at(TILE_ENTRIES, index, size), &span,
			take, taker, err))
			return false;
	return true;
}

/* ---- which continues which ---- */

static bool
take_opening(void *taker, uint64_t seq, struct bytes text, struct error *err)
{
	(void)seq;
	return log_opening_parse(text, taker, err);
}

/* The log that this one continues; "": none. */
static bool
read_before(
    const char *dir, const char *name, char out[static LEAF_VALUE_MAX + 1], struct error *err)
{
	DEFER(buf_clear_public) struct buf folder = {0};
	struct log_opening opening = {0};
	uint64_t size;

	buf_append_format(&folder, "%s/%s", dir, name);
	if (!forward_log_size(buf_text(&folder), &size, err))
		return false;
	if (size == 0)
		return error_set(err, E_RECORD_UNAVAILABLE, "the log %.64s is not there", name);
	if (!forward_log_read(buf_text(&folder), 0, 1, size, take_opening, &opening, err))
		return false;
	if (opening.continues && !log_folder_name_valid(opening.log))
		return error_set(err, E_BAD_PROOF, "the log %.64s continues none", name);
	(void)snprintf(out, LEAF_VALUE_MAX + 1, "%s", opening.log);
	return true;
}

bool
forward_log_after(const char *dir, const char *before, const char *last,
    char out[static LEAF_VALUE_MAX + 1], struct error *err)
{
	char name[LEAF_VALUE_MAX + 1], older[LEAF_VALUE_MAX + 1];

	(void)snprintf(name, sizeof name, "%s", last);
	out[0] = '\0';
	for (int i = 0; i < FORWARD_LOGS_MAX && name[0] != '\0'; i++) {
		if (!read_before(dir, name, older, err))
			return false;
		if (strcmp(older, before) == 0) {
			(void)snprintf(out, LEAF_VALUE_MAX + 1, "%s", name);
			return true;
		}
		(void)snprintf(name, sizeof name, "%s", older);
	}
	return true;
}
