#include "provisioning/pseudonym_revoke_store.h"

#include "base/mem.h"
#include "ca/certificate_columns.h"

#define TARGET                                                                 \
	"SELECT serial, issuer, handle, pseudonym, link, not_after_at_s FROM " \
	"pseudonym_certificate"

/* $1 month, $2 serial */
static const struct stmt FIND_BY_SERIAL =
    STMT("pseudonym_find_by_serial", 2, 6, TARGET " WHERE month = $1::int2 AND serial = $2::bytea");

/* $1 pseudonym */
static const struct stmt FIND_BY_PSEUDONYM =
    STMT("pseudonym_find_by_pseudonym", 1, 6, TARGET " WHERE pseudonym = $1::uuid LIMIT 1");

/* $1 handle */
static const struct stmt FIND_BY_HANDLE =
    STMT("pseudonym_find_by_handle", 1, 6, TARGET " WHERE handle = $1::text LIMIT 1");

/* $1 blocks: the places of those that are there */
static const struct stmt BLOCKS_EXIST = STMT("pseudonym_blocks_exist", 1, 1,
    "SELECT q.place FROM unnest($1::bytea[]) WITH ORDINALITY AS q(block, place)"
    " JOIN pseudonym_block AS b ON b.block = q.block");

/* $1 block, $2 serial, $3 link, $4 due */
static const struct stmt BLOCK_INSERT = STMT("pseudonym_block_insert", 4, 0,
    "INSERT INTO pseudonym_block (block, serial, link, due_s)"
    " VALUES ($1::bytea, $2::bytea, $3::bytea, $4::int8) ON CONFLICT DO NOTHING");

/* $1 months, $2 serials: the places of those that are revoked */
static const struct stmt REVOKED_READ = STMT("pseudonym_revoked_read", 2, 1,
    "SELECT q.place FROM unnest($1::int2[], $2::bytea[]) WITH ORDINALITY AS q(month, serial, place)"
    " CROSS JOIN LATERAL (SELECT 1 FROM revocation"
    "  WHERE month = q.month AND serial = q.serial AND state = 'revoked' LIMIT 1) AS r");

/* $1 now, $2 until when, $3 how many */
static const struct stmt CLAIM_DUE = STMT("pseudonym_claim_due", 3, 3,
    "UPDATE pseudonym_block AS b SET due_s = $2::int8 FROM (SELECT block FROM pseudonym_block"
    "  WHERE due_s <= $1::int8 ORDER BY block LIMIT $3::int8 FOR UPDATE SKIP LOCKED) AS due"
    " WHERE b.block = due.block RETURNING b.block, b.serial, b.link");

/* $1 months, $2 slots, $3 now, $4 how many */
static const struct stmt HELD_FIND = STMT("pseudonym_held_find", 4, 6,
    "SELECT p.serial, p.issuer, p.handle, p.pseudonym, p.link, p.not_after_at_s"
    " FROM unnest($1::int2[], $2::bytea[]) AS q(month, slot)"
    " CROSS JOIN LATERAL (SELECT * FROM pseudonym_certificate"
    "  WHERE month = q.month AND slot = q.slot LIMIT 1) AS p"
    " WHERE p.not_after_at_s > $3::int8 AND NOT EXISTS (SELECT FROM revocation AS r"
    "  WHERE r.month = p.month AND r.serial = p.serial AND r.state = 'revoked') LIMIT $4::int8");

/* $1 blocks */
static const struct stmt BLOCKS_DONE = STMT("pseudonym_blocks_done", 1, 0,
    "UPDATE pseudonym_block SET due_s = NULL, serial = NULL, link = NULL"
    " WHERE block = ANY($1::bytea[])");

/* $1 how many */
static const struct stmt ASKED_READ = STMT(
    "pseudonym_asked_blocks_read", 1, 1, "SELECT device FROM pseudonym_block_asked LIMIT $1::int8");

/* $1 device */
static const struct stmt ASKED_FORGET = STMT("pseudonym_asked_block_forget", 1, 0,
    "DELETE FROM pseudonym_block_asked WHERE device = $1::int8");

static const struct stmt *const STATEMENTS[] = {
    &FIND_BY_SERIAL,
    &FIND_BY_PSEUDONYM,
    &FIND_BY_HANDLE,
    &BLOCKS_EXIST,
    &BLOCK_INSERT,
    &REVOKED_READ,
    &CLAIM_DUE,
    &HELD_FIND,
    &BLOCKS_DONE,
    &ASKED_READ,
    &ASKED_FORGET,
    NULL,
};

const struct stmt *const *
pseudonym_revoke_statements(void)
{
	return STATEMENTS;
}

static void
read_target(const struct rows *rows, size_t row, struct pseudonym_target *out)
{
	*out = (struct pseudonym_target){.not_after_s = rows_int(rows, row, 5)};
	memcpy(out->serial, rows_bytes(rows, row, 0).data, SERIAL_BYTES);
	memcpy(out->issuer, rows_bytes(rows, row, 1).data, ISSUER_ID_BYTES);
	rows_text(rows, row, 2, out->handle, sizeof out->handle);
	memcpy(out->pseudonym, rows_bytes(rows, row, 3).data, UUID_BYTES);
	memcpy(out->link, rows_bytes(rows, row, 4).data, LINK_BYTES);
}

/* False: the value can be no such thing. */
static bool
bind_value(
    enum revoke_select select, const char *value, struct params *out, const struct stmt **out_stmt)
{
	uint8_t serial[SERIAL_BYTES], pseudonym[UUID_BYTES];
	uint16_t month;

	switch (select) {
	case REVOKE_BY_SERIAL:
		if (!hex_decode(bytes_of_text(value), serial, sizeof serial) ||
		    !serial_month(serial, &month))
			return false;
		params_int2(out, (int16_t)month);
		params_bytea(out, bytes_of(serial, sizeof serial));
		*out_stmt = &FIND_BY_SERIAL;
		return true;
	case REVOKE_BY_PSEUDONYM:
		if (!uuid_decode(bytes_of_text(value), pseudonym))
			return false;
		params_uuid(out, pseudonym);
		*out_stmt = &FIND_BY_PSEUDONYM;
		return true;
	case REVOKE_BY_HANDLE:
		params_text(out, value);
		*out_stmt = &FIND_BY_HANDLE;
		return true;
	}
	return false;
}

bool
pseudonym_find_target(struct db *db, enum revoke_select select, const char *value,
    struct pseudonym_target *out, bool *out_found, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	const struct stmt *stmt = NULL;

	*out_found = false;
	if (!bind_value(select, value, &params, &stmt))
		return true;
	if (!db_query(db, stmt, &params, &rows, err))
		return false;
	*out_found = rows_count(rows) > 0;
	if (*out_found)
		read_target(rows, 0, out);
	return true;
}

static void
mark_places(const struct rows *rows, bool *out)
{
	for (size_t row = 0; row < rows_count(rows); row++)
		out[rows_int(rows, row, 0) - 1] = true;
}

bool
pseudonym_blocks_exist(
    struct tx *tx, const struct bytes *blocks, size_t count, bool *out_exist, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_bytea_array(&params, blocks, count);
	if (!tx_query(tx, &BLOCKS_EXIST, &params, &rows, err))
		return false;
	mark_places(rows, out_exist);
	return true;
}

bool
pseudonym_insert_block(struct tx *tx, const struct pseudonym_block_row *row, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_bytea(&params, bytes_of(row->block, LINK_BLOCK_BYTES));
	params_bytea(&params, bytes_of(row->serial, SERIAL_BYTES));
	params_bytea(&params, bytes_of(row->link, LINK_BYTES));
	params_int8(&params, row->due_s);
	return tx_run(tx, &BLOCK_INSERT, &params, err);
}

bool
pseudonym_read_revoked(struct tx *tx, const struct pseudonym_target *const *targets, size_t count,
    bool *out_revoked, struct error *err)
{
	DEFER(certificate_columns_clear) struct certificate_columns columns;
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	certificate_columns_init(&columns, count);
	for (size_t i = 0; i < count; i++)
		certificate_columns_key(&columns, i, targets[i]->serial);
	params_int2_array(&params, columns.months, count);
	params_bytea_array(&params, columns.serials, count);
	if (!tx_query(tx, &REVOKED_READ, &params, &rows, err))
		return false;
	mark_places(rows, out_revoked);
	return true;
}

/* ---- ticks ---- */

bool
pseudonym_claim_due(struct db *db, int64_t now_s, struct pseudonym_block_row *out, size_t max,
    size_t *out_count, struct error *err)
{
	DEFER(tx_free) struct tx *tx = NULL;
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int8(&params, now_s);
	params_int8(&params, now_s + PSEUDONYM_CLAIM_S);
	params_int8(&params, (int64_t)max);
	if (!tx_begin(db, &tx, err) || !tx_query(tx, &CLAIM_DUE, &params, &rows, err) ||
	    !tx_commit(&tx, err))
		return false;
	*out_count = rows_count(rows);
	for (size_t row = 0; row < *out_count; row++) {
		memcpy(out[row].block, rows_bytes(rows, row, 0).data, LINK_BLOCK_BYTES);
		memcpy(out[row].serial, rows_bytes(rows, row, 1).data, SERIAL_BYTES);
		memcpy(out[row].link, rows_bytes(rows, row, 2).data, LINK_BYTES);
	}
	return true;
}

bool
pseudonym_find_held(struct db *db, const struct pseudonym_slots *slots, int64_t now_s,
    struct pseudonym_target *out, size_t max, size_t *out_count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int2_array(&params, slots->months, slots->count);
	params_bytea_array(&params, slots->slots, slots->count);
	params_int8(&params, now_s);
	params_int8(&params, (int64_t)max);
	if (!db_query(db, &HELD_FIND, &params, &rows, err))
		return false;
	*out_count = rows_count(rows);
	for (size_t row = 0; row < *out_count; row++)
		read_target(rows, row, &out[row]);
	return true;
}

bool
pseudonym_blocks_done(
    struct db *db, const struct pseudonym_block_row *rows, size_t count, struct error *err)
{
	DEFER(tx_free) struct tx *tx = NULL;
	DEFER(params_clear) struct params params = {0};
	DEFER(mem_free) struct bytes *blocks = xcalloc(count + 1, sizeof *blocks);

	for (size_t i = 0; i < count; i++)
		blocks[i] = bytes_of(rows[i].block, LINK_BLOCK_BYTES);
	params_bytea_array(&params, blocks, count);
	return tx_begin(db, &tx, err) && tx_run(tx, &BLOCKS_DONE, &params, err) &&
	       tx_commit(&tx, err);
}

bool
pseudonym_read_asked_blocks(
    struct db *db, int64_t *out, size_t max, size_t *out_count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int8(&params, (int64_t)max);
	if (!db_query(db, &ASKED_READ, &params, &rows, err))
		return false;
	*out_count = rows_count(rows);
	for (size_t row = 0; row < *out_count; row++)
		out[row] = rows_int(rows, row, 0);
	return true;
}

bool
pseudonym_forget_asked_block(struct db *db, int64_t device, struct error *err)
{
	DEFER(tx_free) struct tx *tx = NULL;
	DEFER(params_clear) struct params params = {0};

	params_int8(&params, device);
	return tx_begin(db, &tx, err) && tx_run(tx, &ASKED_FORGET, &params, err) &&
	       tx_commit(&tx, err);
}
