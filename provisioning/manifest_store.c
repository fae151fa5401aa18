#include "provisioning/manifest_store.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

/* $1 batches, $2 kids, $3 tags; $4 tokens: their bound tags, too */
static const struct stmt READ = STMT("manifest_read", 4, 3,
    "SELECT m.batch::int8, m.kid, m.tag FROM manifest_tag AS m JOIN ("
    "  SELECT batch, kid, tag FROM unnest($1::int8[], $2::int2[], $3::bytea[]) AS u(batch, kid, "
    "tag)"
    "  UNION SELECT batch, bound_kid, unnest(bound_tags) FROM token WHERE id = ANY ($4::int8[])"
    " ) AS w ON w.batch = m.batch AND w.kid = m.kid AND w.tag = m.tag");

/* $1 batches, $2 kids, $3 tags. In order, as all who lock them. */
static const struct stmt SET_ENROLLED = STMT("manifest_set_enrolled", 3, 0,
    "UPDATE manifest_tag SET enrolled = true FROM ("
    "  SELECT m.batch, m.kid, m.tag FROM unnest($1::int8[], $2::int2[], $3::bytea[])"
    "  AS w(batch, kid, tag) JOIN manifest_tag AS m"
    "  ON m.batch = w.batch AND m.kid = w.kid AND m.tag = w.tag AND NOT m.enrolled"
    "  ORDER BY m.batch, m.kid, m.tag FOR UPDATE OF m"
    " ) AS w WHERE manifest_tag.batch = w.batch AND manifest_tag.kid = w.kid"
    " AND manifest_tag.tag = w.tag");

/* $1 batch, $2 kids, $3 tags: the places of those that are listed */
static const struct stmt FIND = STMT("manifest_find", 3, 1,
    "SELECT w.place FROM unnest($2::int2[], $3::bytea[]) WITH ORDINALITY AS w(kid, tag, place)"
    " JOIN manifest_tag AS m ON m.batch = $1::int8 AND m.kid = w.kid AND m.tag = w.tag");

/* $1 batch, $2 kids, $3 tags */
static const struct stmt INSERT = STMT("manifest_insert", 3, 0,
    "INSERT INTO manifest_tag (batch, kid, tag)"
    " SELECT $1::int8, w.kid, w.tag FROM unnest($2::int2[], $3::bytea[]) AS w(kid, tag)");

/* $1 batch */
static const struct stmt COUNT_ALL = STMT("manifest_count", 1, 2,
    "SELECT count(*), count(*) FILTER (WHERE enrolled) FROM manifest_tag WHERE batch = $1::int8");

static const struct stmt *const STATEMENTS[] = {
    &READ,
    &SET_ENROLLED,
    &FIND,
    &INSERT,
    &COUNT_ALL,
    NULL,
};

const struct stmt *const *
manifest_statements(void)
{
	return STATEMENTS;
}

/* ---- rows to look for: a tag under one key, or under two ---- */

struct wanted {
	int64_t *batches;
	int16_t *kids;
	struct bytes *tags;
	size_t count;
};

static void
wanted_init(struct wanted *wanted, size_t tag_count)
{
	wanted->batches = xcalloc(tag_count * TAG_KEYS_MAX + 1, sizeof *wanted->batches);
	wanted->kids = xcalloc(tag_count * TAG_KEYS_MAX + 1, sizeof *wanted->kids);
	wanted->tags = xcalloc(tag_count * TAG_KEYS_MAX + 1, sizeof *wanted->tags);
}

static void
wanted_clear(struct wanted *wanted)
{
	free(wanted->batches);
	free(wanted->kids);
	free(wanted->tags);
}
DEFER_DECLARE_CLEAR(struct wanted, wanted_clear)

static void
want(struct wanted *wanted, int64_t batch, uint8_t kid, const uint8_t *tag)
{
	wanted->batches[wanted->count] = batch;
	wanted->kids[wanted->count] = kid;
	wanted->tags[wanted->count++] = bytes_of(tag, TAG_BYTES);
}

static void
want_both(struct wanted *wanted, int64_t batch, const struct decide_tag *tag)
{
	want(wanted, batch, tag->kid, tag->tag);
	if (tag->has_other)
		want(wanted, batch, tag->other_kid, tag->other);
}

static void
bind_wanted(struct params *out, const struct wanted *wanted)
{
	params_int8_array(out, wanted->batches, wanted->count);
	params_int2_array(out, wanted->kids, wanted->count);
	params_bytea_array(out, wanted->tags, wanted->count);
}

/* ---- of an enrollment ---- */

bool
manifest_queue_read(const struct ledger_batch *batch, struct error *err)
{
	DEFER(wanted_clear) struct wanted wanted = {0};
	DEFER(params_clear) struct params params = {0};
	DEFER(mem_free) int64_t *tokens = xcalloc(batch->count, sizeof *tokens);
	size_t token_count = 0;

	wanted_init(&wanted, batch->count * HWID_COUNT_MAX);
	for (size_t i = 0; i < batch->count; i++) {
		const struct enroll_proposal *proposal = enroll_at(batch, i);

		if (!proposal->has_manifest)
			continue;
		for (size_t k = 0; k < proposal->input.tag_count; k++)
			want_both(&wanted, proposal->input.batch, &proposal->input.tags[k]);
		if (proposal->input.has_token)
			tokens[token_count++] = proposal->input.token;
	}
	bind_wanted(&params, &wanted);
	params_int8_array(&params, tokens, token_count);
	return tx_queue(batch->tx, &READ, &params, err);
}

void
manifest_take(const struct rows *rows, struct decide_snapshot *out)
{
	out->listed_count = rows_count(rows);
	out->listed = xcalloc(out->listed_count + 1, sizeof *out->listed);
	for (size_t i = 0; i < out->listed_count; i++) {
		const struct bytes tag = rows_bytes(rows, i, 2);

		assert(tag.len == TAG_BYTES); /* the schema says so */
		out->listed[i].batch = rows_int(rows, i, 0);
		out->listed[i].tag.kid = (uint8_t)rows_int(rows, i, 1);
		memcpy(out->listed[i].tag.tag, tag.data, TAG_BYTES);
	}
	if (out->listed_count > 0)
		qsort(out->listed, out->listed_count, sizeof *out->listed, decide_compare_listed);
}

bool
manifest_queue_enrolled(const struct ledger_batch *batch, struct error *err)
{
	DEFER(wanted_clear) struct wanted wanted = {0};
	DEFER(params_clear) struct params params = {0};

	wanted_init(&wanted, batch->count * HWID_COUNT_MAX);
	for (size_t i = 0; i < batch->count; i++) {
		const struct enroll_proposal *proposal = enroll_at(batch, i);

		if (!proposal->has_manifest || !enroll_wins(proposal))
			continue;
		for (size_t k = 0; k < proposal->output.tag_count; k++)
			want_both(&wanted, proposal->input.batch, &proposal->output.tags[k]);
	}
	if (wanted.count == 0)
		return true;
	bind_wanted(&params, &wanted);
	return tx_run(batch->tx, &SET_ENROLLED, &params, err);
}

/* ---- of a manifest ---- */

bool
manifest_store_unlisted(struct tx *tx, int64_t batch, const struct decide_tag *tags, size_t count,
    bool *out_unlisted, struct error *err)
{
	DEFER(wanted_clear) struct wanted wanted = {0};
	DEFER(mem_free) size_t *owners = xcalloc(count * TAG_KEYS_MAX, sizeof *owners);
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	wanted_init(&wanted, count);
	for (size_t i = 0; i < count; i++) {
		const size_t from = wanted.count;

		want_both(&wanted, batch, &tags[i]);
		for (size_t k = from; k < wanted.count; k++)
			owners[k] = i;
		out_unlisted[i] = true;
	}
	params_int8(&params, batch);
	params_int2_array(&params, wanted.kids, wanted.count);
	params_bytea_array(&params, wanted.tags, wanted.count);
	if (!tx_query(tx, &FIND, &params, &rows, err))
		return false;
	for (size_t i = 0; i < rows_count(rows); i++)
		out_unlisted[owners[rows_int(rows, i, 0) - 1]] = false;
	return true;
}

bool
manifest_store_insert(struct tx *tx, int64_t batch, const struct decide_tag *tags,
    const bool *wanted_tags, size_t count, struct error *err)
{
	DEFER(wanted_clear) struct wanted wanted = {0};
	DEFER(params_clear) struct params params = {0};

	wanted_init(&wanted, count);
	for (size_t i = 0; i < count; i++)
		if (wanted_tags[i])
			want(&wanted, batch, tags[i].kid, tags[i].tag);
	params_int8(&params, batch);
	params_int2_array(&params, wanted.kids, wanted.count);
	params_bytea_array(&params, wanted.tags, wanted.count);
	return tx_run(tx, &INSERT, &params, err);
}

bool
manifest_store_count(struct db *db, int64_t batch, struct manifest_coverage *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int8(&params, batch);
	if (!db_query(db, &COUNT_ALL, &params, &rows, err))
		return false;
	out->listed = rows_int(rows, 0, 0);
	out->enrolled = rows_int(rows, 0, 1);
	return true;
}
