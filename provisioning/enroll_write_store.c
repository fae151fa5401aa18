/*
 * Nothing here waits: each statement travels with the COMMIT, and one that touches fewer rows than
 * it should ends the transaction.
 */
#include <assert.h>

#include "base/mem.h"
#include "ca/certificate_store.h"
#include "provisioning/enroll_store.h"

/* $1 batches, $2 issued, $3 refused, of each proposal. A replacement is neither. */
static const struct stmt COUNT_IN_BATCHES = STMT("enroll_count_in_batches", 3, 0,
    "UPDATE batch AS b SET issued = b.issued + n.issued, refused = b.refused + n.refused"
    " FROM (SELECT u.batch, count(*) FILTER (WHERE u.issued) AS issued,"
    "  count(*) FILTER (WHERE u.refused) AS refused"
    "  FROM unnest($1::int8[], $2::bool[], $3::bool[]) AS u(batch, issued, refused)"
    "  GROUP BY u.batch) AS n"
    " WHERE b.id = n.batch");

/* $1 tokens, $2 whether this one burns it, of each refusal that counts */
static const struct stmt COUNT_ON_TOKENS = STMT("enroll_count_on_tokens", 2, 0,
    "UPDATE token AS t SET refusals = t.refusals + n.refusals,"
    " state = CASE WHEN n.burns THEN 'burnt' ELSE t.state END"
    " FROM (SELECT u.token, count(*) AS refusals, bool_or(u.burns) AS burns"
    "  FROM unnest($1::int8[], $2::bool[]) AS u(token, burns) GROUP BY u.token) AS n"
    " WHERE t.id = n.token");

/* $1 ids, $2 pseudonyms, $3 batches, $4 profiles, $5 persons (0: none), $6 tokens, $7 whether there
 * is a token, $8 tag counts, $9 now */
static const struct stmt INSERT_DEVICES = STMT("enroll_insert_devices", 9, 0,
    "INSERT INTO device (id, pseudonym, batch, profile, person, token, tag_count, enrolled_at_s)"
    " SELECT u.id, u.pseudonym, u.batch, u.profile, NULLIF(u.person, 0),"
    " CASE WHEN u.has_token THEN u.token END, u.tag_count, $9::int8"
    " FROM unnest($1::int8[], $2::uuid[], $3::int8[], $4::text[], $5::int8[], $6::int8[],"
    " $7::bool[], $8::int2[])"
    " AS u(id, pseudonym, batch, profile, person, token, has_token, tag_count)");

/* $1 spki_sha256, $2 devices, $3 months, $4 serials */
static const struct stmt INSERT_KEYS = STMT("enroll_insert_keys", 4, 1,
    "WITH new AS (INSERT INTO device_key (spki_sha256, device, month, serial)"
    " SELECT u.spki, u.device, u.month, u.serial"
    " FROM unnest($1::bytea[], $2::int8[], $3::int2[], $4::bytea[])"
    " AS u(spki, device, month, serial) ORDER BY u.spki"
    " ON CONFLICT DO NOTHING RETURNING 1)"
    " SELECT expect_rows(count(*), cardinality($1::bytea[])) IS NULL FROM new");

/* $1 kids, $2 tags, $3 devices */
static const struct stmt INSERT_TAGS = STMT("enroll_insert_tags", 3, 1,
    "WITH new AS (INSERT INTO device_tag (kid, tag, device) SELECT u.kid, u.tag, u.device"
    " FROM unnest($1::int2[], $2::bytea[], $3::int8[]) AS u(kid, tag, device)"
    " ORDER BY u.kid, u.tag ON CONFLICT DO NOTHING RETURNING 1)"
    " SELECT expect_rows(count(*), cardinality($2::bytea[])) IS NULL FROM new");

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
    &INSERT_KEYS,
    &INSERT_TAGS,
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
	int64_t *int8s[4];
	int16_t *int2s;
	bool *bools[2];
	struct bytes *bytes[2];
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

/* ---- counts, and the devices ---- */

static bool
queue_batch_counts(const struct ledger_batch *batch, struct error *err)
{
	DEFER(columns_clear) struct columns columns = {0};
	DEFER(params_clear) struct params params = {0};

	columns_init(&columns, batch->count);
	for (size_t i = 0; i < batch->count; i++) {
		enum decision decision = enroll_at(batch, i)->output.decision;

		columns.int8s[0][i] = enroll_at(batch, i)->input.batch;
		columns.bools[0][i] = decision == DECIDE_ISSUE;
		columns.bools[1][i] = decision == DECIDE_REFUSE;
		columns.count += decision == DECIDE_ISSUE || decision == DECIDE_REFUSE;
	}
	if (columns.count == 0)
		return true;
	params_int8_array(&params, columns.int8s[0], batch->count);
	params_bool_array(&params, columns.bools[0], batch->count);
	params_bool_array(&params, columns.bools[1], batch->count);
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

static bool
queue_devices(const struct ledger_batch *batch, struct error *err)
{
	DEFER(columns_clear) struct columns columns = {0};
	DEFER(params_clear) struct params params = {0};

	columns_init(&columns, batch->count);
	for (size_t i = 0; i < batch->count; i++) {
		const struct enroll_proposal *proposal = enroll_at(batch, i);
		size_t row = columns.count;

		if (!enroll_wins(proposal))
			continue;
		columns.int8s[3][row] = proposal->device;
		columns.bytes[0][row] = bytes_of(proposal->pseudonym, UUID_BYTES);
		columns.int8s[0][row] = proposal->input.batch;
		columns.bytes[1][row] = bytes_of_text(proposal->input.profile);
		columns.int8s[1][row] = proposal->input.person;
		columns.int8s[2][row] = proposal->input.token;
		columns.bools[0][row] = proposal->input.has_token;
		columns.int2s[row] = (int16_t)proposal->output.tag_count;
		columns.count++;
	}
	if (columns.count == 0)
		return true;
	params_int8_array(&params, columns.int8s[3], columns.count);
	params_uuid_array(&params, columns.bytes[0], columns.count);
	params_int8_array(&params, columns.int8s[0], columns.count);
	params_text_array(&params, columns.bytes[1], columns.count);
	params_int8_array(&params, columns.int8s[1], columns.count);
	params_int8_array(&params, columns.int8s[2], columns.count);
	params_bool_array(&params, columns.bools[0], columns.count);
	params_int2_array(&params, columns.int2s, columns.count);
	params_int8(&params, batch->now_s);
	return tx_run(batch->tx, &INSERT_DEVICES, &params, err);
}

/* ---- what the devices took ---- */

static bool
queue_keys(const struct ledger_batch *batch, struct error *err)
{
	DEFER(columns_clear) struct columns columns = {0};
	DEFER(params_clear) struct params params = {0};

	columns_init(&columns, batch->count);
	for (size_t i = 0; i < batch->count; i++) {
		const struct enroll_proposal *proposal = enroll_at(batch, i);
		size_t row = columns.count;
		uint16_t month;

		if (!enroll_wins(proposal))
			continue;
		if (!serial_month(proposal->issued.serial, &month))
			return error_set(err, E_INTERNAL, "not a serial number of this service");
		columns.bytes[0][row] = bytes_of(proposal->input.spki_sha256, SHA256_BYTES);
		columns.int8s[0][row] = proposal->device;
		columns.int2s[row] = (int16_t)month;
		columns.bytes[1][row] = bytes_of(proposal->issued.serial, SERIAL_BYTES);
		columns.count++;
	}
	params_bytea_array(&params, columns.bytes[0], columns.count);
	params_int8_array(&params, columns.int8s[0], columns.count);
	params_int2_array(&params, columns.int2s, columns.count);
	params_bytea_array(&params, columns.bytes[1], columns.count);
	return tx_run(batch->tx, &INSERT_KEYS, &params, err);
}

/* Tags that have a row are moved, others inserted. */
static bool
queue_tags(const struct ledger_batch *batch, const struct decide_snapshot *snapshot,
    const struct stmt *stmt, struct error *err)
{
	DEFER(columns_clear) struct columns columns = {0};
	DEFER(params_clear) struct params params = {0};

	columns_init(&columns, batch->count * HWID_COUNT_MAX);
	for (size_t i = 0; i < batch->count; i++) {
		const struct enroll_proposal *proposal = enroll_at(batch, i);

		for (size_t k = 0; enroll_wins(proposal) && k < proposal->output.tag_count; k++) {
			const struct decide_tag *tag = &proposal->output.tags[k];

			if ((decide_find_tag(snapshot, tag) != NULL) != (stmt == &MOVE_TAGS))
				continue;
			columns.int2s[columns.count] = tag->kid;
			columns.bytes[0][columns.count] = bytes_of(tag->tag, TAG_BYTES);
			columns.int8s[0][columns.count++] = proposal->device;
		}
	}
	if (columns.count == 0)
		return true;
	params_int2_array(&params, columns.int2s, columns.count);
	params_bytea_array(&params, columns.bytes[0], columns.count);
	params_int8_array(&params, columns.int8s[0], columns.count);
	return tx_run(batch->tx, stmt, &params, err);
}

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

/* ---- certificates ---- */

static bool
queue_certificates(const struct ledger_batch *batch, struct error *err)
{
	DEFER(mem_free) struct certificate_row *rows = xcalloc(batch->count, sizeof *rows);
	DEFER(mem_free)
	const struct issued **issued = xcalloc(batch->count, sizeof(struct issued *));
	DEFER(mem_free) int64_t *seqs = xcalloc(batch->count, sizeof *seqs);
	size_t count = 0;

	for (size_t i = 0; i < batch->count; i++) {
		const struct enroll_proposal *proposal = enroll_at(batch, i);

		if (!enroll_wins(proposal))
			continue;
		rows[count].issued = issued[count] = &proposal->issued;
		rows[count].device = proposal->device;
		memcpy(rows[count].pseudonym, proposal->pseudonym, UUID_BYTES);
		seqs[count++] = proposal->records[0].seq;
	}
	return certificate_insert(batch->tx, rows, count, err) &&
	       certificate_insert_bodies(batch->tx, batch->log, issued, seqs, count, err);
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

	if (!queue_batch_counts(batch, err) || !queue_token_counts(batch, err))
		return false;
	return winner_count == 0 ||
	       (queue_devices(batch, err) && queue_keys(batch, err) &&
		   queue_tags(batch, &snapshot->rows, &INSERT_TAGS, err) &&
		   queue_tags(batch, &snapshot->rows, &MOVE_TAGS, err) &&
		   queue_leaves(batch, &snapshot->rows, err) && queue_spent_tokens(batch, err) &&
		   queue_replaced(batch, err) && queue_certificates(batch, err));
}
