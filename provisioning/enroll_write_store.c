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

/* $1 pseudonyms, $2 batches, $3 profiles, $4 persons (0: none), $5 tokens, $6 whether there is a
 * token, $7 tag counts, $8 now */
static const struct stmt INSERT_DEVICES = STMT("enroll_insert_devices", 8, 2,
    "INSERT INTO device (pseudonym, batch, profile, person, token, tag_count, enrolled_at_s)"
    " SELECT u.pseudonym, u.batch, u.profile, NULLIF(u.person, 0),"
    " CASE WHEN u.has_token THEN u.token END, u.tag_count, $8::int8"
    " FROM unnest($1::uuid[], $2::int8[], $3::text[], $4::int8[], $5::int8[], $6::bool[],"
    " $7::int2[]) AS u(pseudonym, batch, profile, person, token, has_token, tag_count)"
    " RETURNING id, pseudonym");

/* $1 spki_sha256, $2 devices, $3 months, $4 serials */
static const struct stmt INSERT_KEYS = STMT("enroll_insert_keys", 4, 1,
    "INSERT INTO device_key (spki_sha256, device, month, serial)"
    " SELECT u.spki, u.device, u.month, u.serial"
    " FROM unnest($1::bytea[], $2::int8[], $3::int2[], $4::bytea[])"
    " AS u(spki, device, month, serial) ORDER BY u.spki"
    " ON CONFLICT DO NOTHING RETURNING device");

/* $1 kids, $2 tags, $3 devices */
static const struct stmt INSERT_TAGS = STMT("enroll_insert_tags", 3, 1,
    "INSERT INTO device_tag (kid, tag, device) SELECT u.kid, u.tag, u.device"
    " FROM unnest($1::int2[], $2::bytea[], $3::int8[]) AS u(kid, tag, device)"
    " ORDER BY u.kid, u.tag ON CONFLICT DO NOTHING RETURNING device");

/* $1 kids, $2 tags, $3 devices: tags of a replaced or readmitted device, which are locked */
static const struct stmt MOVE_TAGS = STMT("enroll_move_tags", 3, 0,
    "UPDATE device_tag AS t SET device = u.device, blocked = false, readmit = false"
    " FROM unnest($1::int2[], $2::bytea[], $3::int8[]) AS u(kid, tag, device)"
    " WHERE t.kid = u.kid AND t.tag = u.tag");

/* $1 devices whose leave to enroll again is used up: for all their tags */
static const struct stmt CONSUME_LEAVES = STMT("enroll_consume_leaves", 1, 0,
    "UPDATE device_tag SET readmit = false WHERE device = ANY ($1::int8[]) AND readmit");

/* $1 tokens, $2 devices */
static const struct stmt SPEND_TOKENS = STMT("enroll_spend_tokens", 2, 0,
    "UPDATE token AS t SET state = 'spent', device = u.device"
    " FROM unnest($1::int8[], $2::int8[]) AS u(token, device)"
    " WHERE t.id = u.token AND t.state <> 'burnt'");

/* $1 devices. One that was revoked in between is not touched. */
static const struct stmt REPLACE_DEVICES = STMT("enroll_replace_devices", 1, 0,
    "UPDATE device SET state = 'replaced' WHERE id = ANY ($1::int8[]) AND state = 'active'");

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

/* A flush, and how many rows each of its statements should give or touch (-1: whatever). */
enum { QUEUED_MAX = 6 };
struct flush {
	struct rows *rows[QUEUED_MAX];
	int64_t wanted[QUEUED_MAX];
	size_t count;
};

static void
flush_clear(struct flush *flush)
{
	for (size_t i = 0; i < COUNT(flush->rows); i++)
		rows_free(flush->rows[i]);
}
DEFER_DECLARE_CLEAR(struct flush, flush_clear)

static bool
flush_queue(struct flush *flush, struct tx *tx, const struct stmt *stmt,
    const struct params *params, int64_t wanted, struct error *err)
{
	if (!tx_queue(tx, stmt, params, err))
		return false;
	flush->wanted[flush->count++] = wanted;
	return true;
}

static bool
flush_run(struct flush *flush, struct tx *tx, struct error *err)
{
	return flush->count == 0 || tx_flush(tx, flush->rows, flush->count, err);
}

/* Fewer rows than written: another node was first. */
static bool
flush_fell_short(const struct flush *flush)
{
	for (size_t i = 0; i < flush->count; i++) {
		int64_t got =
		    (int64_t)(rows_count(flush->rows[i]) > 0 ? rows_count(flush->rows[i])
							     : rows_affected(flush->rows[i]));

		if (flush->wanted[i] >= 0 && got != flush->wanted[i])
			return true;
	}
	return false;
}

/* ---- first: counts, and the devices, whose ids everything else needs ---- */

static bool
queue_batch_counts(const struct ledger_batch *batch, struct flush *flush, struct error *err)
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
	return flush_queue(flush, batch->tx, &COUNT_IN_BATCHES, &params, -1, err);
}

static bool
queue_token_counts(const struct ledger_batch *batch, struct flush *flush, struct error *err)
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
	return flush_queue(flush, batch->tx, &COUNT_ON_TOKENS, &params, -1, err);
}

static bool
queue_devices(const struct ledger_batch *batch, struct flush *flush, struct error *err)
{
	DEFER(columns_clear) struct columns columns = {0};
	DEFER(params_clear) struct params params = {0};

	columns_init(&columns, batch->count);
	for (size_t i = 0; i < batch->count; i++) {
		const struct enroll_proposal *proposal = enroll_at(batch, i);
		size_t row = columns.count;

		if (!enroll_wins(proposal))
			continue;
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
	params_uuid_array(&params, columns.bytes[0], columns.count);
	params_int8_array(&params, columns.int8s[0], columns.count);
	params_text_array(&params, columns.bytes[1], columns.count);
	params_int8_array(&params, columns.int8s[1], columns.count);
	params_int8_array(&params, columns.int8s[2], columns.count);
	params_bool_array(&params, columns.bools[0], columns.count);
	params_int2_array(&params, columns.int2s, columns.count);
	params_int8(&params, batch->now_s);
	return flush_queue(flush, batch->tx, &INSERT_DEVICES, &params, (int64_t)columns.count, err);
}

/* Rows come back in the order in which they went; the pseudonym proves it. */
static bool
take_device_ids(const struct ledger_batch *batch, const struct rows *rows, struct error *err)
{
	size_t row = 0;

	for (size_t i = 0; i < batch->count; i++) {
		struct enroll_proposal *proposal = enroll_at(batch, i);

		if (!enroll_wins(proposal))
			continue;
		if (row >= rows_count(rows) || !bytes_equal(rows_bytes(rows, row, 1),
						   bytes_of(proposal->pseudonym, UUID_BYTES)))
			return error_set(err, E_INTERNAL, "the new devices are not in order");
		proposal->device = rows_int(rows, row++, 0);
	}
	return true;
}

static bool
write_first(const struct ledger_batch *batch, size_t winner_count, struct error *err)
{
	DEFER(flush_clear) struct flush flush = {0};

	if (!queue_batch_counts(batch, &flush, err) || !queue_token_counts(batch, &flush, err) ||
	    !queue_devices(batch, &flush, err) || !flush_run(&flush, batch->tx, err))
		return false;
	return winner_count == 0 || take_device_ids(batch, flush.rows[flush.count - 1], err);
}

/* ---- second: what the devices took ---- */

static bool
queue_keys(const struct ledger_batch *batch, struct flush *flush, struct error *err)
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
	return flush_queue(flush, batch->tx, &INSERT_KEYS, &params, (int64_t)columns.count, err);
}

/* Tags that have a row are moved, others inserted. */
static bool
queue_tags(const struct ledger_batch *batch, const struct decide_snapshot *snapshot,
    const struct stmt *stmt, struct flush *flush, struct error *err)
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
	return flush_queue(flush, batch->tx, stmt, &params, (int64_t)columns.count, err);
}

static bool
queue_leaves(const struct ledger_batch *batch, const struct decide_snapshot *snapshot,
    struct flush *flush, struct error *err)
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
	return flush_queue(flush, batch->tx, &CONSUME_LEAVES, &params, -1, err);
}

static bool
queue_spent_tokens(const struct ledger_batch *batch, struct flush *flush, struct error *err)
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
	return flush_queue(flush, batch->tx, &SPEND_TOKENS, &params, (int64_t)columns.count, err);
}

static bool
queue_replaced(const struct ledger_batch *batch, struct flush *flush, struct error *err)
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
	return flush_queue(
	    flush, batch->tx, &REPLACE_DEVICES, &params, (int64_t)columns.count, err);
}

static bool
write_second(const struct ledger_batch *batch, const struct decide_snapshot *snapshot,
    bool *out_lost_race, struct error *err)
{
	DEFER(flush_clear) struct flush flush = {0};

	if (!queue_keys(batch, &flush, err) ||
	    !queue_tags(batch, snapshot, &INSERT_TAGS, &flush, err) ||
	    !queue_tags(batch, snapshot, &MOVE_TAGS, &flush, err) ||
	    !queue_leaves(batch, snapshot, &flush, err) ||
	    !queue_spent_tokens(batch, &flush, err) || !queue_replaced(batch, &flush, err) ||
	    !flush_run(&flush, batch->tx, err))
		return false;
	*out_lost_race = flush_fell_short(&flush);
	return true;
}

/* ---- third: certificates ---- */

static bool
write_certificates(const struct ledger_batch *batch, bool *out_lost_race, struct error *err)
{
	DEFER(mem_free) struct certificate_row *rows = xcalloc(batch->count, sizeof *rows);
	DEFER(mem_free)
	const struct issued **issued = xcalloc(batch->count, sizeof(struct issued *));
	DEFER(mem_free) int64_t *seqs = xcalloc(batch->count, sizeof *seqs);
	size_t count = 0, inserted;

	for (size_t i = 0; i < batch->count; i++) {
		const struct enroll_proposal *proposal = enroll_at(batch, i);

		if (!enroll_wins(proposal))
			continue;
		rows[count].issued = issued[count] = &proposal->issued;
		rows[count].device = proposal->device;
		memcpy(rows[count].pseudonym, proposal->pseudonym, UUID_BYTES);
		seqs[count++] = proposal->records[0].seq;
	}
	if (!certificate_insert(batch->tx, rows, count, &inserted, err) ||
	    !certificate_insert_bodies(batch->tx, batch->log, issued, seqs, count, err))
		return false;
	*out_lost_race = inserted != count;
	return true;
}

bool
enroll_store_write(const struct ledger_batch *batch, const struct enroll_snapshot *snapshot,
    bool *out_lost_race, struct error *err)
{
	size_t winner_count = 0;

	for (size_t i = 0; i < batch->count; i++)
		winner_count += enroll_wins(enroll_at(batch, i));
	*out_lost_race = false;
	if (!write_first(batch, winner_count, err))
		return false;
	if (winner_count == 0)
		return true;
	return write_second(batch, &snapshot->rows, out_lost_race, err) &&
	       (*out_lost_race || write_certificates(batch, out_lost_race, err));
}
