#include "audit/logs_store.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

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

/* ---- a new one that continues ---- */

void
logs_name(const char *node, int64_t now_s, int n, char out[static LOGS_NAME_MAX + 1])
{
	const time_t now = (time_t)now_s;
	struct tm utc;

	(void)gmtime_r(&now, &utc);
	if (n > 1)
		(void)snprintf(out, LOGS_NAME_MAX + 1, "%.50s-%d-%d", node, utc.tm_year + 1900, n);
	else
		(void)snprintf(out, LOGS_NAME_MAX + 1, "%.50s-%d", node, utc.tm_year + 1900);
}

static void
put_origin(
    const struct logs_roll *roll, const char *log, char out[static CHECKPOINT_ORIGIN_MAX + 1])
{
	(void)snprintf(out, CHECKPOINT_ORIGIN_MAX + 1, "%.63s/%.64s", roll->name, log);
}

/* The first name of this year that no log has. */
static bool
find_name(struct tx *tx, const struct logs_roll *roll, char out_name[static LOGS_NAME_MAX + 1],
    char out_origin[static CHECKPOINT_ORIGIN_MAX + 1], struct error *err)
{
	struct logs_row row = {.found = true};

	for (int n = 1; row.found; n++) {
		if (n > LOGS_A_YEAR_MAX)
			return error_set(err, E_STATE_CONFLICT,
			    "this node has %d logs of this year already", LOGS_A_YEAR_MAX);
		logs_name(roll->node, roll->now_s, n, out_name);
		put_origin(roll, out_name, out_origin);
		if (!logs_lock(tx, out_origin, &row, err))
			return false;
	}
	return true;
}

/* The one to continue: it is `before`, unless that is the new one already. */
static bool
look_before(struct tx *tx, const char *before, bool *out_is_new, struct error *err)
{
	struct logs_row row;

	if (!logs_lock(tx, before, &row, err))
		return false;
	if (!row.found)
		return error_set(err, E_NOT_FOUND, "there is no log %s", before);
	*out_is_new = row.size == 0;
	return !row.retired ||
	       error_set(err, E_STATE_CONFLICT, "the log %s is closed already", before);
}

bool
logs_roll(struct tx *tx, const struct logs_roll *roll, const struct rng *rng,
    char out_name[static LOGS_NAME_MAX + 1], struct error *err)
{
	char before[CHECKPOINT_ORIGIN_MAX + 1], origin[CHECKPOINT_ORIGIN_MAX + 1];
	struct leaf leaf;
	bool found = false, is_new = false;

	put_origin(roll, roll->before, before);
	if (!look_before(tx, before, &is_new, err) ||
	    !logs_find_next(tx, before, &found, origin, err))
		return false;
	if (is_new) { /* nothing is written to it yet */
		(void)snprintf(out_name, LOGS_NAME_MAX + 1, "%s", roll->before);
		return true;
	}
	if (found) {
		const char *slash = strrchr(origin, '/');

		(void)snprintf(out_name, LOGS_NAME_MAX + 1, "%s", slash == NULL ? "" : slash + 1);
		return true;
	}
	if (!find_name(tx, roll, out_name, origin, err))
		return false;
	fill_leaf(&leaf, LEAF_LOG_OPEN, origin, roll->now_s);
	return logs_insert(tx, origin, roll->public_key, roll->now_s, err) &&
	       logs_set_follows(tx, origin, before, err) && outbox_add(tx, &leaf, rng, err);
}

bool
logs_is_announced(struct db *db, const char *name, bool *out, struct error *err)
{
	int64_t waiting = 0;

	if (!logs_count_waiting(db, name, &waiting, err))
		return false;
	*out = waiting == 0;
	return true;
}
