#include "proof/tile.h"

#include <assert.h>
#include <stdio.h>

#include "base/reader.h"
#include "proof/merkle.h"
#include "proof/scan.h"

#define INDEX_GROUP 1000 /* indexes are written in groups of three digits */
#define INDEX_GROUPS_MAX 6
#define INDEX_END (UINT64_C(1) << (63 - TILE_HEIGHT))

static size_t
put_index(uint64_t index, char *out, size_t room)
{
	unsigned groups[INDEX_GROUPS_MAX];
	int count = 0;
	size_t len = 0;

	do {
		groups[count++] = (unsigned)(index % INDEX_GROUP);
		index /= INDEX_GROUP;
	} while (index > 0);
	while (count-- > 0)
		len += (size_t)snprintf(
		    out + len, room - len, count > 0 ? "x%03u/" : "%03u", groups[count]);
	return len;
}

void
tile_path_encode(const struct tile *tile, char out[static TILE_PATH_MAX + 1])
{
	const size_t room = TILE_PATH_MAX + 1;
	size_t len;

	assert(tile->index < INDEX_END && tile->width >= 1 && tile->width <= TILE_WIDTH);
	if (tile->level == TILE_ENTRIES)
		len = (size_t)snprintf(out, room, "tile/entries/");
	else
		len = (size_t)snprintf(out, room, "tile/%d/", tile->level);
	len += put_index(tile->index, out + len, room - len);
	if (tile->width < TILE_WIDTH)
		(void)snprintf(out + len, room - len, ".p/%d", tile->width);
}

static bool
take_level(struct scan *in, int *out)
{
	int64_t level = 0;

	if (scan_literal(in, "entries/")) {
		*out = TILE_ENTRIES;
		return true;
	}
	if (!scan_number(in, &level) || level >= TILE_LEVELS || !scan_literal(in, "/"))
		return false;
	*out = (int)level;
	return true;
}

/* Leading zeros, missing groups and the like are found by writing it again. */
static bool
take_index(struct scan *in, uint64_t *out)
{
	uint64_t index = 0;
	bool more = true;

	for (int groups = 0; more; groups++) {
		more = scan_literal(in, "x");
		const struct bytes digits = scan_while(in, scan_is_digit);

		if (groups == INDEX_GROUPS_MAX || digits.len != 3 ||
		    (more && !scan_literal(in, "/")))
			return false;
		for (size_t i = 0; i < digits.len; i++)
			index = index * 10 + (uint64_t)(digits.data[i] - '0');
	}
	*out = index;
	return index < INDEX_END;
}

static bool
take_width(struct scan *in, int *out)
{
	int64_t width = TILE_WIDTH;

	if (scan_literal(in, ".p/") &&
	    (!scan_number(in, &width) || width < 1 || width >= TILE_WIDTH))
		return false;
	*out = (int)width;
	return true;
}

bool
tile_path_parse(struct bytes path, struct tile *out, struct error *err)
{
	struct scan in = {path};
	struct tile tile;
	char again[TILE_PATH_MAX + 1];

	if (!scan_literal(&in, "tile/") || !take_level(&in, &tile.level) ||
	    !take_index(&in, &tile.index) || !take_width(&in, &tile.width) || in.rest.len != 0)
		return error_set(err, E_BAD_SYNTAX, "not the path of a tile");
	tile_path_encode(&tile, again);
	if (!bytes_equal(path, bytes_of_text(again)))
		return error_set(err, E_BAD_SYNTAX, "not the one spelling of a tile's path");
	*out = tile;
	return true;
}

int
tile_width_at(int level, uint64_t index, uint64_t size)
{
	const uint64_t count = level == TILE_ENTRIES ? size : size >> (level * TILE_HEIGHT);
	const uint64_t first = index * TILE_WIDTH;

	if (index >= INDEX_END || first >= count)
		return 0;
	return count - first < TILE_WIDTH ? (int)(count - first) : TILE_WIDTH;
}

void
tile_entry_append(struct buf *bundle, struct bytes leaf)
{
	assert(leaf.len <= LEAF_MAX);
	buf_append_u16(bundle, (uint16_t)leaf.len);
	buf_append(bundle, leaf);
}

bool
tile_entry_take(struct bytes *bundle, struct bytes *out)
{
	struct reader in = reader_of(*bundle);
	const uint16_t len = reader_u16(&in);
	const struct bytes leaf = reader_bytes(&in, len);

	if (!in.ok)
		return false;
	*bundle = in.rest;
	*out = leaf;
	return true;
}

void
tile_subtree(const uint8_t *hashes, int height, uint8_t out[static SHA256_BYTES])
{
	uint8_t row[TILE_WIDTH / 2 * SHA256_BYTES];

	assert(height >= 0 && height <= TILE_HEIGHT);
	for (int count = 1 << height; count > 1; count /= 2) {
		for (int i = 0; i < count; i += 2)
			merkle_node(&row[i / 2 * SHA256_BYTES], &hashes[i * SHA256_BYTES],
			    &hashes[(i + 1) * SHA256_BYTES]);
		hashes = row;
	}
	memcpy(out, hashes, SHA256_BYTES);
}

static bool
read_width(const struct tile_files *files, struct tile tile, int width, struct buf *out,
    bool *out_found, struct error *err)
{
	char path[TILE_PATH_MAX + 1];

	tile.width = width;
	tile_path_encode(&tile, path);
	return files->read(files->context, path, TILE_LEN_MAX, out, out_found, err);
}

bool
tile_read(const struct tile_files *files, const struct tile *tile, struct buf *out, bool *out_found,
    struct error *err)
{
	const size_t before = out->len;
	int width = tile->width;
	bool found = false;

	if (!read_width(files, *tile, width, out, &found, err))
		return false;
	if (!found && width < TILE_WIDTH) {
		width = TILE_WIDTH;
		if (!read_width(files, *tile, width, out, &found, err))
			return false;
	}
	*out_found = found;
	if (!found || tile->level == TILE_ENTRIES)
		return true;
	if (out->len - before != (size_t)width * SHA256_BYTES)
		return error_set(err, E_BAD_SYNTAX, "a tile of %d hashes has %zu octets", width,
		    out->len - before);
	buf_truncate(out, before + (size_t)tile->width * SHA256_BYTES);
	return true;
}
