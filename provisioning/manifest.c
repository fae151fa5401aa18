#include "provisioning/manifest.h"

#include <stdio.h>

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

/* Of one proposal: the kind is alone, since what another of its group lists could not be read. */
static struct addition *
addition_of(const struct ledger_batch *group)
{
	return (struct addition *)group->proposals[0];
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

static bool
add_read(void *context, struct ledger_batch *group, struct error *err)
{
	struct addition *addition = addition_of(group);
	const int64_t id = addition->batch->id;

	(void)context;
	return batch_store_lock(group->tx, &id, 1, &addition->closed, err) &&
	       read_keys(group->tx, &addition->keys, err) &&
	       manifest_store_unlisted(
		   group->tx, id, addition->tags, addition->count, addition->unlisted, err);
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

static bool
may_add(struct addition *addition, struct error *err)
{
	if (addition->closed)
		return error_set_field(err, E_BATCH_CLOSED, "/batch", "it is closed");
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
	struct addition *addition = addition_of(group);

	(void)context;
	addition->base.err = (struct error){0};
	addition->base.record_count = 0;
	addition->added = 0;
	if (!may_add(addition, &addition->base.err))
		return;
	keep_first_of_each(addition);
	if (addition->added > 0)
		record(addition, group->now_s);
}

static bool
add_write(void *context, struct ledger_batch *group, bool *out_lost_race, struct error *err)
{
	const struct addition *addition = addition_of(group);

	(void)context;
	*out_lost_race = false;
	return addition->added == 0 ||
	       manifest_store_insert(group->tx, addition->batch->id, addition->tags,
		   addition->unlisted, addition->count, err);
}

static const struct ledger_kind ADD = {
    .name = "manifest.add",
    .alone = true,
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
