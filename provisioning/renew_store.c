#include "provisioning/renew_store.h"

#include <stdlib.h>

#include "base/mem.h"
#include "ca/certificate_columns.h"
#include "provisioning/renew.h"

/* $1 month, $2 serial */
static const struct stmt PRESENTED_FIND = STMT("renew_presented_find", 2, 8,
    "SELECT c.device, c.handle, c.pseudonym, c.spki_sha256, c.not_before_at_s, c.not_after_at_s,"
    " d.profile, r.state = 'revoked' FROM certificate AS c JOIN device AS d ON d.id = c.device"
    " LEFT JOIN revocation AS r ON r.month = c.month AND r.serial = c.serial"
    " WHERE c.month = $1::int2 AND c.serial = $2::bytea");

/* $1 ids */
static const struct stmt DEVICES_SHARE = STMT("renew_devices_share", 1, 2,
    "SELECT id, state FROM device WHERE id = ANY($1::int8[]) ORDER BY id FOR SHARE");

/*
 * $1 months, $2 serials presented, $3 keys asked for, $4 first and $5 last of the months. A lateral
 * query with a LIMIT is one look into an index for each, whatever the planner thinks of the tables;
 * with the bounds, only partitions in use are made ready.
 */
static const struct stmt FACTS_READ = STMT("renew_facts_read", 5, 5,
    "SELECT q.place, n.new_serial, n.spki_sha256, r.state, k.known IS NOT NULL"
    " FROM unnest($1::int2[], $2::bytea[], $3::bytea[]) WITH ORDINALITY"
    " AS q(month, serial, spki_sha256, place)"
    " LEFT JOIN LATERAL (SELECT new_serial, spki_sha256 FROM renewal WHERE month = q.month"
    "  AND serial = q.serial AND month BETWEEN $4::int2 AND $5::int2 LIMIT 1) AS n ON true"
    " LEFT JOIN LATERAL (SELECT state FROM revocation"
    "  WHERE month = q.month AND serial = q.serial LIMIT 1) AS r ON true"
    " LEFT JOIN LATERAL (SELECT 1 AS known FROM device_key"
    "  WHERE spki_sha256 = q.spki_sha256 LIMIT 1) AS k ON true");

/*
 * $1 months and $2 serials renewed, $3 months and $4 serials of the new, $5 keys, $6 whether a key
 * is new, $7 devices, $8 issuers, $9 handles, $10 pseudonyms, $11 not_before_at_s,
 * $12 not_after_at_s, $13 log, $14 seqs, $15 nonces, $16 tbs. All of a renewal in one statement:
 * for a few rows, starting a statement costs more than they do.
 */
static const struct stmt RENEWALS_INSERT = STMT("renewals_insert", 16, 1,
    "WITH u AS MATERIALIZED (SELECT * FROM unnest($1::int2[], $2::bytea[], $3::int2[], $4::bytea[],"
    "  $5::bytea[], $6::bool[], $7::int8[], $8::bytea[], $9::text[], $10::uuid[], $11::int8[],"
    "  $12::int8[], $14::int8[], $15::bytea[], $16::bytea[])"
    "  AS u(month, serial, new_month, new_serial, spki_sha256, new_key, device, issuer, handle,"
    "  pseudonym, not_before_at_s, not_after_at_s, seq, nonce, tbs)),"
    " renewals AS (INSERT INTO renewal (month, serial, new_month, new_serial, spki_sha256)"
    "  SELECT month, serial, new_month, new_serial, spki_sha256 FROM u"
    "  ON CONFLICT DO NOTHING RETURNING 1),"
    " keys AS (INSERT INTO device_key (spki_sha256, device, month, serial)"
    "  SELECT spki_sha256, device, new_month, new_serial FROM u WHERE new_key"
    "  ON CONFLICT DO NOTHING RETURNING 1),"
    " certificates AS (INSERT INTO certificate (month, serial, device, issuer, handle, pseudonym,"
    "  spki_sha256, not_before_at_s, not_after_at_s)"
    "  SELECT new_month, new_serial, device, issuer, handle, pseudonym, spki_sha256,"
    "  not_before_at_s, not_after_at_s FROM u ON CONFLICT DO NOTHING RETURNING 1),"
    " bodies AS (INSERT INTO certificate_body (month, serial, issuer, log, seq, nonce, tbs)"
    "  SELECT new_month, new_serial, issuer, $13::int2, seq, nonce, tbs FROM u)"
    " SELECT expect_rows("
    "  (SELECT count(*) FROM renewals) + (SELECT count(*) FROM keys)"
    "   + (SELECT count(*) FROM certificates),"
    "  (SELECT 2 * count(*) + count(*) FILTER (WHERE new_key) FROM u)) IS NULL");

static const struct stmt *const STATEMENTS[] = {
    &PRESENTED_FIND,
    &DEVICES_SHARE,
    &FACTS_READ,
    &RENEWALS_INSERT,
    NULL,
};

const struct stmt *const *
renew_statements(void)
{
	return STATEMENTS;
}

bool
renew_find_presented(struct db *db, const uint8_t serial[static SERIAL_BYTES],
    struct renew_presented *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	struct renew_presented found = {0};
	uint16_t month;

	*out = found;
	if (!serial_month(serial, &month))
		return true; /* not one of ours: no row */
	params_int2(&params, (int16_t)month);
	params_bytea(&params, bytes_of(serial, SERIAL_BYTES));
	if (!db_query(db, &PRESENTED_FIND, &params, &rows, err))
		return false;
	if (rows_count(rows) == 0)
		return true;
	found.known = true;
	found.device = rows_int(rows, 0, 0);
	rows_text(rows, 0, 1, found.handle, sizeof found.handle);
	memcpy(found.pseudonym, rows_bytes(rows, 0, 2).data, sizeof found.pseudonym);
	memcpy(found.spki_sha256, rows_bytes(rows, 0, 3).data, sizeof found.spki_sha256);
	found.not_before_s = rows_int(rows, 0, 4);
	found.not_after_s = rows_int(rows, 0, 5);
	rows_text(rows, 0, 6, found.profile, sizeof found.profile);
	found.revoked = !rows_null(rows, 0, 7) && rows_bool(rows, 0, 7);
	*out = found;
	return true;
}

static bool
queue_devices(struct tx *tx, const struct renew_asked *asked, size_t count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(mem_free) int64_t *ids = xcalloc(count, sizeof *ids);

	for (size_t i = 0; i < count; i++)
		ids[i] = asked[i].device;
	params_int8_array(&params, ids, count);
	return tx_queue(tx, &DEVICES_SHARE, &params, err);
}

static bool
queue_facts(struct tx *tx, const struct renew_asked *asked, size_t count, struct error *err)
{
	DEFER(certificate_columns_clear) struct certificate_columns columns;
	DEFER(params_clear) struct params params = {0};
	int16_t first = INT16_MAX, last = -1;

	certificate_columns_init(&columns, count);
	for (size_t i = 0; i < count; i++) {
		certificate_columns_key(&columns, i, asked[i].serial);
		columns.keys[i] = bytes_of(asked[i].spki_sha256, SHA256_BYTES);
		if (columns.months[i] < first)
			first = columns.months[i];
		if (columns.months[i] > last)
			last = columns.months[i];
	}
	params_int2_array(&params, columns.months, count);
	params_bytea_array(&params, columns.serials, count);
	params_bytea_array(&params, columns.keys, count);
	params_int2(&params, first);
	params_int2(&params, last);
	return tx_queue(tx, &FACTS_READ, &params, err);
}

static bool
read_devices(const struct rows *rows, const struct renew_asked *asked, size_t count,
    struct renew_found *out, struct error *err)
{
	for (size_t i = 0; i < count; i++)
		out[i].device = DEVICE_REVOKED; /* unless there is a row that says better */
	for (size_t row = 0; row < rows_count(rows); row++) {
		enum device_state state;
		char name[10];

		rows_text(rows, row, 1, name, sizeof name);
		if (!device_state_of(name, &state))
			return error_set(err, E_INTERNAL, "a device in an unknown state");
		for (size_t i = 0; i < count; i++)
			if (asked[i].device == rows_int(rows, row, 0))
				out[i].device = state;
	}
	return true;
}

static void
read_facts(const struct rows *rows, size_t row, struct renew_found *out)
{
	char state[10];

	out->renewed = !rows_null(rows, row, 1);
	if (out->renewed) {
		memcpy(out->new_serial, rows_bytes(rows, row, 1).data, SERIAL_BYTES);
		memcpy(out->new_spki_sha256, rows_bytes(rows, row, 2).data, SHA256_BYTES);
	}
	if (!rows_null(rows, row, 3)) {
		rows_text(rows, row, 3, state, sizeof state);
		out->held = strcmp(state, "held") == 0;
		out->revoked = !out->held;
	}
	out->key_known = rows_bool(rows, row, 4);
}

struct answers {
	struct rows *devices, *facts;
};

static void
answers_clear(struct answers *answers)
{
	rows_free(answers->devices);
	rows_free(answers->facts);
}
DEFER_DECLARE_CLEAR(struct answers, answers_clear)

/* One round trip, but the locks come first: what is read after them cannot change before COMMIT. */
bool
renew_read(struct tx *tx, const struct renew_asked *asked, size_t count, struct renew_found *out,
    struct error *err)
{
	DEFER(answers_clear) struct answers answers = {0};
	struct rows *rows[2];

	if (!queue_devices(tx, asked, count, err) || !queue_facts(tx, asked, count, err) ||
	    !tx_flush(tx, rows, COUNT(rows), err))
		return false;
	answers = (struct answers){.devices = rows[0], .facts = rows[1]};
	for (size_t row = 0; row < rows_count(answers.facts); row++)
		read_facts(answers.facts, row, &out[rows_int(answers.facts, row, 0) - 1]);
	return read_devices(answers.devices, asked, count, out, err);
}

/* What the certificates renewed are known by: the rest is of their successors. */
static void
bind_renewed(struct params *out, const struct renew_row *rows, size_t count)
{
	DEFER(certificate_columns_clear) struct certificate_columns columns;

	certificate_columns_init(&columns, count);
	for (size_t i = 0; i < count; i++)
		certificate_columns_key(&columns, i, rows[i].serial);
	params_int2_array(out, columns.months, count);
	params_bytea_array(out, columns.serials, count);
}

static void
set_columns(struct certificate_columns *columns, size_t i, const struct renew_row *row)
{
	const struct issued *issued = row->issued;

	certificate_columns_key(columns, i, issued->serial);
	columns->keys[i] = bytes_of(issued->spki_sha256, SHA256_BYTES);
	columns->devices[i] = row->presented->device;
	columns->issuers[i] = bytes_of(issued->issuer->id, ISSUER_ID_BYTES);
	columns->handles[i] = bytes_of_text(issued->handle);
	columns->pseudonyms[i] = bytes_of(row->presented->pseudonym, UUID_BYTES);
	columns->not_befores_s[i] = issued->not_before_s;
	columns->not_afters_s[i] = issued->not_after_s;
	columns->nonces[i] = bytes_of(issued->nonce, sizeof issued->nonce);
	columns->bodies[i] = buf_bytes(&issued->tbs);
}

static void
bind_columns(struct params *out, const struct certificate_columns *columns, const bool *new_keys,
    int log, const int64_t *seqs, size_t count)
{
	params_int2_array(out, columns->months, count);
	params_bytea_array(out, columns->serials, count);
	params_bytea_array(out, columns->keys, count);
	params_bool_array(out, new_keys, count);
	params_int8_array(out, columns->devices, count);
	params_bytea_array(out, columns->issuers, count);
	params_text_array(out, columns->handles, count);
	params_uuid_array(out, columns->pseudonyms, count);
	params_int8_array(out, columns->not_befores_s, count);
	params_int8_array(out, columns->not_afters_s, count);
	params_int2(out, (int16_t)log);
	params_int8_array(out, seqs, count);
	params_bytea_array(out, columns->nonces, count);
	params_bytea_array(out, columns->bodies, count);
}

bool
renew_insert(struct tx *tx, int log, const struct renew_row *rows, size_t count, struct error *err)
{
	DEFER(certificate_columns_clear) struct certificate_columns columns;
	DEFER(params_clear) struct params params = {0};
	DEFER(mem_free) bool *new_keys = xcalloc(count, sizeof *new_keys);
	DEFER(mem_free) int64_t *seqs = xcalloc(count, sizeof *seqs);

	certificate_columns_init(&columns, count);
	for (size_t i = 0; i < count; i++) {
		set_columns(&columns, i, &rows[i]);
		new_keys[i] = !rows[i].same_key;
		seqs[i] = rows[i].seq;
	}
	bind_renewed(&params, rows, count);
	bind_columns(&params, &columns, new_keys, log, seqs, count);
	return tx_run(tx, &RENEWALS_INSERT, &params, err);
}
