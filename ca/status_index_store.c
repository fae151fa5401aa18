#include "ca/status_index_store.h"

#include "ca/status_index.h"
#include "proof/status_note.h"

_Static_assert((int)CERTIFICATE_CLEAR == STATUS_GOOD && (int)CERTIFICATE_HELD == STATUS_HELD &&
		   (int)CERTIFICATE_REVOKED == STATUS_REVOKED,
    "one order of states");
_Static_assert(
    STATUS_SERIAL_BYTES == SERIAL_BYTES && STATUS_ISSUER_BYTES == ISSUER_ID_BYTES, "one form");

/* All pages are of one snapshot, and the place is its place. */
static const struct stmt SNAPSHOT = STMT(
    "status_index_snapshot", 0, 0, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY");

static const struct stmt HEAD = STMT("status_index_head", 0, 3,
    "SELECT seq, hash,"
    " (SELECT greatest(reltuples, 0)::int8 FROM pg_class WHERE oid = 'revocation'::regclass)"
    " FROM status_head");

/* $1 month, $2 serial of the last before, $3 how many */
static const struct stmt PAGE = STMT("status_index_page", 3, 6,
    "SELECT serial, issuer, state, reason, revoked_at_s, not_after_at_s FROM revocation"
    " WHERE (month, serial) > ($1::int2, $2::bytea) ORDER BY month, serial LIMIT $3::int4");

/*
 * $1 after seq, $2 how many. The place is read with the changes, in one statement and so of one
 * snapshot: the row without a change carries it.
 */
static const struct stmt CHANGES = STMT("status_index_changes", 2, 9,
    "SELECT h.seq, c.seq, c.serial, c.issuer, c.state, c.reason, c.at_s, c.not_after_at_s, h.hash"
    " FROM status_head AS h LEFT JOIN LATERAL"
    "  (SELECT s.seq, s.serial, s.issuer, s.state, s.reason, s.at_s, r.not_after_at_s"
    "   FROM status_change AS s"
    "   LEFT JOIN revocation AS r ON r.month = s.month AND r.serial = s.serial"
    "   WHERE s.seq > $1::int8 ORDER BY s.seq LIMIT $2::int4) AS c ON true ORDER BY c.seq");

static const struct stmt *const STATEMENTS[] = {
    &SNAPSHOT,
    &HEAD,
    &PAGE,
    &CHANGES,
    NULL,
};

const struct stmt *const *
status_index_statements(void)
{
	return STATEMENTS;
}

bool
status_index_store_begin(struct db *db, struct tx **out, struct status_index_place *out_place,
    size_t *out_count, struct error *err)
{
	DEFER(tx_free) struct tx *tx = NULL;
	DEFER(rows_free) struct rows *rows = NULL;

	if (!tx_begin(db, &tx, err) || !tx_run(tx, &SNAPSHOT, NULL, err) ||
	    !tx_query(tx, &HEAD, NULL, &rows, err))
		return false;
	if (rows_count(rows) != 1)
		return error_set(err, E_INTERNAL, "status_head has no row");
	out_place->seq = rows_int(rows, 0, 0);
	memcpy(out_place->hash, rows_bytes(rows, 0, 1).data, SHA256_BYTES);
	*out_count = (size_t)rows_int(rows, 0, 2);
	*out = TAKE(tx);
	return true;
}

/* Columns from `column` on: serial, issuer, state, reason, at, not_after. */
static bool
read_entry(const struct rows *rows, size_t row, int column, struct status_entry *out)
{
	char state[10];

	*out = (struct status_entry){0};
	memcpy(out->serial, rows_bytes(rows, row, column).data, SERIAL_BYTES);
	memcpy(out->issuer, rows_bytes(rows, row, column + 1).data, ISSUER_ID_BYTES);
	rows_text(rows, row, column + 2, state, sizeof state);
	out->reason = (enum reason)rows_int(rows, row, column + 3);
	out->at_s = rows_int(rows, row, column + 4);
	out->not_after_s = rows_int(rows, row, column + 5);
	return certificate_state_of(state, &out->state);
}

bool
status_index_store_page(struct tx *tx, uint8_t inout_serial[static SERIAL_BYTES],
    struct status_entry *out, size_t *out_count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	int16_t from = -1; /* no serial of ours: the first page */
	uint16_t month;

	if (serial_month(inout_serial, &month))
		from = (int16_t)month;
	params_int2(&params, from);
	params_bytea(&params, bytes_of(inout_serial, SERIAL_BYTES));
	params_int4(&params, STATUS_INDEX_PAGE_MAX);
	if (!tx_query(tx, &PAGE, &params, &rows, err))
		return false;
	*out_count = rows_count(rows);
	for (size_t i = 0; i < *out_count; i++)
		if (!read_entry(rows, i, 0, &out[i]))
			return error_set(err, E_INTERNAL, "a revocation of another version");
	if (*out_count > 0)
		memcpy(inout_serial, out[*out_count - 1].serial, SERIAL_BYTES);
	return true;
}

/* The place after this change. */
static void
advance(struct status_index_place *place, const struct status_entry *entry)
{
	struct status_line line = {.state = (enum status_word)entry->state,
	    .at_s = entry->at_s,
	    .reason = entry->state == CERTIFICATE_CLEAR ? 0 : (int)entry->reason};
	char text[STATUS_LINE_MAX + 1];

	memcpy(line.issuer, entry->issuer, sizeof line.issuer);
	memcpy(line.serial, entry->serial, sizeof line.serial);
	status_line_encode(&line, text);
	status_chain(place->hash, bytes_of_text(text));
	place->seq++;
}

bool
status_index_store_changes(struct db *db, struct status_index_place *inout_place,
    struct status_entry *out, size_t *out_count, bool *out_gap, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	struct status_index_place place = *inout_place;

	params_int8(&params, place.seq);
	params_int4(&params, STATUS_INDEX_CHANGES_MAX);
	if (!db_query(db, &CHANGES, &params, &rows, err))
		return false;
	if (rows_count(rows) == 0)
		return error_set(err, E_INTERNAL, "status_head has no row");
	*out_count = rows_null(rows, 0, 1) ? 0 : rows_count(rows);
	*out_gap = false;
	for (size_t i = 0; i < *out_count; i++) {
		*out_gap = *out_gap || rows_int(rows, i, 1) != place.seq + 1;
		if (!read_entry(rows, i, 2, &out[i]))
			return error_set(err, E_INTERNAL, "a change of status of another version");
		advance(&place, &out[i]);
	}
	/* With all changes read, the chain must be the database's. */
	if (*out_count < STATUS_INDEX_CHANGES_MAX)
		*out_gap = *out_gap || place.seq != rows_int(rows, 0, 0) ||
			   memcmp(place.hash, rows_bytes(rows, 0, 8).data, SHA256_BYTES) != 0;
	*inout_place = place;
	return true;
}
