#include "provisioning/pseudonym_revoke.h"

#include <assert.h>
#include <stdio.h>

#include "audit/note.h"
#include "base/mem.h"
#include "provisioning/pseudonym_revoke_store.h"
#include "provisioning/pseudonym_store.h"
#include "provisioning/revoke_store.h"

#define TICK_ACTOR "system:unlinkable"
#define SEVERITY 4 /* of a revocation */

static void
revocation_leaf(struct record *out, enum leaf_event event, const char *actor, const char *handle,
    enum reason reason, int64_t now_s)
{
	char subject[LEAF_VALUE_MAX + 1] = "";

	if (handle != NULL)
		(void)snprintf(subject, sizeof subject, "h:%s", handle);
	*out = (struct record){0};
	note_leaf(&out->leaf, event, actor, subject, NULL, now_s);
	out->leaf.severity = SEVERITY;
	(void)snprintf(out->leaf.code, sizeof out->leaf.code, "%s", reason_code(reason));
}

/* ---- the ledger's kind that blocks: its snapshot says which are blocked already ---- */

struct block_proposal {
	struct proposal base;
	struct pseudonym_block_row row;
	const char *actor;  /* or NULL */
	enum reason reason; /* of its leaf */
	bool exists;
	struct record record;
};

static struct block_proposal *
block_at(const struct ledger_batch *batch, size_t i)
{
	return (struct block_proposal *)batch->proposals[i];
}

/* Alone: whoever takes a pseudonym has done so before, and is found at the tick, or sees this. */
static bool
block_lock_and_read(void *context, struct ledger_batch *batch, struct error *err)
{
	DEFER(mem_free) struct bytes *blocks = xcalloc(batch->count, sizeof *blocks);
	bool *exist = xcalloc(batch->count, sizeof *exist);

	(void)context;
	batch->snapshot = exist;
	for (size_t i = 0; i < batch->count; i++)
		blocks[i] = bytes_of(block_at(batch, i)->row.block, LINK_BLOCK_BYTES);
	return pseudonym_lock_alone(batch->tx, err) &&
	       pseudonym_blocks_exist(batch->tx, blocks, batch->count, exist, err);
}

static bool
blocked_before(const struct ledger_batch *batch, size_t place)
{
	const uint8_t *block = block_at(batch, place)->row.block;

	for (size_t i = 0; i < place; i++)
		if (memcmp(block_at(batch, i)->row.block, block, LINK_BLOCK_BYTES) == 0)
			return true;
	return false;
}

static void
block_decide(void *context, struct ledger_batch *batch)
{
	const bool *exist = batch->snapshot;

	(void)context;
	for (size_t i = 0; i < batch->count; i++) {
		struct block_proposal *proposal = block_at(batch, i);

		proposal->base.err = (struct error){0};
		proposal->base.record_count = 0;
		proposal->exists = exist[i] || blocked_before(batch, i);
		if (proposal->exists || proposal->actor == NULL)
			continue;
		revocation_leaf(&proposal->record, LEAF_DEVICE_REVOKE, proposal->actor, NULL,
		    proposal->reason, batch->now_s);
		proposal->base.records = &proposal->record;
		proposal->base.record_count = 1;
	}
}

static bool
block_write(void *context, struct ledger_batch *batch, bool *out_lost_race, struct error *err)
{
	(void)context;
	*out_lost_race = false;
	for (size_t i = 0; i < batch->count; i++)
		if (!block_at(batch, i)->exists &&
		    !pseudonym_insert_block(batch->tx, &block_at(batch, i)->row, err))
			return false;
	return true;
}

static const struct ledger_kind BLOCK = {
    .name = "pseudonym.block",
    .apart = true,
    .lock_and_read = block_lock_and_read,
    .decide = block_decide,
    .write = block_write,
    .snapshot_free = mem_free,
};

/* ---- the ledger's kind that revokes certificates: one each ---- */

struct revoke_proposal {
	struct proposal base;
	const struct pseudonym_target *target;
	const char *actor;
	const struct revoke_request *request; /* or NULL: a tick's */
	const char *id;                       /* of the request */
	struct crl_publisher *crls;
	bool revoked; /* already */
	struct record record;
};

static struct revoke_proposal *
revoke_at(const struct ledger_batch *batch, size_t i)
{
	return (struct revoke_proposal *)batch->proposals[i];
}

static bool
revoke_lock_and_read(void *context, struct ledger_batch *batch, struct error *err)
{
	DEFER(mem_free)
	const struct pseudonym_target **targets =
	    xcalloc(batch->count, sizeof(const struct pseudonym_target *));
	bool *revoked = xcalloc(batch->count, sizeof *revoked);

	(void)context;
	batch->snapshot = revoked;
	for (size_t i = 0; i < batch->count; i++)
		targets[i] = revoke_at(batch, i)->target;
	return pseudonym_read_revoked(batch->tx, targets, batch->count, revoked, err);
}

static bool
revoked_before(const struct ledger_batch *batch, size_t place)
{
	const uint8_t *serial = revoke_at(batch, place)->target->serial;

	for (size_t i = 0; i < place; i++)
		if (memcmp(revoke_at(batch, i)->target->serial, serial, SERIAL_BYTES) == 0)
			return true;
	return false;
}

static int64_t
asked_at_s(const struct revoke_request *request, int64_t now_s)
{
	return request != NULL && request->since_s != 0 ? request->since_s : now_s;
}

static void
revoke_decide(void *context, struct ledger_batch *batch)
{
	const bool *revoked = batch->snapshot;

	(void)context;
	for (size_t i = 0; i < batch->count; i++) {
		struct revoke_proposal *proposal = revoke_at(batch, i);

		proposal->revoked = revoked[i] || revoked_before(batch, i);
		proposal->base.err = (struct error){0};
		proposal->base.records = &proposal->record;
		proposal->base.record_count = proposal->revoked ? 0 : 1;
		proposal->base.changes_status = !proposal->revoked;
		if (!proposal->revoked)
			revocation_leaf(&proposal->record, LEAF_CERT_REVOKE, proposal->actor,
			    proposal->target->handle, proposal->target->reason,
			    asked_at_s(proposal->request, batch->now_s));
	}
}

static bool
write_request(
    struct tx *tx, const struct revoke_proposal *proposal, int64_t now_s, struct error *err)
{
	const struct revoke_request *request = proposal->request;

	return request == NULL || request->officer_person == 0 ||
	       revoke_insert_request(tx,
		   &(struct revoke_request_row){.id = proposal->id,
		       .person = request->officer_person,
		       .action = request->action,
		       .reason = request->reason,
		       .outcome = REVOKE_APPLIED,
		       .count = proposal->revoked ? 0 : 1,
		       .at_s = asked_at_s(request, now_s)},
		   err);
}

/* Statuses last, because that takes status_head. */
static bool
revoke_write(void *context, struct ledger_batch *batch, bool *out_lost_race, struct error *err)
{
	DEFER(mem_free) struct status_change *changes = xcalloc(batch->count, sizeof *changes);
	size_t count = 0;

	(void)context;
	*out_lost_race = false;
	for (size_t i = 0; i < batch->count; i++) {
		const struct revoke_proposal *proposal = revoke_at(batch, i);
		struct status_change *change = &changes[count];

		if (!write_request(batch->tx, proposal, batch->now_s, err))
			return false;
		if (proposal->revoked)
			continue;
		memcpy(change->serial, proposal->target->serial, SERIAL_BYTES);
		memcpy(change->issuer, proposal->target->issuer, ISSUER_ID_BYTES);
		change->state = DEVICE_REVOKED;
		change->reason = proposal->target->reason;
		change->not_after_s = proposal->target->not_after_s;
		if (proposal->request != NULL && proposal->request->since_s != 0)
			change->at_s = proposal->request->since_s;
		count++;
	}
	return count == 0 || status_write(batch->tx, changes, count, batch->now_s, err);
}

static void
revoke_committed(void *context, const struct ledger_batch *batch)
{
	(void)context;
	for (size_t i = 0; i < batch->count; i++)
		if (revoke_at(batch, i)->crls != NULL)
			crl_publisher_wake(revoke_at(batch, i)->crls);
}

static const struct ledger_kind REVOKE = {
    .name = "pseudonym.revoke",
    .apart = true,
    .lock_and_read = revoke_lock_and_read,
    .decide = revoke_decide,
    .write = revoke_write,
    .snapshot_free = mem_free,
    .committed = revoke_committed,
};

/* ---- operations ---- */

static int64_t
next_tick_s(const struct pseudonym_revoker *service)
{
	return (clock_now_s(service->clock) / service->tick_s + 1) * service->tick_s;
}

bool
pseudonym_block(
    const struct pseudonym_revoker *service, const struct pseudonym_block *block, struct error *err)
{
	struct block_proposal proposal = {
	    .base.kind = &BLOCK, .actor = block->actor, .reason = block->reason};
	struct proposal *submitted = &proposal.base;
	struct keeper_linked linked;

	rng_fill(service->rng, proposal.row.serial, sizeof proposal.row.serial);
	if (!keeper_link(service->keeper,
		&(struct keeper_link_request){.device = block->device,
		    .link = block->link,
		    .of_serial = block->of_serial,
		    .serial = proposal.row.serial},
		&linked, err))
		return false;
	memcpy(proposal.row.block, linked.block, sizeof proposal.row.block);
	memcpy(proposal.row.link, linked.link, sizeof proposal.row.link);
	proposal.row.due_s = next_tick_s(service);
	return ledger_submit(service->ledger, &submitted, 1, err);
}

static void
sync_statuses(const struct pseudonym_revoker *service)
{
	/* Late at worst: it is on record, and in force here when the database answers again. */
	if (service->statuses != NULL)
		(void)status_index_sync(service->statuses, STATUS_INDEX_SYNC_MS);
}

bool
pseudonym_revoke_all(const struct pseudonym_revoker *service,
    const struct pseudonym_target *targets, size_t count, struct error *err)
{
	DEFER(mem_free)
	struct revoke_proposal *proposals = xcalloc(count + 1, sizeof *proposals);
	DEFER(mem_free)
	struct proposal **submitted = xcalloc(count + 1, sizeof(struct proposal *));

	for (size_t i = 0; i < count; i++) {
		proposals[i] = (struct revoke_proposal){.base.kind = &REVOKE,
		    .target = &targets[i],
		    .actor = TICK_ACTOR,
		    .crls = service->crls};
		submitted[i] = &proposals[i].base;
	}
	if (count > 0 && !ledger_submit(service->ledger, submitted, count, err))
		return false;
	sync_statuses(service);
	return true;
}

/* The one that was named, and the officer's request with it. */
static bool
revoke_named(const struct pseudonym_revoker *service, const struct revoke_request *request,
    const struct pseudonym_target *target, struct revoke_result *out, struct error *err)
{
	struct revoke_proposal proposal = {.base.kind = &REVOKE,
	    .target = target,
	    .actor = request->actor,
	    .request = request,
	    .id = out->id,
	    .crls = service->crls};
	struct proposal *submitted = &proposal.base;

	if (!ledger_submit(service->ledger, &submitted, 1, err))
		return false;
	sync_statuses(service);
	out->applied = true;
	out->before = proposal.revoked ? DEVICE_REVOKED : DEVICE_ACTIVE;
	out->certificate_count = proposal.revoked ? 0 : 1;
	out->leaf_count = proposal.base.record_count;
	out->first_seq = proposal.record.seq;
	return true;
}

bool
pseudonym_revoke(const struct pseudonym_revoker *service, const struct revoke_request *request,
    struct revoke_result *out, bool *out_found, struct error *err)
{
	struct pseudonym_target target;
	struct revoke_result result = {
	    .certificate_count = 1, .before = DEVICE_ACTIVE, .after = DEVICE_REVOKED};
	uint8_t handle[HANDLE_BYTES];

	if (!pseudonym_find_target(
		service->db, request->select, request->value, &target, out_found, err))
		return false;
	if (!*out_found)
		return true;
	if (request->action != STATUS_REVOKE)
		return error_set(err, E_STATE_CONFLICT,
		    "%s is not possible: a pseudonym's device can be revoked, for ever, and no "
		    "more",
		    status_action_name(request->action));
	uuid_encode(result.pseudonym, target.pseudonym);
	*out = result;
	if (request->dry_run)
		return true;
	target.reason = request->reason;
	rng_fill(service->rng, handle, sizeof handle);
	handle_encode(out->id, handle);
	if (request->spooled_id != NULL)
		(void)snprintf(out->id, sizeof out->id, "%s", request->spooled_id);
	return pseudonym_block(service,
		   &(struct pseudonym_block){.link = target.link,
		       .of_serial = target.serial,
		       .reason = request->reason,
		       .actor = request->actor},
		   err) &&
	       revoke_named(service, request, &target, out, err);
}
