#include "ca/ocsp_store.h"

#include "ca/certificate_columns.h"
#include "ca/ocsp.h"

/* $1 months, $2 serials; each is one look into the index of its month. */
static const struct stmt OCSP_READ = STMT("ocsp_read", 2, 7,
    "SELECT q.place, c.issuer, c.not_after_at_s, s.serial IS NOT NULL, r.state, r.reason,"
    " r.revoked_at_s"
    " FROM unnest($1::int2[], $2::bytea[]) WITH ORDINALITY AS q(month, serial, place)"
    " CROSS JOIN LATERAL (SELECT issuer, not_after_at_s FROM certificate"
    "  WHERE month = q.month AND serial = q.serial LIMIT 1) AS c"
    " LEFT JOIN LATERAL (SELECT serial FROM certificate_signature"
    "  WHERE month = q.month AND serial = q.serial LIMIT 1) AS s ON true"
    " LEFT JOIN LATERAL (SELECT state, reason, revoked_at_s FROM revocation"
    "  WHERE month = q.month AND serial = q.serial LIMIT 1) AS r ON true");

static const struct stmt *const STATEMENTS[] = {&OCSP_READ, NULL};

const struct stmt *const *
ocsp_statements(void)
{
	return STATEMENTS;
}

static void
row_read(const struct rows *rows, size_t row, struct ocsp_row *out)
{
	char state[10];

	out->issued = true;
	memcpy(out->issuer, rows_bytes(rows, row, 1).data, sizeof out->issuer);
	out->not_after_s = rows_int(rows, row, 2);
	out->has_signature = rows_bool(rows, row, 3);
	out->state = OCSP_GOOD;
	if (rows_null(rows, row, 4))
		return;
	rows_text(rows, row, 4, state, sizeof state);
	out->state = OCSP_REVOKED;
	out->reason =
	    strcmp(state, "held") == 0 ? REASON_HOLD : (enum reason)rows_int(rows, row, 5);
	out->revoked_at_s = rows_int(rows, row, 6);
}

bool
ocsp_store_read(struct db *db, const uint8_t (*serials)[SERIAL_BYTES], size_t count,
    struct ocsp_row *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	certificate_bind_serials(&params, serials, count);
	if (!db_query(db, &OCSP_READ, &params, &rows, err))
		return false;
	for (size_t i = 0; i < count; i++)
		out[i] = (struct ocsp_row){.state = OCSP_UNKNOWN};
	for (size_t row = 0; row < rows_count(rows); row++)
		row_read(rows, row, &out[rows_int(rows, row, 0) - 1]);
	return true;
}
