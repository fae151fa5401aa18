#include "provisioning/tag_keys_store.h"

static const struct stmt READ = STMT("tag_keys_read", 0, 2,
    "SELECT coalesce(min(kid) FILTER (WHERE state = 'active'), -1)::int4,"
    " coalesce(min(kid) FILTER (WHERE state = 'retiring'), -1)::int4"
    " FROM tag_key WHERE state <> 'destroyed'");

static const struct stmt *const STATEMENTS[] = {&READ, NULL};

const struct stmt *const *
tag_keys_statements(void)
{
	return STATEMENTS;
}

bool
tag_keys_queue(struct tx *tx, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	return tx_queue(tx, &READ, &params, err);
}

void
tag_keys_take(const struct rows *rows, struct decide_tag_keys *out)
{
	out->active = (int)rows_int(rows, 0, 0);
	out->retiring = (int)rows_int(rows, 0, 1);
}
