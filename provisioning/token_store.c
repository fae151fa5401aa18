#include "provisioning/token_store.h"

#include "base/mem.h"

/* $1 ids, $2 batches, $3 handles, $4 random_sha256, $5 expires_at_s, $6 bound_kid (NULL: free),
 * $7 to $10 bound tags (NULL: no more) */
static const struct stmt INSERT = STMT("token_insert", 10, 1,
    "INSERT INTO token (id, batch, handle, random_sha256, expires_at_s, bound_kid, bound_tags)"
    " SELECT u.id, u.batch, u.handle, u.random, u.expires, NULLIF(u.kid, -1),"
    " CASE WHEN u.kid >= 0 THEN array_remove(ARRAY[u.t1, u.t2, u.t3, u.t4], NULL) END"
    " FROM unnest($1::int8[], $2::int8[], $3::text[], $4::bytea[], $5::int8[], $6::int2[],"
    " $7::bytea[], $8::bytea[], $9::bytea[], $10::bytea[])"
    " AS u(id, batch, handle, random, expires, kid, t1, t2, t3, t4)"
    " ON CONFLICT DO NOTHING RETURNING id");

static const struct stmt *const STATEMENTS[] = {&INSERT, NULL};

const struct stmt *const *
token_statements(void)
{
	return STATEMENTS;
}

struct columns { /* of `count` rows, as parameters */
	int64_t *ids, *batches, *expiries_s;
	int16_t *kids;
	struct bytes *handles, *randoms, *tags[HWID_COUNT_MAX];
};

static void
columns_clear(struct columns *columns)
{
	mem_free(columns->ids);
	mem_free(columns->batches);
	mem_free(columns->expiries_s);
	mem_free(columns->kids);
	mem_free(columns->handles);
	mem_free(columns->randoms);
	for (size_t k = 0; k < HWID_COUNT_MAX; k++)
		mem_free(columns->tags[k]);
}
DEFER_DECLARE_CLEAR(struct columns, columns_clear)

static void
columns_fill(struct columns *out, const struct token_row *rows, size_t count)
{
	out->ids = xcalloc(count, sizeof *out->ids);
	out->batches = xcalloc(count, sizeof *out->batches);
	out->expiries_s = xcalloc(count, sizeof *out->expiries_s);
	out->kids = xcalloc(count, sizeof *out->kids);
	out->handles = xcalloc(count, sizeof *out->handles);
	out->randoms = xcalloc(count, sizeof *out->randoms);
	for (size_t k = 0; k < HWID_COUNT_MAX; k++)
		out->tags[k] = xcalloc(count, sizeof *out->tags[k]);

	for (size_t i = 0; i < count; i++) {
		out->ids[i] = rows[i].token.id;
		out->batches[i] = rows[i].token.batch;
		out->expiries_s[i] = rows[i].token.expires_at_s;
		out->kids[i] = (int16_t)(rows[i].bound_count > 0 ? rows[i].bound_kid : -1);
		out->handles[i] = bytes_of_text(rows[i].handle);
		out->randoms[i] = bytes_of(rows[i].token.random_sha256, SHA256_BYTES);
		for (size_t k = 0; k < rows[i].bound_count; k++)
			out->tags[k][i] = bytes_of(rows[i].bound_tags[k], TAG_BYTES);
	}
}

bool
token_store_insert(struct tx *tx, const struct token_row *rows, size_t count, size_t *out_inserted,
    struct error *err)
{
	DEFER(columns_clear) struct columns columns = {0};
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *inserted = NULL;

	columns_fill(&columns, rows, count);
	params_int8_array(&params, columns.ids, count);
	params_int8_array(&params, columns.batches, count);
	params_text_array(&params, columns.handles, count);
	params_bytea_array(&params, columns.randoms, count);
	params_int8_array(&params, columns.expiries_s, count);
	params_int2_array(&params, columns.kids, count);
	for (size_t k = 0; k < HWID_COUNT_MAX; k++)
		params_bytea_array(&params, columns.tags[k], count);
	if (!tx_query(tx, &INSERT, &params, &inserted, err))
		return false;
	*out_inserted = rows_count(inserted);
	return true;
}
