#include "provisioning/revoke.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "audit/note.h"
#include "base/mem.h"
#include "provisioning/pseudonym_revoke.h"
#include "provisioning/revoke_later.h"
#include "provisioning/revoke_plan.h"

/* clang-format off */
static const char *const DETAIL_WORDS[] = {
	[REVOKE_NO_DETAIL]      = NULL,
	[REVOKE_LOST]           = "lost",
	[REVOKE_CLONE]          = "clone",
	[REVOKE_POLICY]         = "policy",
	[REVOKE_REGULATOR]      = "regulator",
	[REVOKE_DECOMMISSIONED] = "decommissioned",
};

/* The leaves of an action: one per certificate that changes, one for the device. */
static const struct action_leaves {
	enum leaf_event certificate, device; /* LEAF_EVENT_NONE: no such leaf */
	int severity;
} ACTION_LEAVES[STATUS_ACTION_COUNT] = {
	[STATUS_REVOKE]  = {LEAF_CERT_REVOKE,  LEAF_DEVICE_REVOKE,  4},
	[STATUS_HOLD]    = {LEAF_CERT_HOLD,    LEAF_EVENT_NONE,     3},
	[STATUS_RELEASE] = {LEAF_CERT_RELEASE, LEAF_EVENT_NONE,     3},
	[STATUS_READMIT] = {LEAF_EVENT_NONE,   LEAF_DEVICE_READMIT, 3},
};
/* clang-format on */

bool
revoke_detail_of(const char *name, enum revoke_detail *out)
{
	for (size_t i = 0; i < COUNT(DETAIL_WORDS); i++) {
		if (DETAIL_WORDS[i] != NULL && strcasecmp(DETAIL_WORDS[i], name) == 0) {
			*out = (enum revoke_detail)i;
			return true;
		}
	}
	return false;
}

const char *
revoke_detail_name(enum revoke_detail detail)
{
	return DETAIL_WORDS[detail];
}

/* ---- the ledger's kind ---- */

struct revoke_proposal {
	struct proposal base;
	const struct revoke_request *request;
	struct crl_publisher *crls;
	int64_t device;       /* 0 when refused already */
	struct error refused; /* E_NONE, or why it is refused whatever the tables say */
	char id[HANDLE_TEXT_LEN + 1];
	struct record *records; /* owned; made anew by every decide */
	struct revoke_result result;
};

static struct revoke_proposal *
proposal_at(const struct ledger_batch *batch, size_t i)
{
	return (struct revoke_proposal *)batch->proposals[i];
}

static void
snapshot_free(void *snapshot)
{
	revoke_snapshot_clear(snapshot);
	free(snapshot);
}

static bool
revoke_lock_and_read(void *context, struct ledger_batch *batch, struct error *err)
{
	DEFER(mem_free) int64_t *devices = xcalloc(batch->count, sizeof *devices);
	struct revoke_snapshot *snapshot = xcalloc(1, sizeof *snapshot);

	(void)context;
	for (size_t i = 0; i < batch->count; i++)
		devices[i] = proposal_at(batch, i)->device;
	batch->snapshot = snapshot;
	return revoke_read_locked(batch->tx, devices, batch->count, snapshot, err);
}

static void
fill_leaf(struct leaf *out, enum leaf_event event, const char *handle,
    const struct revoke_plan *plan, const struct revoke_request *request, int64_t now_s)
{
	char subject[LEAF_VALUE_MAX + 1];

	(void)snprintf(subject, sizeof subject, "h:%s", handle);
	note_leaf(out, event, request->actor, subject, NULL,
	    request->since_s != 0 ? request->since_s : now_s);
	out->severity = ACTION_LEAVES[plan->action].severity;
	if (plan->reason != REASON_UNSPECIFIED || plan->action == STATUS_REVOKE)
		(void)snprintf(out->code, sizeof out->code, "%s", reason_code(plan->reason));
	if (request->detail != REVOKE_NO_DETAIL)
		out->details[0] =
		    (struct leaf_detail){.key = "why", .text = DETAIL_WORDS[request->detail]};
}

static void
make_records(struct revoke_proposal *proposal, const struct revoke_plan *plan, int64_t now_s)
{
	const struct action_leaves *leaves = &ACTION_LEAVES[plan->action];
	size_t count = 0;

	proposal->records = xcalloc(plan->change_count + 1, sizeof *proposal->records);
	for (size_t i = 0; i < plan->certificate_count; i++)
		if (revoke_plan_changes(plan, &plan->certificates[i]))
			fill_leaf(&proposal->records[count++].leaf, leaves->certificate,
			    plan->certificates[i].handle, plan, proposal->request, now_s);
	if (leaves->device != LEAF_EVENT_NONE) {
		struct leaf *leaf = &proposal->records[count++].leaf;

		/* A device has no handle of its own: its first certificate's stands for it. */
		fill_leaf(leaf, leaves->device,
		    plan->certificate_count == 0 ? "" : plan->certificates[0].handle, plan,
		    proposal->request, now_s);
		leaf->count = (int64_t)plan->change_count;
	}
	proposal->base.records = proposal->records;
	proposal->base.record_count = count;
	proposal->base.changes_status = plan->change_count > 0;
}

static void
make_refusal(struct revoke_proposal *proposal, const char *handle, int64_t now_s)
{
	char subject[LEAF_VALUE_MAX + 1] = "";

	if (handle != NULL)
		(void)snprintf(subject, sizeof subject, "h:%s", handle);
	proposal->records = xcalloc(1, sizeof *proposal->records);
	note_leaf(&proposal->records->leaf, LEAF_CERT_REFUSED, proposal->request->actor, subject,
	    &proposal->base.err, now_s);
	proposal->base.records = proposal->records;
	proposal->base.record_count = 1;
}

static const char *
handle_of_device(const struct revoke_snapshot *snapshot, int64_t device)
{
	for (size_t i = 0; i < snapshot->certificate_count; i++)
		if (snapshot->certificates[i].device == device)
			return snapshot->certificates[i].handle;
	return NULL;
}

static void
report(struct revoke_result *out, const char *id, const struct revoke_plan *plan)
{
	*out = (struct revoke_result){
	    .certificate_count = (int64_t)plan->change_count,
	    .before = plan->before,
	    .after = plan->after,
	};
	(void)snprintf(out->id, sizeof out->id, "%s", id);
	uuid_encode(out->pseudonym, plan->device->pseudonym);
}

/*
 * The certificate that was named was in force as revoked since then; the device's others are now.
 * What is recorded again was revoked with it then.
 */
static void
set_time(const struct revoke_plan *plan, const struct revoke_request *request)
{
	uint8_t serial[SERIAL_BYTES];

	if (!hex_decode(bytes_of_text(request->value), serial, sizeof serial))
		return;
	for (size_t i = 0; i < plan->certificate_count; i++)
		if (plan->certificates[i].changed &&
		    (request->officer_person == 0 ||
			memcmp(plan->certificates[i].serial, serial, sizeof serial) == 0))
			plan->certificates[i].at_s = request->since_s;
}

static void
decide_one(struct revoke_proposal *proposal, struct revoke_snapshot *snapshot, int64_t now_s)
{
	const struct revoke_request *request = proposal->request;
	struct revoke_plan plan;

	free(proposal->records);
	proposal->records = NULL;
	proposal->base.records = NULL;
	proposal->base.record_count = 0;
	proposal->base.changes_status = false;
	proposal->base.err = proposal->refused;
	if (proposal->refused.code != E_NONE ||
	    !revoke_plan_make(snapshot, proposal->device, request->action, request->reason, &plan,
		&proposal->base.err)) {
		make_refusal(proposal, handle_of_device(snapshot, proposal->device), now_s);
		return;
	}
	report(&proposal->result, proposal->id, &plan);
	proposal->result.applied = true;
	if (!plan.changes)
		return; /* it is so already: the request is kept, but there is nothing to tell */
	make_records(proposal, &plan, now_s);
	revoke_plan_apply(&plan);
	if (request->since_s != 0)
		set_time(&plan, request);
}

static void
revoke_decide(void *context, struct ledger_batch *batch)
{
	(void)context;
	for (size_t i = 0; i < batch->count; i++)
		decide_one(proposal_at(batch, i), batch->snapshot, batch->now_s);
}

/* Who was told that a request is spooled can ask what became of it, also if it was refused. */
static bool
write_request(
    const struct ledger_batch *batch, const struct revoke_proposal *proposal, struct error *err)
{
	const struct revoke_request *request = proposal->request;
	const bool refused = proposal->base.err.code != E_NONE;
	const struct revoke_request_row row = {
	    .id = proposal->id,
	    .person = request->officer_person,
	    .action = request->action,
	    .reason = request->reason,
	    .outcome = refused ? REVOKE_REFUSED : REVOKE_APPLIED,
	    .count = refused ? 0 : proposal->result.certificate_count,
	    .at_s = request->since_s != 0 ? request->since_s : batch->now_s,
	};

	return request->officer_person == 0 || (refused && request->spooled_id == NULL) ||
	       revoke_insert_request(batch->tx, &row, err);
}

static bool
revoke_write(void *context, struct ledger_batch *batch, bool *out_lost_race, struct error *err)
{
	(void)context;
	*out_lost_race = false;
	for (size_t i = 0; i < batch->count; i++)
		if (!write_request(batch, proposal_at(batch, i), err))
			return false;
	/* Last, because it takes status_head. */
	return revoke_write_snapshot(batch->tx, batch->snapshot, batch->now_s, err);
}

static void
revoke_committed(void *context, const struct ledger_batch *batch)
{
	(void)context;
	for (size_t i = 0; i < batch->count; i++) {
		const struct revoke_proposal *proposal = proposal_at(batch, i);

		if (proposal->base.changes_status && proposal->crls != NULL)
			crl_publisher_wake(proposal->crls);
	}
}

struct ledger_kind *
revoke_kind_new(void)
{
	struct ledger_kind *kind = xcalloc(1, sizeof *kind);

	*kind = (struct ledger_kind){
	    .name = "status",
	    .lock_and_read = revoke_lock_and_read,
	    .decide = revoke_decide,
	    .write = revoke_write,
	    .snapshot_free = snapshot_free,
	    .committed = revoke_committed,
	};
	return kind;
}

void
revoke_kind_free(struct ledger_kind *kind)
{
	free(kind);
}

/* ---- the service ---- */

/* Reads the value in its form and finds the device; 0 when there is none. */
static bool
select_device(
    struct db *db, const struct revoke_request *request, int64_t *out_device, struct error *err)
{
	struct bytes value = bytes_of_text(request->value);
	uint8_t serial[SERIAL_BYTES], pseudonym[UUID_BYTES];

	switch (request->select) {
	case REVOKE_BY_SERIAL:
		if (!hex_decode(value, serial, sizeof serial))
			return error_set_field(err, E_BAD_SYNTAX, "/select/serial",
			    "not %d octets in hex", SERIAL_BYTES);
		return revoke_find_by_serial(db, serial, out_device, err);
	case REVOKE_BY_PSEUDONYM:
		if (!uuid_decode(value, pseudonym))
			return error_set_field(
			    err, E_BAD_SYNTAX, "/select/pseudonym", "not a lower-case UUID");
		return revoke_find_by_pseudonym(db, pseudonym, out_device, err);
	case REVOKE_BY_HANDLE:
		if (!handle_valid(value))
			return error_set_field(err, E_BAD_SYNTAX, "/select/handle", "not a handle");
		return revoke_find_by_handle(db, request->value, out_device, err);
	}
	return error_set(err, E_INTERNAL, "no such way to select");
}

static bool
unknown(enum revoke_select select, struct error *err)
{
	if (select == REVOKE_BY_PSEUDONYM)
		return error_set(err, E_UNKNOWN_DEVICE, "no device has this pseudonym");
	return error_set(err, E_UNKNOWN_CERTIFICATE, "no certificate on record has this %s",
	    select == REVOKE_BY_SERIAL ? "serial number" : "handle");
}

static bool
preview(const struct revoke_service *service, const struct revoke_request *request, int64_t device,
    struct revoke_result *out, struct error *err)
{
	DEFER(revoke_snapshot_clear) struct revoke_snapshot snapshot = {0};
	struct revoke_plan plan;

	if (device == 0)
		return unknown(request->select, err);
	if (!revoke_read_preview(service->db, device, &snapshot, err) ||
	    !revoke_plan_make(&snapshot, device, request->action, request->reason, &plan, err))
		return false;
	report(out, "", &plan);
	return true;
}

static bool
apply(const struct revoke_service *service, const struct revoke_request *request, const char *id,
    int64_t device, struct revoke_result *out, struct error *err)
{
	DEFER(mem_free) struct revoke_proposal *proposal = xcalloc(1, sizeof *proposal);
	struct proposal *submitted = &proposal->base;
	bool recorded;

	proposal->base.kind = service->kind;
	proposal->request = request;
	proposal->crls = service->crls;
	proposal->device = device;
	if (device == 0)
		(void)unknown(request->select, &proposal->refused);
	(void)snprintf(proposal->id, sizeof proposal->id, "%s", id);
	recorded = ledger_submit(service->ledger, &submitted, 1, err);
	if (recorded && proposal->base.record_count > 0) {
		proposal->result.first_seq = proposal->records[0].seq;
		proposal->result.leaf_count = proposal->base.record_count;
	}
	free(proposal->records);
	if (!recorded)
		return false;
	if (proposal->base.err.code != E_NONE) {
		*err = proposal->base.err;
		return false;
	}
	/* Late at worst: it is on record, and in force here when the database answers again. */
	if (proposal->base.changes_status && service->statuses != NULL)
		(void)status_index_sync(service->statuses, STATUS_INDEX_SYNC_MS);
	*out = proposal->result;
	return true;
}

static void
draw_id(const struct revoke_service *service, char out[static HANDLE_TEXT_LEN + 1])
{
	uint8_t handle[HANDLE_BYTES];

	rng_fill(service->rng, handle, sizeof handle);
	handle_encode(out, handle);
}

/* Not a queue that is full: who asks again in a second is served. */
static bool
cannot_record(const struct error *err)
{
	return err->code == E_DATABASE_UNAVAILABLE || err->code == E_RECORD_UNAVAILABLE ||
	       err->code == E_KEEPER_UNAVAILABLE;
}

/* Under the id that it was tried with: if the record was made after all, it is found by it. */
static bool
spool(const struct revoke_service *service, const struct revoke_request *request, const char *id,
    struct revoke_result *out, struct error *err)
{
	struct revoke_result result = {.spooled = true, .certificate_count = 1};

	if (!revoke_later_add(service->later, request, id, err))
		return false;
	(void)snprintf(result.id, sizeof result.id, "%s", id);
	*out = result;
	return true;
}

bool
revoke_device(const struct revoke_service *service, const struct revoke_request *request,
    struct revoke_result *out, struct error *err)
{
	char id[HANDLE_TEXT_LEN + 1];
	struct error failed = {0};
	int64_t device;
	bool done = false;

	if (request->action == STATUS_REVOKE && request->reason == REASON_HOLD)
		return error_set_field(
		    err, E_BAD_SYNTAX, "/reason", "a hold is an action of its own");
	if (!select_device(service->db, request, &device, &failed) && !cannot_record(&failed)) {
		*err = failed;
		return false;
	}
	if (failed.code == E_NONE && device == 0 && service->pseudonyms != NULL &&
	    pseudonym_revoke(service->pseudonyms, request, out, &done, &failed) && done)
		return true;
	draw_id(service, id);
	if (failed.code == E_NONE &&
	    (request->dry_run ? preview(service, request, device, out, &failed)
			      : apply(service, request, id, device, out, &failed)))
		return true;
	if (cannot_record(&failed) && revoke_later_may(service->later, request))
		return spool(service, request, id, out, err);
	*err = failed;
	return false;
}

/* *out_refused: what there is against it, on record. */
static bool
record(const struct revoke_service *service, const struct revoke_request *request, const char *id,
    struct error *out_refused, struct error *err)
{
	struct revoke_result result;
	struct error failed = {0};
	bool done = false;
	int64_t device;

	if (!select_device(service->db, request, &device, err))
		return false;
	if (device == 0 && service->pseudonyms != NULL &&
	    !pseudonym_revoke(service->pseudonyms, request, &result, &done, err))
		return false;
	if (done || apply(service, request, id, device, &result, &failed))
		return true;
	if (failed.recorded)
		*out_refused = failed;
	else
		*err = failed;
	return failed.recorded;
}

bool
revoke_replay(const struct revoke_service *service, const struct revoke_request *request,
    struct error *out_refused, struct error *err)
{
	struct revoke_record there;
	bool found = false;

	*out_refused = (struct error){0};
	return revoke_read_request(service->db, request->spooled_id, &there, &found, err) &&
	       (found || record(service, request, request->spooled_id, out_refused, err));
}

bool
revoke_again(const struct revoke_service *service, const struct revoke_request *request,
    struct error *out_refused, struct error *err)
{
	char id[HANDLE_TEXT_LEN + 1];

	*out_refused = (struct error){0};
	draw_id(service, id);
	return record(service, request, id, out_refused, err);
}

bool
revoke_get(const struct revoke_service *service, const char *id, struct revoke_record *out,
    struct error *err)
{
	struct revoke_record record = {0};
	bool found = false;

	if (revoke_later_find(service->later, id, out))
		return true;
	if (handle_valid(bytes_of_text(id)) &&
	    !revoke_read_request(service->db, id, &record, &found, err))
		return false;
	if (!found)
		return error_set(err, E_NOT_FOUND, "there is no such request");
	(void)snprintf(record.id, sizeof record.id, "%s", id);
	*out = record;
	return true;
}
