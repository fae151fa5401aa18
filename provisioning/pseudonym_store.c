#include "provisioning/pseudonym_store.h"

#include "base/mem.h"
#include "ca/certificate_columns.h"

/* $1 month, $2 serial */
static const struct stmt PRESENTED_FIND = STMT("pseudonym_presented_find", 2, 3,
    "SELECT p.spki_sha256, p.link, r.state IS NOT NULL FROM pseudonym_certificate AS p"
    " LEFT JOIN revocation AS r ON r.month = p.month AND r.serial = p.serial"
    " WHERE p.month = $1::int2 AND p.serial = $2::bytea");

static const struct stmt LOCK_SHARED = STMT("pseudonym_lock_shared", 0, 1,
    "SELECT pg_advisory_xact_lock_shared(hashtext('moniker pseudonyms')) IS NULL");

static const struct stmt LOCK_ALONE = STMT("pseudonym_lock_alone", 0, 1,
    "SELECT pg_advisory_xact_lock(hashtext('moniker pseudonyms')) IS NULL");

/* $1 months and $2 serials presented, $3 devices, $4 keys asked for, $5 blocks */
static const struct stmt FACTS_READ = STMT("pseudonym_facts_read", 5, 5,
    "SELECT q.place, r.state, d.state, k.known IS NOT NULL, b.known IS NOT NULL"
    " FROM unnest($1::int2[], $2::bytea[], $3::int8[], $4::bytea[], $5::bytea[])"
    " WITH ORDINALITY AS q(month, serial, device, spki_sha256, block, place)"
    " LEFT JOIN LATERAL (SELECT state FROM revocation"
    "  WHERE month = q.month AND serial = q.serial LIMIT 1) AS r ON true"
    " LEFT JOIN LATERAL (SELECT state FROM device WHERE id = q.device LIMIT 1) AS d ON true"
    " LEFT JOIN LATERAL (SELECT 1 AS known FROM device_key"
    "  WHERE spki_sha256 = q.spki_sha256 LIMIT 1) AS k ON true"
    " LEFT JOIN LATERAL (SELECT 1 AS known FROM pseudonym_block"
    "  WHERE block = q.block LIMIT 1) AS b ON true");

/* $1 months, $2 slots: the places of those that are taken */
static const struct stmt SLOTS_READ = STMT("pseudonym_slots_read", 2, 1,
    "SELECT q.place FROM unnest($1::int2[], $2::bytea[]) WITH ORDINALITY AS q(month, slot, place)"
    " CROSS JOIN LATERAL (SELECT 1 FROM pseudonym_certificate"
    "  WHERE month = q.month AND slot = q.slot LIMIT 1) AS taken");

/*
 * $1 months, $2 serials, $3 keys, $4 issuers, $5 handles, $6 pseudonyms, $7 not_before_at_s,
 * $8 not_after_at_s, $9 links, $10 slots, $11 log, $12 seqs, $13 nonces, $14 tbs. No device stands
 * beside any of it.
 */
static const struct stmt INSERT = STMT("pseudonyms_insert", 14, 1,
    "WITH u AS MATERIALIZED (SELECT * FROM unnest($1::int2[], $2::bytea[], $3::bytea[],"
    "  $4::bytea[], $5::text[], $6::uuid[], $7::int8[], $8::int8[], $9::bytea[], $10::bytea[],"
    "  $12::int8[], $13::bytea[], $14::bytea[]) AS u(month, serial, spki_sha256, issuer, handle,"
    "  pseudonym, not_before_at_s, not_after_at_s, link, slot, seq, nonce, tbs)),"
    " certificates AS (INSERT INTO pseudonym_certificate (month, serial, issuer, handle,"
    "  pseudonym, spki_sha256, not_before_at_s, not_after_at_s, link, slot)"
    "  SELECT month, serial, issuer, handle, pseudonym, spki_sha256, not_before_at_s,"
    "  not_after_at_s, link, slot FROM u ON CONFLICT DO NOTHING RETURNING 1),"
    " keys AS (INSERT INTO device_key (spki_sha256, device, month, serial)"
    "  SELECT spki_sha256, NULL, month, serial FROM u ON CONFLICT DO NOTHING RETURNING 1),"
    " bodies AS (INSERT INTO certificate_body (month, serial, issuer, log, seq, nonce, tbs)"
    "  SELECT month, serial, issuer, $11::int2, seq, nonce, tbs FROM u)"
    " SELECT expect_rows((SELECT count(*) FROM certificates) + (SELECT count(*) FROM keys),"
    "  (SELECT 2 * count(*) FROM u)) IS NULL");

/* $1 spki_sha256 */
static const struct stmt KEY_FIND = STMT("pseudonym_key_find", 1, 3,
    "SELECT k.device IS NOT NULL, k.serial, p.link FROM device_key AS k"
    " LEFT JOIN LATERAL (SELECT link FROM pseudonym_certificate"
    "  WHERE month = k.month AND serial = k.serial LIMIT 1) AS p ON true"
    " WHERE k.spki_sha256 = $1::bytea");

static const struct stmt *const STATEMENTS[] = {
    &PRESENTED_FIND,
    &LOCK_SHARED,
    &LOCK_ALONE,
    &FACTS_READ,
    &SLOTS_READ,
    &INSERT,
    &KEY_FIND,
    NULL,
};

const struct stmt *const *
pseudonym_statements(void)
{
	return STATEMENTS;
}

bool
pseudonym_find_presented(struct db *db, const uint8_t serial[static SERIAL_BYTES],
    struct pseudonym_presented *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	uint16_t month;

	*out = (struct pseudonym_presented){0};
	if (!serial_month(serial, &month))
		return true; /* not one of ours: no row */
	params_int2(&params, (int16_t)month);
	params_bytea(&params, bytes_of(serial, SERIAL_BYTES));
	if (!db_query(db, &PRESENTED_FIND, &params, &rows, err))
		return false;
	if (rows_count(rows) == 0)
		return true;
	out->known = true;
	memcpy(out->spki_sha256, rows_bytes(rows, 0, 0).data, SHA256_BYTES);
	memcpy(out->link, rows_bytes(rows, 0, 1).data, LINK_BYTES);
	out->revoked = rows_bool(rows, 0, 2);
	return true;
}

bool
pseudonym_lock_shared(struct tx *tx, struct error *err)
{
	return tx_run(tx, &LOCK_SHARED, &(struct params){0}, err);
}

bool
pseudonym_lock_alone(struct tx *tx, struct error *err)
{
	return tx_run(tx, &LOCK_ALONE, &(struct params){0}, err);
}

/* ---- facts ---- */

static bool
query_facts(struct tx *tx, const struct pseudonym_asked *asked, size_t count, struct rows **out,
    struct error *err)
{
	DEFER(certificate_columns_clear) struct certificate_columns columns;
	DEFER(params_clear) struct params params = {0};

	certificate_columns_init(&columns, count);
	for (size_t i = 0; i < count; i++) {
		certificate_columns_key(&columns, i, asked[i].serial);
		columns.devices[i] = asked[i].device;
		columns.keys[i] = bytes_of(asked[i].spki_sha256, SHA256_BYTES);
		columns.nonces[i] = bytes_of(asked[i].block, LINK_BLOCK_BYTES);
	}
	params_int2_array(&params, columns.months, count);
	params_bytea_array(&params, columns.serials, count);
	params_int8_array(&params, columns.devices, count);
	params_bytea_array(&params, columns.keys, count);
	params_bytea_array(&params, columns.nonces, count);
	return tx_query(tx, &FACTS_READ, &params, out, err);
}

static bool
query_slots(struct tx *tx, const struct pseudonym_asked *asked, size_t count, struct rows **out,
    struct error *err)
{
	const size_t slot_count = count * PSEUDONYM_QUOTA;
	DEFER(params_clear) struct params params = {0};
	DEFER(mem_free) int16_t *months = xcalloc(slot_count, sizeof *months);
	DEFER(mem_free) struct bytes *slots = xcalloc(slot_count, sizeof *slots);

	for (size_t i = 0; i < slot_count; i++) {
		const struct pseudonym_asked *one = &asked[i / PSEUDONYM_QUOTA];

		months[i] = one->month;
		slots[i] = bytes_of(one->slots[i % PSEUDONYM_QUOTA], LINK_SLOT_BYTES);
	}
	params_int2_array(&params, months, slot_count);
	params_bytea_array(&params, slots, slot_count);
	return tx_query(tx, &SLOTS_READ, &params, out, err);
}

static bool
read_facts(const struct rows *rows, size_t row, const struct pseudonym_asked *asked,
    struct pseudonym_facts *out, struct error *err)
{
	char state[10] = "";

	if (!rows_null(rows, row, 1))
		rows_text(rows, row, 1, state, sizeof state);
	out->held = strcmp(state, "held") == 0;
	out->revoked = strcmp(state, "revoked") == 0;
	out->key_known = rows_bool(rows, row, 3);
	out->blocked = rows_bool(rows, row, 4);
	out->device = DEVICE_ACTIVE;
	if (asked->device == 0)
		return true;
	out->device = DEVICE_REVOKED; /* unless there is a row that says better */
	if (rows_null(rows, row, 2))
		return true;
	rows_text(rows, row, 2, state, sizeof state);
	return device_state_of(state, &out->device) ||
	       error_set(err, E_INTERNAL, "a device in an unknown state");
}

/* Statements of their own after the lock, so that what is read is newer than it. */
bool
pseudonym_read(struct tx *tx, const struct pseudonym_asked *asked, size_t count,
    struct pseudonym_facts *out, struct error *err)
{
	DEFER(rows_free) struct rows *facts = NULL;
	DEFER(rows_free) struct rows *slots = NULL;

	if (!pseudonym_lock_shared(tx, err) || !query_facts(tx, asked, count, &facts, err) ||
	    !query_slots(tx, asked, count, &slots, err))
		return false;
	for (size_t row = 0; row < rows_count(facts); row++) {
		const size_t place = (size_t)rows_int(facts, row, 0) - 1;

		if (!read_facts(facts, row, &asked[place], &out[place], err))
			return false;
	}
	for (size_t row = 0; row < rows_count(slots); row++) {
		const size_t place = (size_t)rows_int(slots, row, 0) - 1;

		out[place / PSEUDONYM_QUOTA].slot_taken[place % PSEUDONYM_QUOTA] = true;
	}
	return true;
}

/* ---- winners ---- */

static void
set_columns(struct certificate_columns *columns, size_t i, const struct pseudonym_row *row)
{
	const struct issued *issued = row->issued;

	certificate_columns_key(columns, i, issued->serial);
	columns->keys[i] = bytes_of(issued->spki_sha256, SHA256_BYTES);
	columns->issuers[i] = bytes_of(issued->issuer->id, ISSUER_ID_BYTES);
	columns->handles[i] = bytes_of_text(issued->handle);
	columns->pseudonyms[i] = bytes_of(row->pseudonym, UUID_BYTES);
	columns->not_befores_s[i] = issued->not_before_s;
	columns->not_afters_s[i] = issued->not_after_s;
	columns->nonces[i] = bytes_of(issued->nonce, sizeof issued->nonce);
	columns->bodies[i] = buf_bytes(&issued->tbs);
}

static void
bind_certificates(struct params *out, const struct certificate_columns *columns, size_t count)
{
	params_int2_array(out, columns->months, count);
	params_bytea_array(out, columns->serials, count);
	params_bytea_array(out, columns->keys, count);
	params_bytea_array(out, columns->issuers, count);
	params_text_array(out, columns->handles, count);
	params_uuid_array(out, columns->pseudonyms, count);
	params_int8_array(out, columns->not_befores_s, count);
	params_int8_array(out, columns->not_afters_s, count);
}

bool
pseudonym_insert(
    struct tx *tx, int log, const struct pseudonym_row *rows, size_t count, struct error *err)
{
	DEFER(certificate_columns_clear) struct certificate_columns columns;
	DEFER(params_clear) struct params params = {0};
	DEFER(mem_free) struct bytes *links = xcalloc(count, sizeof *links);
	DEFER(mem_free) struct bytes *slots = xcalloc(count, sizeof *slots);
	DEFER(mem_free) int64_t *seqs = xcalloc(count, sizeof *seqs);

	certificate_columns_init(&columns, count);
	for (size_t i = 0; i < count; i++) {
		set_columns(&columns, i, &rows[i]);
		links[i] = bytes_of(rows[i].link, LINK_BYTES);
		slots[i] = bytes_of(rows[i].slot, LINK_SLOT_BYTES);
		seqs[i] = rows[i].seq;
	}
	bind_certificates(&params, &columns, count);
	params_bytea_array(&params, links, count);
	params_bytea_array(&params, slots, count);
	params_int2(&params, (int16_t)log);
	params_int8_array(&params, seqs, count);
	params_bytea_array(&params, columns.nonces, count);
	params_bytea_array(&params, columns.bodies, count);
	return tx_run(tx, &INSERT, &params, err);
}

bool
pseudonym_find_key(struct db *db, const uint8_t spki_sha256[static SHA256_BYTES],
    struct pseudonym_key *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	*out = (struct pseudonym_key){0};
	params_bytea(&params, bytes_of(spki_sha256, SHA256_BYTES));
	if (!db_query(db, &KEY_FIND, &params, &rows, err))
		return false;
	out->known = rows_count(rows) > 0;
	if (!out->known)
		return true;
	/* A key that is nobody's pseudonym is as foreign as one of a device. */
	out->of_device = rows_bool(rows, 0, 0) || rows_null(rows, 0, 2);
	memcpy(out->serial, rows_bytes(rows, 0, 1).data, SERIAL_BYTES);
	if (!out->of_device)
		memcpy(out->link, rows_bytes(rows, 0, 2).data, LINK_BYTES);
	return true;
}
