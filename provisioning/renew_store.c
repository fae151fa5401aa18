#include "provisioning/renew_store.h"

#include <stdlib.h>

#include "base/mem.h"
#include "ca/certificate_columns.h"
#include "provisioning/renew.h"

/* $1 month, $2 serial */
static const struct stmt PRESENTED_FIND = STMT("renew_presented_find", 2, 7,
    "SELECT c.device, c.handle, c.pseudonym, c.spki_sha256, c.not_before_at_s, c.not_after_at_s,"
    " d.profile FROM certificate AS c JOIN device AS d ON d.id = c.device"
    " WHERE c.month = $1::int2 AND c.serial = $2::bytea");

/* $1 ids */
static const struct stmt DEVICES_SHARE = STMT("renew_devices_share", 1, 2,
    "SELECT id, state FROM device WHERE id = ANY($1::int8[]) ORDER BY id FOR SHARE");

/* $1 months, $2 serials presented, $3 keys asked for */
static const struct stmt FACTS_READ = STMT("renew_facts_read", 3, 5,
    "SELECT q.place, n.new_serial, n.spki_sha256, r.state,"
    " EXISTS (SELECT FROM device_key WHERE spki_sha256 = q.spki_sha256)"
    " FROM unnest($1::int2[], $2::bytea[], $3::bytea[]) WITH ORDINALITY"
    " AS q(month, serial, spki_sha256, place)"
    " LEFT JOIN LATERAL (SELECT new_serial, spki_sha256 FROM renewal"
    "  WHERE month = q.month AND serial = q.serial LIMIT 1) AS n ON true"
    " LEFT JOIN LATERAL (SELECT state FROM revocation"
    "  WHERE month = q.month AND serial = q.serial LIMIT 1) AS r ON true");

/* $1 months, $2 serials, $3 new months, $4 new serials, $5 keys */
static const struct stmt RENEWALS_INSERT = STMT("renewals_insert", 5, 1,
    "WITH new AS (INSERT INTO renewal (month, serial, new_month, new_serial, spki_sha256)"
    " SELECT * FROM unnest($1::int2[], $2::bytea[], $3::int2[], $4::bytea[], $5::bytea[])"
    " ON CONFLICT DO NOTHING RETURNING 1)"
    " SELECT expect_rows(count(*), cardinality($1::int2[])) IS NULL FROM new");

/* $1 keys, $2 devices, $3 months, $4 serials of their first certificates */
static const struct stmt KEYS_INSERT = STMT("renew_keys_insert", 4, 1,
    "WITH new AS (INSERT INTO device_key (spki_sha256, device, month, serial)"
    " SELECT * FROM unnest($1::bytea[], $2::int8[], $3::int2[], $4::bytea[])"
    " ON CONFLICT DO NOTHING RETURNING 1)"
    " SELECT expect_rows(count(*), cardinality($1::bytea[])) IS NULL FROM new");

static const struct stmt *const STATEMENTS[] = {
    &PRESENTED_FIND,
    &DEVICES_SHARE,
    &FACTS_READ,
    &RENEWALS_INSERT,
    &KEYS_INSERT,
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
	*out = found;
	return true;
}

static bool
read_devices(struct tx *tx, const struct renew_asked *asked, size_t count, struct renew_found *out,
    struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	DEFER(mem_free) int64_t *ids = xcalloc(count, sizeof *ids);

	for (size_t i = 0; i < count; i++)
		ids[i] = asked[i].device;
	params_int8_array(&params, ids, count);
	if (!tx_query(tx, &DEVICES_SHARE, &params, &rows, err))
		return false;
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

bool
renew_read(struct tx *tx, const struct renew_asked *asked, size_t count, struct renew_found *out,
    struct error *err)
{
	DEFER(certificate_columns_clear) struct certificate_columns columns;
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	certificate_columns_init(&columns, count);
	for (size_t i = 0; i < count; i++) {
		certificate_columns_key(&columns, i, asked[i].serial);
		columns.keys[i] = bytes_of(asked[i].spki_sha256, SHA256_BYTES);
	}
	params_int2_array(&params, columns.months, count);
	params_bytea_array(&params, columns.serials, count);
	params_bytea_array(&params, columns.keys, count);
	/* The locks come first: what is read after them cannot change before COMMIT. */
	if (!read_devices(tx, asked, count, out, err) ||
	    !tx_query(tx, &FACTS_READ, &params, &rows, err))
		return false;
	for (size_t row = 0; row < rows_count(rows); row++)
		read_facts(rows, row, &out[rows_int(rows, row, 0) - 1]);
	return true;
}

bool
renew_insert(struct tx *tx, const struct renew_row *rows, size_t count, struct error *err)
{
	DEFER(certificate_columns_clear) struct certificate_columns old;
	DEFER(certificate_columns_clear) struct certificate_columns new;
	DEFER(params_clear) struct params params = {0};

	certificate_columns_init(&old, count);
	certificate_columns_init(&new, count);
	for (size_t i = 0; i < count; i++) {
		certificate_columns_key(&old, i, rows[i].serial);
		certificate_columns_key(&new, i, rows[i].new_serial);
		new.keys[i] = bytes_of(rows[i].spki_sha256, SHA256_BYTES);
	}
	params_int2_array(&params, old.months, count);
	params_bytea_array(&params, old.serials, count);
	params_int2_array(&params, new.months, count);
	params_bytea_array(&params, new.serials, count);
	params_bytea_array(&params, new.keys, count);
	return tx_run(tx, &RENEWALS_INSERT, &params, err);
}

bool
renew_insert_keys(struct tx *tx, const struct renew_row *rows, size_t count, struct error *err)
{
	DEFER(certificate_columns_clear) struct certificate_columns columns;
	DEFER(params_clear) struct params params = {0};

	certificate_columns_init(&columns, count);
	for (size_t i = 0; i < count; i++) {
		certificate_columns_key(&columns, i, rows[i].new_serial);
		columns.keys[i] = bytes_of(rows[i].spki_sha256, SHA256_BYTES);
		columns.devices[i] = rows[i].device;
	}
	params_bytea_array(&params, columns.keys, count);
	params_int8_array(&params, columns.devices, count);
	params_int2_array(&params, columns.months, count);
	params_bytea_array(&params, columns.serials, count);
	return tx_run(tx, &KEYS_INSERT, &params, err);
}
