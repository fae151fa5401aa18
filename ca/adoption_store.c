#include "ca/adoption_store.h"

#include "base/mem.h"
#include "ca/certificate_columns.h"

/* `b` is a body: neither signed, nor given up, nor adopted by a log that lives. */
#define IS_ORPHAN                                                       \
	" NOT EXISTS (SELECT FROM certificate_signature AS s"           \
	"  WHERE s.month = b.month AND s.serial = b.serial)"            \
	" AND NOT EXISTS (SELECT FROM certificate_abort AS a"           \
	"  WHERE a.month = b.month AND a.serial = b.serial)"            \
	" AND NOT EXISTS (SELECT FROM certificate_adoption AS d"        \
	"  JOIN audit_log AS l ON l.id = d.log AND l.gone_at_s IS NULL" \
	"  WHERE d.month = b.month AND d.serial = b.serial)"

static const struct stmt ADOPTION_DUE = STMT("adoption_due", 0, 1,
    "SELECT EXISTS (SELECT FROM audit_log AS g JOIN signed_head AS h ON h.log = g.id"
    " WHERE g.gone_at_s IS NOT NULL AND h.seq < g.size)");

/*
 * $1 how many. Below signed_head everything is signed or given up; certificate_advance_signed()
 * moves it, so that each look at a retired log is short in the end.
 */
static const struct stmt ADOPTION_READ = STMT("adoption_read", 1, 4,
    "SELECT b.serial, b.issuer, b.tbs, f.body FROM audit_log AS g"
    " JOIN signed_head AS h ON h.log = g.id"
    " CROSS JOIN LATERAL (SELECT log, seq, serial, issuer, tbs FROM certificate_body AS b"
    "  WHERE b.log = g.id AND b.seq >= h.seq AND" IS_ORPHAN "  ORDER BY b.seq LIMIT $1::int4) AS b"
    " LEFT JOIN audit_leaf AS f ON f.log = b.log AND f.seq = b.seq"
    " WHERE g.gone_at_s IS NOT NULL ORDER BY b.log, b.seq LIMIT $1::int4");

/* $1 months, $2 serials */
static const struct stmt ADOPTION_LOOK = STMT("adoption_look", 2, 1,
    "SELECT b.place FROM unnest($1::int2[], $2::bytea[]) WITH ORDINALITY AS b(month, serial, place)"
    " WHERE" IS_ORPHAN);

/*
 * $1 log, $2 months, $3 serials, $4 seqs, $5 nonces. The turn after those of logs that were retired
 * since: a second node that wants the same one waits for the first, and then has no row.
 */
static const struct stmt ADOPTION_INSERT = STMT("adoption_insert", 5, 1,
    "WITH new AS (INSERT INTO certificate_adoption (month, serial, turn, log, seq, nonce)"
    " SELECT b.month, b.serial, (SELECT count(*) FROM certificate_adoption AS d"
    "  WHERE d.month = b.month AND d.serial = b.serial), $1::int2, b.seq, b.nonce"
    " FROM unnest($2::int2[], $3::bytea[], $4::int8[], $5::bytea[])"
    " AS b(month, serial, seq, nonce) WHERE" IS_ORPHAN " ON CONFLICT DO NOTHING RETURNING 1)"
    " SELECT expect_rows(count(*), cardinality($2::int2[])) IS NULL FROM new");

static const struct stmt *const STATEMENTS[] = {
    &ADOPTION_DUE,
    &ADOPTION_READ,
    &ADOPTION_LOOK,
    &ADOPTION_INSERT,
    NULL,
};

const struct stmt *const *
adoption_statements(void)
{
	return STATEMENTS;
}

void
orphan_clear(struct orphan *orphan)
{
	buf_clear_public(&orphan->tbs);
}

static bool
orphan_read(const struct rows *rows, size_t row, struct orphan *out, struct error *err)
{
	struct leaf_view view = {0};

	if (rows_null(rows, row, 3))
		return error_set(err, E_RECORD_UNAVAILABLE, "a retired log lacks leaves");
	if (!leaf_parse(rows_bytes(rows, row, 3), &view, err))
		return false;
	*out = (struct orphan){0};
	memcpy(out->serial, rows_bytes(rows, row, 0).data, sizeof out->serial);
	memcpy(out->issuer, rows_bytes(rows, row, 1).data, sizeof out->issuer);
	buf_append(&out->tbs, rows_bytes(rows, row, 2));
	memcpy(out->subject, view.subject.data, view.subject.len);
	return true;
}

bool
adoption_due(struct db *db, bool *out, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;

	if (!db_query(db, &ADOPTION_DUE, NULL, &rows, err))
		return false;
	*out = rows_bool(rows, 0, 0);
	return true;
}

bool
adoption_read(struct db *db, struct orphan *out, size_t max, size_t *out_count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	*out_count = 0;
	params_int4(&params, (int32_t)max);
	if (!db_query(db, &ADOPTION_READ, &params, &rows, err))
		return false;
	for (; *out_count < rows_count(rows); ++*out_count)
		if (!orphan_read(rows, *out_count, &out[*out_count], err))
			return false;
	return true;
}

bool
adoption_look(struct tx *tx, struct orphan *const *orphans, size_t count, struct error *err)
{
	DEFER(certificate_columns_clear) struct certificate_columns columns;
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	certificate_columns_init(&columns, count);
	for (size_t i = 0; i < count; i++) {
		certificate_columns_key(&columns, i, orphans[i]->serial);
		orphans[i]->adoptable = false;
	}
	params_int2_array(&params, columns.months, count);
	params_bytea_array(&params, columns.serials, count);
	if (!tx_query(tx, &ADOPTION_LOOK, &params, &rows, err))
		return false;
	for (size_t row = 0; row < rows_count(rows); row++)
		orphans[rows_int(rows, row, 0) - 1]->adoptable = true;
	return true;
}

bool
adoption_insert(
    struct tx *tx, int log, struct orphan *const *orphans, size_t count, struct error *err)
{
	DEFER(certificate_columns_clear) struct certificate_columns columns;
	DEFER(params_clear) struct params params = {0};
	DEFER(mem_free) int64_t *seqs = xcalloc(count + 1, sizeof *seqs);
	size_t used = 0;

	certificate_columns_init(&columns, count);
	for (size_t i = 0; i < count; i++) {
		if (!orphans[i]->adoptable)
			continue;
		certificate_columns_key(&columns, used, orphans[i]->serial);
		seqs[used] = orphans[i]->seq;
		columns.nonces[used] = bytes_of(orphans[i]->nonce, sizeof orphans[i]->nonce);
		used++;
	}
	if (used == 0)
		return true;
	params_int2(&params, (int16_t)log);
	params_int2_array(&params, columns.months, used);
	params_bytea_array(&params, columns.serials, used);
	params_int8_array(&params, seqs, used);
	params_bytea_array(&params, columns.nonces, used);
	return tx_run(tx, &ADOPTION_INSERT, &params, err);
}
