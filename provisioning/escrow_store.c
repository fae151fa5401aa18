#include "provisioning/escrow_store.h"

#include "base/mem.h"

/* $1 log, $2 seqs, $3 seat sets, $4 shred ids, $5 nonces, $6 bodies */
static const struct stmt INSERT = STMT("escrow_insert", 6, 0,
    "INSERT INTO escrow_record (log, seq, seat_set, shred_id, nonce, body)"
    " SELECT $1::int2, u.seq, u.seat_set, u.shred_id, u.nonce, u.body"
    " FROM unnest($2::int8[], $3::int8[], $4::bytea[], $5::bytea[], $6::bytea[])"
    " AS u(seq, seat_set, shred_id, nonce, body)");

/* $1 ids */
static const struct stmt ORPHANS = STMT("escrow_orphans", 1, 1,
    "SELECT u.id FROM unnest($1::bytea[]) AS u(id)"
    " WHERE NOT EXISTS (SELECT FROM escrow_record AS r WHERE r.shred_id = u.id)");

/* $1 after, $2 how many. In order: those before are deleted, and would be passed over each time. */
static const struct stmt PRUNED = STMT("escrow_pruned", 2, 1,
    "SELECT shred_id FROM shred_pruned WHERE shred_id > $1::bytea ORDER BY shred_id"
    " LIMIT $2::int8");

/* $1 ids */
static const struct stmt PRUNED_DONE =
    STMT("escrow_pruned_done", 1, 0, "DELETE FROM shred_pruned WHERE shred_id = ANY ($1::bytea[])");

static const struct stmt *const STATEMENTS[] = {&INSERT, &ORPHANS, &PRUNED, &PRUNED_DONE, NULL};

const struct stmt *const *
escrow_statements(void)
{
	return STATEMENTS;
}

struct columns {
	int64_t *seqs, *sets;
	struct bytes *ids, *nonces, *bodies;
};

static void
columns_clear(struct columns *columns)
{
	mem_free(columns->seqs);
	mem_free(columns->sets);
	mem_free(columns->ids);
	mem_free(columns->nonces);
	mem_free(columns->bodies);
}
DEFER_DECLARE_CLEAR(struct columns, columns_clear)

static void
columns_fill(struct columns *out, const struct escrow_row *rows, size_t count)
{
	out->seqs = xcalloc(count, sizeof *out->seqs);
	out->sets = xcalloc(count, sizeof *out->sets);
	out->ids = xcalloc(count, sizeof *out->ids);
	out->nonces = xcalloc(count, sizeof *out->nonces);
	out->bodies = xcalloc(count, sizeof *out->bodies);
	for (size_t i = 0; i < count; i++) {
		const struct escrow_sealed *sealed = rows[i].sealed;

		out->seqs[i] = rows[i].seq;
		out->sets[i] = (int64_t)sealed->seat_set;
		out->ids[i] = bytes_of(sealed->shred_id, SHRED_ID_BYTES);
		out->nonces[i] = bytes_of(sealed->nonce, sizeof sealed->nonce);
		out->bodies[i] = buf_bytes(&sealed->wrapped);
	}
}

bool
escrow_store_insert(
    struct tx *tx, int log, const struct escrow_row *rows, size_t count, struct error *err)
{
	DEFER(columns_clear) struct columns columns = {0};
	DEFER(params_clear) struct params params = {0};

	columns_fill(&columns, rows, count);
	params_int2(&params, (int16_t)log);
	params_int8_array(&params, columns.seqs, count);
	params_int8_array(&params, columns.sets, count);
	params_bytea_array(&params, columns.ids, count);
	params_bytea_array(&params, columns.nonces, count);
	params_bytea_array(&params, columns.bodies, count);
	return tx_run(tx, &INSERT, &params, err);
}

static void
put_ids(struct params *params, const uint8_t (*ids)[SHRED_ID_BYTES], size_t count)
{
	DEFER(mem_free) struct bytes *list = xcalloc(count, sizeof *list);

	for (size_t i = 0; i < count; i++)
		list[i] = bytes_of(ids[i], SHRED_ID_BYTES);
	params_bytea_array(params, list, count);
}

static size_t
take_ids(const struct rows *rows, uint8_t (*out)[SHRED_ID_BYTES])
{
	for (size_t i = 0; i < rows_count(rows); i++)
		memcpy(out[i], rows_bytes(rows, i, 0).data, SHRED_ID_BYTES);
	return rows_count(rows);
}

bool
escrow_store_orphans(struct db *db, const uint8_t (*ids)[SHRED_ID_BYTES], size_t count,
    uint8_t (*out)[SHRED_ID_BYTES], size_t *out_count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	put_ids(&params, ids, count);
	if (!db_query(db, &ORPHANS, &params, &rows, err))
		return false;
	*out_count = take_ids(rows, out);
	return true;
}

bool
escrow_store_pruned(struct db *db, const uint8_t after[static SHRED_ID_BYTES], size_t max,
    uint8_t (*out)[SHRED_ID_BYTES], size_t *out_count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_bytea(&params, bytes_of(after, SHRED_ID_BYTES));
	params_int8(&params, (int64_t)max);
	if (!db_query(db, &PRUNED, &params, &rows, err))
		return false;
	*out_count = take_ids(rows, out);
	return true;
}

bool
escrow_store_pruned_done(
    struct db *db, const uint8_t (*ids)[SHRED_ID_BYTES], size_t count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	put_ids(&params, ids, count);
	return db_query(db, &PRUNED_DONE, &params, &rows, err);
}
