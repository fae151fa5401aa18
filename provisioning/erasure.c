#include "provisioning/erasure.h"

#include <stdio.h>

#include "audit/note.h"
#include "base/log.h"
#include "base/mem.h"
#include "provisioning/erasure_store.h"

#define SWEEP_MAX 64
#define AGAIN_PAGE 1024

static const char *const BASES[ERASURE_BASIS_COUNT] = {
    [ERASURE_SUBJECT_REQUEST] = "SUBJECT_REQUEST",
    [ERASURE_RETENTION_END] = "RETENTION_END",
    [ERASURE_STATUTE] = "STATUTE",
    [ERASURE_COURT_ORDER] = "COURT_ORDER",
};

bool
erasure_basis_of(struct bytes name, enum erasure_basis *out)
{
	for (int i = 0; i < ERASURE_BASIS_COUNT; i++)
		if (bytes_equal(name, bytes_of_text(BASES[i]))) {
			*out = (enum erasure_basis)i;
			return true;
		}
	return false;
}

/* ---- the ledger's kind: an erasure is recorded, or recorded as done ---- */

enum step { STEP_RECORD, STEP_DONE };

struct erasure_proposal {
	struct proposal base;
	enum step step;
	const char *id, *actor;
	const struct erasure_request *request; /* of STEP_RECORD */
	struct erasure *row;
	uint8_t commitment[SHA256_BYTES];
	bool flushed; /* of STEP_DONE */
	/* made anew at every try */
	struct erasure_targets targets;
	char same[HANDLE_TEXT_LEN + 1]; /* id of the one that is on record, or "" */
	bool open;
	struct record record;
};

/* Of one proposal: the kind is alone. */
static struct erasure_proposal *
proposal_of(const struct ledger_batch *batch)
{
	return (struct erasure_proposal *)batch->proposals[0];
}

static bool
lock_and_read(void *context, struct ledger_batch *batch, struct error *err)
{
	struct erasure_proposal *proposal = proposal_of(batch);

	(void)context;
	if (proposal->step == STEP_DONE)
		return erasure_store_lock(batch->tx, proposal->id, &proposal->open, err);
	return erasure_store_asked(
		   batch->tx, proposal->row->person, proposal->row->asked, proposal->same, err) &&
	       erasure_store_targets(
		   batch->tx, proposal->request, batch->now_s, &proposal->targets, err);
}

static bool
judge(const struct erasure_proposal *proposal, struct error *err)
{
	const struct erasure_targets *targets = &proposal->targets;

	if (targets->unknown)
		return error_set_field(
		    err, E_UNKNOWN_DEVICE, "/pseudonyms", "no device has one of them");
	if (targets->unsealed)
		return error_set_field(err, E_STATE_CONFLICT, "/pseudonyms",
		    "one of them has no sealed identity: there is nothing to erase");
	if (targets->erased)
		return error_set_field(
		    err, E_ERASED, "/pseudonyms", "one of them has been erased before");
	if (targets->disclosing)
		return error_set_field(err, E_STATE_CONFLICT, "/pseudonyms",
		    "a disclosure of one of them is open: it ends first");
	return true;
}

static void
decide_record(struct erasure_proposal *proposal, int64_t now_s)
{
	struct error *err = &proposal->base.err;
	struct leaf *leaf = &proposal->record.leaf;
	char subject[LEAF_VALUE_MAX + 1];

	if (proposal->same[0] != '\0') {
		proposal->base.record_count = 0;
		return;
	}
	if (!judge(proposal, err)) {
		note_leaf(leaf, LEAF_PRIVACY_REFUSED, proposal->actor, "", err, now_s);
		return;
	}
	(void)snprintf(subject, sizeof subject, "e:%s", proposal->id);
	note_leaf(leaf, LEAF_PRIVACY_ERASE, proposal->actor, subject, NULL, now_s);
	leaf->severity = 4;
	leaf->count = (int64_t)proposal->targets.count;
	leaf->has_second_commitment = true;
	memcpy(leaf->second_commitment, proposal->commitment, SHA256_BYTES);
}

static void
decide_done(struct erasure_proposal *proposal, int64_t now_s)
{
	char subject[LEAF_VALUE_MAX + 1];

	if (!proposal->open) { /* somebody was first */
		proposal->base.record_count = 0;
		return;
	}
	(void)snprintf(subject, sizeof subject, "e:%s", proposal->id);
	note_leaf(
	    &proposal->record.leaf, LEAF_PRIVACY_ERASED, proposal->actor, subject, NULL, now_s);
	proposal->record.leaf.severity = 3;
}

static void
decide(void *context, struct ledger_batch *batch)
{
	struct erasure_proposal *proposal = proposal_of(batch);

	(void)context;
	proposal->base.err = (struct error){0};
	proposal->record = (struct record){0};
	proposal->base.records = &proposal->record;
	proposal->base.record_count = 1;
	if (proposal->step == STEP_RECORD)
		decide_record(proposal, batch->now_s);
	else
		decide_done(proposal, batch->now_s);
}

static bool
write_erasure(void *context, struct ledger_batch *batch, bool *out_lost_race, struct error *err)
{
	struct erasure_proposal *proposal = proposal_of(batch);

	(void)context;
	*out_lost_race = false;
	if (proposal->base.record_count == 0 || proposal->base.err.code != E_NONE)
		return true;
	if (proposal->step == STEP_DONE)
		return erasure_store_done(
		    batch->tx, proposal->id, proposal->flushed, batch->now_s, err);
	proposal->row->log = batch->log;
	proposal->row->seq = proposal->record.seq;
	return erasure_store_insert(
	    batch->tx, proposal->row, &proposal->targets, out_lost_race, err);
}

static const struct ledger_kind KIND = {
    .name = "erasure",
    .alone = true,
    .lock_and_read = lock_and_read,
    .decide = decide,
    .write = write_erasure,
};

static bool
submit(const struct erasure_service *service, struct erasure_proposal *proposal, struct error *err)
{
	struct proposal *const proposals[] = {&proposal->base};

	proposal->base.kind = &KIND;
	if (!ledger_submit(service->ledger, proposals, COUNT(proposals), err))
		return false;
	if (proposal->base.err.code == E_NONE)
		return true;
	*err = proposal->base.err;
	err->recorded = proposal->base.record_count > 0;
	return false;
}

/* ---- what is recorded is done ---- */

static bool
note_done(const struct erasure_service *service, const char *id, bool flushed, struct error *err)
{
	struct erasure_proposal proposal = {
	    .step = STEP_DONE, .id = id, .actor = "system:erasure", .flushed = flushed};

	return submit(service, &proposal, err);
}

static bool
carry_out(const struct erasure_service *service, const char *id, struct error *err)
{
	uint8_t keys[ERASURE_RECORDS_MAX][SHRED_ID_BYTES];
	size_t count, deleted;
	bool flushed;

	return erasure_store_keys(service->db, id, keys, &count, err) &&
	       shred_erase(service->shred, (const uint8_t(*)[SHRED_ID_BYTES])keys, count, &deleted,
		   &flushed, err) &&
	       note_done(service, id, flushed, err);
}

static bool
delete_all_again(const struct erasure_service *service, size_t *out_back, struct error *err)
{
	DEFER(mem_free) uint8_t(*page)[SHRED_ID_BYTES] = xcalloc(AGAIN_PAGE, SHRED_ID_BYTES);
	uint8_t after[SHRED_ID_BYTES] = {0};
	size_t count = AGAIN_PAGE, deleted;
	bool flushed;

	while (count == AGAIN_PAGE) {
		if (!erasure_store_all_keys(service->db, after, AGAIN_PAGE, page, &count, err) ||
		    (count > 0 &&
			!shred_delete(service->shred, (const uint8_t(*)[SHRED_ID_BYTES])page, count,
			    &deleted, err)))
			return false;
		if (count == 0)
			break;
		*out_back += deleted;
		memcpy(after, page[count - 1], sizeof after);
	}
	/* One of them again, for the pages and the log that they came back with. */
	return *out_back == 0 || shred_erase(service->shred, (const uint8_t(*)[SHRED_ID_BYTES])page,
				     1, &deleted, &flushed, err);
}

bool
erasure_sweep(const struct erasure_service *service, bool again, size_t *out_done, size_t *out_back,
    struct error *err)
{
	char ids[SWEEP_MAX][HANDLE_TEXT_LEN + 1];
	size_t count;

	*out_done = *out_back = 0;
	if ((again && !delete_all_again(service, out_back, err)) ||
	    !erasure_store_open(service->db, COUNT(ids), ids, &count, err))
		return false;
	for (; *out_done < count; ++*out_done)
		if (!carry_out(service, ids[*out_done], err))
			return false;
	return true;
}

/* ---- a request ---- */

/* What makes two requests of a person the same. */
static void
encode_asked(const struct erasure_request *request, struct buf *out)
{
	char device[UUID_TEXT_LEN + 1];

	buf_append_format(out, "basis %s\ncase %s\n", BASES[request->basis], request->case_number);
	for (size_t i = 0; i < request->device_count; i++) {
		uuid_encode(device, request->devices[i]);
		buf_append_format(out, "device %s\n", device);
	}
}

static void
draw(const struct erasure_service *service, const struct erasure_request *request,
    const struct erasure_caller *caller, struct erasure *out)
{
	DEFER(buf_clear_public) struct buf asked = {0};
	uint8_t handle[HANDLE_BYTES];
	char at[TIME_TEXT_LEN + 1];

	rng_fill(service->rng, handle, sizeof handle);
	handle_encode(out->id, handle);
	rng_fill(service->rng, out->nonce, sizeof out->nonce);
	out->person = caller->person;
	out->at_s = clock_now_s(service->clock);
	time_encode(at, out->at_s);
	encode_asked(request, &asked);
	sha256(buf_bytes(&asked), out->asked);
	buf_append_format(&out->body, "moniker-erasure/1\nid %s\nrequester %s\nrequested %s\n",
	    out->id, caller->actor, at);
	buf_append(&out->body, buf_bytes(&asked));
}

bool
erasure_submit(const struct erasure_service *service, const struct erasure_request *request,
    const struct erasure_caller *caller, bool *out_created, struct erasure *out, struct error *err)
{
	DEFER(erasure_clear) struct erasure row = {0};
	struct erasure_proposal proposal = {
	    .step = STEP_RECORD, .actor = caller->actor, .request = request, .row = &row};
	struct error later = {0};
	const char *id;

	draw(service, request, caller, &row);
	proposal.id = row.id;
	leaf_commit(proposal.commitment, row.nonce, buf_bytes(&row.body));
	if (!submit(service, &proposal, err))
		return false;
	*out_created = proposal.same[0] == '\0';
	id = *out_created ? row.id : proposal.same;
	if (!erasure_get(service->db, id, out, err))
		return false;
	if (out->erased)
		return true;
	/* It is on record: what does not work now is done by the sweep. */
	if (!carry_out(service, id, &later))
		log_error(LOG_LEVEL_WARNING, "erasure.later", NULL, &later);
	erasure_clear(out);
	return erasure_get(service->db, id, out, err);
}

bool
erasure_get(struct db *db, const char *id, struct erasure *out, struct error *err)
{
	bool found = false;

	if (handle_valid(bytes_of_text(id)) && !erasure_store_find(db, id, out, &found, err))
		return false;
	return found || error_set(err, E_NOT_FOUND, "there is no such erasure");
}
