#include "provisioning/handover_store.h"

#include <stdlib.h>

#include "base/mem.h"

/* $1 number, $2 key */
static const struct stmt OLD_SETS = STMT("handover_old_sets", 2, 3,
    "SELECT number, body, EXISTS (SELECT FROM seat_loss WHERE public_key = $2::bytea)"
    " FROM seat_set WHERE number < $1::int8 ORDER BY number");

/* $1 and $2 after, $3 how many further on */
static const struct stmt BOUND = STMT("handover_bound", 3, 2,
    "SELECT log, seq FROM escrow_record WHERE (log, seq) > ($1::int2, $2::int8)"
    " ORDER BY log, seq OFFSET $3::int8 LIMIT 1");

/* $1 old sets, $2 and $3 after, $4 role, $5 seat, $6 its holder's key, $7 and $8 up to, $9 limit */
static const struct stmt WAITING = STMT("handover_waiting", 9, 6,
    "SELECT l.origin::text, r.log, r.seq, r.body, r.shred_id, (SELECT"
    " string_agg(o.public_key || o.sealed, ''::bytea) FROM escrow_share AS o"
    " WHERE o.log = r.log AND o.seq = r.seq AND o.role = $4::int2)"
    " FROM escrow_record AS r JOIN audit_log AS l ON l.id = r.log"
    " WHERE (r.log, r.seq) > ($2::int2, $3::int8) AND (r.log, r.seq) <= ($7::int2, $8::int8)"
    " AND r.seat_set = ANY ($1::int8[])"
    " AND NOT EXISTS (SELECT FROM escrow_share AS s WHERE s.log = r.log AND s.seq = r.seq"
    " AND s.role = $4::int2 AND s.seat = $5::int2 AND s.public_key = $6::bytea)"
    " AND NOT EXISTS (SELECT FROM erasure_record AS e WHERE e.shred_id = r.shred_id)"
    " ORDER BY r.log, r.seq LIMIT $9::int8");

/* $1 old sets, $2 origins, $3 seqs, $4 shares, $5 role, $6 seat, $7 its holder's key */
#define NAMED                                                                         \
	" FROM unnest($2::text[], $3::int8[], $4::bytea[]) AS u(origin, seq, sealed)" \
	" JOIN audit_log AS l ON l.origin = u.origin"                                 \
	" JOIN escrow_record AS r ON r.log = l.id AND r.seq = u.seq"                  \
	" AND r.seat_set = ANY ($1::int8[])"

static const struct stmt STATE = STMT("handover_state", 7, 3,
    "SELECT count(DISTINCT (r.log, r.seq)), count(s.seq),"
    " count(*) FILTER (WHERE s.sealed = u.sealed)" NAMED
    " LEFT JOIN escrow_share AS s ON s.log = r.log AND s.seq = r.seq AND s.role = $5::int2"
    " AND s.seat = $6::int2 AND s.public_key = $7::bytea");

/* and $8 now */
static const struct stmt INSERT = STMT("handover_insert", 8, 1,
    "INSERT INTO escrow_share (log, seq, role, seat, public_key, sealed, made_at_s)"
    " SELECT r.log, r.seq, $5::int2, $6::int2, $7::bytea, u.sealed, $8::int8" NAMED
    " ORDER BY r.log, r.seq ON CONFLICT DO NOTHING RETURNING seq");

static const struct stmt *const STATEMENTS[] = {&OLD_SETS, &BOUND, &WAITING, &STATE, &INSERT, NULL};

const struct stmt *const *
handover_statements(void)
{
	return STATEMENTS;
}

void
handover_seat_clear(struct handover_seat *seat)
{
	free(seat->old);
	seat->old = NULL;
}

bool
handover_store_old(struct db *db, uint32_t number, struct handover_seat *seat, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int8(&params, (int64_t)number);
	params_bytea(&params, bytes_of(seat->holder.public_key, SEAT_KEY_BYTES));
	if (!db_query(db, &OLD_SETS, &params, &rows, err))
		return false;
	seat->old = xcalloc(rows_count(rows) + 1, sizeof *seat->old);
	for (size_t i = 0; i < rows_count(rows); i++) {
		const struct seat *other;
		struct error malformed = {0};
		struct seat_set set;

		if (!seat_set_parse(rows_bytes(rows, i, 1), &set, &malformed))
			return error_set(err, E_INTERNAL, "seat set %lld is malformed",
			    (long long)rows_int(rows, i, 0));
		seat->lost = rows_bool(rows, i, 2);
		other = seat_set_find(&set, seat->holder.role, seat->holder.number);
		if (other != NULL &&
		    memcmp(other->public_key, seat->holder.public_key, SEAT_KEY_BYTES) != 0)
			seat->old[seat->old_count++] = rows_int(rows, i, 0);
	}
	return true;
}

static void
bind_seat(struct params *params, const struct handover_seat *seat)
{
	params_int2(params, (int16_t)seat->holder.role);
	params_int2(params, (int16_t)seat->holder.number);
	params_bytea(params, bytes_of(seat->holder.public_key, SEAT_KEY_BYTES));
}

/* ---- those that wait ---- */

void
handover_rows_free(struct handover_rows *rows)
{
	for (size_t i = 0; rows != NULL && i < rows->count; i++) {
		buf_clear_public(&rows->at[i].wrapped);
		buf_clear_public(&rows->at[i].shares);
	}
	free(rows);
}

/* How far this request looks: almost none may wait, of many. *out_more false: to the end. */
static bool
find_bound(struct db *db, struct handover_cursor after, struct handover_cursor *out, bool *out_more,
    struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int2(&params, (int16_t)after.log);
	params_int8(&params, after.seq);
	params_int8(&params, HANDOVER_LOOK_MAX - 1);
	if (!db_query(db, &BOUND, &params, &rows, err))
		return false;
	*out_more = rows_count(rows) == 1;
	*out = *out_more ? (struct handover_cursor){rows_int(rows, 0, 0), rows_int(rows, 0, 1)}
			 : (struct handover_cursor){INT16_MAX, INT64_MAX};
	return true;
}

static void
take_row(const struct rows *rows, size_t i, struct handover_row *out)
{
	rows_text(rows, i, 0, out->origin, sizeof out->origin);
	out->at = (struct handover_cursor){rows_int(rows, i, 1), rows_int(rows, i, 2)};
	buf_append(&out->wrapped, rows_bytes(rows, i, 3));
	memcpy(out->shred_id, rows_bytes(rows, i, 4).data, SHRED_ID_BYTES);
	buf_append(&out->shares, rows_bytes(rows, i, 5));
}

bool
handover_store_waiting(struct db *db, const struct handover_seat *seat,
    struct handover_cursor after, struct handover_rows **out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	DEFER(handover_rows_free) struct handover_rows *found = xcalloc(1, sizeof *found);

	if (!find_bound(db, after, &found->next, &found->more, err))
		return false;
	params_int8_array(&params, seat->old, seat->old_count);
	params_int2(&params, (int16_t)after.log);
	params_int8(&params, after.seq);
	bind_seat(&params, seat);
	params_int2(&params, (int16_t)found->next.log);
	params_int8(&params, found->next.seq);
	params_int8(&params, HANDOVER_PAGE_MAX);
	if (!db_query(db, &WAITING, &params, &rows, err))
		return false;
	for (; found->count < rows_count(rows); found->count++)
		take_row(rows, found->count, &found->at[found->count]);
	if (found->count == HANDOVER_PAGE_MAX) {
		found->more = true;
		found->next = found->at[found->count - 1].at;
	}
	*out = TAKE(found);
	return true;
}

/* ---- shares that come back ---- */

static void
bind_shares(struct params *params, const struct handover_seat *seat,
    const struct handover_share *shares, size_t count)
{
	struct bytes origins[HANDOVER_PAGE_MAX], sealed[HANDOVER_PAGE_MAX];
	int64_t seqs[HANDOVER_PAGE_MAX];

	for (size_t i = 0; i < count; i++) {
		origins[i] = shares[i].origin;
		seqs[i] = shares[i].seq;
		sealed[i] = bytes_of(shares[i].sealed, sizeof shares[i].sealed);
	}
	params_int8_array(params, seat->old, seat->old_count);
	params_text_array(params, origins, count);
	params_int8_array(params, seqs, count);
	params_bytea_array(params, sealed, count);
	bind_seat(params, seat);
}

bool
handover_store_state(struct tx *tx, const struct handover_seat *seat,
    const struct handover_share *shares, size_t count, struct handover_state *out,
    struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	bind_shares(&params, seat, shares, count);
	if (!tx_query(tx, &STATE, &params, &rows, err))
		return false;
	*out = (struct handover_state){
	    rows_int(rows, 0, 0), rows_int(rows, 0, 1), rows_int(rows, 0, 2)};
	return true;
}

bool
handover_store_insert(struct tx *tx, const struct handover_seat *seat,
    const struct handover_share *shares, size_t count, int64_t now_s, int64_t *out_count,
    struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	bind_shares(&params, seat, shares, count);
	params_int8(&params, now_s);
	if (!tx_query(tx, &INSERT, &params, &rows, err))
		return false;
	*out_count = (int64_t)rows_count(rows);
	return true;
}
