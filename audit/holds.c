#include "audit/holds.h"

#include <stdio.h>
#include <stdlib.h>

#include "audit/events_filter.h"
#include "audit/retention.h"
#include "base/mem.h"

struct in_force { /* snapshot */
	struct hold holds[RETENTION_HOLDS_MAX];
	size_t count;
};

struct hold_proposal {
	struct proposal base;
	bool releases;
	struct hold hold; /* of one that is released: the name and who does it, until it is found */
	struct record record;
};

/* Of one proposal: the kind is alone. */
static struct hold_proposal *
proposal_of(const struct ledger_batch *batch)
{
	return (struct hold_proposal *)batch->proposals[0];
}

static bool
lock_and_read(void *context, struct ledger_batch *batch, struct error *err)
{
	struct in_force *in_force = xcalloc(1, sizeof *in_force);

	(void)context;
	batch->snapshot = in_force;
	return retention_wait_briefly(batch->tx, err) &&
	       retention_holds(batch->tx, in_force->holds, &in_force->count, err);
}

static void
decide_place(struct hold_proposal *proposal, const struct in_force *in_force, int64_t now_s)
{
	struct error *err = &proposal->base.err;
	const bool may =
	    retention_may_hold(in_force->holds, in_force->count, proposal->hold.name, err);

	proposal->hold.placed_at_s = now_s;
	retention_hold_leaf(
	    &proposal->record.leaf, LEAF_LOG_HOLD, &proposal->hold, may ? NULL : err, now_s);
}

static void
decide_release(struct hold_proposal *proposal, const struct in_force *in_force, int64_t now_s)
{
	struct hold *hold = &proposal->hold;
	const struct hold *found = retention_find(in_force->holds, in_force->count, hold->name);

	if (found == NULL) {
		proposal->base.record_count = 0;
		(void)!error_set(
		    &proposal->base.err, E_NOT_FOUND, "no hold of this name is in force");
		return;
	}
	(void)snprintf(hold->origin, sizeof hold->origin, "%s", found->origin);
	retention_hold_leaf(&proposal->record.leaf, LEAF_LOG_RELEASE, hold, NULL, now_s);
}

static void
decide(void *context, struct ledger_batch *batch)
{
	struct hold_proposal *proposal = proposal_of(batch);

	(void)context;
	proposal->base.err = (struct error){0};
	proposal->record = (struct record){0};
	proposal->base.records = &proposal->record;
	proposal->base.record_count = 1;
	if (proposal->releases)
		decide_release(proposal, batch->snapshot, batch->now_s);
	else
		decide_place(proposal, batch->snapshot, batch->now_s);
}

static bool
write_hold(void *context, struct ledger_batch *batch, bool *out_lost_race, struct error *err)
{
	const struct hold_proposal *proposal = proposal_of(batch);
	const struct hold *hold = &proposal->hold;
	bool done = true;

	(void)context;
	if (proposal->base.err.code == E_NONE &&
	    !(proposal->releases
		    ? retention_release_hold(
			  batch->tx, hold->name, hold->actor, batch->now_s, &done, err)
		    : retention_insert_hold(batch->tx, hold, batch->now_s, &done, err)))
		return false;
	*out_lost_race = !done;
	return true;
}

static const struct ledger_kind KIND = {
    .name = "log.hold",
    .alone = true,
    .lock_and_read = lock_and_read,
    .decide = decide,
    .write = write_hold,
    .snapshot_free = free,
};

static bool
submit(const struct holds_service *service, struct hold_proposal *proposal, const char *name,
    const char *actor, struct error *err)
{
	struct proposal *const proposals[] = {&proposal->base};

	proposal->base.kind = &KIND;
	(void)snprintf(proposal->hold.name, sizeof proposal->hold.name, "%s", name);
	(void)snprintf(proposal->hold.actor, sizeof proposal->hold.actor, "%s", actor);
	if (!ledger_submit(service->ledger, proposals, COUNT(proposals), err))
		return false;
	if (proposal->base.err.code == E_NONE)
		return true;
	*err = proposal->base.err;
	err->recorded = proposal->base.record_count > 0;
	return false;
}

static bool
pick_log(const struct holds_service *service, const char *name, struct hold *out, struct error *err)
{
	DEFER(mem_free) struct events_log *logs = xcalloc(EVENTS_LOGS_MAX, sizeof *logs);
	const struct events_log *log;
	size_t count = 0;

	if (!events_logs(service->db, logs, &count, err) ||
	    !events_pick_log(logs, count, name, &log, err))
		return false;
	(void)snprintf(out->origin, sizeof out->origin, "%s", log->origin);
	return true;
}

bool
holds_place(const struct holds_service *service, const char *name, const char *log,
    const char *actor, struct hold *out, struct error *err)
{
	struct hold_proposal proposal = {0};

	if (!retention_is_name(name))
		return retention_no_name(err);
	if ((log != NULL && !pick_log(service, log, &proposal.hold, err)) ||
	    !submit(service, &proposal, name, actor, err))
		return false;
	*out = proposal.hold;
	return true;
}

bool
holds_release(
    const struct holds_service *service, const char *name, const char *actor, struct error *err)
{
	struct hold_proposal proposal = {.releases = true};

	if (strlen(name) > RETENTION_NAME_MAX)
		return error_set(err, E_NOT_FOUND, "no hold of this name is in force");
	return submit(service, &proposal, name, actor, err);
}

bool
holds_list(const struct holds_service *service, struct hold out[static RETENTION_HOLDS_MAX],
    size_t *out_count, struct error *err)
{
	DEFER(tx_free) struct tx *tx = NULL;

	return tx_begin(service->db, &tx, err) && retention_holds(tx, out, out_count, err);
}

bool
holds_get(
    const struct holds_service *service, const char *name, struct hold *out, struct error *err)
{
	DEFER(mem_free) struct hold *holds = xcalloc(RETENTION_HOLDS_MAX, sizeof *holds);
	const struct hold *found;
	size_t count = 0;

	if (!holds_list(service, holds, &count, err))
		return false;
	found = retention_find(holds, count, name);
	if (found == NULL)
		return error_set(err, E_NOT_FOUND, "no hold of this name is in force");
	*out = *found;
	return true;
}
