#include "provisioning/verify_store.h"

#include "ca/certificate_columns.h"
#include "provisioning/verify.h"

/* $1 pseudonym, $2 how many */
static const struct stmt DEVICE_READ = STMT("verify_device_read", 2, 8,
    "SELECT d.state, c.serial, c.handle, c.not_before_at_s, c.not_after_at_s, r.state, r.reason,"
    " r.revoked_at_s FROM certificate AS c JOIN device AS d ON d.id = c.device"
    " LEFT JOIN LATERAL (SELECT state, reason, revoked_at_s FROM revocation"
    "  WHERE month = c.month AND serial = c.serial LIMIT 1) AS r ON true"
    " WHERE c.pseudonym = $1::uuid ORDER BY c.not_before_at_s DESC, c.serial LIMIT $2::int8");

/* The same of a pseudonym of the unlinkable mode: what is known of one is its certificate. */
static const struct stmt PSEUDONYM_READ = STMT("verify_pseudonym_read", 2, 8,
    "SELECT coalesce(r.state, 'active'), p.serial, p.handle, p.not_before_at_s, p.not_after_at_s,"
    " r.state, r.reason, r.revoked_at_s FROM pseudonym_certificate AS p"
    " LEFT JOIN LATERAL (SELECT state, reason, revoked_at_s FROM revocation"
    "  WHERE month = p.month AND serial = p.serial LIMIT 1) AS r ON true"
    " WHERE p.pseudonym = $1::uuid LIMIT $2::int8");

/* $1 months, $2 serials, as certificate_statuses() */
static const struct stmt PSEUDONYM_STATUSES = STMT("verify_pseudonym_statuses", 2, 9,
    "SELECT q.place, p.handle, p.pseudonym, p.not_before_at_s, p.not_after_at_s,"
    " r.state, r.reason, r.revoked_at_s,"
    " EXISTS (SELECT FROM certificate_signature WHERE month = q.month AND serial = q.serial)"
    " FROM unnest($1::int2[], $2::bytea[]) WITH ORDINALITY AS q(month, serial, place)"
    " CROSS JOIN LATERAL (SELECT handle, pseudonym, not_before_at_s, not_after_at_s"
    "  FROM pseudonym_certificate WHERE month = q.month AND serial = q.serial LIMIT 1) AS p"
    " LEFT JOIN LATERAL (SELECT state, reason, revoked_at_s"
    "  FROM revocation WHERE month = q.month AND serial = q.serial LIMIT 1) AS r ON true");

static const struct stmt *const STATEMENTS[] = {
    &DEVICE_READ,
    &PSEUDONYM_READ,
    &PSEUDONYM_STATUSES,
    NULL,
};

const struct stmt *const *
verify_statements(void)
{
	return STATEMENTS;
}

static bool
read_pseudonym(struct db *db, const struct params *params, struct rows **inout, struct error *err)
{
	rows_free(*inout);
	*inout = NULL;
	return db_query(db, &PSEUDONYM_READ, params, inout, err);
}

bool
verify_read_device(struct db *db, const uint8_t pseudonym[static UUID_BYTES], size_t max,
    struct rows **out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_uuid(&params, pseudonym);
	params_int8(&params, (int64_t)max);
	if (!db_query(db, &DEVICE_READ, &params, &rows, err) ||
	    (rows_count(rows) == 0 && !read_pseudonym(db, &params, &rows, err)))
		return false;
	*out = TAKE(rows);
	return true;
}

static void
read_status(const struct rows *rows, size_t row, struct certificate_status *out)
{
	*out = (struct certificate_status){.known = true,
	    .device_state = "active",
	    .not_before_s = rows_int(rows, row, 3),
	    .not_after_s = rows_int(rows, row, 4),
	    .signed_ = rows_bool(rows, row, 8)};
	rows_text(rows, row, 1, out->handle, sizeof out->handle);
	uuid_encode(out->pseudonym, rows_bytes(rows, row, 2).data);
	certificate_status_read_revocation(rows, row, 5, out);
}

bool
verify_read_pseudonyms(struct db *db, const uint8_t (*serials)[SERIAL_BYTES], size_t count,
    struct certificate_status *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	certificate_bind_serials(&params, serials, count);
	if (!db_query(db, &PSEUDONYM_STATUSES, &params, &rows, err))
		return false;
	for (size_t row = 0; row < rows_count(rows); row++)
		read_status(rows, row, &out[rows_int(rows, row, 0) - 1]);
	return true;
}
