#include "provisioning/disclosure_store.h"

#include <assert.h>
#include <stdio.h>

#define ROW                                                                         \
	"SELECT person, body, nonce, log, seq, state, coalesce(outcome, ''), at_s," \
	" expires_at_s FROM disclosure WHERE id = $1::text"
#define ROW_COLUMNS 9

/* $1 id */
static const struct stmt FIND = STMT("disclosure_find", 1, ROW_COLUMNS, ROW);
static const struct stmt LOCK = STMT("disclosure_lock", 1, ROW_COLUMNS, ROW " FOR UPDATE");

/* $1 disclosure */
static const struct stmt APPROVALS = STMT("disclosure_approvals", 1, 8,
    "SELECT a.role, a.person, p.handle, a.signature, a.certificate, a.nonce, a.log, a.seq"
    " FROM disclosure_approval AS a JOIN person AS p ON p.id = a.person"
    " WHERE a.disclosure = $1::text ORDER BY a.role");

/* $1 id, $2 person, $3 body, $4 pseudonyms, $5 nonce, $6 log, $7 seq, $8 at, $9 expires */
static const struct stmt INSERT = STMT("disclosure_insert", 9, 0,
    "INSERT INTO disclosure (id, person, body, pseudonyms, nonce, log, seq, at_s, expires_at_s)"
    " VALUES ($1::text, $2::int8, $3::bytea, $4::uuid[], $5::bytea, $6::int2, $7::int8, $8::int8,"
    " $9::int8)");

/* $1 disclosure, $2 role, $3 person, $4 signature, $5 certificate, $6 nonce, $7 log, $8 seq */
static const struct stmt APPROVE = STMT("disclosure_approve", 8, 0,
    "INSERT INTO disclosure_approval (disclosure, role, person, signature, certificate, nonce, log,"
    " seq) VALUES ($1::text, $2::text, $3::int8, $4::bytea, $5::bytea, $6::bytea, $7::int2,"
    " $8::int8)");

/* $1 id, $2 state, $3 outcome or NULL */
static const struct stmt SET = STMT("disclosure_set", 3, 0,
    "UPDATE disclosure SET state = $2::text, outcome = $3::text WHERE id = $1::text");

/* $1 now, $2 at most */
static const struct stmt EXPIRED = STMT("disclosure_expired", 2, 1,
    "SELECT id FROM disclosure WHERE state <> 'closed' AND expires_at_s <= $1::int8"
    " ORDER BY expires_at_s LIMIT $2::int8");

/* $1 pseudonyms */
static const struct stmt COUNT_DEVICES = STMT("disclosure_count_devices", 1, 1,
    "SELECT count(*) FROM unnest($1::uuid[]) AS u(pseudonym)"
    " WHERE EXISTS (SELECT FROM certificate AS c WHERE c.pseudonym = u.pseudonym)");

/* $1 pseudonyms */
static const struct stmt COUNT_ERASED = STMT("disclosure_count_erased", 1, 1,
    "SELECT count(*) FROM unnest($1::uuid[]) AS u(pseudonym)"
    " WHERE EXISTS (SELECT FROM certificate AS c"
    " JOIN certificate_body AS b ON b.month = c.month AND b.serial = c.serial"
    " JOIN escrow_record AS r ON r.log = b.log AND r.seq = b.seq"
    " JOIN erasure_record AS e ON e.shred_id = r.shred_id WHERE c.pseudonym = u.pseudonym)");

/* $1 pseudonym: the enrollment that sealed it, not the renewals after it */
static const struct stmt RECORD = STMT("disclosure_record", 1, 9,
    "SELECT l.origin::text, b.log, b.seq, b.nonce, b.tbs, r.nonce, r.body, r.shred_id,"
    " EXISTS (SELECT FROM erasure_record AS e WHERE e.shred_id = r.shred_id)"
    " FROM certificate AS c"
    " JOIN certificate_body AS b ON b.month = c.month AND b.serial = c.serial"
    " JOIN escrow_record AS r ON r.log = b.log AND r.seq = b.seq"
    " JOIN audit_log AS l ON l.id = b.log WHERE c.pseudonym = $1::uuid LIMIT 1");

/* $1 origin, $2 seq: the record that the leaf commits to, if there is one */
static const struct stmt RECORD_AT = STMT("disclosure_record_at", 2, 7,
    "SELECT l.origin::text, r.log, r.seq, r.nonce, r.body, r.shred_id,"
    " EXISTS (SELECT FROM erasure_record AS e WHERE e.shred_id = r.shred_id)"
    " FROM audit_log AS l JOIN escrow_record AS r ON r.log = l.id"
    " WHERE l.origin = $1::text AND r.seq = $2::int8");

/* $1 origin, $2 seq: whether it went with its part of the log */
static const struct stmt PRUNED = STMT("disclosure_pruned", 2, 1,
    "SELECT EXISTS (SELECT FROM audit_log AS l JOIN audit_pruned AS p ON p.log = l.id"
    " WHERE l.origin = $1::text AND p.what = 'audit_blob' AND p.part = $2::int8 / 1048576)");

/* $1 number */
static const struct stmt SEAT_SET = STMT(
    "disclosure_seat_set", 1, 2, "SELECT body, signature FROM seat_set WHERE number = $1::int8");

/* $1 log, $2 seq, $3 limit */
static const struct stmt SHARES = STMT("disclosure_shares", 3, 4,
    "SELECT role, seat, public_key, sealed FROM escrow_share"
    " WHERE log = $1::int2 AND seq = $2::int8"
    " ORDER BY made_at_s DESC, role, seat, public_key LIMIT $3::int8");

/* $1 log */
static const struct stmt ORIGIN =
    STMT("disclosure_origin", 1, 1, "SELECT origin::text FROM audit_log WHERE id = $1::int2");

static const struct stmt *const STATEMENTS[] = {&FIND, &LOCK, &APPROVALS, &INSERT, &APPROVE, &SET,
    &EXPIRED, &COUNT_DEVICES, &COUNT_ERASED, &RECORD, &RECORD_AT, &PRUNED, &SEAT_SET, &SHARES,
    &ORIGIN, NULL};

const struct stmt *const *
disclosure_statements(void)
{
	return STATEMENTS;
}

static const char *const STATES[DISCLOSURE_STATE_COUNT] = {[DISCLOSURE_SUBMITTED] = "submitted",
    [DISCLOSURE_APPROVED] = "approved",
    [DISCLOSURE_EXPORTED] = "exported",
    [DISCLOSURE_CLOSED] = "closed"};
static const char *const OUTCOMES[DISCLOSURE_OUTCOME_COUNT] = {[DISCLOSURE_FULFILLED] = "fulfilled",
    [DISCLOSURE_REJECTED] = "rejected",
    [DISCLOSURE_EXPIRED] = "expired"};

const char *
disclosure_state_name(enum disclosure_state state)
{
	return STATES[state];
}

const char *
disclosure_outcome_name(enum disclosure_outcome outcome)
{
	return OUTCOMES[outcome];
}

/* The schema knows no other word. */
static int
index_of(const char *const *words, int count, const char *word)
{
	for (int i = 0; i < count; i++)
		if (words[i] != NULL && strcmp(words[i], word) == 0)
			return i;
	return 0;
}

void
disclosure_clear(struct disclosure *disclosure)
{
	buf_clear_public(&disclosure->body);
	for (size_t i = 0; i < disclosure->approval_count; i++) {
		buf_clear_public(&disclosure->approvals[i].signature);
		buf_clear_public(&disclosure->approvals[i].certificate);
	}
	*disclosure = (struct disclosure){0};
}

void
disclosure_record_clear(struct disclosure_record *record)
{
	buf_clear_public(&record->tbs);
	buf_clear_public(&record->wrapped);
}

/* ---- one disclosure ---- */

static void
read_row(const struct rows *rows, struct disclosure *out)
{
	char word[16];

	out->person = rows_int(rows, 0, 0);
	buf_append(&out->body, rows_bytes(rows, 0, 1));
	memcpy(out->nonce, rows_bytes(rows, 0, 2).data, sizeof out->nonce);
	out->log = (int)rows_int(rows, 0, 3);
	out->seq = rows_int(rows, 0, 4);
	rows_text(rows, 0, 5, word, sizeof word);
	out->state = (enum disclosure_state)index_of(STATES, DISCLOSURE_STATE_COUNT, word);
	rows_text(rows, 0, 6, word, sizeof word);
	out->outcome = (enum disclosure_outcome)index_of(OUTCOMES, DISCLOSURE_OUTCOME_COUNT, word);
	out->at_s = rows_int(rows, 0, 7);
	out->expires_at_s = rows_int(rows, 0, 8);
}

static void
read_approval(const struct rows *rows, size_t row, struct disclosure_approval *out)
{
	(void)seat_role_of(rows_bytes(rows, row, 0), &out->role);
	out->person = rows_int(rows, row, 1);
	rows_text(rows, row, 2, out->handle, sizeof out->handle);
	buf_append(&out->signature, rows_bytes(rows, row, 3));
	buf_append(&out->certificate, rows_bytes(rows, row, 4));
	memcpy(out->nonce, rows_bytes(rows, row, 5).data, sizeof out->nonce);
	out->log = (int)rows_int(rows, row, 6);
	out->seq = rows_int(rows, row, 7);
}

static void
read_whole(const char *id, const struct rows *rows, const struct rows *approvals,
    struct disclosure *out, bool *out_found)
{
	*out_found = rows_count(rows) == 1;
	if (!*out_found)
		return;
	*out = (struct disclosure){0};
	(void)snprintf(out->id, sizeof out->id, "%s", id);
	read_row(rows, out);
	assert(rows_count(approvals) <= COUNT(out->approvals));
	for (out->approval_count = 0; out->approval_count < rows_count(approvals);
	     out->approval_count++)
		read_approval(approvals, out->approval_count, &out->approvals[out->approval_count]);
}

bool
disclosure_store_lock(
    struct tx *tx, const char *id, struct disclosure *out, bool *out_found, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	DEFER(rows_free) struct rows *approvals = NULL;

	params_text(&params, id);
	if (!tx_query(tx, &LOCK, &params, &rows, err) ||
	    !tx_query(tx, &APPROVALS, &params, &approvals, err))
		return false;
	read_whole(id, rows, approvals, out, out_found);
	return true;
}

bool
disclosure_store_find(
    struct db *db, const char *id, struct disclosure *out, bool *out_found, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	DEFER(rows_free) struct rows *approvals = NULL;

	params_text(&params, id);
	if (!db_query(db, &FIND, &params, &rows, err) ||
	    !db_query(db, &APPROVALS, &params, &approvals, err))
		return false;
	read_whole(id, rows, approvals, out, out_found);
	return true;
}

static void
bind_devices(struct params *params, const struct disclosure_text *text)
{
	struct bytes devices[DISCLOSURE_DEVICES_MAX];

	for (size_t i = 0; i < text->device_count; i++)
		devices[i] = bytes_of(text->devices[i], UUID_BYTES);
	params_uuid_array(params, devices, text->device_count);
}

bool
disclosure_store_insert(struct tx *tx, const struct disclosure *row,
    const struct disclosure_text *text, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_text(&params, text->id);
	params_int8(&params, row->person);
	params_bytea(&params, buf_bytes(&row->body));
	bind_devices(&params, text);
	params_bytea(&params, bytes_of(row->nonce, sizeof row->nonce));
	params_int2(&params, (int16_t)row->log);
	params_int8(&params, row->seq);
	params_int8(&params, text->requested_at_s);
	params_int8(&params, text->expires_at_s);
	return tx_run(tx, &INSERT, &params, err);
}

bool
disclosure_store_approve(
    struct tx *tx, const char *id, const struct disclosure_approval *approval, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_text(&params, id);
	params_text(&params, seat_role_name(approval->role));
	params_int8(&params, approval->person);
	params_bytea(&params, buf_bytes(&approval->signature));
	params_bytea(&params, buf_bytes(&approval->certificate));
	params_bytea(&params, bytes_of(approval->nonce, sizeof approval->nonce));
	params_int2(&params, (int16_t)approval->log);
	params_int8(&params, approval->seq);
	return tx_run(tx, &APPROVE, &params, err);
}

bool
disclosure_store_set(struct tx *tx, const char *id, enum disclosure_state state,
    enum disclosure_outcome outcome, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_text(&params, id);
	params_text(&params, STATES[state]);
	params_text(&params, OUTCOMES[outcome]);
	return tx_run(tx, &SET, &params, err);
}

bool
disclosure_store_expired(struct db *db, int64_t now_s, size_t max, char (*out)[HANDLE_TEXT_LEN + 1],
    size_t *out_count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int8(&params, now_s);
	params_int8(&params, (int64_t)max);
	if (!db_query(db, &EXPIRED, &params, &rows, err))
		return false;
	*out_count = rows_count(rows);
	for (size_t i = 0; i < *out_count; i++)
		rows_text(rows, i, 0, out[i], HANDLE_TEXT_LEN + 1);
	return true;
}

/* ---- what it is about ---- */

static bool
count(struct db *db, const struct stmt *stmt, const struct disclosure_text *text, int64_t *out,
    struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	bind_devices(&params, text);
	if (!db_query(db, stmt, &params, &rows, err))
		return false;
	*out = rows_int(rows, 0, 0);
	return true;
}

bool
disclosure_store_count_devices(
    struct db *db, const struct disclosure_text *text, int64_t *out, struct error *err)
{
	return count(db, &COUNT_DEVICES, text, out, err);
}

bool
disclosure_store_count_erased(
    struct db *db, const struct disclosure_text *text, int64_t *out, struct error *err)
{
	return count(db, &COUNT_ERASED, text, out, err);
}

bool
disclosure_store_record(struct db *db, const uint8_t pseudonym[static UUID_BYTES],
    struct disclosure_record *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_uuid(&params, pseudonym);
	if (!db_query(db, &RECORD, &params, &rows, err))
		return false;
	out->found = rows_count(rows) == 1;
	if (!out->found)
		return true;
	rows_text(rows, 0, 0, out->origin, sizeof out->origin);
	out->log = (int)rows_int(rows, 0, 1);
	out->seq = rows_int(rows, 0, 2);
	memcpy(out->tbs_nonce, rows_bytes(rows, 0, 3).data, sizeof out->tbs_nonce);
	buf_append(&out->tbs, rows_bytes(rows, 0, 4));
	memcpy(out->nonce, rows_bytes(rows, 0, 5).data, sizeof out->nonce);
	buf_append(&out->wrapped, rows_bytes(rows, 0, 6));
	memcpy(out->shred_id, rows_bytes(rows, 0, 7).data, sizeof out->shred_id);
	out->erased = rows_bool(rows, 0, 8);
	return true;
}

static bool
was_pruned(struct db *db, const struct params *origin_and_seq, bool *out, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;

	if (!db_query(db, &PRUNED, origin_and_seq, &rows, err))
		return false;
	*out = rows_bool(rows, 0, 0);
	return true;
}

bool
disclosure_store_record_at(struct db *db, const char *origin, int64_t seq,
    struct disclosure_record *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_text(&params, origin);
	params_int8(&params, seq);
	if (!db_query(db, &RECORD_AT, &params, &rows, err))
		return false;
	out->found = rows_count(rows) == 1;
	if (!out->found)
		return was_pruned(db, &params, &out->erased, err);
	rows_text(rows, 0, 0, out->origin, sizeof out->origin);
	out->log = (int)rows_int(rows, 0, 1);
	out->seq = rows_int(rows, 0, 2);
	memcpy(out->nonce, rows_bytes(rows, 0, 3).data, sizeof out->nonce);
	buf_append(&out->wrapped, rows_bytes(rows, 0, 4));
	memcpy(out->shred_id, rows_bytes(rows, 0, 5).data, sizeof out->shred_id);
	out->erased = rows_bool(rows, 0, 6);
	return true;
}

bool
disclosure_store_seat_set(struct db *db, int64_t number, struct buf *out_body,
    struct buf *out_signature, bool *out_found, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int8(&params, number);
	if (!db_query(db, &SEAT_SET, &params, &rows, err))
		return false;
	*out_found = rows_count(rows) == 1;
	if (*out_found) {
		buf_append(out_body, rows_bytes(rows, 0, 0));
		buf_append(out_signature, rows_bytes(rows, 0, 1));
	}
	return true;
}

bool
disclosure_store_shares(struct db *db, const struct disclosure_record *record,
    struct disclosure_share *out, size_t *out_count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int2(&params, (int16_t)record->log);
	params_int8(&params, record->seq);
	params_int8(&params, DISCLOSURE_SHARES_MAX);
	if (!db_query(db, &SHARES, &params, &rows, err))
		return false;
	*out_count = rows_count(rows);
	for (size_t i = 0; i < *out_count; i++) {
		out[i].role = (int)rows_int(rows, i, 0);
		out[i].seat = (int)rows_int(rows, i, 1);
		memcpy(out[i].public_key, rows_bytes(rows, i, 2).data, sizeof out[i].public_key);
		memcpy(out[i].sealed, rows_bytes(rows, i, 3).data, sizeof out[i].sealed);
	}
	return true;
}

bool
disclosure_store_origin(struct db *db, int log, char *out, size_t out_len, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int2(&params, (int16_t)log);
	if (!db_query(db, &ORIGIN, &params, &rows, err))
		return false;
	if (rows_count(rows) != 1)
		return error_set(err, E_INTERNAL, "a disclosure names no log");
	rows_text(rows, 0, 0, out, out_len);
	return true;
}
