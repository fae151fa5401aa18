#include "audit/logs_store.h"

#include <stdio.h>
#include <string.h>

#include "audit/note.h"
#include "audit/outbox.h"

#define ACTOR "system:host" /* whoever may be the database's owner */

/* "log:" and the log's name, which is what leaves call a node. */
static void
fill_leaf(struct leaf *out, enum leaf_event event, const char *origin, int64_t now_s)
{
	const char *name = strrchr(origin, '/');
	char subject[LEAF_VALUE_MAX + 1];

	(void)snprintf(subject, sizeof subject, "log:%.60s", name != NULL ? name + 1 : origin);
	note_leaf(out, event, ACTOR, subject, NULL, now_s);
}

bool
logs_open(struct tx *tx, const char *origin, const uint8_t public_key[static 32], int64_t now_s,
    const struct rng *rng, struct error *err)
{
	struct logs_row row;
	struct leaf leaf;

	if (!logs_lock(tx, origin, &row, err))
		return false;
	if (row.found)
		return error_set(err, E_STATE_CONFLICT, "there is a log %s already", origin);
	fill_leaf(&leaf, LEAF_LOG_OPEN, origin, now_s);
	return logs_insert(tx, origin, public_key, now_s, err) && outbox_add(tx, &leaf, rng, err);
}

static bool
may_retire(
    const struct logs_row *row, const char *origin, bool force, int64_t now_s, struct error *err)
{
	if (row->live == 0)
		return error_set(err, E_STATE_CONFLICT,
		    "no other log lives: nobody could adopt what this one did not sign");
	if (!force && now_s - row->last_st_s < LOGS_LIVING_S)
		return error_set(err, E_STATE_CONFLICT,
		    "the newest leaf of %s is %lld s old: its node may live", origin,
		    (long long)(now_s - row->last_st_s));
	return true;
}

bool
logs_retire(struct tx *tx, const char *origin, bool force, int64_t now_s, const struct rng *rng,
    struct logs_retired *out, struct error *err)
{
	struct logs_row row;
	struct leaf leaf;

	if (!logs_lock(tx, origin, &row, err))
		return false;
	if (!row.found)
		return error_set(err, E_NOT_FOUND, "there is no log %s", origin);
	if (!row.retired && !may_retire(&row, origin, force, now_s, err))
		return false;
	*out = (struct logs_retired){
	    .size = row.size, .at_s = row.retired ? row.gone_at_s : now_s, .was_so = row.retired};
	if (row.retired)
		return true;
	fill_leaf(&leaf, LEAF_LOG_CLOSE, origin, now_s);
	leaf.details[0] = (struct leaf_detail){.key = "size", .number = row.size};
	return logs_set_gone(tx, origin, now_s, err) && outbox_add(tx, &leaf, rng, err);
}
