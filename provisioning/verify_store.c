#include "provisioning/verify_store.h"

#include "provisioning/verify.h"

/* $1 pseudonym, $2 how many */
static const struct stmt DEVICE_READ = STMT("verify_device_read", 2, 8,
    "SELECT d.state, c.serial, c.handle, c.not_before_at_s, c.not_after_at_s, r.state, r.reason,"
    " r.revoked_at_s FROM certificate AS c JOIN device AS d ON d.id = c.device"
    " LEFT JOIN LATERAL (SELECT state, reason, revoked_at_s FROM revocation"
    "  WHERE month = c.month AND serial = c.serial LIMIT 1) AS r ON true"
    " WHERE c.pseudonym = $1::uuid ORDER BY c.not_before_at_s DESC, c.serial LIMIT $2::int8");

static const struct stmt *const STATEMENTS[] = {
    &DEVICE_READ,
    NULL,
};

const struct stmt *const *
verify_statements(void)
{
	return STATEMENTS;
}

bool
verify_read_device(struct db *db, const uint8_t pseudonym[static UUID_BYTES], size_t max,
    struct rows **out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_uuid(&params, pseudonym);
	params_int8(&params, (int64_t)max);
	return db_query(db, &DEVICE_READ, &params, out, err);
}
