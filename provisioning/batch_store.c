#include "provisioning/batch_store.h"

#include <assert.h>

#include "base/mem.h"

#define FACTS                                                                        \
	"SELECT id::int8, handle, mode = 'unlinkable',"                              \
	" profile, hardware_ids <> 'optional',"                                      \
	" EXISTS (SELECT FROM batch_station WHERE batch = batch.id), escrow, model," \
	" hardware_ids = 'blind', manifest FROM batch"
#define FACTS_COLUMNS 10

/* $1 name */
static const struct stmt FACTS_BY_NAME =
    STMT("batch_facts_by_name", 1, FACTS_COLUMNS, FACTS " WHERE name = $1::text");

/* $1 id */
static const struct stmt FACTS_BY_ID =
    STMT("batch_facts_by_id", 1, FACTS_COLUMNS, FACTS " WHERE id = $1::int8");

#define ROW                                                                      \
	"SELECT b.id::int8, b.name, b.handle, b.model, b.mode = 'unlinkable',"   \
	" b.profile, b.quota, b.issued, b.refused, b.opens_at_s, b.closes_at_s," \
	" coalesce(b.hours_from, -1)::int4, coalesce(b.hours_until, -1)::int4,"  \
	" b.hardware_ids <> 'optional', b.replace_policy = 'same_station',"      \
	" b.closed_at_s, b.created_at_s, b.escrow, b.hardware_ids = 'blind',"    \
	" b.manifest FROM batch AS b"
#define ROW_COLUMNS 20

/* $1 name */
static const struct stmt ROW_BY_NAME =
    STMT("batch_by_name", 1, ROW_COLUMNS, ROW " WHERE b.name = $1::text");

/* $1 after this id, $2 how many, $3 person: only those open to this station; 0: all */
static const struct stmt ROWS_AFTER = STMT("batch_rows_after", 3, ROW_COLUMNS,
    ROW " WHERE b.id > $1::int8 AND ($3::int8 = 0"
	" OR NOT EXISTS (SELECT FROM batch_station AS s WHERE s.batch = b.id)"
	" OR EXISTS (SELECT FROM batch_station AS s WHERE s.batch = b.id AND s.person = $3::int8))"
	" ORDER BY b.id LIMIT $2::int8");

/* $1 person, $2 now: of the batches that take this station's enrollments two at most */
static const struct stmt OPEN_TO = STMT("batch_open_to", 2, 1,
    "SELECT b.name FROM batch AS b WHERE b.closed_at_s IS NULL AND b.opens_at_s <= $2::int8"
    " AND (b.closes_at_s IS NULL OR b.closes_at_s > $2::int8)"
    " AND (NOT EXISTS (SELECT FROM batch_station AS s WHERE s.batch = b.id)"
    " OR EXISTS (SELECT FROM batch_station AS s WHERE s.batch = b.id AND s.person = $1::int8))"
    " LIMIT 2");

/* $1 batches */
static const struct stmt STATIONS_OF = STMT("batch_stations_of", 1, 3,
    "SELECT s.batch::int8, s.person, p.name FROM batch_station AS s"
    " JOIN person AS p ON p.id = s.person"
    " WHERE s.batch = ANY ($1::int8[]) ORDER BY s.batch, s.person");

/* $1 batches: devices of theirs that are revoked, found from the revocations, which are few. */
static const struct stmt REVOKED_OF = STMT("batch_revoked_of", 1, 2,
    "SELECT d.batch::int8, count(DISTINCT d.id) FROM revocation AS r"
    " JOIN certificate AS c ON c.month = r.month AND c.serial = r.serial"
    " JOIN device AS d ON d.id = c.device"
    " WHERE r.state = 'revoked' AND d.state = 'revoked' AND d.batch = ANY ($1::int8[])"
    " GROUP BY d.batch");

/* $1 names of stations */
static const struct stmt STATIONS_BY_NAME = STMT("batch_stations_by_name", 1, 2,
    "SELECT p.id, p.name FROM person AS p WHERE p.name = ANY ($1::text[]) AND p.active"
    " AND EXISTS (SELECT FROM person_role AS r WHERE r.person = p.id AND r.role = 'station')"
    " ORDER BY p.id");

/* $1 names */
static const struct stmt NAMES_THAT_EXIST = STMT("batch_names_that_exist", 1, 1,
    "SELECT w.place FROM unnest($1::text[]) WITH ORDINALITY AS w(name, place)"
    " JOIN batch AS b ON b.name = w.name");

/* $1 name, $2 handle, $3 model, $4 unlinkable, $5 profile, $6 quota, $7 opens, $8 closes, $9 hours
 * from, $10 until, $11 hardware ids, $12 replace by the same station, $13 created, $14 escrow,
 * $15 manifest */
static const struct stmt INSERT = STMT("batch_insert", 15, 1,
    "INSERT INTO batch (name, handle, model, mode, profile, quota, opens_at_s, closes_at_s,"
    " hours_from, hours_until, hardware_ids, replace_policy, created_at_s, escrow, manifest)"
    " VALUES ($1::text, $2::text, $3::text,"
    " CASE WHEN $4::bool THEN 'unlinkable' ELSE 'pseudonymous' END, $5::text, $6::int8,"
    " $7::int8, $8::int8, $9::int2, $10::int2,"
    " $11::text, CASE WHEN $12::bool THEN 'same_station' ELSE 'never' END, $13::int8, $14::bool,"
    " $15::bool)"
    " ON CONFLICT DO NOTHING RETURNING id::int8");

/* $1 batch, $2 persons */
static const struct stmt INSERT_STATIONS = STMT("batch_insert_stations", 2, 0,
    "INSERT INTO batch_station (batch, person) SELECT $1::int8, unnest($2::int8[])");

/* $1 ids. The locks are taken after the sort, so in order. */
static const struct stmt LOCK = STMT("batch_lock", 1, 2,
    "SELECT id::int8, closed_at_s IS NOT NULL FROM batch WHERE id = ANY ($1::int8[])"
    " ORDER BY id FOR UPDATE");

/* $1 ids, $2 now */
static const struct stmt CLOSE = STMT("batch_close", 2, 0,
    "UPDATE batch SET closed_at_s = $2::int8"
    " WHERE id = ANY ($1::int8[]) AND closed_at_s IS NULL");

static const struct stmt *const STATEMENTS[] = {
    &FACTS_BY_NAME,
    &FACTS_BY_ID,
    &ROW_BY_NAME,
    &ROWS_AFTER,
    &OPEN_TO,
    &STATIONS_OF,
    &REVOKED_OF,
    &STATIONS_BY_NAME,
    &NAMES_THAT_EXIST,
    &INSERT,
    &INSERT_STATIONS,
    &LOCK,
    &CLOSE,
    NULL,
};

const struct stmt *const *
batch_statements(void)
{
	return STATEMENTS;
}

bool
batch_store_find_facts(struct db *db, const char *name, int64_t id, struct batch_facts *out,
    bool *out_found, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	if (name != NULL)
		params_text(&params, name);
	else
		params_int8(&params, id);
	if (!db_query(db, name != NULL ? &FACTS_BY_NAME : &FACTS_BY_ID, &params, &rows, err))
		return false;

	*out_found = rows_count(rows) == 1;
	if (!*out_found)
		return true;
	out->id = rows_int(rows, 0, 0);
	rows_text(rows, 0, 1, out->handle, sizeof out->handle);
	out->mode = rows_bool(rows, 0, 2) ? BATCH_UNLINKABLE : BATCH_PSEUDONYMOUS;
	rows_text(rows, 0, 3, out->profile, sizeof out->profile);
	out->hardware_ids_required = rows_bool(rows, 0, 4);
	out->names_stations = rows_bool(rows, 0, 5);
	out->escrow = rows_bool(rows, 0, 6);
	rows_text(rows, 0, 7, out->model, sizeof out->model);
	out->blind = rows_bool(rows, 0, 8);
	out->manifest = rows_bool(rows, 0, 9);
	return true;
}

bool
batch_get_only_open(struct db *db, int64_t station_person, int64_t now_s,
    char out_name[static BATCH_NAME_MAX + 1], struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int8(&params, station_person);
	params_int8(&params, now_s);
	if (!db_query(db, &OPEN_TO, &params, &rows, err))
		return false;
	if (rows_count(rows) != 1)
		return error_set_field(err, E_INCOMPLETE, "/batch",
		    rows_count(rows) == 0 ? "no batch is open to this station: an admin opens one"
					  : "several batches are open to this station: name one");
	rows_text(rows, 0, 0, out_name, BATCH_NAME_MAX + 1);
	return true;
}

/* ---- whole batches ---- */

static void
read_row(const struct rows *rows, size_t row, struct batch *out)
{
	*out = (struct batch){
	    .id = rows_int(rows, row, 0),
	    .mode = rows_bool(rows, row, 4) ? BATCH_UNLINKABLE : BATCH_PSEUDONYMOUS,
	    .quota = rows_int(rows, row, 6),
	    .issued = rows_int(rows, row, 7),
	    .refused = rows_int(rows, row, 8),
	    .opens_at_s = rows_int(rows, row, 9),
	    .closes_at_s = rows_int(rows, row, 10),
	    .hours_from = (int)rows_int(rows, row, 11),
	    .hours_until = (int)rows_int(rows, row, 12),
	    .hardware_ids_required = rows_bool(rows, row, 13),
	    .replace_same_station = rows_bool(rows, row, 14),
	    .closed_at_s = rows_int(rows, row, 15),
	    .created_at_s = rows_int(rows, row, 16),
	    .escrow = rows_bool(rows, row, 17),
	    .blind = rows_bool(rows, row, 18),
	    .manifest = rows_bool(rows, row, 19),
	};
	rows_text(rows, row, 1, out->name, sizeof out->name);
	rows_text(rows, row, 2, out->handle, sizeof out->handle);
	rows_text(rows, row, 3, out->model, sizeof out->model);
	rows_text(rows, row, 5, out->profile, sizeof out->profile);
}

static struct batch *
get_by_id(struct batch *batches, size_t count, int64_t id)
{
	size_t i = 0;

	while (i < count && batches[i].id != id)
		i++;
	assert(i < count);
	return &batches[i];
}

static void
bind_ids(struct params *out, const struct batch *batches, size_t count)
{
	DEFER(mem_free) int64_t *ids = xcalloc(count, sizeof *ids);

	for (size_t i = 0; i < count; i++)
		ids[i] = batches[i].id;
	params_int8_array(out, ids, count);
}

static bool
read_stations(struct db *db, struct batch *batches, size_t count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	bind_ids(&params, batches, count);
	if (!db_query(db, &STATIONS_OF, &params, &rows, err))
		return false;
	for (size_t i = 0; i < rows_count(rows); i++) {
		struct batch *batch = get_by_id(batches, count, rows_int(rows, i, 0));
		size_t place = batch->station_count++;

		assert(place < BATCH_STATIONS_MAX);
		batch->stations[place] = rows_int(rows, i, 1);
		rows_text(
		    rows, i, 2, batch->station_names[place], sizeof batch->station_names[place]);
	}
	return true;
}

static bool
read_revoked(struct db *db, struct batch *batches, size_t count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	bind_ids(&params, batches, count);
	if (!db_query(db, &REVOKED_OF, &params, &rows, err))
		return false;
	for (size_t i = 0; i < rows_count(rows); i++)
		get_by_id(batches, count, rows_int(rows, i, 0))->revoked = rows_int(rows, i, 1);
	return true;
}

bool
batch_store_find(
    struct db *db, const char *name, struct batch *out, bool *out_found, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_text(&params, name);
	if (!db_query(db, &ROW_BY_NAME, &params, &rows, err))
		return false;
	*out_found = rows_count(rows) == 1;
	if (!*out_found)
		return true;
	read_row(rows, 0, out);
	return read_stations(db, out, 1, err) && read_revoked(db, out, 1, err);
}

bool
batch_store_list(struct db *db, int64_t after_id, int64_t station_person, size_t limit,
    struct batch *out, size_t *out_count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	size_t count;

	params_int8(&params, after_id);
	params_int8(&params, (int64_t)limit);
	params_int8(&params, station_person);
	if (!db_query(db, &ROWS_AFTER, &params, &rows, err))
		return false;
	count = rows_count(rows);
	for (size_t i = 0; i < count; i++)
		read_row(rows, i, &out[i]);
	if (count > 0 &&
	    (!read_stations(db, out, count, err) || !read_revoked(db, out, count, err)))
		return false;
	*out_count = count;
	return true;
}

bool
batch_store_find_stations(struct db *db, struct batch *batch, size_t *out_found, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	struct bytes names[BATCH_STATIONS_MAX];

	for (size_t i = 0; i < batch->station_count; i++)
		names[i] = bytes_of_text(batch->station_names[i]);
	params_text_array(&params, names, batch->station_count);
	if (!db_query(db, &STATIONS_BY_NAME, &params, &rows, err))
		return false;

	*out_found = rows_count(rows);
	for (size_t i = 0; i < rows_count(rows); i++) {
		batch->stations[i] = rows_int(rows, i, 0);
		rows_text(rows, i, 1, batch->station_names[i], sizeof batch->station_names[i]);
	}
	return true;
}

/* ---- in the ledger's transaction ---- */

bool
batch_store_names_exist(
    struct tx *tx, const struct bytes *names, size_t count, bool *out_exist, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_text_array(&params, names, count);
	if (!tx_query(tx, &NAMES_THAT_EXIST, &params, &rows, err))
		return false;
	for (size_t i = 0; i < count; i++)
		out_exist[i] = false;
	for (size_t i = 0; i < rows_count(rows); i++)
		out_exist[rows_int(rows, i, 0) - 1] = true;
	return true;
}

static void
bind_batch(struct params *out, const struct batch *batch)
{
	params_text(out, batch->name);
	params_text(out, batch->handle);
	params_text(out, batch->model);
	params_bool(out, batch->mode == BATCH_UNLINKABLE);
	params_text(out, batch->profile);
	params_int8(out, batch->quota);
	params_int8(out, batch->opens_at_s);
	if (batch->closes_at_s != 0)
		params_int8(out, batch->closes_at_s);
	else
		params_null(out);
	if (batch->hours_from >= 0) {
		params_int2(out, (int16_t)batch->hours_from);
		params_int2(out, (int16_t)batch->hours_until);
	} else {
		params_null(out);
		params_null(out);
	}
	params_text(out, batch_hardware_ids_name(batch));
	params_bool(out, batch->replace_same_station);
	params_int8(out, batch->created_at_s);
	params_bool(out, batch->escrow);
	params_bool(out, batch->manifest);
}

static bool
insert_stations(struct tx *tx, const struct batch *batch, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	if (batch->station_count == 0)
		return true;
	params_int8(&params, batch->id);
	params_int8_array(&params, batch->stations, batch->station_count);
	return tx_run(tx, &INSERT_STATIONS, &params, err);
}

bool
batch_store_insert(struct tx *tx, struct batch *batch, bool *out_inserted, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	bind_batch(&params, batch);
	if (!tx_query(tx, &INSERT, &params, &rows, err))
		return false;
	*out_inserted = rows_count(rows) == 1;
	if (!*out_inserted)
		return true;
	batch->id = rows_int(rows, 0, 0);
	return insert_stations(tx, batch, err);
}

bool
batch_store_lock(
    struct tx *tx, const int64_t *ids, size_t count, bool *out_closed, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int8_array(&params, ids, count);
	if (!tx_query(tx, &LOCK, &params, &rows, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		out_closed[i] = false;
		for (size_t k = 0; k < rows_count(rows); k++)
			if (rows_int(rows, k, 0) == ids[i])
				out_closed[i] = rows_bool(rows, k, 1);
	}
	return true;
}

bool
batch_store_close(struct tx *tx, const int64_t *ids, size_t count, int64_t now_s, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_int8_array(&params, ids, count);
	params_int8(&params, now_s);
	return tx_run(tx, &CLOSE, &params, err);
}
