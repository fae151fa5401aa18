#include "provisioning/decide_round.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

/* ---- rows are found by binary search ---- */

static int
compare_ids(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

/* Every row struct that is searched by id begins with it. */
static int
compare_row_ids(const void *key, const void *row)
{
	return compare_ids(*(const int64_t *)key, *(const int64_t *)row);
}
static_assert(offsetof(struct decide_batch, id) == 0 && offsetof(struct decide_token, id) == 0 &&
		  offsetof(struct decide_device, id) == 0,
    "compare_row_ids reads the id there");

static int
compare_keys(const void *key, const void *row)
{
	return memcmp(key, ((const struct decide_key *)row)->spki_sha256, SHA256_BYTES);
}

int
decide_compare_tags(const void *a, const void *b)
{
	const struct decide_tag *one = a, *other = b;

	return one->kid != other->kid ? one->kid - other->kid
				      : memcmp(one->tag, other->tag, TAG_BYTES);
}

static int
compare_tag_rows(const void *key, const void *row)
{
	return decide_compare_tags(key, &((const struct decide_tag_row *)row)->tag);
}

int
decide_compare_listed(const void *a, const void *b)
{
	const struct decide_listed *one = a, *other = b;

	if (one->batch != other->batch)
		return one->batch < other->batch ? -1 : 1;
	return decide_compare_tags(&one->tag, &other->tag);
}

static void *
search(const void *key, const void *rows, size_t count, size_t size,
    int (*compare)(const void *key, const void *row))
{
	return count == 0 ? NULL : bsearch(key, rows, count, size, compare);
}

struct decide_batch *
round_find_batch(const struct round *round, int64_t id)
{
	return search(
	    &id, round->batches, round->rows->batch_count, sizeof *round->batches, compare_row_ids);
}

struct decide_token *
round_find_token(const struct round *round, int64_t id)
{
	return search(
	    &id, round->tokens, round->rows->token_count, sizeof *round->tokens, compare_row_ids);
}

bool
round_allows_station(const struct decide_batch *batch, int64_t person)
{
	return batch->station_count == 0 || search(&person, batch->stations, batch->station_count,
						sizeof *batch->stations, compare_row_ids) != NULL;
}

/* By its tag under the active key, or by that under the other: a row has one of them. */
static void *
search_tag(const struct decide_tag *tag, const struct decide_tag_row *rows, size_t count)
{
	struct decide_tag other = {.kid = tag->other_kid};
	void *row = search(tag, rows, count, sizeof *rows, compare_tag_rows);

	if (row != NULL || !tag->has_other)
		return row;
	memcpy(other.tag, tag->other, TAG_BYTES);
	return search(&other, rows, count, sizeof *rows, compare_tag_rows);
}

struct decide_tag_row *
round_find_tag(const struct round *round, const struct decide_tag *tag)
{
	return search_tag(tag, round->tags, round->rows->tag_count);
}

const struct decide_token *
decide_find_token(const struct decide_snapshot *snapshot, int64_t id)
{
	return search(&id, snapshot->tokens, snapshot->token_count, sizeof *snapshot->tokens,
	    compare_row_ids);
}

const struct decide_key *
decide_find_key(
    const struct decide_snapshot *snapshot, const uint8_t spki_sha256[static SHA256_BYTES])
{
	return search(
	    spki_sha256, snapshot->keys, snapshot->key_count, sizeof *snapshot->keys, compare_keys);
}

const struct decide_tag_row *
decide_find_tag(const struct decide_snapshot *snapshot, const struct decide_tag *tag)
{
	return search_tag(tag, snapshot->tags, snapshot->tag_count);
}

bool
decide_is_listed(
    const struct decide_snapshot *snapshot, int64_t batch, const struct decide_tag *tag)
{
	struct decide_listed wanted = {.batch = batch, .tag = *tag};

	if (search(&wanted, snapshot->listed, snapshot->listed_count, sizeof wanted,
		decide_compare_listed) != NULL)
		return true;
	wanted.tag.kid = tag->other_kid;
	memcpy(wanted.tag.tag, tag->other, TAG_BYTES);
	return tag->has_other && search(&wanted, snapshot->listed, snapshot->listed_count,
				     sizeof wanted, decide_compare_listed) != NULL;
}

static int
compare_records(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct decide_record));
}

bool
decide_has_record(const struct decide_snapshot *snapshot, const struct decide_record *record)
{
	return search(record, snapshot->records, snapshot->record_count, sizeof *record,
		   compare_records) != NULL;
}

/* ---- tags and their keys ---- */

static void
swap(struct decide_tag *tag)
{
	const struct decide_tag was = *tag;

	tag->kid = was.other_kid;
	memcpy(tag->tag, was.other, TAG_BYTES);
	tag->other_kid = was.kid;
	memcpy(tag->other, was.tag, TAG_BYTES);
}

bool
decide_settle_tags(
    const struct decide_tag_keys *keys, struct decide_tag *tags, size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		struct decide_tag *tag = &tags[i];

		if (tag->kid != keys->active && tag->has_other)
			swap(tag);
		if (tag->kid == keys->active &&
		    (keys->retiring < 0 || (tag->has_other && tag->other_kid == keys->retiring)))
			continue;
		err->retry_after_s = 1;
		return error_set(
		    err, E_TAG_KEY_CHANGED, "hardware tags are moved to a new key: try again");
	}
	return true;
}

const struct decide_device *
round_find_device(const struct round *round, int64_t id)
{
	const struct decide_snapshot *rows = round->rows;

	return search(
	    &id, rows->devices, rows->device_count, sizeof *rows->devices, compare_row_ids);
}

static int
compare_slots(const void *a, const void *b)
{
	return memcmp(
	    ((const struct slot *)a)->name, ((const struct slot *)b)->name, SLOT_NAME_BYTES);
}

static void
slots_add(struct slots *slots, uint8_t kid, const uint8_t name[static TAG_BYTES])
{
	struct slot *slot = &slots->slots[slots->count++];

	slot->name[0] = kid;
	memcpy(slot->name + 1, name, TAG_BYTES);
	slot->taken_by = NOT_TAKEN;
}

static void
slots_sort(struct slots *slots)
{
	size_t kept = 0;

	if (slots->count > 0)
		qsort(slots->slots, slots->count, sizeof *slots->slots, compare_slots);
	for (size_t i = 0; i < slots->count; i++)
		if (kept == 0 || compare_slots(&slots->slots[kept - 1], &slots->slots[i]) != 0)
			slots->slots[kept++] = slots->slots[i];
	slots->count = kept;
}

static struct slot *
slots_get(const struct slots *slots, uint8_t kid, const uint8_t name[static TAG_BYTES])
{
	struct slot wanted = {.name = {kid}};
	struct slot *slot;

	memcpy(wanted.name + 1, name, TAG_BYTES);
	slot = search(&wanted, slots->slots, slots->count, sizeof wanted, compare_slots);
	assert(slot != NULL);
	return slot;
}

struct slot *
round_key_slot(const struct round *round, const uint8_t *spki_sha256)
{
	return slots_get(&round->taken_keys, 0, spki_sha256);
}

struct slot *
round_tag_slot(const struct round *round, const struct decide_tag *tag)
{
	return slots_get(&round->taken_tags, tag->kid, tag->tag);
}

/* Shorter than the other names: the rest is zeros. */
static void
name_record(uint8_t out[static TAG_BYTES], const struct decide_record *record)
{
	memset(out, 0, TAG_BYTES);
	memcpy(out, record->id, sizeof record->id);
}

struct slot *
round_record_slot(const struct round *round, const struct decide_record *record)
{
	uint8_t name[TAG_BYTES];

	name_record(name, record);
	return slots_get(&round->taken_records, 0, name);
}

/* ---- the round ---- */

static void *
copy(const void *rows, size_t count, size_t size)
{
	void *copied = xcalloc(count + 1, size);

	if (count > 0)
		memcpy(copied, rows, count * size);
	return copied;
}

static void
init_records(struct round *round, size_t count)
{
	struct slots *records = &round->taken_records;

	records->slots = xcalloc(count + 1, sizeof *records->slots);
	for (size_t i = 0; i < count; i++) {
		uint8_t name[TAG_BYTES];

		if (!round->inputs[i].brings_record)
			continue;
		name_record(name, &round->inputs[i].record);
		slots_add(records, 0, name);
	}
	slots_sort(records);
}

void
round_init(struct round *round, size_t count)
{
	const struct decide_snapshot *rows = round->rows;
	struct slots *keys = &round->taken_keys, *tags = &round->taken_tags;

	round->batches = copy(rows->batches, rows->batch_count, sizeof *rows->batches);
	round->tokens = copy(rows->tokens, rows->token_count, sizeof *rows->tokens);
	round->tags = copy(rows->tags, rows->tag_count, sizeof *rows->tags);

	keys->slots = xcalloc(count + 1, sizeof *keys->slots);
	tags->slots =
	    xcalloc((count + rows->token_count + 1) * HWID_COUNT_MAX, sizeof *tags->slots);
	for (size_t i = 0; i < count; i++) {
		slots_add(keys, 0, round->inputs[i].spki_sha256);
		for (size_t k = 0; k < round->inputs[i].tag_count; k++)
			slots_add(tags, round->inputs[i].tags[k].kid, round->inputs[i].tags[k].tag);
	}
	for (size_t i = 0; i < rows->token_count; i++)
		for (size_t k = 0; k < rows->tokens[i].bound_count; k++)
			slots_add(tags, rows->tokens[i].bound[k].kid, rows->tokens[i].bound[k].tag);
	slots_sort(keys);
	slots_sort(tags);
	init_records(round, count);
}

void
round_clear(struct round *round)
{
	free(round->batches);
	free(round->tokens);
	free(round->tags);
	free(round->taken_keys.slots);
	free(round->taken_tags.slots);
	free(round->taken_records.slots);
}
