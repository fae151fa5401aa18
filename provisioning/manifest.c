#include "provisioning/manifest.h"

#include <stdio.h>
#include <stdlib.h>

#include "audit/note.h"
#include "base/mem.h"
#include "provisioning/batch_store.h"
#include "provisioning/hardware_tags.h"
#include "provisioning/manifest_store.h"
#include "provisioning/tag_keys_store.h"

struct addition {
	struct proposal base;
	const struct batch *batch;
	const char *actor;
	struct decide_tag tags[MANIFEST_ADD_MAX];
	size_t count;

	/* Made by the kind, at every try anew. */
	bool closed, unlisted[MANIFEST_ADD_MAX];
	struct decide_tag_keys keys;
	size_t added;
	struct record record;
};

static struct addition *
addition_at(const struct ledger_batch *group, size_t i)
{
	return (struct addition *)group->proposals[i];
}

/* ---- the ledger kind ---- */

static bool
read_keys(struct tx *tx, struct decide_tag_keys *out, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;

	if (!tag_keys_queue(tx, err) || !tx_flush(tx, &rows, 1, err))
		return false;
	tag_keys_take(rows, out);
	return true;
}

/* The snapshot says which batches are closed. */
static bool
add_read(void *context, struct ledger_batch *group, struct error *err)
{
	DEFER(mem_free) int64_t *ids = xcalloc(group->count, sizeof *ids);
	DEFER(mem_free) bool *closed = xcalloc(group->count, sizeof *closed);
	struct decide_tag_keys keys;

	(void)context;
	for (size_t i = 0; i < group->count; i++)
		ids[i] = addition_at(group, i)->batch->id;
	if (!batch_store_lock(group->tx, ids, group->count, closed, err) ||
	    !read_keys(group->tx, &keys, err))
		return false;
	for (size_t i = 0; i < group->count; i++) {
		struct addition *addition = addition_at(group, i);

		addition->keys = keys;
		addition->closed = closed[i];
		if (!manifest_store_unlisted(group->tx, ids[i], addition->tags, addition->count,
			addition->unlisted, err))
			return false;
	}
	return true;
}

static void
keep_first_of_each(struct addition *addition)
{
	addition->added = 0;
	for (size_t i = 0; i < addition->count; i++) {
		for (size_t k = 0; addition->unlisted[i] && k < i; k++)
			addition->unlisted[i] =
			    decide_compare_tags(&addition->tags[i], &addition->tags[k]) != 0;
		addition->added += addition->unlisted[i];
	}
}

/* What an earlier one of the group lists is not seen yet. */
static bool
comes_second(const struct ledger_batch *group, size_t place)
{
	for (size_t i = 0; i < place; i++)
		if (addition_at(group, i)->batch->id == addition_at(group, place)->batch->id)
			return true;
	return false;
}

static bool
may_add(const struct ledger_batch *group, size_t place, struct error *err)
{
	struct addition *addition = addition_at(group, place);

	if (addition->closed)
		return error_set_field(err, E_BATCH_CLOSED, "/batch", "it is closed");
	if (comes_second(group, place)) {
		err->retry_after_s = 1;
		return error_set(err, E_BUSY, "another addition is on its way: try again");
	}
	return decide_settle_tags(&addition->keys, addition->tags, addition->count, err);
}

static void
record(struct addition *addition, int64_t now_s)
{
	char subject[LEAF_VALUE_MAX + 1];

	(void)snprintf(subject, sizeof subject, "b:%s", addition->batch->handle);
	addition->record = (struct record){0};
	note_leaf(&addition->record.leaf, LEAF_BATCH_CHANGE, addition->actor, subject, NULL, now_s);
	addition->record.leaf.count = (int64_t)addition->added;
	addition->base.records = &addition->record;
	addition->base.record_count = 1;
}

static void
add_decide(void *context, struct ledger_batch *group)
{
	(void)context;
	for (size_t i = 0; i < group->count; i++) {
		struct addition *addition = addition_at(group, i);

		addition->base.err = (struct error){0};
		addition->base.record_count = 0;
		addition->added = 0;
		if (!may_add(group, i, &addition->base.err))
			continue;
		keep_first_of_each(addition);
		if (addition->added > 0)
			record(addition, group->now_s);
	}
}

static bool
add_write(void *context, struct ledger_batch *group, bool *out_lost_race, struct error *err)
{
	(void)context;
	*out_lost_race = false;
	for (size_t i = 0; i < group->count; i++) {
		const struct addition *addition = addition_at(group, i);

		if (addition->added > 0 &&
		    !manifest_store_insert(group->tx, addition->batch->id, addition->tags,
			addition->unlisted, addition->count, err))
			return false;
	}
	return true;
}

static const struct ledger_kind ADD = {
    .name = "manifest.add",
    .lock_and_read = add_read,
    .decide = add_decide,
    .write = add_write,
};

/* ---- operations ---- */

static bool
get_batch(struct db *db, const char *name, struct batch *out, struct error *err)
{
	if (!batch_get(db, name, out, err))
		return false;
	return out->manifest ||
	       error_set_field(err, E_STATE_CONFLICT, "/manifest",
		   "this batch was opened without a manifest: it is for any hardware");
}

bool
manifest_add(const struct enroll_service *service, const struct manifest_addition *addition,
    size_t *out_added, struct error *err)
{
	DEFER(mem_free) struct batch *batch = xcalloc(1, sizeof *batch);
	DEFER(mem_free) struct addition *own = xcalloc(1, sizeof *own);
	struct proposal *const proposals[] = {&own->base};

	own->base.kind = &ADD;
	own->batch = batch;
	own->actor = addition->actor;
	own->count = addition->count;
	if (!get_batch(service->db, addition->batch, batch, err) ||
	    !hardware_tags_take(
		service->keeper, addition->kid, addition->tags, addition->count, own->tags, err) ||
	    !ledger_submit(service->ledger, proposals, COUNT(proposals), err))
		return false;
	if (own->base.err.code != E_NONE) {
		*err = own->base.err;
		return false;
	}
	*out_added = own->added;
	return true;
}

bool
manifest_get_coverage(
    struct db *db, const char *name, struct manifest_coverage *out, struct error *err)
{
	DEFER(mem_free) struct batch *batch = xcalloc(1, sizeof *batch);

	return get_batch(db, name, batch, err) && manifest_store_count(db, batch->id, out, err);
}
