#include "provisioning/enroll_store.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "provisioning/brought_store.h"
#include "provisioning/manifest_store.h"
#include "provisioning/tag_keys_store.h"

/* Every lock is taken after its statement's sort, so in order, on all nodes. */

/* $1 ids, sorted: the order of places needs no sort */
static const struct stmt LOCK_BATCHES = STMT("enroll_lock_batches", 1, 11,
    "SELECT b.id::int8, b.quota, b.issued, b.opens_at_s, b.closes_at_s, b.closed_at_s,"
    " coalesce(b.hours_from, -1)::int4, coalesce(b.hours_until, -1)::int4,"
    " b.hardware_ids <> 'optional', b.replace_policy = 'same_station', b.manifest"
    " FROM unnest($1::int8[]) WITH ORDINALITY AS w(id, place) JOIN batch AS b ON b.id = w.id"
    " ORDER BY w.place FOR UPDATE OF b");

/* $1 batches */
static const struct stmt READ_STATIONS = STMT("enroll_read_stations", 1, 2,
    "SELECT batch::int8, person FROM batch_station"
    " WHERE batch = ANY ($1::int8[]) ORDER BY batch, person");

/* $1 ids. Bound tags: at most four. */
static const struct stmt LOCK_TOKENS = STMT("enroll_lock_tokens", 1, 13,
    "SELECT id, batch::int8, random_sha256,"
    " CASE state WHEN 'free' THEN 0 WHEN 'spent' THEN 1 ELSE 2 END,"
    " refusals, expires_at_s, device, handle, bound_kid,"
    " bound_tags[1], bound_tags[2], bound_tags[3], bound_tags[4]"
    " FROM token WHERE id = ANY ($1::int8[]) ORDER BY id FOR UPDATE");

/* $1 spki_sha256. A key's row never changes, so it needs no lock. */
static const struct stmt READ_KEYS = STMT("enroll_read_keys", 1, 3,
    "SELECT spki_sha256, device, serial FROM device_key"
    " WHERE spki_sha256 = ANY ($1::bytea[]) ORDER BY spki_sha256");

/* $1 kids, $2 tags, sorted */
static const struct stmt LOCK_TAGS = STMT("enroll_lock_tags", 2, 5,
    "SELECT t.kid, t.tag, t.device, t.blocked, t.readmit"
    " FROM unnest($1::int2[], $2::bytea[]) WITH ORDINALITY AS w(kid, tag, place)"
    " JOIN device_tag AS t ON t.kid = w.kid AND t.tag = w.tag ORDER BY w.place FOR UPDATE OF t");

/* $1 kids, $2 tags, $3 tokens: their bound tags, too */
static const struct stmt LOCK_TAGS_AND_BOUND = STMT("enroll_lock_tags_and_bound", 3, 5,
    "SELECT t.kid, t.tag, t.device, t.blocked, t.readmit FROM device_tag AS t JOIN ("
    "  SELECT kid, tag FROM unnest($1::int2[], $2::bytea[]) AS u(kid, tag)"
    "  UNION SELECT bound_kid, unnest(bound_tags) FROM token WHERE id = ANY ($3::int8[])"
    " ) AS w ON w.kid = t.kid AND w.tag = t.tag ORDER BY t.kid, t.tag FOR UPDATE OF t");

/* $1 ids */
static const struct stmt READ_DEVICES = STMT("enroll_read_devices", 1, 9,
    "SELECT id, batch::int8, person, token, token IS NOT NULL, tag_count, state, enrolled_at_s,"
    " profile FROM device WHERE id = ANY ($1::int8[]) ORDER BY id");

/* $1 devices, $2 first month: certificates of devices that may be young enough to be replaced */
static const struct stmt READ_SUPERSEDED = STMT("enroll_read_superseded", 2, 5,
    "SELECT device, serial, issuer, handle, not_after_at_s FROM certificate"
    " WHERE device = ANY ($1::int8[]) AND month >= $2::int2");

/* $1 how many */
static const struct stmt DRAW_DEVICES =
    STMT("enroll_draw_devices", 1, 1, "SELECT id FROM device_ids_draw($1::int4) AS id");

static const struct stmt *const STATEMENTS[] = {
    &LOCK_BATCHES,
    &READ_STATIONS,
    &LOCK_TOKENS,
    &READ_KEYS,
    &LOCK_TAGS,
    &LOCK_TAGS_AND_BOUND,
    &READ_DEVICES,
    &READ_SUPERSEDED,
    &DRAW_DEVICES,
    NULL,
};

const struct stmt *const *
enroll_statements(void)
{
	return STATEMENTS;
}

/* ---- what the proposals name ---- */

static int
compare_ids(const void *a, const void *b)
{
	const int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;

	return (one > other) - (one < other);
}

/* Sorted, each once. */
static void
bind_ids(struct params *out, int64_t *ids, size_t count)
{
	size_t kept = 0;

	qsort(ids, count, sizeof *ids, compare_ids);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || ids[kept - 1] != ids[i])
			ids[kept++] = ids[i];
	params_int8_array(out, ids, kept);
}

static void
bind_batches(struct params *out, const struct ledger_batch *batch)
{
	DEFER(mem_free) int64_t *ids = xcalloc(batch->count, sizeof *ids);

	for (size_t i = 0; i < batch->count; i++)
		ids[i] = enroll_at(batch, i)->input.batch;
	bind_ids(out, ids, batch->count);
}

static void
bind_tokens(struct params *out, const struct ledger_batch *batch)
{
	DEFER(mem_free) int64_t *ids = xcalloc(batch->count, sizeof *ids);
	size_t count = 0;

	for (size_t i = 0; i < batch->count; i++)
		if (enroll_at(batch, i)->input.has_token)
			ids[count++] = enroll_at(batch, i)->input.token;
	bind_ids(out, ids, count);
}

static void
bind_keys(struct params *out, const struct ledger_batch *batch)
{
	DEFER(mem_free) struct bytes *keys = xcalloc(batch->count, sizeof *keys);

	for (size_t i = 0; i < batch->count; i++)
		keys[i] = bytes_of(enroll_at(batch, i)->input.spki_sha256, SHA256_BYTES);
	params_bytea_array(out, keys, batch->count);
}

static void
put_tag(struct decide_tag *out, size_t *count, uint8_t kid, const uint8_t tag[static TAG_BYTES])
{
	struct decide_tag *put = &out[(*count)++];

	put->kid = kid;
	memcpy(put->tag, tag, TAG_BYTES);
}

/* Sorted, each once. */
static void
bind_tags(struct params *out, const struct ledger_batch *batch)
{
	const size_t max = batch->count * HWID_COUNT_MAX * TAG_KEYS_MAX;
	DEFER(mem_free) struct decide_tag *all = xcalloc(max, sizeof *all);
	DEFER(mem_free) int16_t *kids = xcalloc(max, sizeof *kids);
	DEFER(mem_free) struct bytes *tags = xcalloc(max, sizeof *tags);
	size_t count = 0, kept = 0;

	for (size_t i = 0; i < batch->count; i++)
		for (size_t k = 0; k < enroll_at(batch, i)->input.tag_count; k++) {
			const struct decide_tag *tag = &enroll_at(batch, i)->input.tags[k];

			put_tag(all, &count, tag->kid, tag->tag);
			if (tag->has_other)
				put_tag(all, &count, tag->other_kid, tag->other);
		}
	if (count > 0)
		qsort(all, count, sizeof *all, decide_compare_tags);
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && decide_compare_tags(&all[i - 1], &all[i]) == 0)
			continue;
		kids[kept] = all[i].kid;
		tags[kept++] = bytes_of(all[i].tag, TAG_BYTES);
	}
	params_int2_array(out, kids, kept);
	params_bytea_array(out, tags, kept);
}

static void
bind_tags_and_tokens(struct params *out, const struct ledger_batch *batch)
{
	bind_tags(out, batch);
	bind_tokens(out, batch);
}

static bool
queue(struct tx *tx, const struct stmt *stmt, const struct ledger_batch *batch,
    void (*bind)(struct params *out, const struct ledger_batch *batch), struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	bind(&params, batch);
	return tx_queue(tx, stmt, &params, err);
}

/* ---- from rows to the snapshot ---- */

/* In the order in which they are asked. */
enum { BATCHES, STATIONS, TOKENS, KEYS, TAG_KEYS, TAGS, LISTED, RECORDS, DEVICE_IDS, FIRST_COUNT };
enum { DEVICES, SUPERSEDED, SECOND_COUNT };

struct results {
	struct rows *rows[FIRST_COUNT];
};

static void
results_clear(struct results *results)
{
	for (size_t i = 0; i < COUNT(results->rows); i++)
		rows_free(results->rows[i]);
}
DEFER_DECLARE_CLEAR(struct results, results_clear)

static void
take_octets(const struct rows *rows, size_t row, int column, uint8_t *out, size_t len)
{
	struct bytes octets = rows_bytes(rows, row, column);

	assert(octets.len == len); /* the schema says so */
	memcpy(out, octets.data, len);
}

static void
take_batches(struct enroll_snapshot *snapshot, const struct rows *rows, const struct rows *stations)
{
	struct decide_snapshot *out = &snapshot->rows;
	size_t next = 0;

	out->batch_count = rows_count(rows);
	out->batches = xcalloc(out->batch_count + 1, sizeof *out->batches);
	snapshot->stations = xcalloc(rows_count(stations) + 1, sizeof *snapshot->stations);
	for (size_t i = 0; i < out->batch_count; i++) {
		out->batches[i] = (struct decide_batch){
		    .id = rows_int(rows, i, 0),
		    .quota = rows_int(rows, i, 1),
		    .issued = rows_int(rows, i, 2),
		    .opens_at_s = rows_int(rows, i, 3),
		    .closes_at_s = rows_int(rows, i, 4),
		    .closed_at_s = rows_int(rows, i, 5),
		    .hours_from = (int)rows_int(rows, i, 6),
		    .hours_until = (int)rows_int(rows, i, 7),
		    .hardware_ids_required = rows_bool(rows, i, 8),
		    .replace_same_station = rows_bool(rows, i, 9),
		    .manifest = rows_bool(rows, i, 10),
		    .stations = &snapshot->stations[next],
		};
		for (; next < rows_count(stations) &&
		       rows_int(stations, next, 0) == out->batches[i].id;
		     next++) {
			snapshot->stations[next] = rows_int(stations, next, 1);
			out->batches[i].station_count++;
		}
	}
}

static void
take_bound(const struct rows *rows, size_t row, struct decide_token *out)
{
	enum { KID = 8, FIRST_TAG };

	for (int k = 0; k < HWID_COUNT_MAX && !rows_null(rows, row, FIRST_TAG + k); k++) {
		struct decide_tag *tag = &out->bound[out->bound_count++];

		tag->kid = (uint8_t)rows_int(rows, row, KID);
		take_octets(rows, row, FIRST_TAG + k, tag->tag, TAG_BYTES);
	}
}

static void
take_tokens(struct enroll_snapshot *snapshot, const struct rows *rows)
{
	struct decide_snapshot *out = &snapshot->rows;

	out->token_count = rows_count(rows);
	out->tokens = xcalloc(out->token_count + 1, sizeof *out->tokens);
	snapshot->token_handles = xcalloc(out->token_count + 1, sizeof *snapshot->token_handles);
	for (size_t i = 0; i < out->token_count; i++) {
		struct decide_token *token = &out->tokens[i];

		token->id = rows_int(rows, i, 0);
		token->batch = rows_int(rows, i, 1);
		take_octets(rows, i, 2, token->random_sha256, SHA256_BYTES);
		token->state = rows_int(rows, i, 3) == 0   ? TOKEN_FREE
			       : rows_int(rows, i, 3) == 1 ? TOKEN_IS_SPENT
							   : TOKEN_IS_BURNT;
		token->refusals = (int)rows_int(rows, i, 4);
		token->expires_at_s = rows_int(rows, i, 5);
		token->device = rows_int(rows, i, 6);
		rows_text(
		    rows, i, 7, snapshot->token_handles[i], sizeof snapshot->token_handles[i]);
		take_bound(rows, i, token);
	}
}

static void
take_keys(struct enroll_snapshot *snapshot, const struct rows *rows)
{
	struct decide_snapshot *out = &snapshot->rows;

	out->key_count = rows_count(rows);
	out->keys = xcalloc(out->key_count + 1, sizeof *out->keys);
	snapshot->key_serials = xcalloc(out->key_count + 1, sizeof *snapshot->key_serials);
	for (size_t i = 0; i < out->key_count; i++) {
		take_octets(rows, i, 0, out->keys[i].spki_sha256, SHA256_BYTES);
		out->keys[i].device = rows_int(rows, i, 1);
		take_octets(rows, i, 2, snapshot->key_serials[i], SERIAL_BYTES);
	}
}

static void
take_tags(struct decide_snapshot *out, const struct rows *rows)
{
	out->tag_count = rows_count(rows);
	out->tags = xcalloc(out->tag_count + 1, sizeof *out->tags);
	for (size_t i = 0; i < out->tag_count; i++) {
		out->tags[i].tag.kid = (uint8_t)rows_int(rows, i, 0);
		take_octets(rows, i, 1, out->tags[i].tag.tag, TAG_BYTES);
		out->tags[i].device = rows_int(rows, i, 2);
		out->tags[i].blocked = rows_bool(rows, i, 3);
		out->tags[i].readmit = rows_bool(rows, i, 4);
	}
}

static bool
take_devices(struct decide_snapshot *out, const struct rows *rows, struct error *err)
{
	out->device_count = rows_count(rows);
	out->devices = xcalloc(out->device_count + 1, sizeof *out->devices);
	for (size_t i = 0; i < out->device_count; i++) {
		struct decide_device *device = &out->devices[i];
		char state[16];

		device->id = rows_int(rows, i, 0);
		device->batch = rows_int(rows, i, 1);
		device->person = rows_int(rows, i, 2);
		device->token = rows_int(rows, i, 3);
		device->has_token = rows_bool(rows, i, 4);
		device->tag_count = (int)rows_int(rows, i, 5);
		rows_text(rows, i, 6, state, sizeof state);
		device->enrolled_at_s = rows_int(rows, i, 7);
		rows_text(rows, i, 8, device->profile, sizeof device->profile);
		if (!device_state_of(state, &device->state))
			return error_set(err, E_INTERNAL, "a device in no known state");
	}
	return true;
}

static void
take_superseded(struct enroll_snapshot *snapshot, const struct rows *rows)
{
	struct decide_snapshot *out = &snapshot->rows;

	snapshot->superseded_count = rows_count(rows);
	snapshot->superseded = xcalloc(rows_count(rows) + 1, sizeof *snapshot->superseded);
	for (size_t i = 0; i < rows_count(rows); i++) {
		struct enroll_superseded *old = &snapshot->superseded[i];

		old->device = rows_int(rows, i, 0);
		take_octets(rows, i, 1, old->serial, SERIAL_BYTES);
		take_octets(rows, i, 2, old->issuer, ISSUER_ID_BYTES);
		rows_text(rows, i, 3, old->handle, sizeof old->handle);
		old->not_after_s = rows_int(rows, i, 4);
		for (size_t k = 0; k < out->device_count; k++)
			if (out->devices[k].id == old->device)
				out->devices[k].certificate_count++;
	}
}

static void
take_device_ids(struct device_ids *ids, const struct rows *rows)
{
	for (size_t i = 0; i < rows_count(rows); i++)
		ids->ids[ids->count++] = rows_int(rows, i, 0);
}

/* ---- the two round trips ---- */

static bool
queue_draw(struct tx *tx, size_t count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_int4(&params, (int32_t)count);
	return tx_queue(tx, &DRAW_DEVICES, &params, err);
}

/* What a batch may do without: most have neither token nor batches of named stations. */
struct wants {
	bool stations, tokens, manifests, records, ids;
};

static struct wants
look(const struct ledger_batch *batch, const struct device_ids *ids)
{
	struct wants wants = {.ids = ids->count < batch->count};

	for (size_t i = 0; i < batch->count; i++) {
		wants.stations = wants.stations || enroll_at(batch, i)->names_stations;
		wants.tokens = wants.tokens || enroll_at(batch, i)->input.has_token;
		wants.manifests = wants.manifests || enroll_at(batch, i)->has_manifest;
		wants.records = wants.records || enroll_at(batch, i)->input.brings_record;
	}
	return wants;
}

static bool
queue_first(const struct ledger_batch *batch, const struct wants *wants,
    const struct device_ids *ids, struct error *err)
{
	struct tx *tx = batch->tx;

	/* In the order of locks: batches, tokens, tags. */
	return queue(tx, &LOCK_BATCHES, batch, bind_batches, err) &&
	       (!wants->stations || queue(tx, &READ_STATIONS, batch, bind_batches, err)) &&
	       (!wants->tokens || queue(tx, &LOCK_TOKENS, batch, bind_tokens, err)) &&
	       queue(tx, &READ_KEYS, batch, bind_keys, err) && tag_keys_queue(tx, err) &&
	       (wants->tokens ? queue(tx, &LOCK_TAGS_AND_BOUND, batch, bind_tags_and_tokens, err)
			      : queue(tx, &LOCK_TAGS, batch, bind_tags, err)) &&
	       (!wants->manifests || manifest_queue_read(batch, err)) &&
	       (!wants->records || brought_queue_read(batch, err)) &&
	       (!wants->ids || queue_draw(tx, COUNT(ids->ids) - ids->count, err));
}

static bool
read_first(const struct ledger_batch *batch, struct device_ids *ids,
    struct enroll_snapshot *snapshot, struct error *err)
{
	DEFER(results_clear) struct results first = {0};
	const struct wants wants = look(batch, ids);
	const bool asked[FIRST_COUNT] = {[BATCHES] = true,
	    [STATIONS] = wants.stations,
	    [TOKENS] = wants.tokens,
	    [KEYS] = true,
	    [TAG_KEYS] = true,
	    [TAGS] = true,
	    [LISTED] = wants.manifests,
	    [RECORDS] = wants.records,
	    [DEVICE_IDS] = wants.ids};
	struct rows *given[FIRST_COUNT];
	size_t count = 0, next = 0;

	for (size_t i = 0; i < FIRST_COUNT; i++)
		count += asked[i];
	if (!queue_first(batch, &wants, ids, err) || !tx_flush(batch->tx, given, count, err))
		return false;
	for (size_t i = 0; i < FIRST_COUNT; i++)
		first.rows[i] = asked[i] ? given[next++] : NULL;

	take_batches(snapshot, first.rows[BATCHES], first.rows[STATIONS]);
	take_tokens(snapshot, first.rows[TOKENS]);
	take_keys(snapshot, first.rows[KEYS]);
	take_tags(&snapshot->rows, first.rows[TAGS]);
	tag_keys_take(first.rows[TAG_KEYS], &snapshot->rows.tag_keys);
	if (wants.manifests)
		manifest_take(first.rows[LISTED], &snapshot->rows);
	if (wants.records)
		brought_take(first.rows[RECORDS], &snapshot->rows);
	take_device_ids(ids, first.rows[DEVICE_IDS]);
	return true;
}

static bool
queue_devices(struct tx *tx, const struct decide_snapshot *rows, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(mem_free)
	int64_t *ids = xcalloc(rows->key_count + rows->tag_count + 1, sizeof *ids);
	size_t count = 0;

	for (size_t i = 0; i < rows->key_count; i++)
		ids[count++] = rows->keys[i].device;
	for (size_t i = 0; i < rows->tag_count; i++)
		ids[count++] = rows->tags[i].device;
	params_int8_array(&params, ids, count);
	return tx_queue(tx, &READ_DEVICES, &params, err);
}

static bool
asks_to_replace(const struct ledger_batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		if (enroll_at(batch, i)->input.replace)
			return true;
	return false;
}

static bool
queue_superseded(
    const struct ledger_batch *batch, const struct decide_snapshot *rows, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(mem_free) int64_t *ids = xcalloc(rows->tag_count + 1, sizeof *ids);
	int64_t youngest_s = time_day_start(batch->now_s - DECIDE_REPLACE_WITHIN_S);
	size_t count = asks_to_replace(batch) ? rows->tag_count : 0;

	for (size_t i = 0; i < count; i++)
		ids[i] = rows->tags[i].device;
	params_int8_array(&params, ids, count);
	params_int2(&params, (int16_t)time_month(youngest_s));
	return tx_queue(batch->tx, &READ_SUPERSEDED, &params, err);
}

static bool
read_second(const struct ledger_batch *batch, struct enroll_snapshot *snapshot, struct error *err)
{
	DEFER(results_clear) struct results second = {0};

	if (snapshot->rows.key_count + snapshot->rows.tag_count == 0)
		return true;
	if (!queue_devices(batch->tx, &snapshot->rows, err) ||
	    !queue_superseded(batch, &snapshot->rows, err) ||
	    !tx_flush(batch->tx, second.rows, SECOND_COUNT, err) ||
	    !take_devices(&snapshot->rows, second.rows[DEVICES], err))
		return false;
	take_superseded(snapshot, second.rows[SUPERSEDED]);
	return true;
}

bool
enroll_store_read(const struct ledger_batch *batch, struct device_ids *ids,
    struct enroll_snapshot **out, struct error *err)
{
	DEFER(enroll_snapshot_free) struct enroll_snapshot *snapshot = xcalloc(1, sizeof *snapshot);

	if (!read_first(batch, ids, snapshot, err) || !read_second(batch, snapshot, err))
		return false;
	*out = TAKE(snapshot);
	return true;
}

void
enroll_snapshot_free(struct enroll_snapshot *snapshot)
{
	if (snapshot == NULL)
		return;
	free(snapshot->rows.batches);
	free(snapshot->rows.tokens);
	free(snapshot->rows.keys);
	free(snapshot->rows.tags);
	free(snapshot->rows.devices);
	free(snapshot->rows.listed);
	free(snapshot->rows.records);
	free(snapshot->stations);
	free(snapshot->token_handles);
	free(snapshot->key_serials);
	free(snapshot->superseded);
	free(snapshot);
}
