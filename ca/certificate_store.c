#include "ca/certificate_store.h"

#include "base/mem.h"
#include "ca/certificate_columns.h"

enum {
	PARTITIONS_AHEAD = 3, /* months */
	MONTHS_LOOKED_AT = 12,
	SIGNED_HEAD_STEP = 50000, /* bodies looked at in one statement */
};

/* $1 log, $2 months, $3 serials, $4 issuers, $5 seqs, $6 nonces, $7 tbs */
static const struct stmt BODIES_INSERT = STMT("certificate_bodies_insert", 7, 0,
    "INSERT INTO certificate_body (month, serial, issuer, log, seq, nonce, tbs)"
    " SELECT u.month, u.serial, u.issuer, $1::int2, u.seq, u.nonce, u.tbs"
    " FROM unnest($2::int2[], $3::bytea[], $4::bytea[], $5::int8[], $6::bytea[], $7::bytea[])"
    " AS u(month, serial, issuer, seq, nonce, tbs)");

/* $1 months, $2 serials, $3 devices, $4 issuers, $5 handles, $6 pseudonyms, $7 spki_sha256,
 * $8 not_before_at_s, $9 not_after_at_s */
static const struct stmt CERTIFICATES_INSERT = STMT("certificates_insert", 9, 1,
    "WITH new AS (INSERT INTO certificate (month, serial, device, issuer, handle, pseudonym, "
    "spki_sha256,"
    " not_before_at_s, not_after_at_s)"
    " SELECT * FROM unnest($1::int2[], $2::bytea[], $3::int8[], $4::bytea[], $5::text[],"
    " $6::uuid[], $7::bytea[], $8::int8[], $9::int8[])"
    " ON CONFLICT DO NOTHING RETURNING 1)"
    " SELECT expect_rows(count(*), cardinality($1::int2[])) IS NULL FROM new");

/*
 * $1 months, $2 serials. A lateral query with a LIMIT cannot be turned into a join over whole
 * partitions: each serial is one look into the index of its month.
 */
static const struct stmt STATUSES_READ = STMT("certificate_statuses_read", 2, 11,
    "SELECT q.place, c.device, c.handle, c.pseudonym, d.state, c.not_before_at_s,"
    " c.not_after_at_s, r.state, r.reason, r.revoked_at_s,"
    " EXISTS (SELECT FROM certificate_signature WHERE month = q.month AND serial = q.serial)"
    " FROM unnest($1::int2[], $2::bytea[]) WITH ORDINALITY AS q(month, serial, place)"
    " CROSS JOIN LATERAL (SELECT device, handle, pseudonym, not_before_at_s, not_after_at_s"
    "  FROM certificate WHERE month = q.month AND serial = q.serial LIMIT 1) AS c"
    " JOIN device AS d ON d.id = c.device"
    " LEFT JOIN LATERAL (SELECT state, reason, revoked_at_s"
    "  FROM revocation WHERE month = q.month AND serial = q.serial LIMIT 1) AS r ON true");

/* $1 month, $2 serial */
static const struct stmt SIGNED_FIND = STMT("certificate_signed_find", 2, 3,
    "SELECT b.tbs, s.signature, b.issuer FROM certificate_body AS b"
    " JOIN certificate_signature AS s ON s.month = b.month AND s.serial = b.serial"
    " WHERE b.month = $1::int2 AND b.serial = $2::bytea");

/* $1 first month, $2 last month */
static const struct stmt PARTITIONS_ENSURE = STMT("certificate_partitions_ensure", 2, 1,
    "SELECT partition_ensure(m::int2) FROM generate_series($1::int4, $2::int4) AS m");

/* $1 present month, $2 last month looked at: months in a row that have partitions, less one */
static const struct stmt MONTHS_AHEAD = STMT("certificate_months_ahead", 2, 1,
    "SELECT coalesce(min(m) FILTER (WHERE to_regclass('certificate_m' || m) IS NULL),"
    " $2::int4 + 1) - $1::int4 - 1 FROM generate_series($1::int4, $2::int4) AS m");

/* $1 months, $2 serials, $3 signatures */
static const struct stmt SIGNATURES_INSERT = STMT("certificate_signatures_insert", 3, 0,
    "INSERT INTO certificate_signature (month, serial, signature)"
    " SELECT * FROM unnest($1::int2[], $2::bytea[], $3::bytea[]) ON CONFLICT DO NOTHING");

/*
 * $1 log, $2 after this seq, $3 how many. The log's own, and what it adopted: then the leaf and the
 * nonce are those of the adoption.
 */
static const struct stmt UNSIGNED_READ = STMT("certificate_unsigned_read", 3, 5,
    "(SELECT b.serial, b.issuer, b.nonce, b.seq, b.tbs FROM certificate_body AS b"
    " LEFT JOIN certificate_signature AS s ON s.month = b.month AND s.serial = b.serial"
    " WHERE b.log = $1::int2 AND b.seq > $2::int8 AND s.serial IS NULL"
    " AND NOT EXISTS (SELECT FROM certificate_abort AS a"
    "  WHERE a.month = b.month AND a.serial = b.serial)"
    " AND b.seq >= coalesce((SELECT seq FROM signed_head WHERE log = $1::int2), 0)"
    " ORDER BY b.seq LIMIT $3::int4)"
    " UNION ALL "
    "(SELECT b.serial, b.issuer, d.nonce, d.seq, b.tbs FROM certificate_adoption AS d"
    " JOIN certificate_body AS b ON b.month = d.month AND b.serial = d.serial"
    " LEFT JOIN certificate_signature AS s ON s.month = d.month AND s.serial = d.serial"
    " WHERE d.log = $1::int2 AND d.seq > $2::int8 AND s.serial IS NULL"
    " AND NOT EXISTS (SELECT FROM certificate_abort AS a"
    "  WHERE a.month = d.month AND a.serial = d.serial)"
    " ORDER BY d.seq LIMIT $3::int4)"
    " ORDER BY seq LIMIT $3::int4");

/*
 * $1 log: nothing is unsigned. The log's one writer is asking, so what is committed is all
 * below `size`.
 */
static const struct stmt SIGNED_HEAD_TO_SIZE = STMT("signed_head_to_size", 1, 0,
    "INSERT INTO signed_head AS h (log, seq) SELECT id, size FROM audit_log WHERE id = $1::int2"
    " ON CONFLICT (log) DO UPDATE SET seq = excluded.seq WHERE h.seq < excluded.seq");

/*
 * $1 how many bodies to look at in each log. Moves every head to the first body without a
 * signature, or behind the last one looked at: one snapshot sees a prefix of each log.
 * Returns how many bodies it passed.
 */
static const struct stmt SIGNED_HEAD_ADVANCE = STMT("signed_head_advance", 1, 1,
    "WITH looked AS ("
    "  SELECT h.log, b.seq, s.serial IS NULL AND a.serial IS NULL AS is_unsigned"
    "  FROM signed_head AS h"
    "  CROSS JOIN LATERAL (SELECT month, serial, seq FROM certificate_body"
    "   WHERE log = h.log AND seq >= h.seq ORDER BY seq LIMIT $1::int4) AS b"
    "  LEFT JOIN certificate_signature AS s ON s.month = b.month AND s.serial = b.serial"
    "  LEFT JOIN certificate_abort AS a ON a.month = b.month AND a.serial = b.serial"
    " ), reached AS ("
    "  SELECT log, coalesce(min(seq) FILTER (WHERE is_unsigned), max(seq) + 1) AS seq,"
    "  count(*) FILTER (WHERE NOT is_unsigned) AS passed FROM looked GROUP BY log"
    " ), moved AS ("
    "  UPDATE signed_head AS h SET seq = r.seq FROM reached AS r"
    "  WHERE r.log = h.log AND r.seq > h.seq RETURNING r.passed"
    " ) SELECT coalesce(max(passed), 0)::int8 FROM moved");

/* $1 origin, $2 months, $3 serials; $2 is unnested in the order that numbers the answers */
static const struct stmt LEAVES_FIND = STMT("certificate_leaves_find", 3, 2,
    "SELECT u.n, b.seq FROM unnest($2::int2[], $3::bytea[]) WITH ORDINALITY AS u(month, serial, n)"
    " CROSS JOIN LATERAL (SELECT log, seq FROM certificate_body"
    "  WHERE month = u.month AND serial = u.serial UNION ALL SELECT log, seq"
    "  FROM certificate_adoption WHERE month = u.month AND serial = u.serial) AS b"
    " JOIN audit_log AS l ON l.id = b.log AND l.origin = $1::text");

static const struct stmt *const STATEMENTS[] = {
    &BODIES_INSERT,
    &CERTIFICATES_INSERT,
    &STATUSES_READ,
    &SIGNED_FIND,
    &LEAVES_FIND,
    &PARTITIONS_ENSURE,
    &MONTHS_AHEAD,
    &SIGNATURES_INSERT,
    &UNSIGNED_READ,
    &SIGNED_HEAD_TO_SIZE,
    &SIGNED_HEAD_ADVANCE,
    NULL,
};

const struct stmt *const *
certificate_statements(void)
{
	return STATEMENTS;
}

bool
certificate_insert_bodies(struct tx *tx, int log, const struct issued *const *issued,
    const int64_t *seqs, size_t count, struct error *err)
{
	DEFER(certificate_columns_clear) struct certificate_columns columns;
	DEFER(params_clear) struct params params = {0};

	if (count == 0)
		return true;
	certificate_columns_init(&columns, count);
	for (size_t i = 0; i < count; i++) {
		certificate_columns_key(&columns, i, issued[i]->serial);
		columns.issuers[i] = bytes_of(issued[i]->issuer->id, ISSUER_ID_BYTES);
		columns.nonces[i] = bytes_of(issued[i]->nonce, sizeof issued[i]->nonce);
		columns.bodies[i] = buf_bytes(&issued[i]->tbs);
	}
	params_int2(&params, (int16_t)log);
	params_int2_array(&params, columns.months, count);
	params_bytea_array(&params, columns.serials, count);
	params_bytea_array(&params, columns.issuers, count);
	params_int8_array(&params, seqs, count);
	params_bytea_array(&params, columns.nonces, count);
	params_bytea_array(&params, columns.bodies, count);
	return tx_run(tx, &BODIES_INSERT, &params, err);
}

static void
bind_certificates(struct params *out, const struct certificate_columns *columns, size_t count)
{
	params_int2_array(out, columns->months, count);
	params_bytea_array(out, columns->serials, count);
	params_int8_array(out, columns->devices, count);
	params_bytea_array(out, columns->issuers, count);
	params_text_array(out, columns->handles, count);
	params_uuid_array(out, columns->pseudonyms, count);
	params_bytea_array(out, columns->keys, count);
	params_int8_array(out, columns->not_befores_s, count);
	params_int8_array(out, columns->not_afters_s, count);
}

bool
certificate_insert(
    struct tx *tx, const struct certificate_row *rows, size_t count, struct error *err)
{
	DEFER(certificate_columns_clear) struct certificate_columns columns;
	DEFER(params_clear) struct params params = {0};

	certificate_columns_init(&columns, count);
	for (size_t i = 0; i < count; i++) {
		const struct issued *issued = rows[i].issued;

		certificate_columns_key(&columns, i, issued->serial);
		columns.devices[i] = rows[i].device;
		columns.issuers[i] = bytes_of(issued->issuer->id, ISSUER_ID_BYTES);
		columns.handles[i] = bytes_of_text(issued->handle);
		columns.pseudonyms[i] = bytes_of(rows[i].pseudonym, UUID_BYTES);
		columns.keys[i] = bytes_of(issued->spki_sha256, SHA256_BYTES);
		columns.not_befores_s[i] = issued->not_before_s;
		columns.not_afters_s[i] = issued->not_after_s;
	}
	bind_certificates(&params, &columns, count);
	return tx_run(tx, &CERTIFICATES_INSERT, &params, err);
}

void
certificate_status_read_revocation(
    const struct rows *rows, size_t row, int column, struct certificate_status *out)
{
	char state[10];

	if (rows_null(rows, row, column))
		return;
	rows_text(rows, row, column, state, sizeof state);
	out->held = strcmp(state, "held") == 0;
	out->revoked = !out->held;
	out->reason = (enum reason)rows_int(rows, row, column + 1);
	out->revoked_at_s = rows_int(rows, row, column + 2);
}

static void
status_read(const struct rows *rows, size_t row, struct certificate_status *out)
{
	out->known = true;
	out->device = rows_int(rows, row, 1);
	rows_text(rows, row, 2, out->handle, sizeof out->handle);
	uuid_encode(out->pseudonym, rows_bytes(rows, row, 3).data);
	rows_text(rows, row, 4, out->device_state, sizeof out->device_state);
	out->not_before_s = rows_int(rows, row, 5);
	out->not_after_s = rows_int(rows, row, 6);
	out->signed_ = rows_bool(rows, row, 10);
	certificate_status_read_revocation(rows, row, 7, out);
}

bool
certificate_statuses(struct db *db, const uint8_t (*serials)[SERIAL_BYTES], size_t count,
    struct certificate_status *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	certificate_bind_serials(&params, serials, count);
	if (!db_query(db, &STATUSES_READ, &params, &rows, err))
		return false;
	memset(out, 0, count * sizeof *out);
	for (size_t row = 0; row < rows_count(rows); row++)
		status_read(rows, row, &out[rows_int(rows, row, 0) - 1]);
	return true;
}

bool
certificate_find_der(struct db *db, const uint8_t serial[static SERIAL_BYTES], struct buf *out_der,
    uint8_t out_issuer[static ISSUER_ID_BYTES], struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	uint16_t month;

	if (!serial_month(serial, &month))
		return true; /* not ours: no row */
	params_int2(&params, (int16_t)month);
	params_bytea(&params, bytes_of(serial, SERIAL_BYTES));
	if (!db_query(db, &SIGNED_FIND, &params, &rows, err))
		return false;
	if (rows_count(rows) == 0)
		return true;
	certificate_assemble(rows_bytes(rows, 0, 0), rows_bytes(rows, 0, 1), out_der);
	memcpy(out_issuer, rows_bytes(rows, 0, 2).data, ISSUER_ID_BYTES);
	return true;
}

bool
certificate_leaves(struct db *db, const char *origin, const uint8_t (*serials)[SERIAL_BYTES],
    size_t count, int64_t *out_seqs, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	for (size_t i = 0; i < count; i++)
		out_seqs[i] = -1;
	params_text(&params, origin);
	certificate_bind_serials(&params, serials, count);
	if (!db_query(db, &LEAVES_FIND, &params, &rows, err))
		return false;
	for (size_t row = 0; row < rows_count(rows); row++)
		out_seqs[rows_int(rows, row, 0) - 1] = rows_int(rows, row, 1);
	return true;
}

bool
certificate_ensure_partitions(struct db *db, int64_t now_s, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	int32_t month = time_month(now_s);

	params_int4(&params, month);
	params_int4(&params, month + PARTITIONS_AHEAD);
	return db_query(db, &PARTITIONS_ENSURE, &params, &rows, err);
}

bool
certificate_months_ahead(struct db *db, int64_t now_s, int *out_months, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	int32_t month = time_month(now_s);

	params_int4(&params, month);
	params_int4(&params, month + MONTHS_LOOKED_AT);
	if (!db_query(db, &MONTHS_AHEAD, &params, &rows, err))
		return false;
	*out_months = (int)rows_int(rows, 0, 0);
	return true;
}

bool
certificate_keep_signatures(void *context, struct tx *tx, const struct ledger_signature *signatures,
    size_t count, struct error *err)
{
	DEFER(certificate_columns_clear) struct certificate_columns columns;
	DEFER(params_clear) struct params params = {0};
	size_t kept = 0;

	(void)context;
	certificate_columns_init(&columns, count);
	for (size_t i = 0; i < count; i++) {
		if (signatures[i].signature_len == 0)
			continue; /* refused: there is none */
		certificate_columns_key(&columns, kept, signatures[i].ref + 2);
		columns.bodies[kept] =
		    bytes_of(signatures[i].signature, signatures[i].signature_len);
		kept++;
	}
	if (kept == 0)
		return true;
	params_int2_array(&params, columns.months, kept);
	params_bytea_array(&params, columns.serials, kept);
	params_bytea_array(&params, columns.bodies, kept);
	return tx_run(tx, &SIGNATURES_INSERT, &params, err);
}

static bool
signed_head_to_size(struct tx *tx, int log, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_int2(&params, (int16_t)log);
	return tx_run(tx, &SIGNED_HEAD_TO_SIZE, &params, err);
}

static void
unsigned_read(const struct rows *rows, size_t row, struct ledger_unsigned *out)
{
	serial_ref(out->ref, rows_bytes(rows, row, 0).data);
	memcpy(out->issuer, rows_bytes(rows, row, 1).data, sizeof out->issuer);
	memcpy(out->nonce, rows_bytes(rows, row, 2).data, sizeof out->nonce);
	out->seq = rows_int(rows, row, 3);
	buf_append(&out->tbs, rows_bytes(rows, row, 4));
}

bool
certificate_read_unsigned(void *context, struct tx *tx, int log, int64_t after,
    struct ledger_unsigned *out, size_t max, size_t *out_count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	(void)context;
	params_int2(&params, (int16_t)log);
	params_int8(&params, after);
	params_int4(&params, (int32_t)max);
	if (!tx_query(tx, &UNSIGNED_READ, &params, &rows, err) ||
	    (rows_count(rows) == 0 && after < 0 && !signed_head_to_size(tx, log, err)))
		return false;
	for (size_t row = 0; row < rows_count(rows); row++)
		unsigned_read(rows, row, &out[row]);
	*out_count = rows_count(rows);
	return true;
}

bool
certificate_advance_signed(struct db *db, struct error *err)
{
	int64_t passed = SIGNED_HEAD_STEP;

	while (passed == SIGNED_HEAD_STEP) {
		DEFER(params_clear) struct params params = {0};
		DEFER(rows_free) struct rows *rows = NULL;

		params_int4(&params, SIGNED_HEAD_STEP);
		if (!db_query(db, &SIGNED_HEAD_ADVANCE, &params, &rows, err))
			return false;
		passed = rows_int(rows, 0, 0);
	}
	return true;
}
