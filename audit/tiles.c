#include "audit/tiles.h"

#include <stdio.h>
#include <stdlib.h>

#include "audit/log_folder.h"
#include "audit/tiles_write.h"
#include "base/log.h"
#include "base/mem.h"
#include "proof/edge.h"
#include "proof/tlog_proof.h"

#define STEP_LEAVES 2048 /* held in memory at once: 4 MiB at most */

/* How far a log is: its right edge, and the entries of the bundle that is not full. */
struct progress {
	struct edge *edge;
	struct buf bundle;
};

static void
progress_clear(struct progress *progress)
{
	edge_free(progress->edge);
	buf_clear_public(&progress->bundle);
}
DEFER_DECLARE_CLEAR(struct progress, progress_clear)

struct tiles {
	char *folder;
	struct tiles_source source;
	struct note_key key;
	struct progress published; /* what the checkpoint on disk counts */
	struct buf note;           /* the checkpoint on disk */
	struct tiles_writer *writer;
};

/* ---- taking up ---- */

static bool
read_note(const struct tiles *tiles, const struct tile_files *files, struct buf *out_note,
    struct checkpoint *out, struct error *err)
{
	bool found = false;

	if (!files->read(files->context, "checkpoint", NOTE_MAX, out_note, &found, err))
		return false;
	if (!found)
		return error_set(err, E_NOT_FOUND, "there is no checkpoint");
	return tlog_open(buf_bytes(out_note), &tiles->key, out, err);
}

/* The entries of the bundle that is not full, and no more of them. */
static bool
read_bundle(const struct tile_files *files, uint64_t size, struct buf *out, struct error *err)
{
	const struct tile tile = {TILE_ENTRIES, size / TILE_WIDTH, (int)(size % TILE_WIDTH)};
	struct bytes rest, leaf;
	bool found = false;

	if (tile.width == 0)
		return true;
	if (!tile_read(files, &tile, out, &found, err))
		return false;
	if (!found)
		return error_set(err, E_NOT_FOUND, "the last bundle of entries is not there");
	rest = buf_bytes(out);
	for (int i = 0; i < tile.width; i++)
		if (!tile_entry_take(&rest, &leaf))
			return error_set(err, E_BAD_SYNTAX, "the last bundle of entries is cut");
	buf_truncate(out, out->len - rest.len);
	return true;
}

/* The bundle's leaves have the hashes of the tile beside it. */
static bool
bundle_fits(const struct progress *progress)
{
	struct bytes rest = buf_bytes(&progress->bundle), leaf;
	const int width = edge_width(progress->edge, 0);

	for (int i = 0; i < width; i++) {
		uint8_t hash[SHA256_BYTES];

		if (!tile_entry_take(&rest, &leaf))
			return false;
		leaf_hash(leaf, hash);
		if (memcmp(hash, &progress->edge->hashes[0][i * SHA256_BYTES], SHA256_BYTES) != 0)
			return false;
	}
	return rest.len == 0;
}

static bool
take_up(struct tiles *tiles, struct error *err)
{
	const struct tile_files files = log_folder_files(tiles->folder);
	DEFER(progress_clear) struct progress found = {.edge = edge_new()};
	DEFER(buf_clear_public) struct buf note = {0};
	struct checkpoint checkpoint;
	uint8_t root[SHA256_BYTES];

	if (!read_note(tiles, &files, &note, &checkpoint, err) ||
	    !edge_read(found.edge, &files, checkpoint.size, err) ||
	    !read_bundle(&files, checkpoint.size, &found.bundle, err))
		return false;
	edge_root(found.edge, root);
	if (memcmp(root, checkpoint.root, sizeof root) != 0 || !bundle_fits(&found))
		return error_set(err, E_BAD_PROOF, "the tiles do not prove the checkpoint");
	progress_clear(&tiles->published);
	tiles->published = found;
	found = (struct progress){0};
	buf_append(&tiles->note, buf_bytes(&note));
	return true;
}

bool
tiles_open(const char *folder, const char *origin, const struct tiles_source *source,
    struct tiles **out, struct error *err)
{
	DEFER(tiles_free) struct tiles *tiles = xcalloc(1, sizeof *tiles);
	struct error why = {0};

	tiles->folder = xstrdup(folder);
	tiles->source = *source;
	tiles->published.edge = edge_new();
	if (!source->key(source->context, origin, &tiles->key, err) ||
	    !tiles_writer_new(folder, &tiles->writer, err))
		return false;
	/* Begun anew where it does not verify: from the database, against the signed root. */
	if (!take_up(tiles, &why) && why.code != E_NOT_FOUND)
		log_error(LOG_LEVEL_WARNING, "audit.tiles_anew", NULL, &why);
	*out = TAKE(tiles);
	return true;
}

void
tiles_free(struct tiles *tiles)
{
	if (tiles == NULL)
		return;
	tiles_writer_free(tiles->writer);
	progress_clear(&tiles->published);
	buf_clear_public(&tiles->note);
	free(tiles->folder);
	free(tiles);
}

uint64_t
tiles_size(const struct tiles *tiles)
{
	return tiles->published.edge->size;
}

struct bytes
tiles_note(const struct tiles *tiles)
{
	return buf_bytes(&tiles->note);
}

bool
tiles_repaired(struct tiles *tiles)
{
	return tiles_writer_repaired(tiles->writer);
}

/* ---- growing ---- */

struct growing {
	struct progress now;
	struct tiles_writer *writer; /* NULL: only the root is wanted */
};

static void
growing_clear(struct growing *growing)
{
	progress_clear(&growing->now);
}
DEFER_DECLARE_CLEAR(struct growing, growing_clear)

static struct growing
growing_from(const struct tiles *tiles, struct tiles_writer *writer)
{
	struct growing growing = {.now.edge = edge_new(), .writer = writer};

	*growing.now.edge = *tiles->published.edge;
	buf_append(&growing.now.bundle, buf_bytes(&tiles->published.bundle));
	return growing;
}

static bool
put_full(void *context, int level, uint64_t index, const uint8_t *hashes, struct error *err)
{
	const struct growing *growing = context;
	const struct tile tile = {level, index, TILE_WIDTH};

	(void)err;
	if (growing->writer != NULL)
		tiles_writer_put(
		    growing->writer, &tile, bytes_of(hashes, TILE_WIDTH * SHA256_BYTES));
	return true;
}

static bool
take_leaf(void *taker, uint64_t seq, struct bytes leaf, struct error *err)
{
	struct growing *growing = taker;
	const struct tile bundle = {TILE_ENTRIES, seq / TILE_WIDTH, TILE_WIDTH};
	uint8_t hash[SHA256_BYTES];

	if (seq != growing->now.edge->size || leaf.len > LEAF_MAX)
		return error_set(err, E_BAD_PROOF, "leaf %llu is not in the database",
		    (unsigned long long)growing->now.edge->size);
	leaf_hash(leaf, hash);
	if (growing->writer != NULL)
		tile_entry_append(&growing->now.bundle, leaf);
	if (!edge_append(growing->now.edge, hash, put_full, growing, err))
		return false;
	if (growing->writer == NULL || growing->now.edge->size % TILE_WIDTH != 0)
		return true;
	tiles_writer_put(growing->writer, &bundle, buf_bytes(&growing->now.bundle));
	buf_truncate(&growing->now.bundle, 0);
	return true;
}

static bool
grow_to(const struct tiles *tiles, struct growing *growing, uint64_t size, struct error *err)
{
	const uint64_t from = growing->now.edge->size;

	if (from < size &&
	    !tiles->source.read(tiles->source.context, from, size, take_leaf, growing, err))
		return false;
	return growing->now.edge->size == size ||
	       error_set(err, E_BAD_PROOF, "leaf %llu is not in the database",
		   (unsigned long long)growing->now.edge->size);
}

static bool
check_root(const struct tiles *tiles, const struct growing *growing,
    const struct checkpoint *checkpoint, struct error *err)
{
	uint8_t root[SHA256_BYTES];

	edge_root(growing->now.edge, root);
	return memcmp(root, checkpoint->root, sizeof root) == 0 ||
	       error_set(err, E_BAD_PROOF,
		   "the leaves from %llu to %llu are not those that were signed",
		   (unsigned long long)tiles_size(tiles), (unsigned long long)checkpoint->size - 1);
}

static void
put_partial(const struct growing *growing, int level)
{
	const struct edge *edge = growing->now.edge;
	const struct tile tile = {
	    level, edge->size >> (level * TILE_HEIGHT) >> TILE_HEIGHT, edge_width(edge, level)};

	if (tile.width > 0)
		tiles_writer_put(growing->writer, &tile,
		    bytes_of(edge->hashes[level], (size_t)tile.width * SHA256_BYTES));
}

/* Only what changed: a level whose tile has not grown is as it was. */
static void
put_right_edge(const struct tiles *tiles, const struct growing *growing)
{
	const uint64_t before = tiles_size(tiles), size = growing->now.edge->size;
	const struct tile bundle = {TILE_ENTRIES, size / TILE_WIDTH, (int)(size % TILE_WIDTH)};

	for (int level = 0; level < TILE_LEVELS; level++)
		if (size >> (level * TILE_HEIGHT) != before >> (level * TILE_HEIGHT))
			put_partial(growing, level);
	if (bundle.width > 0 && size != before)
		tiles_writer_put(growing->writer, &bundle, buf_bytes(&growing->now.bundle));
}

/* What does not fit into memory is looked at once for its root, before anything is written. */
static bool
check_first(const struct tiles *tiles, const struct checkpoint *checkpoint, struct error *err)
{
	DEFER(growing_clear) struct growing growing = {0};

	if (checkpoint->size - tiles_size(tiles) <= STEP_LEAVES)
		return true;
	growing = growing_from(tiles, NULL);
	return grow_to(tiles, &growing, checkpoint->size, err) &&
	       check_root(tiles, &growing, checkpoint, err);
}

static bool
grow(struct tiles *tiles, const struct checkpoint *checkpoint, struct error *err)
{
	DEFER(growing_clear) struct growing growing = growing_from(tiles, tiles->writer);

	while (checkpoint->size - growing.now.edge->size > STEP_LEAVES)
		if (!grow_to(tiles, &growing, growing.now.edge->size + STEP_LEAVES, err) ||
		    !tiles_writer_flush(tiles->writer, err))
			return false;
	if (!grow_to(tiles, &growing, checkpoint->size, err) ||
	    !check_root(tiles, &growing, checkpoint, err))
		return false;
	put_right_edge(tiles, &growing);
	if (!tiles_writer_flush(tiles->writer, err))
		return false;
	progress_clear(&tiles->published);
	tiles->published = growing.now;
	growing.now = (struct progress){0};
	return true;
}

bool
tiles_write(struct tiles *tiles, struct bytes note, struct error *err)
{
	struct checkpoint checkpoint;

	tiles_writer_forget(tiles->writer);
	if (!tlog_open(note, &tiles->key, &checkpoint, err))
		return false;
	if (checkpoint.size < tiles_size(tiles))
		return error_set(err, E_BAD_PROOF, "a checkpoint of %llu leaves after one of %llu",
		    (unsigned long long)checkpoint.size, (unsigned long long)tiles_size(tiles));
	return check_first(tiles, &checkpoint, err) && grow(tiles, &checkpoint, err);
}

bool
tiles_publish(struct tiles *tiles, struct bytes note, struct error *err)
{
	if (!tiles_write(tiles, note, err) || !tiles_writer_checkpoint(tiles->writer, note, err))
		return false;
	buf_truncate(&tiles->note, 0);
	buf_append(&tiles->note, note);
	return true;
}
