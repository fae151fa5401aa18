#include "audit/retention.h"

#include <stdio.h>
#include <string.h>

#include "audit/note.h"
#include "audit/outbox.h"
#include "base/mem.h"

#define ACTOR "system:host" /* whoever may be the database's owner */

static const char *
name_of(const char *origin)
{
	const char *slash = strrchr(origin, '/');

	return slash != NULL ? slash + 1 : origin;
}

/* ---- pruning ---- */

static bool
refuse_held(struct tx *tx, const struct retention_log *log, struct error *err)
{
	char name[RETENTION_NAME_MAX + 1];

	if (!retention_find_hold(tx, log->id, name, err))
		return false;
	return name[0] == '\0' || error_set(err, E_STATE_CONFLICT, "the log is held: %s", name);
}

/* By its last leaf, which is its newest. */
static bool
is_old(struct tx *tx, const struct retention_log *log, int64_t part, int64_t before_s, bool *out,
    struct error *err)
{
	const int64_t last = (part + 1) * RETENTION_PART_LEAVES - 1;
	DEFER(buf_clear_public) struct buf body = {0};
	struct leaf_view leaf;

	if (!retention_read_leaf(tx, log->id, last, &body, err))
		return false;
	if (body.len == 0)
		return error_set(
		    err, E_RECORD_UNAVAILABLE, "leaf %lld is not in the database", (long long)last);
	if (!leaf_parse(buf_bytes(&body), &leaf, err))
		return false;
	*out = leaf.sequenced_at_s < before_s;
	return true;
}

static bool
may_go(struct tx *tx, const struct retention_request *request, const struct retention_log *log,
    int64_t part, bool *out, struct error *err)
{
	const uint64_t end = (uint64_t)(part + 1) * (uint64_t)RETENTION_PART_LEAVES;

	if (!retention_has_part(tx, log, request->what, part, out, err))
		return false;
	if (!*out || end > request->published) {
		*out = false;
		return true;
	}
	/* Of blobs the leaves may be gone already: then they are older than what went before. */
	if (request->what == RETENTION_BLOBS) {
		bool has_leaves = false;

		if (!retention_has_part(tx, log, RETENTION_LEAVES, part, &has_leaves, err))
			return false;
		if (!has_leaves)
			return true;
	}
	return is_old(tx, log, part, request->before_s, out, err);
}

static bool
drop_parts(struct tx *tx, const struct retention_request *request, const struct retention_log *log,
    int64_t first, size_t *out_count, struct error *err)
{
	bool more = first >= 0;

	*out_count = 0;
	while (more && *out_count < RETENTION_PARTS_MAX) {
		const int64_t part = first + (int64_t)*out_count;

		if (!may_go(tx, request, log, part, &more, err) ||
		    (more && !retention_drop(tx, log->id, request->what, part, err)))
			return false;
		*out_count += more ? 1 : 0;
	}
	return true;
}

static bool
note_pruned(struct tx *tx, const struct retention_request *request,
    const struct retention_result *result, int64_t now_s, const struct rng *rng, struct error *err)
{
	char subject[LEAF_VALUE_MAX + 1];
	struct leaf leaf;

	(void)snprintf(subject, sizeof subject, "log:%.60s", name_of(request->origin));
	note_leaf(&leaf, LEAF_LOG_PRUNE, ACTOR, subject, NULL, now_s);
	leaf.count = result->last - result->first + 1;
	/* Of blobs no leaf is gone: other keys, so that no verifier excuses one. */
	if (request->what == RETENTION_BLOBS) {
		leaf.details[0] =
		    (struct leaf_detail){.key = "blobs_first", .number = result->first};
		leaf.details[1] = (struct leaf_detail){.key = "blobs_last", .number = result->last};
	} else {
		leaf.details[0] = (struct leaf_detail){.key = "first", .number = result->first};
		leaf.details[1] = (struct leaf_detail){.key = "last", .number = result->last};
	}
	return outbox_add(tx, &leaf, rng, err);
}

bool
retention_prune(struct tx *tx, const struct retention_request *request, int64_t now_s,
    const struct rng *rng, struct retention_result *out, struct error *err)
{
	struct retention_log log;
	int64_t first = -1;

	*out = (struct retention_result){0};
	if (!retention_find_log(tx, request->origin, &log, err))
		return false;
	if (log.id == 0)
		return error_set(err, E_NOT_FOUND, "there is no log %s", request->origin);
	if (!refuse_held(tx, &log, err) ||
	    !retention_first_part(tx, &log, request->what, &first, err) ||
	    !retention_take_time(tx, err) ||
	    !drop_parts(tx, request, &log, first, &out->parts, err))
		return false;
	if (out->parts == 0)
		return true;
	out->first = first * RETENTION_PART_LEAVES;
	out->last = (first + (int64_t)out->parts) * RETENTION_PART_LEAVES - 1;
	return note_pruned(tx, request, out, now_s, rng, err);
}

/* ---- holds ---- */

bool
retention_is_name(const char *name)
{
	static const char ALLOWED[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	const size_t len = strspn(name, ALLOWED);

	return len > 0 && len <= RETENTION_NAME_MAX && name[len] == '\0' &&
	       strchr("._-", name[0]) == NULL;
}

void
retention_hold_leaf(struct leaf *out, enum leaf_event event, const struct hold *hold,
    const struct error *refused, int64_t now_s)
{
	char subject[LEAF_VALUE_MAX + 1];

	(void)snprintf(subject, sizeof subject, "hold:%s%s%.24s", hold->name,
	    hold->origin[0] != '\0' ? "/" : "",
	    hold->origin[0] != '\0' ? name_of(hold->origin) : "");
	note_leaf(out, event, hold->actor, subject, refused, now_s);
}

static bool
note_hold(struct tx *tx, enum leaf_event event, const struct hold *hold, int64_t now_s,
    const struct rng *rng, struct error *err)
{
	struct leaf leaf;

	retention_hold_leaf(&leaf, event, hold, NULL, now_s);
	return outbox_add(tx, &leaf, rng, err);
}

bool
retention_no_name(struct error *err)
{
	return error_set_field(err, E_BAD_SYNTAX, "/name",
	    "a hold's name is 1 to %d of A-Z a-z 0-9 . _ -, and begins with a letter or digit",
	    RETENTION_NAME_MAX);
}

const struct hold *
retention_find(const struct hold *holds, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(holds[i].name, name) == 0)
			return &holds[i];
	return NULL;
}

bool
retention_may_hold(const struct hold *holds, size_t count, const char *name, struct error *err)
{
	if (retention_find(holds, count, name) != NULL)
		return error_set(err, E_STATE_CONFLICT, "a hold %s is in force", name);
	return count < RETENTION_HOLDS_MAX ||
	       error_set(err, E_STATE_CONFLICT, "%d holds are in force: release one first",
		   RETENTION_HOLDS_MAX);
}

bool
retention_hold(struct tx *tx, const char *name, const char *origin, int64_t now_s,
    const struct rng *rng, struct error *err)
{
	DEFER(mem_free) struct hold *holds = xcalloc(RETENTION_HOLDS_MAX, sizeof *holds);
	struct hold hold = {.actor = ACTOR};
	struct retention_log log = {0};
	size_t count = 0;
	bool placed = false;

	if (!retention_is_name(name))
		return retention_no_name(err);
	if (origin != NULL && !retention_find_log(tx, origin, &log, err))
		return false;
	if (origin != NULL && log.id == 0)
		return error_set(err, E_NOT_FOUND, "there is no log %s", origin);
	(void)snprintf(hold.name, sizeof hold.name, "%s", name);
	(void)snprintf(hold.origin, sizeof hold.origin, "%s", origin != NULL ? origin : "");
	if (!retention_holds(tx, holds, &count, err) ||
	    !retention_may_hold(holds, count, name, err) ||
	    !retention_insert_hold(tx, &hold, now_s, &placed, err))
		return false;
	if (!placed)
		return error_set(err, E_STATE_CONFLICT, "a hold %s is in force", name);
	return note_hold(tx, LEAF_LOG_HOLD, &hold, now_s, rng, err);
}

bool
retention_release(
    struct tx *tx, const char *name, int64_t now_s, const struct rng *rng, struct error *err)
{
	DEFER(mem_free) struct hold *holds = xcalloc(RETENTION_HOLDS_MAX, sizeof *holds);
	const struct hold *found;
	struct hold hold;
	size_t count = 0;
	bool released = false;

	if (!retention_holds(tx, holds, &count, err))
		return false;
	found = retention_find(holds, count, name);
	if (found != NULL && !retention_release_hold(tx, name, ACTOR, now_s, &released, err))
		return false;
	if (!released)
		return error_set(err, E_NOT_FOUND, "no hold %.32s is in force", name);
	hold = *found;
	(void)snprintf(hold.actor, sizeof hold.actor, ACTOR);
	return note_hold(tx, LEAF_LOG_RELEASE, &hold, now_s, rng, err);
}
