#include "audit/inspect_log.h"

#include <stdlib.h>

#include "audit/events_store.h"
#include "audit/inspect_bundle.h"
#include "audit/inspect_dropped.h"
#include "audit/inspect_rows.h"
#include "audit/inspect_store.h"
#include "audit/log_folder.h"
#include "audit/outbox.h"
#include "audit/retention_store.h"
#include "base/mem.h"
#include "proof/edge.h"
#include "proof/tlog_proof.h"

#define LOST_MAX 1024 /* remembered in one pass */
#define COMING_AT_ONCE 4096
#define BEGIN_BACK_S 86400
#define EPOCH_BACK_S (31 * 86400) /* how far before its leaf a pseudonym may begin */

struct inspect_log {
	struct db *db;
	int log;
	char *folder, *name; /* the last part of its origin */
	struct tile_files files;
	uint64_t size;
	struct edge *edge;
	bool proven;          /* the edge leads to the checkpoint */
	uint64_t above_index; /* of the tile of level 1 in `above`, and 1; 0: none */
	uint8_t above[TILE_WIDTH * SHA256_BYTES];
	struct inspect_faults lost; /* bodies that are missing */
	struct inspect_dropped dropped;
	int64_t began; /* at this leaf; -1: not yet */
};

/* ---- opening ---- */

static bool
take_checkpoint(struct inspect_log *log, const struct note_key *key, struct checkpoint *out,
    struct inspect_faults *faults, struct error *err)
{
	DEFER(buf_clear_public) struct buf note = {0};
	struct error forged = {0};
	bool found = false;

	if (!log->files.read(log->files.context, "checkpoint", NOTE_MAX, &note, &found, err))
		return false;
	if (!found)
		return error_set(err, E_NOT_FOUND, "nothing is published");
	if (tlog_open(buf_bytes(&note), key, out, &forged))
		return true;
	inspect_faults_add(faults, (struct inspect_fault){.what = INSPECT_CHECKPOINT});
	*out = (struct checkpoint){0};
	return true;
}

static void
take_edge(
    struct inspect_log *log, const struct checkpoint *checkpoint, struct inspect_faults *faults)
{
	uint8_t root[SHA256_BYTES];
	struct error why = {0};

	if (log->size == 0)
		return;
	if (edge_read(log->edge, &log->files, log->size, &why)) {
		edge_root(log->edge, root);
		log->proven = memcmp(root, checkpoint->root, sizeof root) == 0;
	}
	if (!log->proven)
		inspect_faults_add(faults, (struct inspect_fault){.what = INSPECT_CHECKPOINT,
					       .seq = (int64_t)log->size - 1});
}

bool
inspect_log_open(const struct inspect_log_options *options, struct inspect_log **out,
    struct inspect_faults *faults, struct error *err)
{
	DEFER(inspect_log_free) struct inspect_log *log = xcalloc(1, sizeof *log);
	const char *slash = strrchr(options->key->name, '/');
	struct checkpoint checkpoint;

	log->db = options->db;
	log->log = options->log;
	log->folder = xstrdup(options->folder);
	log->name = xstrdup(slash != NULL ? slash + 1 : options->key->name);
	log->began = -1;
	log->files = log_folder_files(log->folder);
	log->edge = edge_new();
	if (!take_checkpoint(log, options->key, &checkpoint, faults, err))
		return false;
	log->size = checkpoint.size;
	take_edge(log, &checkpoint, faults);
	*out = TAKE(log);
	return true;
}

void
inspect_log_free(struct inspect_log *log)
{
	if (log == NULL)
		return;
	edge_free(log->edge);
	inspect_faults_clear(&log->lost);
	inspect_dropped_clear(&log->dropped);
	free(log->folder);
	free(log->name);
	free(log);
}

uint64_t
inspect_log_size(const struct inspect_log *log)
{
	return log->size;
}

/* ---- reading ---- */

static void
add_tile(struct inspect_faults *faults, int level, uint64_t index, bool missing)
{
	inspect_faults_add(faults, (struct inspect_fault){.what = INSPECT_TILE,
				       .level = level,
				       .seq = (int64_t)(index << (TILE_HEIGHT * (level + 1))),
				       .missing = missing});
}

static bool
read_tile(const struct inspect_log *log, int level, uint64_t index, struct buf *out,
    struct inspect_faults *faults)
{
	const struct tile tile = {level, index, tile_width_at(level, index, log->size)};
	struct error why = {0};
	bool found = false;

	if (tile_read(&log->files, &tile, out, &found, &why) && found)
		return true;
	add_tile(faults, level, index, !found);
	return false;
}

static bool
leads_to(struct bytes hashes, const uint8_t root[static SHA256_BYTES])
{
	uint8_t made[SHA256_BYTES];

	tile_subtree(hashes.data, TILE_HEIGHT, made);
	return memcmp(made, root, sizeof made) == 0;
}

struct ascent { /* the tiles above a bundle, up to the one at the edge */
	struct buf tiles[TILE_LEVELS];
	uint64_t indexes[TILE_LEVELS];
	int top; /* its level */
};

static void
ascent_clear(struct ascent *ascent)
{
	for (int level = 0; level < TILE_LEVELS; level++)
		buf_clear_public(&ascent->tiles[level]);
}
DEFER_DECLARE_CLEAR(struct ascent, ascent_clear)

static bool
ascend(const struct inspect_log *log, uint64_t bundle, struct ascent *out,
    struct inspect_faults *faults)
{
	uint64_t index = bundle / TILE_WIDTH;

	for (int level = 1; level < TILE_LEVELS; level++, index /= TILE_WIDTH) {
		out->top = level;
		out->indexes[level] = index;
		if (!read_tile(log, level, index, &out->tiles[level], faults))
			return false;
		if (tile_width_at(level, index, log->size) < TILE_WIDTH)
			return true;
	}
	return false;
}

/* From the signed edge down: adds the first that is not as it was. */
static bool
is_signed(const struct inspect_log *log, const struct ascent *ascent, struct inspect_faults *faults)
{
	const struct buf *top = &ascent->tiles[ascent->top];
	int level = ascent->top;
	bool good = log->proven;

	if (!good)
		return false;
	good = memcmp(top->data, log->edge->hashes[level],
		   (size_t)edge_width(log->edge, level) * SHA256_BYTES) == 0;
	while (good && level > 1) {
		const uint64_t at = ascent->indexes[--level] % TILE_WIDTH;

		good = leads_to(buf_bytes(&ascent->tiles[level]),
		    ascent->tiles[level + 1].data + at * SHA256_BYTES);
	}
	if (!good)
		add_tile(faults, level, ascent->indexes[level], false);
	return good;
}

struct step { /* one bundle, as it is looked at */
	struct inspect_log *log;
	struct inspect_bundle *bundle;
	struct buf entries;
	struct rows *rows;
	struct bytes leaves[TILE_WIDTH]; /* those that were proven */
};

static void
step_clear(struct step *step)
{
	mem_free(step->bundle);
	buf_clear_public(&step->entries);
	rows_free(step->rows);
}
DEFER_DECLARE_CLEAR(struct step, step_clear)

/* The tile of level 1 above this bundle, kept for the next 255. */
static bool
get_above(struct inspect_log *log, uint64_t bundle, struct inspect_faults *faults)
{
	DEFER(ascent_clear) struct ascent ascent = {0};
	const uint64_t index = bundle / TILE_WIDTH;

	if (log->above_index == index + 1)
		return true;
	log->above_index = 0;
	if (!ascend(log, bundle, &ascent, faults) || !is_signed(log, &ascent, faults))
		return false;
	memcpy(log->above, ascent.tiles[1].data, ascent.tiles[1].len);
	log->above_index = index + 1;
	return true;
}

static struct inspect_anchor
get_anchor(const struct step *step, struct inspect_faults *faults)
{
	struct inspect_log *log = step->log;
	const uint64_t index = step->bundle->first / TILE_WIDTH;

	if (step->bundle->width < TILE_WIDTH)
		return (struct inspect_anchor){.hashes = log->proven ? log->edge->hashes[0] : NULL};
	if (!get_above(log, index, faults))
		return (struct inspect_anchor){0};
	return (struct inspect_anchor){.root = &log->above[index % TILE_WIDTH * SHA256_BYTES]};
}

static void
read_hashes(struct step *step)
{
	struct inspect_bundle *bundle = step->bundle;
	const struct tile tile = {0, bundle->first / TILE_WIDTH, bundle->width};
	DEFER(buf_clear_public) struct buf octets = {0};
	struct error why = {0};
	bool found = false;

	bundle->readable[INSPECT_HASHES] =
	    tile_read(&step->log->files, &tile, &octets, &found, &why) && found;
	bundle->there[INSPECT_HASHES] = found;
	if (bundle->readable[INSPECT_HASHES])
		memcpy(bundle->hashes[INSPECT_HASHES], octets.data,
		    (size_t)bundle->width * SHA256_BYTES);
}

static void
read_entries(struct step *step)
{
	struct inspect_bundle *bundle = step->bundle;
	const struct tile tile = {TILE_ENTRIES, bundle->first / TILE_WIDTH, bundle->width};
	struct error why = {0};
	struct bytes rest;
	bool found = false;
	bool good = tile_read(&step->log->files, &tile, &step->entries, &found, &why) && found;

	rest = buf_bytes(&step->entries);
	for (int i = 0; good && i < bundle->width; i++) {
		good = tile_entry_take(&rest, &step->leaves[i]);
		if (good)
			leaf_hash(
			    step->leaves[i], &bundle->hashes[INSPECT_FILED][i * SHA256_BYTES]);
	}
	bundle->there[INSPECT_FILED] = found;
	bundle->readable[INSPECT_FILED] = good;
}

static bool
read_rows(struct step *step, struct error *err)
{
	struct inspect_bundle *bundle = step->bundle;
	const int64_t first = (int64_t)bundle->first;
	const size_t width = (size_t)bundle->width;

	if (!events_read_leaves(step->log->db, step->log->log, first - 1, first + bundle->width,
		bundle->width, &step->rows, err))
		return false;
	for (size_t i = 0; i < rows_count(step->rows); i++) {
		const int64_t at = rows_int(step->rows, i, 0) - first;

		bundle->row_there[at] = true;
		leaf_hash(
		    rows_bytes(step->rows, i, 1), &bundle->hashes[INSPECT_ROWS][at * SHA256_BYTES]);
	}
	return rows_count(step->rows) == width ||
	       inspect_store_was_pruned(step->log->db, step->log->log, first, &bundle->pruned, err);
}

/* A part that began before this process looked at it is left to the next pass: it may have told of
 * an earlier leaf of it. */
static void
note_dropped(struct step *step)
{
	const struct inspect_bundle *bundle = step->bundle;
	const int64_t first = (int64_t)bundle->first;
	int64_t from = -1, to = -1;

	for (int i = 0; i < bundle->width; i++)
		if (!bundle->row_there[i]) {
			from = from < 0 ? first + i : from;
			to = first + i;
		}
	if (bundle->pruned && from >= 0 &&
	    first / RETENTION_PART_LEAVES * RETENTION_PART_LEAVES >= step->log->began)
		inspect_dropped_add(&step->log->dropped, from, to);
}

/* From either place, if it has the hash that is right; else none is read. */
static void
take_proven(struct step *step, const uint8_t *truth)
{
	const struct inspect_bundle *bundle = step->bundle;

	for (int i = 0; i < bundle->width; i++)
		if (truth == NULL || !bundle->readable[INSPECT_FILED] ||
		    memcmp(&bundle->hashes[INSPECT_FILED][i * SHA256_BYTES],
			&truth[i * SHA256_BYTES], SHA256_BYTES) != 0)
			step->leaves[i] = (struct bytes){0};
	for (size_t row = 0; truth != NULL && row < rows_count(step->rows); row++) {
		const int64_t at = rows_int(step->rows, row, 0) - (int64_t)bundle->first;

		if (memcmp(&bundle->hashes[INSPECT_ROWS][at * SHA256_BYTES],
			&truth[at * SHA256_BYTES], SHA256_BYTES) == 0)
			step->leaves[at] = rows_bytes(step->rows, row, 1);
	}
}

/* ---- what stands beside the leaves ---- */

static struct inspect_committed
committed_of(const struct rows *rows, size_t row)
{
	return (struct inspect_committed){.seq = rows_int(rows, row, INSPECT_COLUMN_SEQ),
	    .kind = (enum inspect_what)rows_int(rows, row, INSPECT_COLUMN_KIND),
	    .nonce = rows_bytes(rows, row, INSPECT_COLUMN_NONCE),
	    .body = rows_bytes(rows, row, INSPECT_COLUMN_BODY),
	    .serial = rows_bytes(rows, row, INSPECT_COLUMN_SERIAL),
	    .issuer = rows_bytes(rows, row, INSPECT_COLUMN_ISSUER),
	    .aborted = rows_bool(rows, row, INSPECT_COLUMN_ABORTED),
	    .handle = rows_bytes(rows, row, INSPECT_COLUMN_HANDLE),
	    .row_issuer = rows_bytes(rows, row, INSPECT_COLUMN_ROW_ISSUER),
	    .spki_sha256 = rows_bytes(rows, row, INSPECT_COLUMN_SPKI),
	    .not_before_s = rows_int(rows, row, INSPECT_COLUMN_NOT_BEFORE),
	    .not_after_s = rows_int(rows, row, INSPECT_COLUMN_NOT_AFTER),
	    .batch = rows_bytes(rows, row, INSPECT_COLUMN_BATCH),
	    .is_device = rows_bool(rows, row, INSPECT_COLUMN_IS_DEVICE)};
}

static bool
miss_body(struct inspect_log *log, const struct leaf_view *leaf, struct error *err)
{
	const int64_t back_s = leaf->event == LEAF_ROTATE_OK ? EPOCH_BACK_S : BEGIN_BACK_S;
	bool kept = false;

	if (log->lost.count == LOST_MAX)
		return true;
	if (!inspect_store_has_month(log->db, leaf->sequenced_at_s, back_s, &kept, err))
		return false;
	if (kept)
		inspect_faults_add(&log->lost,
		    (struct inspect_fault){
			.what = INSPECT_CERTIFICATE_BODY, .seq = leaf->seq, .missing = true});
	return true;
}

/* A restored backup has lost them, and says so itself. */
static void
excuse(struct inspect_log *log, const struct leaf_view *leaf)
{
	const int64_t from = inspect_restored_from(leaf);
	size_t kept = 0;

	for (size_t i = 0; from > 0 && i < log->lost.count; i++)
		if (log->lost.list[i].seq < from)
			log->lost.list[kept++] = log->lost.list[i];
	if (from > 0)
		log->lost.count = kept;
}

static bool
judge_committed(const struct step *step, const struct leaf_view *views, bool *has_body,
    struct inspect_faults *faults, struct error *err)
{
	const int64_t first = (int64_t)step->bundle->first;
	DEFER(rows_free) struct rows *rows = NULL;

	if (!inspect_store_committed(
		step->log->db, step->log->log, first, first + step->bundle->width, &rows, err))
		return false;
	for (size_t i = 0; i < rows_count(rows); i++) {
		const struct inspect_committed stored = committed_of(rows, i);
		const size_t at = (size_t)(stored.seq - first);

		has_body[at] = has_body[at] || stored.kind == INSPECT_CERTIFICATE_BODY;
		if (step->leaves[at].len > 0)
			inspect_committed_judge(&stored, &views[at], faults);
	}
	return true;
}

static bool
judge_revocations(const struct step *step, const struct leaf_view *views,
    struct inspect_faults *faults, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;
	struct bytes handles[TILE_WIDTH];
	const struct leaf_view *of[TILE_WIDTH];
	size_t count = 0;

	for (int i = 0; i < step->bundle->width; i++) {
		if (step->leaves[i].len == 0)
			continue;
		handles[count] = inspect_revoked_handle(&views[i]);
		of[count] = &views[i];
		count += handles[count].len > 0 ? 1 : 0;
	}
	if (count == 0)
		return true;
	if (!inspect_store_statuses(step->log->db, handles, count, &rows, err))
		return false;
	for (size_t i = 0; i < rows_count(rows); i++) {
		const struct leaf_view *leaf = of[rows_int(rows, i, 0) - 1];

		if (!inspect_revocation_fits(leaf, rows_bytes(rows, i, 1), rows_int(rows, i, 2)))
			inspect_faults_add(
			    faults, (struct inspect_fault){.what = INSPECT_REVOCATION,
					.seq = leaf->seq,
					.missing = rows_null(rows, i, 1)});
	}
	return true;
}

static bool
judge_beside(struct step *step, struct inspect_faults *faults, struct error *err)
{
	DEFER(mem_free) struct leaf_view *views = xcalloc(TILE_WIDTH, sizeof *views);
	bool has_body[TILE_WIDTH] = {false};

	for (int i = 0; i < step->bundle->width; i++) {
		struct error why = {0};

		/* What is signed and is no leaf says nothing of rows. */
		if (step->leaves[i].len > 0 && !leaf_parse(step->leaves[i], &views[i], &why))
			step->leaves[i] = (struct bytes){0};
	}
	if (!judge_committed(step, views, has_body, faults, err) ||
	    !judge_revocations(step, views, faults, err))
		return false;
	for (int i = 0; i < step->bundle->width; i++) {
		if (step->leaves[i].len == 0)
			continue;
		excuse(step->log, &views[i]);
		inspect_dropped_excuse(&step->log->dropped, &views[i], step->log->name);
		if (inspect_wants_body(&views[i]) && !has_body[i] &&
		    !miss_body(step->log, &views[i], err))
			return false;
	}
	return true;
}

/* ---- a step ---- */

bool
inspect_log_step(
    struct inspect_log *log, uint64_t *inout_next, struct inspect_faults *faults, struct error *err)
{
	DEFER(step_clear)
	struct step step = {.log = log, .bundle = xcalloc(1, sizeof *step.bundle)};
	const uint64_t index = *inout_next / TILE_WIDTH;
	struct inspect_anchor anchor;

	step.bundle->first = index * TILE_WIDTH;
	step.bundle->width = tile_width_at(0, index, log->size);
	read_hashes(&step);
	read_entries(&step);
	if (log->began < 0)
		log->began = (int64_t)step.bundle->first;
	if (!read_rows(&step, err))
		return false;
	note_dropped(&step);
	anchor = get_anchor(&step, faults);
	take_proven(&step, inspect_bundle_judge(step.bundle, &anchor, faults));
	if (!judge_beside(&step, faults, err))
		return false;
	*inout_next = step.bundle->first + (uint64_t)step.bundle->width;
	return true;
}

const struct inspect_faults *
inspect_log_lost(const struct inspect_log *log)
{
	return &log->lost;
}

/* ---- what was dropped, and nobody says so ---- */

void
inspect_log_unsaid(const struct inspect_log *log, struct inspect_faults *faults)
{
	inspect_dropped_put(&log->dropped, faults);
}

static bool
has_prune(const struct inspect_log *log, const struct rows *rows)
{
	int64_t first, last;

	for (size_t i = 0; i < rows_count(rows); i++) {
		struct leaf_view leaf;
		struct error why = {0};

		if (leaf_parse(rows_bytes(rows, i, 1), &leaf, &why) &&
		    inspect_is_prune(&leaf, log->name, &first, &last))
			return true;
	}
	return false;
}

/* Whoever dropped a part left its leaf in the outbox in one transaction: it is there, or, looked at
 * afterwards, among the leaves behind the checkpoint. The next pass proves those. */
static bool
is_coming(const struct inspect_log *log, bool *out, struct error *err)
{
	int64_t after = (int64_t)log->size - 1;
	size_t count = COMING_AT_ONCE;

	if (!inspect_store_prune_waits(log->db, log->name, out, err))
		return false;
	while (!*out && count == COMING_AT_ONCE) {
		DEFER(rows_free) struct rows *rows = NULL;

		if (!events_read_leaves(
			log->db, log->log, after, INT64_MAX, COMING_AT_ONCE, &rows, err))
			return false;
		count = rows_count(rows);
		*out = has_prune(log, rows);
		after = count > 0 ? rows_int(rows, count - 1, 0) : after;
	}
	return true;
}

bool
inspect_log_judge_unsaid(struct inspect_log *log, struct inspect_faults *faults, struct error *err)
{
	bool coming = false;

	if (log->dropped.count == 0)
		return true;
	if (!is_coming(log, &coming, err))
		return false;
	if (!coming)
		inspect_log_unsaid(log, faults);
	return true;
}
