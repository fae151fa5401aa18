#include "proof/verify.h"

#include <stdarg.h>
#include <stdio.h>

#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "proof/edge.h"
#include "proof/held.h"
#include "proof/leaf.h"
#include "proof/tlog_proof.h"

#define TEXT_MAX 240
#define PRUNED_MAX 4096 /* ranges: each is looked at for each that is absent */

/* Leaves from `first` to before `end`. */
struct range {
	uint64_t first, end;
	int64_t by; /* the leaf that says so; 0, which never does: none */
};
struct ranges {
	struct range *at;
	size_t count, capacity;
};

struct verifier {
	const struct verify_options *options;
	struct verify_result *result;
	struct checkpoint earlier; /* size 0: none */
	struct edge *edge;
	uint64_t proven; /* so many leaves led to a root that is signed */
	struct held held;
	struct ranges absent;       /* their hashes are there, and they are not */
	struct ranges pruned;       /* of which a later leaf says so */
	bool after_gap;             /* the leaf before is absent */
	bool held_ends;             /* told */
	bool broken;                /* hashes are missing: no root, no tiles above */
	enum leaf_event previous;   /* event of the leaf before */
	struct buf entries, hashes; /* of the part that is looked at: room for one serves all */
};

static void
verifier_clear(struct verifier *verifier)
{
	edge_free(verifier->edge);
	buf_clear_public(&verifier->entries);
	buf_clear_public(&verifier->hashes);
	free(verifier->absent.at);
	free(verifier->pruned.at);
}
DEFER_DECLARE_CLEAR(struct verifier, verifier_clear)

/* What follows the last one, and is by the same leaf, makes it longer. */
static void
ranges_add(struct ranges *ranges, uint64_t first, uint64_t end, int64_t by)
{
	if (ranges->count > 0 && ranges->at[ranges->count - 1].end == first &&
	    ranges->at[ranges->count - 1].by == by) {
		ranges->at[ranges->count - 1].end = end;
		return;
	}
	if (ranges->count == ranges->capacity) {
		ranges->capacity = ranges->capacity * 2 + 16;
		ranges->at = xrealloc(ranges->at, ranges->capacity * sizeof(ranges->at[0]));
	}
	ranges->at[ranges->count++] = (struct range){first, end, by};
}

static void __attribute__((format(printf, 4, 5)))
tell(struct verifier *verifier, enum verify_kind kind, int64_t seq, const char *format, ...)
{
	struct verify_result *result = verifier->result;
	char text[TEXT_MAX];
	va_list args;

	result->tampered = result->tampered || kind == VERIFY_TAMPERED;
	result->incomplete = result->incomplete || kind == VERIFY_INCOMPLETE;
	if (kind == VERIFY_NOTICE)
		result->notices++;
	if (result->findings++ >= VERIFY_FINDINGS_MAX)
		return;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	verifier->options->report(
	    verifier->options->context, &(struct verify_finding){kind, seq, text});
}

/* ---- checkpoints ---- */

static bool
open_checkpoint(struct verifier *verifier)
{
	const struct tile_files *files = verifier->options->files;
	DEFER(buf_clear_public) struct buf note = {0};
	struct error err = {0};
	bool found = false;

	if (!files->read(files->context, "checkpoint", NOTE_MAX, &note, &found, &err) || !found) {
		tell(verifier, VERIFY_INCOMPLETE, -1, "there is no checkpoint%s%s",
		    found ? ": " : "", found ? err.detail : "");
		return false;
	}
	if (tlog_open(
		buf_bytes(&note), verifier->options->key, &verifier->result->checkpoint, &err))
		return true;
	tell(verifier, VERIFY_TAMPERED, -1, "the checkpoint: %s", err.detail);
	return false;
}

static void
open_earlier(struct verifier *verifier)
{
	const struct checkpoint *now = &verifier->result->checkpoint;
	struct error err = {0};

	if (verifier->options->earlier.len == 0)
		return;
	if (!tlog_open(
		verifier->options->earlier, verifier->options->key, &verifier->earlier, &err)) {
		tell(verifier, VERIFY_TAMPERED, -1, "the checkpoint that was kept: %s", err.detail);
		return;
	}
	if (verifier->earlier.size > now->size)
		tell(verifier, VERIFY_TAMPERED, (int64_t)now->size,
		    "the log has %llu leaves, and a checkpoint of %llu was kept",
		    (unsigned long long)now->size, (unsigned long long)verifier->earlier.size);
}

/* Where the leaves so far have to lead to a root that is signed. */
static void
check_root(struct verifier *verifier, const struct checkpoint *checkpoint, const char *whose)
{
	uint8_t root[SHA256_BYTES];

	if (verifier->broken || checkpoint->size != verifier->edge->size)
		return;
	edge_root(verifier->edge, root);
	if (memcmp(root, checkpoint->root, sizeof(root)) == 0) {
		verifier->proven = checkpoint->size;
		return;
	}
	tell(verifier, VERIFY_TAMPERED, (int64_t)verifier->proven,
	    "the first %llu leaves do not lead to the root of the %s%s",
	    (unsigned long long)checkpoint->size, whose,
	    verifier->proven > 0 ? ", and those before this one do" : "");
}

/* ---- tiles above the leaves' own ---- */

static void
compare_tile(
    struct verifier *verifier, const struct tile *tile, const uint8_t *want, struct bytes found)
{
	const uint64_t each = UINT64_C(1) << (tile->level * TILE_HEIGHT);

	for (int i = 0; i < tile->width; i++) {
		const uint64_t first = (tile->index * TILE_WIDTH + (uint64_t)i) * each;

		if (memcmp(want + i * SHA256_BYTES, found.data + i * SHA256_BYTES, SHA256_BYTES) ==
		    0)
			continue;
		tell(verifier, VERIFY_TAMPERED, (int64_t)first,
		    "leaves %llu to %llu are not those of tile %llu of level %d",
		    (unsigned long long)first, (unsigned long long)(first + each - 1),
		    (unsigned long long)tile->index, tile->level);
	}
}

static void
check_tile(struct verifier *verifier, const struct tile *tile, const uint8_t *want)
{
	DEFER(buf_clear_public) struct buf found = {0};
	char path[TILE_PATH_MAX + 1];
	struct error err = {0};
	bool there = false;

	tile_path_encode(tile, path);
	if (!tile_read(verifier->options->files, tile, &found, &there, &err))
		tell(verifier, err.code == E_BAD_SYNTAX ? VERIFY_TAMPERED : VERIFY_INCOMPLETE,
		    (int64_t)(tile->index * TILE_WIDTH << (tile->level * TILE_HEIGHT)), "%s: %s",
		    path, err.detail);
	else if (!there)
		tell(verifier, VERIFY_INCOMPLETE, -1, "%s is not there", path);
	else
		compare_tile(verifier, tile, want, buf_bytes(&found));
}

static bool
full_tile(void *context, int level, uint64_t index, const uint8_t *hashes, struct error *err)
{
	const struct tile tile = {level, index, TILE_WIDTH};

	(void)err;
	if (level > 0)
		check_tile(context, &tile, hashes);
	return true;
}

static void
check_right_edge(struct verifier *verifier)
{
	const struct edge *edge = verifier->edge;

	for (int level = 1; level < TILE_LEVELS; level++) {
		const struct tile tile = {level, edge->size >> (level * TILE_HEIGHT) >> TILE_HEIGHT,
		    edge_width(edge, level)};

		if (tile.width > 0)
			check_tile(verifier, &tile, edge->hashes[level]);
	}
}

/* ---- leaves ---- */

static void
check_time(struct verifier *verifier, const struct leaf_view *leaf)
{
	const int64_t silence_s = leaf->sequenced_at_s - verifier->result->last_at_s;
	char from[TIME_TEXT_LEN + 1], to[TIME_TEXT_LEN + 1];

	if (leaf->seq > 0 && silence_s < 0)
		tell(verifier, VERIFY_TAMPERED, leaf->seq,
		    "its time is %lld s before the leaf's before it", -(long long)silence_s);
	if (leaf->seq > 0 && !verifier->after_gap && silence_s > VERIFY_SILENCE_MAX_S) {
		time_encode(from, verifier->result->last_at_s);
		time_encode(to, leaf->sequenced_at_s);
		tell(verifier, VERIFY_NOTICE, leaf->seq,
		    "service not operating from %s to %s, %lld s%s", from, to, (long long)silence_s,
		    verifier->previous == LEAF_SVC_STOP ? ": it was stopped in order" : "");
	}
	if (verifier->result->first_at_s == 0)
		verifier->result->first_at_s = leaf->sequenced_at_s;
	verifier->after_gap = false;
	verifier->result->last_at_s = leaf->sequenced_at_s;
	verifier->previous = leaf->event;
}

static void
check_blob(struct verifier *verifier, const struct leaf_view *leaf)
{
	const struct tile_files *files = verifier->options->files;
	DEFER(buf_clear_public) struct buf blob = {0};
	uint8_t commitment[SHA256_BYTES];
	struct error err = {0};
	char path[40];
	bool found = false;

	(void)snprintf(path, sizeof(path), "blobs/%lld", (long long)leaf->seq);
	if (!files->read(files->context, path, VERIFY_BLOB_MAX, &blob, &found, &err)) {
		tell(verifier, VERIFY_INCOMPLETE, leaf->seq, "%s: %s", path, err.detail);
		return;
	}
	if (!found)
		return; /* erased, or not handed out */
	if (blob.len >= COMMITMENT_NONCE_BYTES) {
		leaf_commit(commitment, blob.data,
		    bytes_of(
			blob.data + COMMITMENT_NONCE_BYTES, blob.len - COMMITMENT_NONCE_BYTES));
		if (memcmp(commitment, leaf->commitment, sizeof(commitment)) == 0) {
			verifier->result->blobs++;
			return;
		}
	}
	tell(verifier, VERIFY_TAMPERED, leaf->seq, "%s is not what it commits to", path);
}

/* Whether "log:" and a name is this log: a tool's leaf goes into whichever log lives. */
static bool
is_of_this_log(const struct verifier *verifier, struct bytes subject)
{
	const char *origin = verifier->result->checkpoint.origin;
	const char *name = strrchr(origin, '/');
	char own[LEAF_VALUE_MAX + 1];

	(void)snprintf(own, sizeof(own), "log:%.60s", name != NULL ? name + 1 : origin);
	return bytes_equal(subject, bytes_of_text(own));
}

/* It speaks of leaves before itself: of what comes, nobody can have said that it is gone. */
static void
note_pruned(struct verifier *verifier, const struct leaf_view *leaf)
{
	int64_t first, last;

	if (leaf->event == LEAF_LOG_PRUNE && !leaf->failure &&
	    is_of_this_log(verifier, leaf->subject) && verifier->pruned.count < PRUNED_MAX &&
	    leaf_detail_number(leaf, "first", &first) && leaf_detail_number(leaf, "last", &last) &&
	    first <= last && last < leaf->seq)
		ranges_add(&verifier->pruned, (uint64_t)first, (uint64_t)last + 1, leaf->seq);
}

static void
check_leaf(struct verifier *verifier, int64_t seq, struct bytes text)
{
	struct leaf_view leaf;
	struct error err = {0};

	if (!leaf_parse(text, &leaf, &err)) {
		tell(verifier, VERIFY_TAMPERED, seq, "%s", err.detail);
		return;
	}
	if (leaf.seq != seq) {
		tell(verifier, VERIFY_TAMPERED, seq, "it says that it is leaf %lld",
		    (long long)leaf.seq);
		return;
	}
	if (seq == 0 && leaf.event != LEAF_LOG_OPEN)
		tell(verifier, VERIFY_TAMPERED, seq, "the first leaf does not open the log");
	if (leaf.event == LEAF_LOG_OPEN && verifier->options->opened != NULL)
		verifier->options->opened(verifier->options->context, &leaf, text);
	check_time(verifier, &leaf);
	note_pruned(verifier, &leaf);
	if (verifier->options->has_blobs && leaf.has_commitment)
		check_blob(verifier, &leaf);
}

/* That somebody's leaves end earlier is no fault of theirs, but worth a word: rows may be gone. */
static void
check_held(struct verifier *verifier, int64_t seq, const uint8_t *hash)
{
	if (verifier->options->leaves.len == 0)
		return;
	switch (held_next(&verifier->held, seq, hash)) {
	case HELD_SAME:
	case HELD_BEFORE: return;
	case HELD_OTHER:
		tell(verifier, VERIFY_TAMPERED, seq, "the one that is held against it is another");
		return;
	case HELD_MISSING:
		tell(verifier, VERIFY_TAMPERED, seq,
		    "it is missing among those that are held against the log");
		return;
	case HELD_AFTER:
		if (!verifier->held_ends)
			tell(verifier, VERIFY_INCOMPLETE, seq,
			    "those that are held against the log end before it");
		verifier->held_ends = true;
		return;
	}
}

static void
append(struct verifier *verifier, const uint8_t *hash)
{
	struct error err = {0};

	if (verifier->broken)
		return;
	verifier->broken = !edge_append(verifier->edge, hash, full_tile, verifier, &err);
	if (verifier->edge->size == verifier->earlier.size)
		check_root(verifier, &verifier->earlier, "checkpoint that was kept");
}

/* The leaf's hash as its tile has it counts, so that one changed leaf is one finding. */
static void
take_leaf(struct verifier *verifier, uint64_t seq, struct bytes text, const uint8_t *in_tile)
{
	uint8_t hash[SHA256_BYTES];

	leaf_hash(text, hash);
	if (in_tile != NULL && memcmp(hash, in_tile, SHA256_BYTES) != 0)
		tell(verifier, VERIFY_TAMPERED, (int64_t)seq,
		    "its octets are not those that were hashed");
	check_leaf(verifier, (int64_t)seq, text);
	check_held(verifier, (int64_t)seq, hash);
	append(verifier, in_tile != NULL ? in_tile : hash);
}

static void
tell_absent(struct verifier *verifier, const struct tile *tile)
{
	char path[TILE_PATH_MAX + 1];

	tile_path_encode(tile, path);
	tell(verifier, VERIFY_INCOMPLETE, (int64_t)(tile->index * TILE_WIDTH),
	    "%s: it is not there", path);
}

enum part { PART_THERE, PART_ABSENT, PART_BAD };

static enum part
read_part(struct verifier *verifier, const struct tile *tile, struct buf *out)
{
	char path[TILE_PATH_MAX + 1];
	struct error err = {0};
	bool found = false;

	buf_truncate(out, 0);
	if (tile_read(verifier->options->files, tile, out, &found, &err))
		return found ? PART_THERE : PART_ABSENT;
	tile_path_encode(tile, path);
	tell(verifier, err.code == E_BAD_SYNTAX ? VERIFY_TAMPERED : VERIFY_INCOMPLETE,
	    (int64_t)(tile->index * TILE_WIDTH), "%s: %s", path, err.detail);
	return PART_BAD;
}

/* The leaves of one bundle; `hashes` are those of its tile, or empty. */
static void
take_bundle(
    struct verifier *verifier, const struct tile *tile, struct bytes rest, struct bytes hashes)
{
	const uint64_t first = tile->index * TILE_WIDTH;
	struct bytes leaf;

	for (int i = 0; i < tile->width; i++) {
		const uint8_t *in_tile = hashes.len > 0 ? hashes.data + i * SHA256_BYTES : NULL;

		if (!tile_entry_take(&rest, &leaf)) {
			tell(verifier, VERIFY_TAMPERED, (int64_t)first + i,
			    "the bundle ends within it");
			verifier->broken = true;
			return;
		}
		take_leaf(verifier, first + (uint64_t)i, leaf, in_tile);
	}
	if (tile->width == TILE_WIDTH && rest.len > 0)
		tell(verifier, VERIFY_TAMPERED, (int64_t)first + TILE_WIDTH - 1,
		    "there is more in its bundle after it");
}

/* Their hashes count, and what is held against them has those. */
static void
take_hashes(struct verifier *verifier, const struct tile *tile)
{
	for (int i = 0; i < tile->width; i++) {
		const uint8_t *hash = verifier->hashes.data + i * SHA256_BYTES;

		check_held(verifier, (int64_t)(tile->index * TILE_WIDTH) + i, hash);
		append(verifier, hash);
	}
	verifier->after_gap = true;
}

static void
take_part(struct verifier *verifier, uint64_t index)
{
	struct tile tile = {TILE_ENTRIES, index,
	    tile_width_at(TILE_ENTRIES, index, verifier->result->checkpoint.size)};
	const enum part entries = read_part(verifier, &tile, &verifier->entries);
	enum part hashes;

	tile.level = 0;
	hashes = read_part(verifier, &tile, &verifier->hashes);
	if (hashes == PART_ABSENT)
		tell_absent(verifier, &tile);
	if (entries == PART_THERE) {
		tile.level = TILE_ENTRIES;
		take_bundle(verifier, &tile, buf_bytes(&verifier->entries),
		    hashes == PART_THERE ? buf_bytes(&verifier->hashes) : (struct bytes){0});
		return;
	}
	if (entries == PART_ABSENT)
		ranges_add(&verifier->absent, index * TILE_WIDTH,
		    index * TILE_WIDTH + (uint64_t)tile.width, 0);
	if (hashes == PART_THERE)
		take_hashes(verifier, &tile);
	else
		verifier->broken = true;
}

/* ---- what is not there, and a leaf says so ---- */

/* The first that says that this leaf was pruned, or NULL. */
static const struct range *
find_prune(const struct verifier *verifier, uint64_t seq)
{
	for (size_t i = 0; i < verifier->pruned.count; i++)
		if (verifier->pruned.at[i].first <= seq && seq < verifier->pruned.at[i].end)
			return &verifier->pruned.at[i];
	return NULL;
}

/* Where the pruned leaves from `seq` on end; `seq` itself: it was not pruned. */
static uint64_t
pruned_until(const struct verifier *verifier, uint64_t seq, uint64_t end)
{
	const struct range *prune;

	while (seq < end && (prune = find_prune(verifier, seq)) != NULL)
		seq = prune->end;
	return seq < end ? seq : end;
}

/* Each of them was. */
static void
tell_pruned(struct verifier *verifier, uint64_t first, uint64_t end)
{
	while (first < end) {
		const struct range *prune = find_prune(verifier, first);
		const uint64_t until = prune->end < end ? prune->end : end;

		tell(verifier, VERIFY_NOTICE, (int64_t)first,
		    "leaves %llu to %llu were pruned, by leaf %lld; their hashes are there",
		    (unsigned long long)first, (unsigned long long)until - 1, (long long)prune->by);
		first = until;
	}
}

/* A bundle is there or not: one of which a leaf was not pruned is missing. */
static void
judge_absent(struct verifier *verifier, const struct range *range)
{
	for (uint64_t first = range->first; first < range->end;) {
		const struct tile tile = {TILE_ENTRIES, first / TILE_WIDTH,
		    tile_width_at(
			TILE_ENTRIES, first / TILE_WIDTH, verifier->result->checkpoint.size)};
		uint64_t until = pruned_until(verifier, first, range->end);

		if (until < range->end)
			until = until / TILE_WIDTH * TILE_WIDTH;
		if (until > first)
			tell_pruned(verifier, first, until);
		else {
			tell_absent(verifier, &tile);
			until = first + TILE_WIDTH;
		}
		first = until;
	}
}

void
verify_log(const struct verify_options *options, struct verify_result *out)
{
	DEFER(verifier_clear)
	struct verifier verifier = {.options = options,
	    .result = out,
	    .held = held_from(options->leaves),
	    .edge = edge_new()};

	*out = (struct verify_result){0};
	if (!open_checkpoint(&verifier))
		return;
	open_earlier(&verifier);
	for (uint64_t first = 0; first < out->checkpoint.size; first += TILE_WIDTH) {
		if (options->progress != NULL)
			options->progress(options->context, first, out->checkpoint.size);
		take_part(&verifier, first / TILE_WIDTH);
	}
	if (!verifier.broken)
		check_right_edge(&verifier);
	check_root(&verifier, &out->checkpoint, "checkpoint");
	for (size_t i = 0; i < verifier.absent.count; i++) /* many, maybe: what is wrong first */
		judge_absent(&verifier, &verifier.absent.at[i]);
}
