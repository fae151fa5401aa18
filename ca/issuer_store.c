#include "ca/issuer.h"

#include "base/mem.h"

/* $1 at most so many, plus one */
static const struct stmt ISSUERS_READ = STMT("ca_issuers_read", 1, 6,
    "SELECT kind, certificate, parent, shard_count, in_keeper, active FROM ca_issuer"
    " ORDER BY not_before_at_s, id LIMIT $1::int4");

static const struct stmt *const STATEMENTS[] = {&ISSUERS_READ, NULL};

const struct stmt *const *
issuer_statements(void)
{
	return STATEMENTS;
}

static bool
row_read(const struct rows *rows, size_t row, struct issuer_row *out, struct error *err)
{
	char kind[32];

	rows_text(rows, row, 0, kind, sizeof kind);
	if (!issuer_kind_of(kind, &out->kind))
		return error_set(err, E_CONFIG_INVALID, "no such kind of authority: %s", kind);
	out->certificate = rows_bytes(rows, row, 1);
	out->parent = rows_bytes(rows, row, 2);
	out->shard_count = (int)rows_int(rows, row, 3);
	out->in_keeper = rows_bool(rows, row, 4);
	out->active = rows_bool(rows, row, 5);
	return true;
}

bool
issuers_load(struct db *db, const char *http_url, struct issuers **out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	DEFER(mem_free) struct issuer_row *read = NULL;

	params_int4(&params, ISSUERS_MAX + 1);
	if (!db_query(db, &ISSUERS_READ, &params, &rows, err))
		return false;
	read = xcalloc(rows_count(rows) + 1, sizeof *read);
	for (size_t row = 0; row < rows_count(rows); row++)
		if (!row_read(rows, row, &read[row], err))
			return false;
	return issuers_new(read, rows_count(rows), http_url, out, err);
}
