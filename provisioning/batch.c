#include "provisioning/batch.h"

#include <stdio.h>
#include <stdlib.h>

#include "audit/note.h"
#include "base/mem.h"
#include "ca/profile.h"
#include "provisioning/batch_store.h"

#define QUOTA_MAX INT64_C(1000000000)
#define DAY_MINUTES 1440

const char *
batch_mode_name(enum batch_mode mode)
{
	return mode == BATCH_UNLINKABLE ? "unlinkable" : "pseudonymous";
}

struct batch_proposal { /* of both kinds */
	struct proposal base;
	struct batch *batch;
	const char *actor;
	struct record record;
	bool exists; /* open: there is a batch of this name. close: it is closed already */
};

static struct batch_proposal *
proposal_at(const struct ledger_batch *group, size_t i)
{
	return (struct batch_proposal *)group->proposals[i];
}

static void
fill_record(struct batch_proposal *proposal, enum leaf_event event, int64_t now_s)
{
	char subject[LEAF_VALUE_MAX + 1];

	(void)snprintf(subject, sizeof subject, "b:%s", proposal->batch->handle);
	proposal->record = (struct record){0};
	note_leaf(&proposal->record.leaf, event, proposal->actor, subject, NULL, now_s);
	proposal->base.records = &proposal->record;
	proposal->base.record_count = 1;
}

/* ---- the ledger kind that opens; its snapshot says which names exist ---- */

static bool
open_read(void *context, struct ledger_batch *group, struct error *err)
{
	DEFER(mem_free) struct bytes *names = xcalloc(group->count, sizeof *names);
	DEFER(mem_free) bool *exist = xcalloc(group->count, sizeof *exist);

	(void)context;
	for (size_t i = 0; i < group->count; i++)
		names[i] = bytes_of_text(proposal_at(group, i)->batch->name);
	if (!batch_store_names_exist(group->tx, names, group->count, exist, err))
		return false;
	group->snapshot = TAKE(exist);
	return true;
}

static bool
name_was_taken(const struct ledger_batch *group, size_t before, const char *name)
{
	for (size_t i = 0; i < before; i++)
		if (strcmp(proposal_at(group, i)->batch->name, name) == 0)
			return true;
	return false;
}

static void
open_decide(void *context, struct ledger_batch *group)
{
	const bool *exist = group->snapshot;

	(void)context;
	for (size_t i = 0; i < group->count; i++) {
		struct batch_proposal *proposal = proposal_at(group, i);

		proposal->base.err = (struct error){0};
		proposal->base.record_count = 0;
		proposal->exists = exist[i] || name_was_taken(group, i, proposal->batch->name);
		if (proposal->exists)
			continue;
		proposal->batch->created_at_s = group->now_s;
		if (proposal->batch->opens_at_s == 0)
			proposal->batch->opens_at_s = group->now_s;
		fill_record(proposal, LEAF_BATCH_OPEN, group->now_s);
		proposal->record.leaf.details[0] = (struct leaf_detail){
		    .key = "mode", .text = batch_mode_name(proposal->batch->mode)};
	}
}

static bool
open_write(void *context, struct ledger_batch *group, bool *out_lost_race, struct error *err)
{
	(void)context;
	*out_lost_race = false;
	for (size_t i = 0; i < group->count; i++) {
		struct batch_proposal *proposal = proposal_at(group, i);
		bool inserted = true;

		if (!proposal->exists &&
		    !batch_store_insert(group->tx, proposal->batch, &inserted, err))
			return false;
		*out_lost_race = *out_lost_race || !inserted;
	}
	return true;
}

static const struct ledger_kind OPEN = {
    .name = "batch.open",
    .lock_and_read = open_read,
    .decide = open_decide,
    .write = open_write,
    .snapshot_free = free,
};

/* ---- the ledger kind that closes; its snapshot says which are closed ---- */

static bool
close_lock(void *context, struct ledger_batch *group, struct error *err)
{
	DEFER(mem_free) int64_t *ids = xcalloc(group->count, sizeof *ids);
	DEFER(mem_free) bool *closed = xcalloc(group->count, sizeof *closed);

	(void)context;
	for (size_t i = 0; i < group->count; i++)
		ids[i] = proposal_at(group, i)->batch->id;
	if (!batch_store_lock(group->tx, ids, group->count, closed, err))
		return false;
	group->snapshot = TAKE(closed);
	return true;
}

static void
close_decide(void *context, struct ledger_batch *group)
{
	const bool *closed = group->snapshot;

	(void)context;
	for (size_t i = 0; i < group->count; i++) {
		struct batch_proposal *proposal = proposal_at(group, i);

		proposal->base.err = (struct error){0};
		proposal->base.record_count = 0;
		proposal->exists = closed[i] || name_was_taken(group, i, proposal->batch->name);
		if (!proposal->exists)
			fill_record(proposal, LEAF_BATCH_CLOSE, group->now_s);
	}
}

static bool
close_write(void *context, struct ledger_batch *group, bool *out_lost_race, struct error *err)
{
	DEFER(mem_free) int64_t *ids = xcalloc(group->count, sizeof *ids);
	size_t count = 0;

	(void)context;
	*out_lost_race = false;
	for (size_t i = 0; i < group->count; i++)
		if (!proposal_at(group, i)->exists)
			ids[count++] = proposal_at(group, i)->batch->id;
	return count == 0 || batch_store_close(group->tx, ids, count, group->now_s, err);
}

static const struct ledger_kind CLOSE = {
    .name = "batch.close",
    .lock_and_read = close_lock,
    .decide = close_decide,
    .write = close_write,
    .snapshot_free = free,
};

/* ---- what may be opened ---- */

#define LETTERS_AND_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/* As the schema has it. */
static bool
is_name(const char *name)
{
	return name[0] != '\0' && strchr(LETTERS_AND_DIGITS, name[0]) != NULL &&
	       name[strspn(name, LETTERS_AND_DIGITS "._-")] == '\0';
}

/* A batch's name is a label of EST, and no label has the name of an operation: RFC 7030 section
 * 3.2.2, also those that we do not offer. */
static bool
is_operation(const char *name)
{
	static const char *const OPERATIONS[] = {
	    "cacerts", "simpleenroll", "simplereenroll", "fullcmc", "serverkeygen", "csrattrs"};

	for (size_t i = 0; i < COUNT(OPERATIONS); i++)
		if (strcmp(name, OPERATIONS[i]) == 0)
			return true;
	return false;
}

static bool
check_numbers(const struct batch *batch, struct error *err)
{
	if (batch->quota < 1 || batch->quota > QUOTA_MAX)
		return error_set_field(
		    err, E_BAD_SYNTAX, "/quota", "not 1 to %lld", (long long)QUOTA_MAX);
	if (batch->opens_at_s < 0)
		return error_set_field(err, E_BAD_SYNTAX, "/opens_at", "before 1970");
	if (batch->closes_at_s != 0 && batch->closes_at_s <= batch->opens_at_s)
		return error_set_field(
		    err, E_BAD_SYNTAX, "/closes_at", "not after the batch opens");
	if ((batch->hours_from < 0) != (batch->hours_until < 0) ||
	    batch->hours_from >= DAY_MINUTES || batch->hours_until > DAY_MINUTES ||
	    batch->hours_until == 0)
		return error_set_field(
		    err, E_BAD_SYNTAX, "/hours", "not from 0 to 1439 until 1 to 1440");
	return true;
}

static bool
check(const struct batch *batch, struct error *err)
{
	const struct profile *profile = profile_find(batch->profile);

	if (!is_name(batch->name))
		return error_set_field(
		    err, E_BAD_SYNTAX, "/id", "not a letter or digit, then those and ._-");
	if (is_operation(batch->name))
		return error_set_field(err, E_BAD_SYNTAX, "/id", "the name of an operation of EST");
	if (batch->model[0] == '\0')
		return error_set_field(err, E_BAD_SYNTAX, "/model", "empty");
	if (profile == NULL || !profile->for_devices)
		return error_set_field(
		    err, E_PROFILE_DENIED, "/profile", "no such profile for devices");
	if (profile->birth != (batch->mode == BATCH_UNLINKABLE))
		return error_set_field(err, E_PROFILE_DENIED, "/profile",
		    "the unlinkable mode is for the profile birth, and that for no other mode");
	return check_numbers(batch, err);
}

static bool
find_stations(struct db *db, struct batch *batch, struct error *err)
{
	size_t found;

	if (batch->station_count == 0)
		return true;
	if (batch->station_count > BATCH_STATIONS_MAX)
		return error_set_field(
		    err, E_TOO_LARGE, "/stations", "more than %d stations", BATCH_STATIONS_MAX);
	if (!batch_store_find_stations(db, batch, &found, err))
		return false;
	if (found != batch->station_count)
		return error_set_field(err, E_NOT_FOUND, "/stations",
		    "names something that is no station, or one twice");
	return true;
}

static bool
check_mode(const struct batch_service *service, const struct batch *batch, struct error *err)
{
	return batch->mode != BATCH_UNLINKABLE || !service->no_unlinkable ||
	       error_set_field(err, E_ANONYMITY_DENIED, "/mode",
		   "regulation does not allow the unlinkable mode here");
}

/* A set that was published a moment ago counts. */
static bool
check_escrow(const struct batch_service *service, const struct batch *batch, struct error *err)
{
	struct seat_set set;

	if (!batch->escrow)
		return true;
	if (service->seats != NULL && !seats_reload(service->seats, err))
		return false;
	return (service->seats != NULL && seats_get(service->seats, &set)) ||
	       error_set_field(err, E_STATE_CONFLICT, "/escrow",
		   "no seat set is in force: publish one with `moniker seat publish`");
}

/* ---- operations ---- */

/* `asked` with opens_at_s 0 did not care. */
static bool
is_same(const struct batch *asked, int64_t asked_opens_at_s, const struct batch *row)
{
	return strcmp(asked->model, row->model) == 0 && asked->mode == row->mode &&
	       strcmp(asked->profile, row->profile) == 0 && asked->quota == row->quota &&
	       (asked_opens_at_s == 0 || asked_opens_at_s == row->opens_at_s) &&
	       asked->closes_at_s == row->closes_at_s && asked->hours_from == row->hours_from &&
	       asked->hours_until == row->hours_until &&
	       asked->hardware_ids_required == row->hardware_ids_required &&
	       asked->blind == row->blind && asked->manifest == row->manifest &&
	       asked->replace_same_station == row->replace_same_station &&
	       asked->escrow == row->escrow && asked->station_count == row->station_count &&
	       memcmp(asked->stations, row->stations,
		   asked->station_count * sizeof asked->stations[0]) == 0;
}

static bool
settle_existing(struct db *db, struct batch *batch, int64_t asked_opens_at_s, struct error *err)
{
	DEFER(mem_free) struct batch *row = xcalloc(1, sizeof *row);

	if (!batch_get(db, batch->name, row, err))
		return false;
	if (!is_same(batch, asked_opens_at_s, row))
		return error_set_field(
		    err, E_STATE_CONFLICT, "/id", "there is another batch of this name");
	*batch = *row;
	return true;
}

bool
batch_open(const struct batch_service *service, struct batch *batch, const char *actor,
    bool *out_created, struct error *err)
{
	struct batch_proposal proposal = {.base.kind = &OPEN, .batch = batch, .actor = actor};
	struct proposal *const proposals[] = {&proposal.base};
	int64_t asked_opens_at_s = batch->opens_at_s;
	uint8_t handle[HANDLE_BYTES];

	batch->hours_from = batch->hours_from < 0 ? -1 : batch->hours_from;
	batch->hours_until = batch->hours_until < 0 ? -1 : batch->hours_until;
	if (!check(batch, err) || !check_mode(service, batch, err) ||
	    !check_escrow(service, batch, err) || !find_stations(service->db, batch, err))
		return false;

	rng_fill(service->rng, handle, sizeof handle);
	handle_encode(batch->handle, handle);
	if (!ledger_submit(service->ledger, proposals, COUNT(proposals), err))
		return false;
	if (proposal.base.err.code != E_NONE) {
		*err = proposal.base.err;
		return false;
	}
	if (proposal.exists && !settle_existing(service->db, batch, asked_opens_at_s, err))
		return false;
	*out_created = !proposal.exists;
	return true;
}

bool
batch_close(
    const struct batch_service *service, const char *name, const char *actor, struct error *err)
{
	DEFER(mem_free) struct batch *batch = xcalloc(1, sizeof *batch);
	struct batch_proposal proposal = {.base.kind = &CLOSE, .batch = batch, .actor = actor};
	struct proposal *const proposals[] = {&proposal.base};

	if (!batch_get(service->db, name, batch, err) ||
	    !ledger_submit(service->ledger, proposals, COUNT(proposals), err))
		return false;
	if (proposal.base.err.code != E_NONE) {
		*err = proposal.base.err;
		return false;
	}
	return true;
}

bool
batch_get(struct db *db, const char *name, struct batch *out, struct error *err)
{
	bool found;

	if (!batch_store_find(db, name, out, &found, err))
		return false;
	return found || error_set(err, E_UNKNOWN_BATCH, "there is no batch of this name");
}

bool
batch_list(struct db *db, int64_t after_id, int64_t station_person, size_t limit, struct batch *out,
    size_t *out_count, struct error *err)
{
	return batch_store_list(db, after_id, station_person, limit, out, out_count, err);
}

const char *
batch_hardware_ids_name(const struct batch *batch)
{
	if (batch->blind)
		return "blind";
	return batch->hardware_ids_required ? "required" : "optional";
}

bool
batch_allows_station(const struct batch *batch, int64_t person)
{
	for (size_t i = 0; i < batch->station_count; i++)
		if (batch->stations[i] == person)
			return true;
	return batch->station_count == 0;
}
