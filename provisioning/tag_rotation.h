/*
 * tag_rotation: hardware tags move from one key to the next while the line runs. In the
 * transactions of `moniker tag rotate`, on the host, as the owner.
 *
 *   a new key in the keepers' rings -> rotation_begin(): new devices get tags under it, both keys
 *   are looked up -> rotation_read() and rotation_write(), until nothing is read ->
 *   rotation_end(): nothing is under the old key, and it is not looked up any more -> the key goes
 *   out of the rings
 *
 * What begins and ends waits for the enrollments under way, and they for it: each sees one state.
 */
#ifndef PROVISIONING_TAG_ROTATION_H
#define PROVISIONING_TAG_ROTATION_H

#include "base/rng.h"
#include "db/db.h"
#include "keeper/tag.h"

#define ROTATION_CHUNK 1000

struct rotation_state {
	int active;   /* kid */
	int retiring; /* -1: no rotation is under way */
	int last;     /* the highest kid that there was */
	int64_t active_from_s;
};
MUST_CHECK bool rotation_look(struct tx *tx, struct rotation_state *out, struct error *err);
/* Of a kid that is in a ring. */
MUST_CHECK bool rotation_is_destroyed(struct tx *tx, int kid, bool *out, struct error *err);

/* `kid` becomes active, the active one retiring; leaves key.create and key.rotate. */
MUST_CHECK bool rotation_begin(
    struct tx *tx, int kid, int64_t now_s, const struct rng *rng, struct error *err);

/* Where tags lie; a device's, a token's, a manifest's. */
enum rotation_table { ROTATE_DEVICES, ROTATE_TOKENS, ROTATE_MANIFESTS, ROTATE_TABLE_COUNT };

/* Of tokens up to four in a row; `id` is the token's, or the batch of the manifest. */
struct rotation_row {
	int64_t id;
	uint8_t tags[4][TAG_BYTES];
	size_t tag_count;
};
struct rotation_place { /* where the next reading goes on: zero at first */
	int64_t id;
	uint8_t tag[TAG_BYTES];
};
/* At most ROTATION_CHUNK rows under `kid`, after *place, which moves on. Locks nothing. */
MUST_CHECK bool rotation_read(struct db *db, enum rotation_table table, int kid,
    struct rotation_place *place, struct rotation_row *out, size_t *out_count, struct error *err);
/* How many rows of all tables are under `kid` now. */
MUST_CHECK bool rotation_count(struct db *db, int kid, int64_t *out, struct error *err);
struct rotation_move {
	enum rotation_table table;
	int from, to; /* kids */
	const struct rotation_row *before, *after;
	size_t count;
};
/* Puts `after` in the place of `before`; rows that are not there any more are left out. */
MUST_CHECK bool rotation_write(
    struct tx *tx, const struct rotation_move *move, int64_t *out_moved, struct error *err);

/* *out_left: what is still under the retiring key; 0: it is destroyed, with leaf key.destroy. */
MUST_CHECK bool rotation_end(
    struct tx *tx, int64_t now_s, const struct rng *rng, int64_t *out_left, struct error *err);

const struct stmt *const *rotation_statements(void);

#endif
