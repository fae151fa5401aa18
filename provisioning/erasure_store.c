#include "provisioning/erasure_store.h"

#include <stdio.h>

/* $1 pseudonyms, $2 now. A row for each record of a device, or one without. */
static const struct stmt TARGETS = STMT("erasure_targets", 2, 4,
    "SELECT EXISTS (SELECT FROM certificate AS c WHERE c.pseudonym = u.pseudonym),"
    " r.shred_id,"
    " EXISTS (SELECT FROM erasure_record AS e WHERE e.shred_id = r.shred_id),"
    " EXISTS (SELECT FROM disclosure AS d WHERE d.state <> 'closed' AND d.expires_at_s > $2::int8"
    " AND u.pseudonym = ANY (d.pseudonyms))"
    " FROM unnest($1::uuid[]) AS u(pseudonym)"
    " LEFT JOIN LATERAL (SELECT r.shred_id FROM certificate AS c"
    " JOIN certificate_body AS b ON b.month = c.month AND b.serial = c.serial"
    " JOIN escrow_record AS r ON r.log = b.log AND r.seq = b.seq"
    " WHERE c.pseudonym = u.pseudonym) AS r ON true");

/* $1 person, $2 asked */
static const struct stmt ASKED = STMT(
    "erasure_asked", 2, 1, "SELECT id FROM erasure WHERE person = $1::int8 AND asked = $2::bytea");

/* $1 id */
static const struct stmt FIND = STMT("erasure_find", 1, 9,
    "SELECT person, body, log, seq, state = 'erased', flushed, at_s, coalesce(erased_at_s, 0),"
    " (SELECT count(*) FROM erasure_record AS r WHERE r.erasure = e.id)"
    " FROM erasure AS e WHERE id = $1::text");

/* $1 id */
static const struct stmt LOCK = STMT(
    "erasure_lock", 1, 1, "SELECT state = 'recorded' FROM erasure WHERE id = $1::text FOR UPDATE");

/* $1 id, $2 person, $3 asked, $4 body, $5 nonce, $6 log, $7 seq, $8 at */
static const struct stmt INSERT = STMT("erasure_insert", 8, 1,
    "INSERT INTO erasure (id, person, asked, body, nonce, log, seq, at_s)"
    " VALUES ($1::text, $2::int8, $3::bytea, $4::bytea, $5::bytea, $6::int2, $7::int8, $8::int8)"
    " ON CONFLICT DO NOTHING RETURNING 1");

/* $1 erasure, $2 keys */
static const struct stmt INSERT_RECORDS = STMT("erasure_insert_records", 2, 1,
    "INSERT INTO erasure_record (shred_id, erasure)"
    " SELECT u.id, $1::text FROM unnest($2::bytea[]) AS u(id)"
    " ON CONFLICT DO NOTHING RETURNING 1");

/* $1 id, $2 flushed, $3 now */
static const struct stmt DONE = STMT("erasure_done", 3, 0,
    "UPDATE erasure SET state = 'erased', flushed = $2::bool, erased_at_s = $3::int8"
    " WHERE id = $1::text");

/* $1 at most */
static const struct stmt OPEN = STMT("erasure_open", 1, 1,
    "SELECT id FROM erasure WHERE state = 'recorded' ORDER BY at_s LIMIT $1::int8");

/* $1 erasure */
static const struct stmt KEYS =
    STMT("erasure_keys", 1, 1, "SELECT shred_id FROM erasure_record WHERE erasure = $1::text");

/* $1 after, $2 at most */
static const struct stmt ALL_KEYS = STMT("erasure_all_keys", 2, 1,
    "SELECT shred_id FROM erasure_record WHERE shred_id > $1::bytea ORDER BY shred_id"
    " LIMIT $2::int8");

static const struct stmt *const STATEMENTS[] = {
    &TARGETS, &ASKED, &FIND, &LOCK, &INSERT, &INSERT_RECORDS, &DONE, &OPEN, &KEYS, &ALL_KEYS, NULL};

const struct stmt *const *
erasure_statements(void)
{
	return STATEMENTS;
}

void
erasure_clear(struct erasure *erasure)
{
	buf_clear_public(&erasure->body);
	*erasure = (struct erasure){0};
}

/* ---- what a request means ---- */

bool
erasure_store_targets(struct tx *tx, const struct erasure_request *request, int64_t now_s,
    struct erasure_targets *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	struct bytes devices[ERASURE_DEVICES_MAX];

	for (size_t i = 0; i < request->device_count; i++)
		devices[i] = bytes_of(request->devices[i], UUID_BYTES);
	params_uuid_array(&params, devices, request->device_count);
	params_int8(&params, now_s);
	if (!tx_query(tx, &TARGETS, &params, &rows, err))
		return false;
	*out = (struct erasure_targets){0};
	if (rows_count(rows) > ERASURE_RECORDS_MAX)
		return error_set(err, E_INTERNAL, "devices have too many sealed records");
	for (size_t i = 0; i < rows_count(rows); i++) {
		const struct bytes id = rows_bytes(rows, i, 1);

		out->unknown = out->unknown || !rows_bool(rows, i, 0);
		out->unsealed = out->unsealed || id.len == 0;
		out->erased = out->erased || rows_bool(rows, i, 2);
		out->disclosing = out->disclosing || rows_bool(rows, i, 3);
		if (id.len == SHRED_ID_BYTES)
			memcpy(out->ids[out->count++], id.data, SHRED_ID_BYTES);
	}
	return true;
}

bool
erasure_store_asked(struct tx *tx, int64_t person, const uint8_t asked[static SHA256_BYTES],
    char out_id[static HANDLE_TEXT_LEN + 1], struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int8(&params, person);
	params_bytea(&params, bytes_of(asked, SHA256_BYTES));
	if (!tx_query(tx, &ASKED, &params, &rows, err))
		return false;
	out_id[0] = '\0';
	if (rows_count(rows) == 1)
		rows_text(rows, 0, 0, out_id, HANDLE_TEXT_LEN + 1);
	return true;
}

/* ---- one erasure ---- */

bool
erasure_store_find(
    struct db *db, const char *id, struct erasure *out, bool *out_found, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_text(&params, id);
	if (!db_query(db, &FIND, &params, &rows, err))
		return false;
	*out_found = rows_count(rows) == 1;
	if (!*out_found)
		return true;
	(void)snprintf(out->id, sizeof out->id, "%s", id);
	out->person = rows_int(rows, 0, 0);
	buf_append(&out->body, rows_bytes(rows, 0, 1));
	out->log = (int)rows_int(rows, 0, 2);
	out->seq = rows_int(rows, 0, 3);
	out->erased = rows_bool(rows, 0, 4);
	out->flushed = rows_bool(rows, 0, 5);
	out->at_s = rows_int(rows, 0, 6);
	out->erased_at_s = rows_int(rows, 0, 7);
	out->record_count = rows_int(rows, 0, 8);
	return true;
}

bool
erasure_store_lock(struct tx *tx, const char *id, bool *out_open, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_text(&params, id);
	if (!tx_query(tx, &LOCK, &params, &rows, err))
		return false;
	*out_open = rows_count(rows) == 1 && rows_bool(rows, 0, 0);
	return true;
}

static bool
insert_records(struct tx *tx, const char *id, const struct erasure_targets *targets,
    size_t *out_count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	struct bytes ids[ERASURE_RECORDS_MAX];

	for (size_t i = 0; i < targets->count; i++)
		ids[i] = bytes_of(targets->ids[i], SHRED_ID_BYTES);
	params_text(&params, id);
	params_bytea_array(&params, ids, targets->count);
	if (!tx_query(tx, &INSERT_RECORDS, &params, &rows, err))
		return false;
	*out_count = rows_count(rows);
	return true;
}

bool
erasure_store_insert(struct tx *tx, const struct erasure *row,
    const struct erasure_targets *targets, bool *out_lost_race, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	size_t count = 0;

	params_text(&params, row->id);
	params_int8(&params, row->person);
	params_bytea(&params, bytes_of(row->asked, sizeof row->asked));
	params_bytea(&params, buf_bytes(&row->body));
	params_bytea(&params, bytes_of(row->nonce, sizeof row->nonce));
	params_int2(&params, (int16_t)row->log);
	params_int8(&params, row->seq);
	params_int8(&params, row->at_s);
	if (!tx_query(tx, &INSERT, &params, &rows, err))
		return false;
	*out_lost_race = rows_count(rows) != 1;
	if (*out_lost_race)
		return true;
	if (!insert_records(tx, row->id, targets, &count, err))
		return false;
	*out_lost_race = count != targets->count;
	return true;
}

bool
erasure_store_done(struct tx *tx, const char *id, bool flushed, int64_t now_s, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_text(&params, id);
	params_bool(&params, flushed);
	params_int8(&params, now_s);
	return tx_run(tx, &DONE, &params, err);
}

/* ---- what is to be done ---- */

bool
erasure_store_open(struct db *db, size_t max, char (*out)[HANDLE_TEXT_LEN + 1], size_t *out_count,
    struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int8(&params, (int64_t)max);
	if (!db_query(db, &OPEN, &params, &rows, err))
		return false;
	*out_count = rows_count(rows);
	for (size_t i = 0; i < *out_count; i++)
		rows_text(rows, i, 0, out[i], HANDLE_TEXT_LEN + 1);
	return true;
}

static void
take_keys(const struct rows *rows, size_t max, uint8_t (*out)[SHRED_ID_BYTES], size_t *out_count)
{
	*out_count = rows_count(rows) < max ? rows_count(rows) : max;
	for (size_t i = 0; i < *out_count; i++)
		memcpy(out[i], rows_bytes(rows, i, 0).data, SHRED_ID_BYTES);
}

bool
erasure_store_keys(struct db *db, const char *id,
    uint8_t out[static ERASURE_RECORDS_MAX][SHRED_ID_BYTES], size_t *out_count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_text(&params, id);
	if (!db_query(db, &KEYS, &params, &rows, err))
		return false;
	take_keys(rows, ERASURE_RECORDS_MAX, out, out_count);
	return true;
}

bool
erasure_store_all_keys(struct db *db, const uint8_t after[static SHRED_ID_BYTES], size_t max,
    uint8_t (*out)[SHRED_ID_BYTES], size_t *out_count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_bytea(&params, bytes_of(after, SHRED_ID_BYTES));
	params_int8(&params, (int64_t)max);
	if (!db_query(db, &ALL_KEYS, &params, &rows, err))
		return false;
	take_keys(rows, max, out, out_count);
	return true;
}
