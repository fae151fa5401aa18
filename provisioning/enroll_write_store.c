/*
 * Nothing here waits: each statement travels with the COMMIT, and one that touches fewer rows than
 * it should ends the transaction.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ca/certificate_columns.h"
#include "provisioning/brought_store.h"
#include "provisioning/enroll_store.h"
#include "provisioning/manifest_store.h"

/* $1 batches, $2 issued, $3 refused. A replacement is neither. */
static const struct stmt COUNT_IN_BATCHES = STMT("enroll_count_in_batches", 3, 0,
    "UPDATE batch AS b SET issued = b.issued + n.issued, refused = b.refused + n.refused"
    " FROM unnest($1::int8[], $2::int8[], $3::int8[]) AS n(batch, issued, refused)"
    " WHERE b.id = n.batch");

/* $1 tokens, $2 whether this one burns it, of each refusal that counts */
static const struct stmt COUNT_ON_TOKENS = STMT("enroll_count_on_tokens", 2, 0,
    "UPDATE token AS t SET refusals = t.refusals + n.refusals,"
    " state = CASE WHEN n.burns THEN 'burnt' ELSE t.state END"
    " FROM (SELECT u.token, count(*) AS refusals, bool_or(u.burns) AS burns"
    "  FROM unnest($1::int8[], $2::bool[]) AS u(token, burns) GROUP BY u.token) AS n"
    " WHERE t.id = n.token");

/*
 * All that new devices are, in one statement: six would each be bound, planned and started. A
 * device, its key and its certificate are one row of `w`, so none can name another's.
 *
 * $1 ids, $2 pseudonyms, $3 batches, $4 profiles, $5 persons (0: none), $6 tokens, $7 whether there
 * is a token, $8 tag counts; $9 spki_sha256; $10 months, $11 serials, $12 issuers, $13 handles,
 * $14 not_before_at_s, $15 not_after_at_s; $16 seqs, $17 nonces, $18 tbs. Of all: $19 now, $20 log.
 * Tags that have no row yet: $21 kids, $22 tags, $23 devices.
 */
static const struct stmt INSERT_DEVICES = STMT("enroll_insert_devices", 23, 1,
    "WITH w AS MATERIALIZED (SELECT * FROM unnest($1::int8[], $2::uuid[], $3::int8[],"
    "  $4::text[], $5::int8[], $6::int8[], $7::bool[], $8::int2[], $9::bytea[], $10::int2[],"
    "  $11::bytea[], $12::bytea[], $13::text[], $14::int8[], $15::int8[], $16::int8[],"
    "  $17::bytea[], $18::bytea[]) AS w(device, pseudonym, batch, profile, person, token,"
    "  has_token, tag_count, spki_sha256, month, serial, issuer, handle, not_before_at_s,"
    "  not_after_at_s, seq, nonce, tbs)"
    " ), devices AS (INSERT INTO device"
    "  (id, pseudonym, batch, profile, person, token, tag_count, enrolled_at_s)"
    "  SELECT device, pseudonym, batch, profile, NULLIF(person, 0),"
    "  CASE WHEN has_token THEN token END, tag_count, $19::int8 FROM w"
    " ), keys AS (INSERT INTO device_key (spki_sha256, device, month, serial)"
    "  SELECT spki_sha256, device, month, serial FROM w ON CONFLICT DO NOTHING RETURNING 1"
    " ), tags AS (INSERT INTO device_tag (kid, tag, device)"
    "  SELECT * FROM unnest($21::int2[], $22::bytea[], $23::int8[])"
    "  ON CONFLICT DO NOTHING RETURNING 1"
    " ), certificates AS (INSERT INTO certificate (month, serial, device, issuer, handle,"
    "  pseudonym, spki_sha256, not_before_at_s, not_after_at_s)"
    "  SELECT month, serial, device, issuer, handle, pseudonym, spki_sha256, not_before_at_s,"
    "  not_after_at_s FROM w ON CONFLICT DO NOTHING RETURNING 1"
    " ), bodies AS (INSERT INTO certificate_body (month, serial, issuer, log, seq, nonce, tbs)"
    "  SELECT month, serial, issuer, $20::int2, seq, nonce, tbs FROM w"
    " ) SELECT expect_rows((SELECT count(*) FROM keys) + (SELECT count(*) FROM tags)"
    "  + (SELECT count(*) FROM certificates),"
    "  2 * cardinality($1::int8[]) + cardinality($22::bytea[])) IS NULL");

/* $1 kids, $2 tags, $3 devices: tags of a replaced or readmitted device, which are locked */
static const struct stmt MOVE_TAGS = STMT("enroll_move_tags", 3, 1,
    "WITH moved AS (UPDATE device_tag AS t SET device = u.device, blocked = false, readmit = false"
    " FROM unnest($1::int2[], $2::bytea[], $3::int8[]) AS u(kid, tag, device)"
    " WHERE t.kid = u.kid AND t.tag = u.tag RETURNING 1)"
    " SELECT expect_rows(count(*), cardinality($2::bytea[])) IS NULL FROM moved");

/* $1 devices whose leave to enroll again is used up: for all their tags */
static const struct stmt CONSUME_LEAVES = STMT("enroll_consume_leaves", 1, 0,
    "UPDATE device_tag SET readmit = false WHERE device = ANY ($1::int8[]) AND readmit");

/* $1 tokens, $2 devices */
static const struct stmt SPEND_TOKENS = STMT("enroll_spend_tokens", 2, 1,
    "WITH spent AS (UPDATE token AS t SET state = 'spent', device = u.device"
    " FROM unnest($1::int8[], $2::int8[]) AS u(token, device)"
    " WHERE t.id = u.token AND t.state <> 'burnt' RETURNING 1)"
    " SELECT expect_rows(count(*), cardinality($1::int8[])) IS NULL FROM spent");

/* $1 devices. One that was revoked in between is not touched. */
static const struct stmt REPLACE_DEVICES = STMT("enroll_replace_devices", 1, 1,
    "WITH replaced AS (UPDATE device SET state = 'replaced'"
    " WHERE id = ANY ($1::int8[]) AND state = 'active' RETURNING 1)"
    " SELECT expect_rows(count(*), cardinality($1::int8[])) IS NULL FROM replaced");

/*
 * $1 the same. What is superseded is the one certificate that was read: after the devices are
 * locked, a renewal that came between shows, and the decision is made anew.
 */
static const struct stmt REPLACE_HAS_ONE = STMT("enroll_replace_has_one", 1, 1,
    "SELECT expect_rows(count(*), cardinality($1::int8[])) IS NULL FROM certificate"
    " WHERE device = ANY ($1::int8[])");

static const struct stmt *const STATEMENTS[] = {
    &COUNT_IN_BATCHES,
    &COUNT_ON_TOKENS,
    &INSERT_DEVICES,
    &MOVE_TAGS,
    &CONSUME_LEAVES,
    &SPEND_TOKENS,
    &REPLACE_DEVICES,
    &REPLACE_HAS_ONE,
    NULL,
};

const struct stmt *const *
enroll_write_statements(void)
{
	return STATEMENTS;
}

/*
 * One statement's parameters as columns of arrays, filled while walking over the proposals.
 * `rows` is room for as many rows as there can be.
 */
struct columns {
	size_t count;
	int64_t *int8s[3];
	int16_t *int2s;
	bool *bools[1];
	struct bytes *bytes[1];
};

static void
columns_init(struct columns *columns, size_t rows)
{
	for (size_t i = 0; i < COUNT(columns->int8s); i++)
		columns->int8s[i] = xcalloc(rows, sizeof *columns->int8s[i]);
	columns->int2s = xcalloc(rows, sizeof *columns->int2s);
	for (size_t i = 0; i < COUNT(columns->bools); i++)
		columns->bools[i] = xcalloc(rows, sizeof *columns->bools[i]);
	for (size_t i = 0; i < COUNT(columns->bytes); i++)
		columns->bytes[i] = xcalloc(rows, sizeof *columns->bytes[i]);
}

static void
columns_clear(struct columns *columns)
{
	for (size_t i = 0; i < COUNT(columns->int8s); i++)
		mem_free(columns->int8s[i]);
	mem_free(columns->int2s);
	for (size_t i = 0; i < COUNT(columns->bools); i++)
		mem_free(columns->bools[i]);
	for (size_t i = 0; i < COUNT(columns->bytes); i++)
		mem_free(columns->bytes[i]);
}
DEFER_DECLARE_CLEAR(struct columns, columns_clear)

/* ---- counts ---- */

static size_t
find_batch(const struct decide_snapshot *snapshot, int64_t id)
{
	size_t low = 0, high = snapshot->batch_count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (snapshot->batches[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < snapshot->batch_count && snapshot->batches[low].id == id
		   ? low
		   : snapshot->batch_count;
}

/* A refusal that names no batch counts in none. */
static bool
queue_batch_counts(
    const struct ledger_batch *batch, const struct decide_snapshot *snapshot, struct error *err)
{
	DEFER(columns_clear) struct columns columns = {0};
	DEFER(params_clear) struct params params = {0};
	size_t counted = 0;

	columns_init(&columns, snapshot->batch_count + 1); /* the last is thrown away */
	for (size_t i = 0; i < batch->count; i++) {
		const struct enroll_proposal *proposal = enroll_at(batch, i);
		const size_t at = find_batch(snapshot, proposal->input.batch);

		columns.int8s[1][at] += proposal->output.decision == DECIDE_ISSUE;
		columns.int8s[2][at] += proposal->output.decision == DECIDE_REFUSE;
	}
	for (size_t i = 0; i < snapshot->batch_count; i++) {
		columns.int8s[0][i] = snapshot->batches[i].id;
		counted += columns.int8s[1][i] + columns.int8s[2][i] > 0;
	}
	if (counted == 0)
		return true;
	params_int8_array(&params, columns.int8s[0], snapshot->batch_count);
	params_int8_array(&params, columns.int8s[1], snapshot->batch_count);
	params_int8_array(&params, columns.int8s[2], snapshot->batch_count);
	return tx_run(batch->tx, &COUNT_IN_BATCHES, &params, err);
}

static bool
queue_token_counts(const struct ledger_batch *batch, struct error *err)
{
	DEFER(columns_clear) struct columns columns = {0};
	DEFER(params_clear) struct params params = {0};

	columns_init(&columns, batch->count);
	for (size_t i = 0; i < batch->count; i++) {
		const struct enroll_proposal *proposal = enroll_at(batch, i);

		if (!proposal->output.counts_on_token)
			continue;
		columns.int8s[0][columns.count] = proposal->input.token;
		columns.bools[0][columns.count++] = proposal->output.burns_token;
	}
	if (columns.count == 0)
		return true;
	params_int8_array(&params, columns.int8s[0], columns.count);
	params_bool_array(&params, columns.bools[0], columns.count);
	return tx_run(batch->tx, &COUNT_ON_TOKENS, &params, err);
}

/* ---- tags: those that have a row are moved, others inserted ---- */

struct tag_taken {
	const struct decide_tag *tag;
	int64_t device;
};

static int
compare_taken(const void *a, const void *b)
{
	const struct decide_tag *one = ((const struct tag_taken *)a)->tag;
	const struct decide_tag *other = ((const struct tag_taken *)b)->tag;

	return one->kid != other->kid ? one->kid - other->kid
				      : memcmp(one->tag, other->tag, TAG_BYTES);
}

/* Appends kids, tags and devices, sorted. Returns how many. */
static size_t
bind_tags(const struct ledger_batch *batch, const struct decide_snapshot *snapshot, bool moved,
    struct params *params)
{
	DEFER(columns_clear) struct columns columns = {0};
	DEFER(mem_free)
	struct tag_taken *taken = xcalloc(batch->count * HWID_COUNT_MAX, sizeof *taken);

	columns_init(&columns, batch->count * HWID_COUNT_MAX);
	for (size_t i = 0; i < batch->count; i++) {
		const struct enroll_proposal *proposal = enroll_at(batch, i);

		for (size_t k = 0; enroll_wins(proposal) && k < proposal->output.tag_count; k++) {
			const struct decide_tag *tag = &proposal->output.tags[k];
			const struct decide_tag_row *row = decide_find_tag(snapshot, tag);

			if ((row != NULL) == moved) /* a row may be under the retiring key */
				taken[columns.count++] = (struct tag_taken){
				    .tag = moved ? &row->tag : tag, .device = proposal->device};
		}
	}
	qsort(taken, columns.count, sizeof *taken, compare_taken);
	for (size_t i = 0; i < columns.count; i++) {
		columns.int2s[i] = taken[i].tag->kid;
		columns.bytes[0][i] = bytes_of(taken[i].tag->tag, TAG_BYTES);
		columns.int8s[0][i] = taken[i].device;
	}
	params_int2_array(params, columns.int2s, columns.count);
	params_bytea_array(params, columns.bytes[0], columns.count);
	params_int8_array(params, columns.int8s[0], columns.count);
	return columns.count;
}

static bool
queue_moved_tags(
    const struct ledger_batch *batch, const struct decide_snapshot *snapshot, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	return bind_tags(batch, snapshot, true, &params) == 0 ||
	       tx_run(batch->tx, &MOVE_TAGS, &params, err);
}

/* ---- the devices, with their keys, tags and certificates ---- */

static int
compare_winners(const void *a, const void *b)
{
	const struct enroll_proposal *const *one = a, *const *other = b;

	return memcmp((*one)->input.spki_sha256, (*other)->input.spki_sha256, SHA256_BYTES);
}

/* In the order of their keys, so that two nodes that write the same do it in the same order. */
static size_t
sort_winners(const struct ledger_batch *batch, const struct enroll_proposal **out)
{
	size_t count = 0;

	for (size_t i = 0; i < batch->count; i++)
		if (enroll_wins(enroll_at(batch, i)))
			out[count++] = enroll_at(batch, i);
	qsort(out, count, sizeof(struct enroll_proposal *), compare_winners);
	return count;
}

static void
bind_devices(const struct enroll_proposal *const *winners, size_t count,
    const struct certificate_columns *all, struct params *params)
{
	DEFER(columns_clear) struct columns columns = {0};

	columns_init(&columns, count);
	for (size_t i = 0; i < count; i++) {
		columns.int8s[0][i] = winners[i]->input.batch;
		columns.bytes[0][i] = bytes_of_text(winners[i]->input.profile);
		columns.int8s[1][i] = winners[i]->input.person;
		columns.int8s[2][i] = winners[i]->input.token;
		columns.bools[0][i] = winners[i]->input.has_token;
		columns.int2s[i] = (int16_t)winners[i]->output.tag_count;
	}
	params_int8_array(params, all->devices, count);
	params_uuid_array(params, all->pseudonyms, count);
	params_int8_array(params, columns.int8s[0], count);
	params_text_array(params, columns.bytes[0], count);
	params_int8_array(params, columns.int8s[1], count);
	params_int8_array(params, columns.int8s[2], count);
	params_bool_array(params, columns.bools[0], count);
	params_int2_array(params, columns.int2s, count);
}

static void
fill_certificate(const struct enroll_proposal *winner, size_t i, struct certificate_columns *out)
{
	const struct issued *issued = &winner->issued;

	certificate_columns_key(out, i, issued->serial);
	out->devices[i] = winner->device;
	out->pseudonyms[i] = bytes_of(winner->pseudonym, UUID_BYTES);
	out->keys[i] = bytes_of(winner->input.spki_sha256, SHA256_BYTES);
	out->issuers[i] = bytes_of(issued->issuer->id, ISSUER_ID_BYTES);
	out->handles[i] = bytes_of_text(issued->handle);
	out->not_befores_s[i] = issued->not_before_s;
	out->not_afters_s[i] = issued->not_after_s;
	out->nonces[i] = bytes_of(issued->nonce, sizeof issued->nonce);
	out->bodies[i] = buf_bytes(&issued->tbs);
}

static void
bind_certificates(
    const struct certificate_columns *all, const int64_t *seqs, size_t count, struct params *params)
{
	params_bytea_array(params, all->keys, count);
	params_int2_array(params, all->months, count);
	params_bytea_array(params, all->serials, count);
	params_bytea_array(params, all->issuers, count);
	params_text_array(params, all->handles, count);
	params_int8_array(params, all->not_befores_s, count);
	params_int8_array(params, all->not_afters_s, count);
	params_int8_array(params, seqs, count);
	params_bytea_array(params, all->nonces, count);
	params_bytea_array(params, all->bodies, count);
}

static bool
queue_devices(
    const struct ledger_batch *batch, const struct decide_snapshot *snapshot, struct error *err)
{
	DEFER(mem_free)
	const struct enroll_proposal **winners =
	    xcalloc(batch->count, sizeof(struct enroll_proposal *));
	DEFER(mem_free) int64_t *seqs = xcalloc(batch->count, sizeof *seqs);
	DEFER(certificate_columns_clear) struct certificate_columns columns;
	DEFER(params_clear) struct params params = {0};
	const size_t count = sort_winners(batch, winners);

	certificate_columns_init(&columns, count);
	for (size_t i = 0; i < count; i++) {
		fill_certificate(winners[i], i, &columns);
		seqs[i] = winners[i]->records[0].seq;
	}
	bind_devices(winners, count, &columns, &params);
	bind_certificates(&columns, seqs, count, &params);
	params_int8(&params, batch->now_s);
	params_int2(&params, (int16_t)batch->log);
	(void)bind_tags(batch, snapshot, false, &params);
	return tx_run(batch->tx, &INSERT_DEVICES, &params, err);
}

/* ---- what the devices used up ---- */

static bool
queue_leaves(
    const struct ledger_batch *batch, const struct decide_snapshot *snapshot, struct error *err)
{
	DEFER(columns_clear) struct columns columns = {0};
	DEFER(params_clear) struct params params = {0};

	columns_init(&columns, batch->count * HWID_COUNT_MAX);
	for (size_t i = 0; i < batch->count; i++) {
		const struct enroll_proposal *proposal = enroll_at(batch, i);

		for (size_t k = 0; enroll_wins(proposal) && k < proposal->output.tag_count; k++) {
			const struct decide_tag_row *row =
			    decide_find_tag(snapshot, &proposal->output.tags[k]);

			if (row != NULL && row->readmit)
				columns.int8s[0][columns.count++] = row->device;
		}
	}
	if (columns.count == 0)
		return true;
	params_int8_array(&params, columns.int8s[0], columns.count);
	return tx_run(batch->tx, &CONSUME_LEAVES, &params, err);
}

static bool
queue_spent_tokens(const struct ledger_batch *batch, struct error *err)
{
	DEFER(columns_clear) struct columns columns = {0};
	DEFER(params_clear) struct params params = {0};

	columns_init(&columns, batch->count);
	for (size_t i = 0; i < batch->count; i++) {
		const struct enroll_proposal *proposal = enroll_at(batch, i);

		if (!enroll_wins(proposal) || !proposal->input.has_token)
			continue;
		columns.int8s[0][columns.count] = proposal->input.token;
		columns.int8s[1][columns.count++] = proposal->device;
	}
	if (columns.count == 0)
		return true;
	params_int8_array(&params, columns.int8s[0], columns.count);
	params_int8_array(&params, columns.int8s[1], columns.count);
	return tx_run(batch->tx, &SPEND_TOKENS, &params, err);
}

static bool
queue_replaced(const struct ledger_batch *batch, struct error *err)
{
	DEFER(columns_clear) struct columns columns = {0};
	DEFER(params_clear) struct params params = {0};

	columns_init(&columns, batch->count);
	for (size_t i = 0; i < batch->count; i++)
		if (enroll_at(batch, i)->output.decision == DECIDE_REPLACE)
			columns.int8s[0][columns.count++] =
			    enroll_at(batch, i)->output.replaced_device;
	if (columns.count == 0)
		return true;
	params_int8_array(&params, columns.int8s[0], columns.count);
	return tx_run(batch->tx, &REPLACE_DEVICES, &params, err) &&
	       tx_run(batch->tx, &REPLACE_HAS_ONE, &params, err);
}

/* ---- the whole ---- */

/* Even if the transaction fails, none is given away twice. */
static size_t
number_winners(const struct ledger_batch *batch, struct device_ids *ids)
{
	size_t count = 0;

	for (size_t i = 0; i < batch->count; i++) {
		if (!enroll_wins(enroll_at(batch, i)))
			continue;
		assert(ids->count > 0);
		enroll_at(batch, i)->device = ids->ids[--ids->count];
		count++;
	}
	return count;
}

bool
enroll_store_write(const struct ledger_batch *batch, const struct enroll_snapshot *snapshot,
    struct device_ids *ids, struct error *err)
{
	const size_t winner_count = number_winners(batch, ids);

	if (!queue_batch_counts(batch, &snapshot->rows, err) || !queue_token_counts(batch, err))
		return false;
	return winner_count == 0 ||
	       (queue_devices(batch, &snapshot->rows, err) &&
		   queue_moved_tags(batch, &snapshot->rows, err) &&
		   queue_leaves(batch, &snapshot->rows, err) &&
		   manifest_queue_enrolled(batch, err) && brought_queue_insert(batch, err) &&
		   queue_spent_tokens(batch, err) && queue_replaced(batch, err));
}
