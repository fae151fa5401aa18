#include "provisioning/brought_store.h"

#include <assert.h>

#include "base/mem.h"

/* $1 ids */
static const struct stmt READ = STMT(
    "brought_read", 1, 1, "SELECT id FROM escrow_brought WHERE id = ANY ($1::bytea[]) ORDER BY id");

/* $1 ids. In order, as all who write them. */
static const struct stmt INSERT = STMT("brought_insert", 1, 1,
    "WITH added AS (INSERT INTO escrow_brought (id) SELECT u.id FROM unnest($1::bytea[]) AS u(id)"
    " ORDER BY u.id ON CONFLICT DO NOTHING RETURNING 1)"
    " SELECT expect_rows(count(*), cardinality($1::bytea[])) IS NULL FROM added");

static const struct stmt *const STATEMENTS[] = {&READ, &INSERT, NULL};

const struct stmt *const *
brought_statements(void)
{
	return STATEMENTS;
}

static size_t
bind_records(struct params *out, const struct ledger_batch *batch, bool winners_only)
{
	DEFER(mem_free) struct bytes *ids = xcalloc(batch->count, sizeof *ids);
	size_t count = 0;

	for (size_t i = 0; i < batch->count; i++) {
		const struct enroll_proposal *proposal = enroll_at(batch, i);

		if (proposal->input.brings_record && (!winners_only || enroll_wins(proposal)))
			ids[count++] =
			    bytes_of(proposal->input.record.id, sizeof proposal->input.record.id);
	}
	params_bytea_array(out, ids, count);
	return count;
}

bool
brought_queue_read(const struct ledger_batch *batch, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	(void)bind_records(&params, batch, false);
	return tx_queue(batch->tx, &READ, &params, err);
}

void
brought_take(const struct rows *rows, struct decide_snapshot *out)
{
	out->record_count = rows_count(rows);
	out->records = xcalloc(rows_count(rows) + 1, sizeof *out->records);
	for (size_t i = 0; i < rows_count(rows); i++) {
		const struct bytes id = rows_bytes(rows, i, 0);

		assert(id.len == sizeof out->records[i].id);
		memcpy(out->records[i].id, id.data, id.len);
	}
}

bool
brought_queue_insert(const struct ledger_batch *batch, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	return bind_records(&params, batch, true) == 0 || tx_run(batch->tx, &INSERT, &params, err);
}
