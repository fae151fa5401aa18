#include "ca/issuer.h"

#include "base/mem.h"

/* $1 at most so many, plus one */
static const struct stmt ISSUERS_READ = STMT("ca_issuers_read", 1, 7,
    "SELECT kind, certificate, parent, shard_count, in_keeper, state, ocsp FROM ca_issuer"
    " ORDER BY not_before_at_s, id LIMIT $1::int4");

static const struct stmt GENERATION =
    STMT("ca_issuers_generation", 0, 1, "SELECT value FROM generation WHERE name = 'issuers'");

static const struct stmt *const STATEMENTS[] = {&ISSUERS_READ, &GENERATION, NULL};

const struct stmt *const *
issuer_statements(void)
{
	return STATEMENTS;
}

static bool
row_read(const struct rows *rows, size_t row, struct issuer_row *out, struct error *err)
{
	char kind[32], state[16];

	rows_text(rows, row, 0, kind, sizeof kind);
	if (!issuer_kind_of(kind, &out->kind))
		return error_set(err, E_CONFIG_INVALID, "no such kind of authority: %s", kind);
	out->certificate = rows_bytes(rows, row, 1);
	out->parent = rows_bytes(rows, row, 2);
	out->shard_count = (int)rows_int(rows, row, 3);
	out->in_keeper = rows_bool(rows, row, 4);
	rows_text(rows, row, 5, state, sizeof state);
	out->ocsp = rows_bool(rows, row, 6);
	return issuer_state_of(state, &out->state) ||
	       error_set(err, E_CONFIG_INVALID, "no such state of an authority: %s", state);
}

struct table { /* the rows, and what borrows from them */
	struct rows *rows;
	struct issuer_row *read;
	size_t count;
};

static void
table_clear(struct table *table)
{
	rows_free(table->rows);
	mem_free(table->read);
}
DEFER_DECLARE_CLEAR(struct table, table_clear)

static bool
table_read(struct db *db, struct table *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_int4(&params, ISSUERS_MAX + 1);
	if (!db_query(db, &ISSUERS_READ, &params, &out->rows, err))
		return false;
	out->count = rows_count(out->rows);
	out->read = xcalloc(out->count + 1, sizeof *out->read);
	for (size_t row = 0; row < out->count; row++)
		if (!row_read(out->rows, row, &out->read[row], err))
			return false;
	return true;
}

bool
issuers_load(struct db *db, const char *http_url, struct issuers **out, struct error *err)
{
	DEFER(table_clear) struct table table = {0};

	return table_read(db, &table, err) &&
	       issuers_new(table.read, table.count, http_url, out, err);
}

bool
issuers_reload(struct issuers *issuers, struct db *db, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	DEFER(table_clear) struct table table = {0};
	int64_t generation;

	if (!db_query(db, &GENERATION, &params, &rows, err))
		return false;
	generation = rows_int(rows, 0, 0); /* first: rows that are newer are read once more */
	return generation == issuers_version(issuers) ||
	       (table_read(db, &table, err) &&
		   issuers_update(issuers, table.read, table.count, generation, err));
}
