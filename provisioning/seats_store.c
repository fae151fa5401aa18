#include <pthread.h>
#include <stdlib.h>

#include "audit/note.h"
#include "audit/outbox.h"
#include "base/mem.h"
#include "ca/ceremony.h"
#include "ca/ecdsa.h"
#include "provisioning/seats.h"

static const struct stmt NEWEST = STMT("seats_newest", 0, 4,
    "SELECT number, body, root, signature FROM seat_set ORDER BY number DESC LIMIT 1");

static const struct stmt LAST_NUMBER =
    STMT("seats_last_number", 0, 1, "SELECT coalesce(max(number), 0) FROM seat_set");

/* $1 number, $2 body, $3 root, $4 signature, $5 now */
static const struct stmt INSERT = STMT("seats_insert", 5, 0,
    "INSERT INTO seat_set (number, body, root, signature, made_at_s)"
    " VALUES ($1::int8, $2::bytea, $3::bytea, $4::bytea, $5::int8)");

static const struct stmt *const STATEMENTS[] = {&NEWEST, &LAST_NUMBER, &INSERT, NULL};

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
	pthread_mutex_unlock(&seats->lock);
	return true;
}

bool
seats_get_signed(struct seats *seats, struct seat_set *out, struct buf *out_signature)
{
	bool found;

	pthread_mutex_lock(&seats->lock);
	found = seats->set.number != 0;
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
	found = seats->set.number != 0;
	if (found)
		*out = seats->set;
	pthread_mutex_unlock(&seats->lock);
	return found;
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

bool
seats_publish(struct tx *tx, const struct issuer *root, const struct keyring *roots,
    const struct seat_set *set, int64_t now_s, const struct rng *rng, struct error *err)
{
	DEFER(buf_clear_public) struct buf body = {0};
	DEFER(buf_clear_public) struct buf signature = {0};
	DEFER(params_clear) struct params params = {0};

	seat_set_encode(set, &body);
	if (!ceremony_sign(roots, root->id, buf_bytes(&body), &signature, err))
		return false;
	params_int8(&params, (int64_t)set->number);
	params_bytea(&params, buf_bytes(&body));
	params_bytea(&params, bytes_of(root->id, ISSUER_ID_BYTES));
	params_bytea(&params, buf_bytes(&signature));
	params_int8(&params, now_s);
	return tx_run(tx, &INSERT, &params, err) &&
	       note_change(tx, set, buf_bytes(&body), now_s, rng, err);
}
