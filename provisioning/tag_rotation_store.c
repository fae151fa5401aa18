#include "provisioning/tag_rotation.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit/note.h"
#include "audit/outbox.h"
#include "base/mem.h"

#define ACTOR "system:tag"

static const struct stmt LOOK = STMT("rotation_look", 0, 4,
    "SELECT coalesce(min(kid) FILTER (WHERE state = 'active'), -1)::int4,"
    " coalesce(min(kid) FILTER (WHERE state = 'retiring'), -1)::int4, max(kid)::int4,"
    " coalesce(max(active_from_s) FILTER (WHERE state = 'active'), 0)::int8 FROM tag_key");

/* $1 kid */
static const struct stmt IS_DESTROYED = STMT("rotation_is_destroyed", 1, 1,
    "SELECT EXISTS (SELECT FROM tag_key WHERE kid = $1::int2 AND state = 'destroyed')");

/*
 * Every enrollment locks its batches before it reads the keys (tag_keys_store.h), so this waits for
 * those that have, and the others see what is written here.
 */
static const struct stmt WAIT_FOR_ENROLLMENTS =
    STMT("rotation_wait", 0, 0, "LOCK TABLE batch IN EXCLUSIVE MODE");

static const struct stmt RETIRE_ACTIVE = STMT(
    "rotation_retire_active", 0, 0, "UPDATE tag_key SET state = 'retiring' WHERE state = 'active'");

/* $1 kid, $2 now */
static const struct stmt ADD_ACTIVE = STMT("rotation_add_active", 2, 0,
    "INSERT INTO tag_key (kid, state, active_from_s) VALUES ($1::int2, 'active', $2::int8)");

/* Of all three, $1 kid, $2 and $3 where to go on, $4 how many. */
static const struct stmt READ_DEVICES = STMT("rotation_read_devices", 4, 5,
    "SELECT $2::int8, tag, NULL::bytea, NULL::bytea, NULL::bytea FROM device_tag"
    " WHERE kid = $1::int2 AND tag > $3::bytea ORDER BY tag LIMIT $4::int8");
static const struct stmt READ_TOKENS = STMT("rotation_read_tokens", 4, 5,
    "SELECT id, bound_tags[1], bound_tags[2], bound_tags[3], bound_tags[4] FROM token"
    " WHERE bound_kid = $1::int2 AND id > $2::int8 AND $3::bytea IS NOT NULL"
    " ORDER BY id LIMIT $4::int8");
static const struct stmt READ_MANIFESTS = STMT("rotation_read_manifests", 4, 5,
    "SELECT batch::int8, tag, NULL::bytea, NULL::bytea, NULL::bytea FROM manifest_tag"
    " WHERE kid = $1::int2 AND (batch, tag) > ($2::int8, $3::bytea)"
    " ORDER BY batch, tag LIMIT $4::int8");

/* $1 kid */
static const struct stmt COUNT_UNDER = STMT("rotation_count", 1, 1,
    "SELECT (SELECT count(*) FROM device_tag WHERE kid = $1::int2)"
    " + (SELECT count(*) FROM token WHERE bound_kid = $1::int2)"
    " + (SELECT count(*) FROM manifest_tag WHERE kid = $1::int2)");

/* Of all three, $1 old kid, $2 new kid, $3 ids, $4 to $7 old tags, $8 to $11 new ones. In the order
 * in which enrollments lock. */
static const struct stmt WRITE_DEVICES = STMT("rotation_write_devices", 11, 1,
    "WITH w AS (SELECT t.tag, u.tag AS new FROM unnest($3::int8[], $4::bytea[], $5::bytea[],"
    "  $6::bytea[], $7::bytea[], $8::bytea[], $9::bytea[], $10::bytea[], $11::bytea[])"
    "  AS u(id, old, o2, o3, o4, tag, n2, n3, n4)"
    "  JOIN device_tag AS t ON t.kid = $1::int2 AND t.tag = u.old ORDER BY t.tag FOR UPDATE OF t"
    " ), moved AS (UPDATE device_tag AS t SET kid = $2::int2, tag = w.new FROM w"
    "  WHERE t.kid = $1::int2 AND t.tag = w.tag RETURNING 1) SELECT count(*) FROM moved");
static const struct stmt WRITE_TOKENS = STMT("rotation_write_tokens", 11, 1,
    "WITH w AS (SELECT t.id, array_remove(ARRAY[u.n1, u.n2, u.n3, u.n4], NULL) AS new"
    "  FROM unnest($3::int8[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bytea[], $8::bytea[],"
    "  $9::bytea[], $10::bytea[], $11::bytea[]) AS u(id, o1, o2, o3, o4, n1, n2, n3, n4)"
    "  JOIN token AS t ON t.id = u.id AND t.bound_kid = $1::int2 ORDER BY t.id FOR UPDATE OF t"
    " ), moved AS (UPDATE token AS t SET bound_kid = $2::int2, bound_tags = w.new FROM w"
    "  WHERE t.id = w.id RETURNING 1) SELECT count(*) FROM moved");
static const struct stmt WRITE_MANIFESTS = STMT("rotation_write_manifests", 11, 1,
    "WITH w AS (SELECT m.batch, m.tag, u.tag AS new FROM unnest($3::int8[], $4::bytea[],"
    "  $5::bytea[], $6::bytea[], $7::bytea[], $8::bytea[], $9::bytea[], $10::bytea[],"
    "  $11::bytea[]) AS u(batch, old, o2, o3, o4, tag, n2, n3, n4)"
    "  JOIN manifest_tag AS m ON m.batch = u.batch AND m.kid = $1::int2 AND m.tag = u.old"
    "  ORDER BY m.batch, m.tag FOR UPDATE OF m"
    " ), moved AS (UPDATE manifest_tag AS m SET kid = $2::int2, tag = w.new FROM w"
    "  WHERE m.batch = w.batch AND m.kid = $1::int2 AND m.tag = w.tag RETURNING 1)"
    " SELECT count(*) FROM moved");

/* Tokens and manifests get new rows without a lock on a batch. */
static const struct stmt WAIT_FOR_OTHERS = STMT(
    "rotation_wait_for_others", 0, 0, "LOCK TABLE token, manifest_tag IN SHARE ROW EXCLUSIVE MODE");

static const struct stmt COUNT_LEFT = STMT("rotation_count_left", 0, 2,
    "WITH k AS (SELECT kid FROM tag_key WHERE state = 'retiring') SELECT"
    " (SELECT count(*) FROM (SELECT FROM device_tag WHERE kid IN (SELECT kid FROM k) LIMIT 1) AS d)"
    " + (SELECT count(*) FROM token WHERE bound_kid IN (SELECT kid FROM k))"
    " + (SELECT count(*) FROM manifest_tag WHERE kid IN (SELECT kid FROM k)),"
    " coalesce((SELECT min(kid) FROM k), -1)::int4");

static const struct stmt DESTROY = STMT(
    "rotation_destroy", 0, 0, "UPDATE tag_key SET state = 'destroyed' WHERE state = 'retiring'");

static const struct stmt *const READS[] = {&READ_DEVICES, &READ_TOKENS, &READ_MANIFESTS};
static const struct stmt *const WRITES[] = {&WRITE_DEVICES, &WRITE_TOKENS, &WRITE_MANIFESTS};

static const struct stmt *const STATEMENTS[] = {
    &LOOK,
    &IS_DESTROYED,
    &WAIT_FOR_ENROLLMENTS,
    &RETIRE_ACTIVE,
    &ADD_ACTIVE,
    &READ_DEVICES,
    &READ_TOKENS,
    &READ_MANIFESTS,
    &COUNT_UNDER,
    &WRITE_DEVICES,
    &WRITE_TOKENS,
    &WRITE_MANIFESTS,
    &WAIT_FOR_OTHERS,
    &COUNT_LEFT,
    &DESTROY,
    NULL,
};

const struct stmt *const *
rotation_statements(void)
{
	return STATEMENTS;
}

/* ---- which keys there are ---- */

bool
rotation_look(struct tx *tx, struct rotation_state *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	if (!tx_query(tx, &LOOK, &params, &rows, err))
		return false;
	*out = (struct rotation_state){
	    .active = (int)rows_int(rows, 0, 0),
	    .retiring = (int)rows_int(rows, 0, 1),
	    .last = (int)rows_int(rows, 0, 2),
	    .active_from_s = rows_int(rows, 0, 3),
	};
	return true;
}

bool
rotation_is_destroyed(struct tx *tx, int kid, bool *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int2(&params, (int16_t)kid);
	if (!tx_query(tx, &IS_DESTROYED, &params, &rows, err))
		return false;
	*out = rows_bool(rows, 0, 0);
	return true;
}

/* ---- begin and end ---- */

static bool
leaf_add(struct tx *tx, enum leaf_event event, int kid, int64_t now_s, const struct rng *rng,
    struct error *err)
{
	char subject[LEAF_VALUE_MAX + 1];
	struct leaf leaf;

	(void)snprintf(subject, sizeof subject, "tag:%d", kid);
	note_leaf(&leaf, event, ACTOR, subject, NULL, now_s);
	return outbox_add(tx, &leaf, rng, err);
}

bool
rotation_begin(struct tx *tx, int kid, int64_t now_s, const struct rng *rng, struct error *err)
{
	DEFER(params_clear) struct params none = {0};
	DEFER(params_clear) struct params params = {0};

	params_int2(&params, (int16_t)kid);
	params_int8(&params, now_s);
	return tx_run(tx, &WAIT_FOR_ENROLLMENTS, &none, err) &&
	       tx_run(tx, &RETIRE_ACTIVE, &none, err) && tx_run(tx, &ADD_ACTIVE, &params, err) &&
	       leaf_add(tx, LEAF_KEY_CREATE, kid, now_s, rng, err) &&
	       leaf_add(tx, LEAF_KEY_ROTATE, kid, now_s, rng, err);
}

bool
rotation_end(
    struct tx *tx, int64_t now_s, const struct rng *rng, int64_t *out_left, struct error *err)
{
	DEFER(params_clear) struct params none = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	if (!tx_run(tx, &WAIT_FOR_ENROLLMENTS, &none, err) ||
	    !tx_run(tx, &WAIT_FOR_OTHERS, &none, err) ||
	    !tx_query(tx, &COUNT_LEFT, &none, &rows, err))
		return false;
	*out_left = rows_int(rows, 0, 0);
	return *out_left > 0 ||
	       (tx_run(tx, &DESTROY, &none, err) &&
		   leaf_add(tx, LEAF_KEY_DESTROY, (int)rows_int(rows, 0, 1), now_s, rng, err));
}

/* ---- from key to key ---- */

static void
take_row(const struct rows *rows, size_t i, struct rotation_row *out)
{
	out->id = rows_int(rows, i, 0);
	out->tag_count = 0;
	for (int k = 0; k < (int)COUNT(out->tags) && !rows_null(rows, i, 1 + k); k++) {
		const struct bytes tag = rows_bytes(rows, i, 1 + k);

		assert(tag.len == TAG_BYTES); /* the schema says so */
		memcpy(out->tags[out->tag_count++], tag.data, TAG_BYTES);
	}
}

bool
rotation_read(struct db *db, enum rotation_table table, int kid, struct rotation_place *place,
    struct rotation_row *out, size_t *out_count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	size_t count;

	params_int2(&params, (int16_t)kid);
	params_int8(&params, place->id);
	params_bytea(&params, bytes_of(place->tag, TAG_BYTES));
	params_int8(&params, ROTATION_CHUNK);
	if (!db_query(db, READS[table], &params, &rows, err))
		return false;
	count = rows_count(rows);
	for (size_t i = 0; i < count; i++)
		take_row(rows, i, &out[i]);
	if (count > 0) {
		place->id = out[count - 1].id;
		memcpy(place->tag, out[count - 1].tags[0], TAG_BYTES);
	}
	*out_count = count;
	return true;
}

bool
rotation_count(struct db *db, int kid, int64_t *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int2(&params, (int16_t)kid);
	if (!db_query(db, &COUNT_UNDER, &params, &rows, err))
		return false;
	*out = rows_int(rows, 0, 0);
	return true;
}

static void
bind_tags(struct params *params, const struct rotation_row *rows, size_t count)
{
	DEFER(mem_free) struct bytes *tags = xcalloc(count, sizeof *tags);

	for (size_t k = 0; k < COUNT(rows[0].tags); k++) {
		for (size_t i = 0; i < count; i++)
			tags[i] = k < rows[i].tag_count ? bytes_of(rows[i].tags[k], TAG_BYTES)
							: (struct bytes){0};
		params_bytea_array(params, tags, count);
	}
}

bool
rotation_write(
    struct tx *tx, const struct rotation_move *move, int64_t *out_moved, struct error *err)
{
	DEFER(mem_free) int64_t *ids = xcalloc(move->count, sizeof *ids);
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	for (size_t i = 0; i < move->count; i++)
		ids[i] = move->before[i].id;
	params_int2(&params, (int16_t)move->from);
	params_int2(&params, (int16_t)move->to);
	params_int8_array(&params, ids, move->count);
	bind_tags(&params, move->before, move->count);
	bind_tags(&params, move->after, move->count);
	if (!tx_query(tx, WRITES[move->table], &params, &rows, err))
		return false;
	*out_moved = rows_int(rows, 0, 0);
	return true;
}
