#include "tests/support/item_kind.h"

#include <string.h>

#include "base/mem.h"

/* $1 ids */
static const struct stmt ITEMS_READ = STMT(
    "item_read", 1, 1, "SELECT id FROM item WHERE id = ANY ($1::int8[]) ORDER BY id FOR UPDATE");
/* $1 ids, $2 seqs, $3 TBSs */
static const struct stmt ITEMS_INSERT = STMT("item_insert", 3, 1,
    "INSERT INTO item (id, seq, tbs) SELECT * FROM unnest($1::int8[], $2::int8[], $3::bytea[])"
    " ON CONFLICT DO NOTHING RETURNING id");
static const struct stmt FALL_SHORT =
    STMT("item_fall_short", 0, 1, "SELECT expect_rows(0, 1) IS NULL");
/* $1 ids, $2 signatures */
static const struct stmt KEPT_INSERT = STMT("kept_insert", 2, 0,
    "INSERT INTO kept (id, signature) SELECT * FROM unnest($1::int8[], $2::bytea[])"
    " ON CONFLICT DO NOTHING");
/* $1 after this seq, $2 how many */
static const struct stmt UNSIGNED_READ = STMT("item_unsigned", 2, 3,
    "SELECT i.id, i.seq, i.tbs FROM item AS i LEFT JOIN kept AS k USING (id)"
    " WHERE k.id IS NULL AND i.tbs IS NOT NULL AND i.seq > $1::int8"
    " AND NOT EXISTS (SELECT FROM aborted AS a WHERE a.seq = i.seq)"
    " ORDER BY i.seq LIMIT $2::int4");
/* $1 ids: the items are free again, what they were stays */
static const struct stmt ITEMS_ABORT = STMT("item_abort", 1, 0,
    "WITH gone AS (DELETE FROM item WHERE id = ANY ($1::int8[]) RETURNING id, seq)"
    " INSERT INTO aborted SELECT id, seq FROM gone");
/* $1 how many */
static const struct stmt OUTBOX_TAKE = STMT("item_outbox_take", 1, 1,
    "DELETE FROM audit_outbox WHERE id IN (SELECT id FROM audit_outbox ORDER BY id LIMIT $1::int4)"
    " RETURNING tail");

static void
ref_of(int64_t id, uint8_t ref[static CERTIFICATE_REF_BYTES])
{
	memset(ref, 0, CERTIFICATE_REF_BYTES);
	memcpy(ref, &id, sizeof id);
}

static int64_t
id_of(const uint8_t *ref)
{
	int64_t id;

	memcpy(&id, ref, sizeof id);
	return id;
}

/* ---- the kind ---- */

static bool
lock_and_read(void *context, struct ledger_batch *batch, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(mem_free) int64_t *ids = xcalloc(batch->count, sizeof *ids);
	struct rows *rows = NULL;

	(void)context;
	for (size_t i = 0; i < batch->count; i++)
		ids[i] = ((const struct item *)batch->proposals[i])->id;
	params_int8_array(&params, ids, batch->count);
	if (!tx_query(batch->tx, &ITEMS_READ, &params, &rows, err))
		return false;
	batch->snapshot = rows;
	return true;
}

static bool
is_known(const struct ledger_batch *batch, size_t i)
{
	const struct item *item = (const struct item *)batch->proposals[i];

	for (size_t row = 0; row < rows_count(batch->snapshot); row++)
		if (rows_int(batch->snapshot, row, 0) == item->id)
			return true;
	for (size_t k = 0; k < i; k++) /* what earlier proposals took */
		if (((const struct item *)batch->proposals[k])->id == item->id)
			return true;
	return false;
}

static void
make_records(struct item *item, int64_t now_s)
{
	item->base.record_count = item->leaf_count == 0 ? 1 : item->leaf_count;
	item->base.records = item->records != NULL ? item->records : &item->record;
	for (size_t i = 0; i < item->base.record_count; i++)
		item->base.records[i] = (struct record){
		    .leaf = {.event = LEAF_ENROLL_OK, .severity = 1, .at_s = now_s}};
	(void)snprintf(item->base.records[0].leaf.subject,
	    sizeof item->base.records[0].leaf.subject, "h:%lld", (long long)item->id);
}

static void
decide_one(struct item *item, bool known, int64_t now_s)
{
	item->base.err = (struct error){0};
	item->base.record_count = 0;
	item->base.changes_status = item->changes_status;
	item->replayed = known && !item->refuse;
	if (item->replayed)
		return;
	make_records(item, now_s);
	if (item->refuse) {
		(void)error_set(&item->base.err, E_QUOTA_EXHAUSTED, "refused");
		item->record.leaf.event = LEAF_ENROLL_REFUSED;
		item->record.leaf.failure = true;
		(void)snprintf(
		    item->record.leaf.code, sizeof item->record.leaf.code, "QUOTA_EXHAUSTED");
		return;
	}
	ref_of(item->id, item->base.records[0].ref);
	item->base.records[0].tbs = bytes_of_text(item->tbs);
}

static void
decide(void *context, struct ledger_batch *batch)
{
	struct item_world *world = context;

	if (batch->count > world->largest_batch)
		world->largest_batch = batch->count;
	for (size_t i = 0; i < batch->count; i++)
		decide_one((struct item *)batch->proposals[i], is_known(batch, i), batch->now_s);
}

static bool
write_items(void *context, struct ledger_batch *batch, bool *out_lost_race, struct error *err)
{
	struct item_world *world = context;
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	DEFER(mem_free) int64_t *ids = xcalloc(batch->count, sizeof *ids);
	DEFER(mem_free) int64_t *seqs = xcalloc(batch->count, sizeof *seqs);
	DEFER(mem_free) struct bytes *tbs = xcalloc(batch->count, sizeof *tbs);
	size_t count = 0;

	for (size_t i = 0; i < batch->count; i++) {
		const struct item *item = (const struct item *)batch->proposals[i];

		if (item->refuse || item->replayed)
			continue;
		ids[count] = item->id;
		seqs[count] = item->base.records[0].seq;
		tbs[count++] = item->tbs[0] == '\0' ? (struct bytes){0} : bytes_of_text(item->tbs);
	}
	params_int8_array(&params, ids, count);
	params_int8_array(&params, seqs, count);
	params_bytea_array(&params, tbs, count);
	if (!tx_query(batch->tx, &ITEMS_INSERT, &params, &rows, err))
		return false;
	*out_lost_race = rows_count(rows) < count;
	if (world->race_count == 0)
		return true;
	/* Every other time as SQL tells it, at COMMIT. */
	if (world->race_count-- % 2 == 0)
		return tx_run(batch->tx, &FALL_SHORT, NULL, err);
	*out_lost_race = true;
	return true;
}

static void
snapshot_free(void *snapshot)
{
	rows_free(snapshot);
}

/* ---- the hooks ---- */

static bool
keep(void *context, struct tx *tx, const struct ledger_signature *signatures, size_t count,
    struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(mem_free) int64_t *ids = xcalloc(count, sizeof *ids);
	DEFER(mem_free) struct bytes *values = xcalloc(count, sizeof *values);

	(void)context;
	for (size_t i = 0; i < count; i++) {
		ids[i] = id_of(signatures[i].ref);
		values[i] = bytes_of(signatures[i].signature, signatures[i].signature_len);
	}
	params_int8_array(&params, ids, count);
	params_bytea_array(&params, values, count);
	return tx_run(tx, &KEPT_INSERT, &params, err);
}

static bool
read_unsigned(void *context, struct tx *tx, int log, int64_t after, struct ledger_unsigned *out,
    size_t max, size_t *out_count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	(void)context;
	(void)log;
	params_int8(&params, after);
	params_int4(&params, (int32_t)max);
	if (!tx_query(tx, &UNSIGNED_READ, &params, &rows, err))
		return false;
	for (size_t i = 0; i < rows_count(rows); i++) {
		ref_of(rows_int(rows, i, 0), out[i].ref);
		out[i].seq = rows_int(rows, i, 1);
		buf_append(&out[i].tbs, rows_bytes(rows, i, 2));
	}
	*out_count = rows_count(rows);
	return true;
}

static bool
abort_items(void *context, struct tx *tx, const uint8_t (*refs)[CERTIFICATE_REF_BYTES],
    size_t count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(mem_free) int64_t *ids = xcalloc(count, sizeof *ids);

	(void)context;
	for (size_t i = 0; i < count; i++)
		ids[i] = id_of(refs[i]);
	params_int8_array(&params, ids, count);
	return tx_run(tx, &ITEMS_ABORT, &params, err);
}

static bool
drain(void *context, struct ledger_batch *batch, struct record *out, size_t max, size_t *out_count,
    struct error *err)
{
	struct item_world *world = context;
	DEFER(params_clear) struct params params = {0};

	rows_free(TAKE(world->drained));
	params_int4(&params, (int32_t)max);
	if (!tx_query(batch->tx, &OUTBOX_TAKE, &params, &world->drained, err))
		return false;
	for (size_t i = 0; i < rows_count(world->drained); i++)
		out[i] = (struct record){.tail = rows_bytes(world->drained, i, 0)};
	*out_count = rows_count(world->drained);
	world->drained_count += (unsigned)*out_count;
	return true;
}

/* ---- beginning and end ---- */

void
item_world_init(struct item_world *world, const struct test_db *db)
{
	uint8_t public_key[32];

	*world = (struct item_world){.kind = {.name = "item",
					 .context = world,
					 .signs = true,
					 .lock_and_read = lock_and_read,
					 .decide = decide,
					 .write = write_items,
					 .snapshot_free = snapshot_free},
	    .hooks = {.audit = world,
		.drain = drain,
		.keep_signatures = keep,
		.read_unsigned = read_unsigned,
		.abort = abort_items}};
	test_db_run(db,
	    "CREATE TABLE item (id bigint PRIMARY KEY CHECK (id >= 0), seq bigint NOT NULL UNIQUE,"
	    " tbs bytea);"
	    "CREATE TABLE kept (id bigint PRIMARY KEY, signature bytea NOT NULL);"
	    "CREATE TABLE aborted (id bigint NOT NULL, seq bigint PRIMARY KEY);"
	    "GRANT ALL ON item, kept, aborted TO moniker_service");
	fake_keeper_public_key(public_key);
	test_db_open_log(db, ITEM_ORIGIN, public_key);
}

void
item_world_clear(struct item_world *world)
{
	rows_free(TAKE(world->drained));
}

void
item_init(struct item *item, struct item_world *world, int64_t id, const char *tbs)
{
	*item = (struct item){.base.kind = &world->kind, .id = id};
	(void)snprintf(item->tbs, sizeof item->tbs, "%s", tbs);
}
