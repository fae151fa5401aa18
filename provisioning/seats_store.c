#include <pthread.h>
#include <stdlib.h>

#include "audit/note.h"
#include "audit/outbox.h"
#include "base/mem.h"
#include "ca/ceremony.h"
#include "ca/ecdsa.h"
#include "provisioning/seats.h"

/* and all keys that are lost, one behind the other */
static const struct stmt NEWEST = STMT("seats_newest", 0, 5,
    "SELECT number, body, root, signature,"
    " coalesce((SELECT string_agg(public_key, ''::bytea) FROM seat_loss), ''::bytea)"
    " FROM seat_set ORDER BY number DESC LIMIT 1");

static const struct stmt LAST_NUMBER =
    STMT("seats_last_number", 0, 1, "SELECT coalesce(max(number), 0) FROM seat_set");

/* $1 number, $2 body, $3 root, $4 signature, $5 now */
static const struct stmt INSERT = STMT("seats_insert", 5, 0,
    "INSERT INTO seat_set (number, body, root, signature, made_at_s)"
    " VALUES ($1::int8, $2::bytea, $3::bytea, $4::bytea, $5::int8)");

/* $1 keys */
static const struct stmt COUNT_LOST = STMT("seats_count_lost", 1, 1,
    "SELECT count(*) FROM seat_loss WHERE public_key = ANY ($1::bytea[])");

/* $1 key, $2 role, $3 seat, $4 now */
static const struct stmt LOSE = STMT("seats_lose", 4, 1,
    "INSERT INTO seat_loss (public_key, role, seat, at_s)"
    " VALUES ($1::bytea, $2::int2, $3::int2, $4::int8) ON CONFLICT DO NOTHING RETURNING seat");

static const struct stmt *const STATEMENTS[] = {
    &NEWEST, &LAST_NUMBER, &INSERT, &COUNT_LOST, &LOSE, NULL};

const struct stmt *const *
seats_statements(void)
{
	return STATEMENTS;
}

/* ---- the set in force ---- */

struct seats {
	struct db *db;
	const struct issuers *issuers;
	pthread_mutex_t lock; /* guards what follows */
	struct seat_set set;  /* number 0: none */
	uint32_t lost;        /* bit i: the key of its seat i */
	struct buf signature; /* over its text */
};

struct seats *
seats_new(struct db *db, const struct issuers *issuers)
{
	struct seats *seats = xcalloc(1, sizeof *seats);

	seats->db = db;
	seats->issuers = issuers;
	pthread_mutex_init(&seats->lock, NULL);
	return seats;
}

void
seats_free(struct seats *seats)
{
	if (seats == NULL)
		return;
	pthread_mutex_destroy(&seats->lock);
	buf_clear_public(&seats->signature);
	free(seats);
}

bool
seats_verify(const struct issuer *root, struct bytes body, struct bytes signature,
    struct seat_set *out, struct error *err)
{
	uint8_t digest[SHA256_BYTES];

	sha256(body, digest);
	if (root == NULL || root->kind != ISSUER_OPERATIONS_ROOT ||
	    !ecdsa_verify(root->public_key, bytes_of(digest, sizeof digest), signature))
		return error_set(err, E_CONFIG_INVALID,
		    "the newest seat set is not signed by the Operations Root");
	if (seat_set_parse(body, out, err))
		return true;
	err->code = E_CONFIG_INVALID;
	return false;
}

static bool
is_lost(struct bytes lost, const struct seat *seat)
{
	for (size_t at = 0; at + SEAT_KEY_BYTES <= lost.len; at += SEAT_KEY_BYTES)
		if (memcmp(lost.data + at, seat->public_key, SEAT_KEY_BYTES) == 0)
			return true;
	return false;
}

_Static_assert(SEAT_SET_MAX <= 32, "a bit for each seat");

static uint32_t
mark_lost(const struct seat_set *set, struct bytes lost)
{
	uint32_t mask = 0;

	for (size_t i = 0; i < set->count; i++)
		if (is_lost(lost, &set->seats[i]))
			mask |= UINT32_C(1) << i;
	return mask;
}

/* Seats of the role whose keys are there. */
static int
count_left(const struct seat_set *set, uint32_t lost, enum seat_role role)
{
	int left = 0;

	for (size_t i = 0; i < set->count; i++)
		left += set->seats[i].role == role && (lost >> i & 1) == 0;
	return left;
}

bool
seats_reload(struct seats *seats, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	struct seat_set set;
	struct bytes root;

	if (!db_query(seats->db, &NEWEST, &params, &rows, err))
		return false;
	if (rows_count(rows) == 0)
		return true;
	root = rows_bytes(rows, 0, 2);
	if (!seats_verify(
		root.len == ISSUER_ID_BYTES ? issuers_find(seats->issuers, root.data) : NULL,
		rows_bytes(rows, 0, 1), rows_bytes(rows, 0, 3), &set, err))
		return false;
	if ((int64_t)set.number != rows_int(rows, 0, 0))
		return error_set(err, E_CONFIG_INVALID, "a seat set stands under another's number");
	pthread_mutex_lock(&seats->lock);
	if (set.number > seats->set.number) {
		seats->set = set;
		buf_truncate(&seats->signature, 0);
		buf_append(&seats->signature, rows_bytes(rows, 0, 3));
	}
	if (set.number == seats->set.number)
		seats->lost = mark_lost(&set, rows_bytes(rows, 0, 4));
	pthread_mutex_unlock(&seats->lock);
	return true;
}

/* Under the lock. */
static bool
in_force(const struct seats *seats)
{
	return seats->set.number != 0 && count_left(&seats->set, seats->lost, SEAT_LEGAL) > 0 &&
	       count_left(&seats->set, seats->lost, SEAT_OFFICER) > 0;
}

bool
seats_get_signed(struct seats *seats, struct seat_set *out, struct buf *out_signature)
{
	bool found;

	pthread_mutex_lock(&seats->lock);
	found = in_force(seats);
	if (found) {
		*out = seats->set;
		buf_append(out_signature, buf_bytes(&seats->signature));
	}
	pthread_mutex_unlock(&seats->lock);
	return found;
}

bool
seats_get(struct seats *seats, struct seat_set *out)
{
	bool found;

	pthread_mutex_lock(&seats->lock);
	found = in_force(seats);
	if (found)
		*out = seats->set;
	pthread_mutex_unlock(&seats->lock);
	return found;
}

bool
seats_look(struct seats *seats, struct seat_set *out, uint32_t *out_lost)
{
	pthread_mutex_lock(&seats->lock);
	*out = seats->set;
	*out_lost = seats->lost;
	pthread_mutex_unlock(&seats->lock);
	return out->number != 0;
}

/* ---- publishing one ---- */

bool
seats_last_number(struct tx *tx, uint32_t *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	if (!tx_query(tx, &LAST_NUMBER, &params, &rows, err))
		return false;
	*out = (uint32_t)rows_int(rows, 0, 0);
	return true;
}

/* The set is public, so the commitment's nonce is all zeros: whoever has the set can compute it. */
static bool
note_change(struct tx *tx, const struct seat_set *set, struct bytes body, int64_t now_s,
    const struct rng *rng, struct error *err)
{
	static const uint8_t nonce[COMMITMENT_NONCE_BYTES];
	struct leaf leaf;

	note_leaf(&leaf, LEAF_SEATSET_CHANGE, "system:seat", "", NULL, now_s);
	leaf.details[0] = (struct leaf_detail){.key = "number", .number = (int64_t)set->number};
	leaf.details[1] = (struct leaf_detail){.key = "seats", .number = (int64_t)set->count};
	leaf.has_second_commitment = true;
	leaf_commit(leaf.second_commitment, nonce, body);
	return outbox_add(tx, &leaf, rng, err);
}

static bool
none_lost(struct tx *tx, const struct seat_set *set, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	struct bytes keys[SEAT_SET_MAX];

	for (size_t i = 0; i < set->count; i++)
		keys[i] = bytes_of(set->seats[i].public_key, SEAT_KEY_BYTES);
	params_bytea_array(&params, keys, set->count);
	if (!tx_query(tx, &COUNT_LOST, &params, &rows, err))
		return false;
	return rows_int(rows, 0, 0) == 0 ||
	       error_set(err, E_STATE_CONFLICT, "the key of one of these seats is lost");
}

bool
seats_publish(struct tx *tx, const struct issuer *root, const struct keyring *roots,
    const struct seat_set *set, int64_t now_s, const struct rng *rng, struct error *err)
{
	DEFER(buf_clear_public) struct buf body = {0};
	DEFER(buf_clear_public) struct buf signature = {0};
	DEFER(params_clear) struct params params = {0};

	seat_set_encode(set, &body);
	if (!none_lost(tx, set, err) ||
	    !ceremony_sign(roots, root->id, buf_bytes(&body), &signature, err))
		return false;
	params_int8(&params, (int64_t)set->number);
	params_bytea(&params, buf_bytes(&body));
	params_bytea(&params, bytes_of(root->id, ISSUER_ID_BYTES));
	params_bytea(&params, buf_bytes(&signature));
	params_int8(&params, now_s);
	return tx_run(tx, &INSERT, &params, err) &&
	       note_change(tx, set, buf_bytes(&body), now_s, rng, err);
}

/* ---- losing one ---- */

static bool
insert_loss(struct tx *tx, const struct seat *seat, int64_t now_s, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_bytea(&params, bytes_of(seat->public_key, SEAT_KEY_BYTES));
	params_int2(&params, (int16_t)seat->role);
	params_int2(&params, (int16_t)seat->number);
	params_int8(&params, now_s);
	if (!tx_query(tx, &LOSE, &params, &rows, err))
		return false;
	return rows_count(rows) == 1 ||
	       error_set(err, E_STATE_CONFLICT, "the key of this seat is lost already");
}

static bool
note_loss(struct tx *tx, const struct seat_set *set, const struct seat *seat, int left,
    int64_t now_s, const struct rng *rng, struct error *err)
{
	struct leaf leaf;

	note_leaf(&leaf, LEAF_SEAT_LOST, "system:seat", "", NULL, now_s);
	leaf.severity = 4;
	leaf.details[0] = (struct leaf_detail){.key = "number", .number = (int64_t)set->number};
	leaf.details[1] = (struct leaf_detail){.key = "role", .text = seat_role_name(seat->role)};
	leaf.details[2] = (struct leaf_detail){.key = "seat", .number = seat->number};
	leaf.details[3] = (struct leaf_detail){.key = "left", .number = left};
	return outbox_add(tx, &leaf, rng, err);
}

bool
seats_lose(struct tx *tx, enum seat_role role, int number, int64_t now_s, const struct rng *rng,
    int *out_left, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	struct seat_set set = {0}; /* there may be none */
	const struct seat *seat;
	uint32_t lost;

	if (!tx_query(tx, &NEWEST, &params, &rows, err))
		return false;
	if (rows_count(rows) == 1 && !seat_set_parse(rows_bytes(rows, 0, 1), &set, err))
		return false;
	seat = seat_set_find(&set, role, number);
	if (seat == NULL)
		return error_set(err, E_NOT_FOUND, "the newest seat set has no seat %s %d",
		    seat_role_name(role), number);
	if (!insert_loss(tx, seat, now_s, err))
		return false;
	lost = mark_lost(&set, rows_bytes(rows, 0, 4)) | UINT32_C(1) << (seat - set.seats);
	*out_left = count_left(&set, lost, role);
	return note_loss(tx, &set, seat, *out_left, now_s, rng, err);
}
