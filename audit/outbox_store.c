#include "audit/outbox_store.h"

#include "audit/outbox.h"

/* $1 tail */
static const struct stmt OUTBOX_INSERT =
    STMT("outbox_insert", 1, 0, "INSERT INTO audit_outbox (tail) VALUES ($1::bytea)");

/*
 * $1 how many, $2 what they may not hold: where a log begins or ends is told by another one. That
 * parts of it were dropped, it tells itself, where its readers look for it, and another one only
 * when it is closed. What a DELETE returns has no order, hence the outer SELECT.
 */
static const struct stmt OUTBOX_TAKE = STMT("outbox_take", 2, 1,
    "WITH taken AS (DELETE FROM audit_outbox WHERE id IN (SELECT o.id FROM audit_outbox AS o"
    "  CROSS JOIN LATERAL (SELECT position('\"ev\":\"log.prune\"'::bytea IN o.tail) > 0 AS yes)"
    "   AS prunes CROSS JOIN LATERAL (SELECT position($2::bytea IN o.tail) > 0 AS yes) AS own"
    "  WHERE prunes.yes = own.yes OR (prunes.yes AND NOT EXISTS (SELECT FROM audit_log AS l"
    "   WHERE l.gone_at_s IS NULL AND position(convert_to('\"sub\":\"log:'"
    "   || left(regexp_replace(l.origin::text, '^.*/', ''), 60) || '\"', 'UTF8') IN o.tail) > 0))"
    "  ORDER BY o.id LIMIT $1::int8) RETURNING id, tail)"
    " SELECT tail FROM taken ORDER BY id");

static const struct stmt *const STATEMENTS[] = {
    &OUTBOX_INSERT,
    &OUTBOX_TAKE,
    NULL,
};

const struct stmt *const *
outbox_statements(void)
{
	return STATEMENTS;
}

bool
outbox_insert(struct tx *tx, struct bytes tail, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_bytea(&params, tail);
	return tx_run(tx, &OUTBOX_INSERT, &params, err);
}

bool
outbox_take(struct tx *tx, size_t max, struct bytes without, struct rows **out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_int8(&params, (int64_t)max);
	params_bytea(&params, without);
	return tx_query(tx, &OUTBOX_TAKE, &params, out, err);
}
