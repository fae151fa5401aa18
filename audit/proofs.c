#include "audit/proofs.h"

#include <stdlib.h>

#include "audit/log_folder.h"
#include "base/mem.h"
#include "proof/prove.h"
#include "proof/tlog_proof.h"

struct proofs {
	char *folder;
	struct tile_files files;
	struct buf note;
	char origin[CHECKPOINT_ORIGIN_MAX + 1];
	uint64_t size;
	struct prove_tiles *tiles;
	struct tile bundle; /* of the entries below; width 0: none yet */
	struct buf entries;
};

bool
proofs_new(const char *folder, struct bytes note, struct proofs **out, struct error *err)
{
	DEFER(proofs_free) struct proofs *proofs = xcalloc(1, sizeof *proofs);
	struct checkpoint checkpoint;
	struct bytes text;

	if (!note_text(note, &text, err) || !checkpoint_parse(text, &checkpoint, err))
		return false;
	proofs->folder = xstrdup(folder);
	proofs->files = log_folder_files(proofs->folder);
	buf_append(&proofs->note, note);
	memcpy(proofs->origin, checkpoint.origin, sizeof proofs->origin);
	proofs->size = checkpoint.size;
	proofs->tiles = prove_tiles_new(&proofs->files, checkpoint.size);
	*out = TAKE(proofs);
	return true;
}

void
proofs_free(struct proofs *proofs)
{
	if (proofs == NULL)
		return;
	prove_tiles_free(proofs->tiles);
	buf_clear_public(&proofs->note);
	buf_clear_public(&proofs->entries);
	free(proofs->folder);
	free(proofs);
}

uint64_t
proofs_size(const struct proofs *proofs)
{
	return proofs->size;
}

const char *
proofs_origin(const struct proofs *proofs)
{
	return proofs->origin;
}

/* What is missing here is no fault of who asked. */
static bool
ours(bool done, struct error *err)
{
	if (!done && (err->code == E_NOT_FOUND || err->code == E_BAD_SYNTAX))
		err->code = E_INTERNAL;
	return done;
}

static bool
check_size(const struct proofs *proofs, uint64_t size, struct error *err)
{
	return size <= proofs->size ||
	       error_set(err, E_BAD_SYNTAX, "the log has %llu leaves, not %llu",
		   (unsigned long long)proofs->size, (unsigned long long)size);
}

static bool
get_bundle(struct proofs *proofs, uint64_t index, struct error *err)
{
	const struct tile tile = {
	    TILE_ENTRIES, index, tile_width_at(TILE_ENTRIES, index, proofs->size)};
	bool found = false;

	if (proofs->bundle.width > 0 && proofs->bundle.index == index)
		return true;
	proofs->bundle.width = 0;
	buf_truncate(&proofs->entries, 0);
	if (!tile_read(&proofs->files, &tile, &proofs->entries, &found, err))
		return false;
	if (!found)
		return error_set(
		    err, E_NOT_FOUND, "bundle %llu is not there", (unsigned long long)index);
	proofs->bundle = tile;
	return true;
}

static bool
get_leaf(struct proofs *proofs, uint64_t seq, struct bytes *out, struct error *err)
{
	struct bytes rest;

	if (!get_bundle(proofs, seq / TILE_WIDTH, err))
		return false;
	rest = buf_bytes(&proofs->entries);
	for (uint64_t i = 0; i <= seq % TILE_WIDTH; i++)
		if (!tile_entry_take(&rest, out))
			return error_set(err, E_BAD_SYNTAX, "bundle %llu is cut",
			    (unsigned long long)(seq / TILE_WIDTH));
	return true;
}

bool
proofs_leaf(struct proofs *proofs, uint64_t seq, struct buf *out, struct error *err)
{
	const struct prove_nodes nodes = prove_tiles_nodes(proofs->tiles);
	DEFER(tlog_proof_clear)
	struct tlog_proof proof = {.index = seq, .note = buf_bytes(&proofs->note)};
	struct bytes leaf;

	if (seq >= proofs->size)
		return error_set(
		    err, E_BAD_SYNTAX, "the log has no leaf %llu yet", (unsigned long long)seq);
	if (!ours(get_leaf(proofs, seq, &leaf, err), err) ||
	    !ours(prove_inclusion(seq, proofs->size, &nodes, &proof.hashes, err), err))
		return false;
	buf_append(&proof.extra, leaf);
	tlog_proof_encode(&proof, out);
	return true;
}

bool
proofs_leaf_at(
    struct proofs *proofs, uint64_t seq, uint64_t size, struct buf *out, struct error *err)
{
	const struct prove_nodes nodes = prove_tiles_nodes(proofs->tiles);
	DEFER(buf_clear_public) struct buf hashes = {0};

	if (seq >= size)
		return error_set(err, E_BAD_SYNTAX, "a tree of %llu leaves has no leaf %llu",
		    (unsigned long long)size, (unsigned long long)seq);
	if (!check_size(proofs, size, err) ||
	    !ours(prove_inclusion(seq, size, &nodes, &hashes, err), err))
		return false;
	tlog_hashes_encode(buf_bytes(&hashes), out);
	return true;
}

bool
proofs_growth(
    struct proofs *proofs, uint64_t old_size, uint64_t new_size, struct buf *out, struct error *err)
{
	const struct prove_nodes nodes = prove_tiles_nodes(proofs->tiles);
	DEFER(buf_clear_public) struct buf hashes = {0};

	if (old_size > new_size)
		return error_set(err, E_BAD_SYNTAX, "old is larger than new");
	if (!check_size(proofs, new_size, err) ||
	    !ours(prove_consistency(old_size, new_size, &nodes, &hashes, err), err))
		return false;
	tlog_hashes_encode(buf_bytes(&hashes), out);
	return true;
}
