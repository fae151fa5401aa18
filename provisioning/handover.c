#include "provisioning/handover.h"

#include <stdlib.h>

#include "audit/note.h"
#include "base/mem.h"
#include "provisioning/handover_store.h"
#include "provisioning/shred_store.h"

void
handover_page_clear(struct handover_page *page)
{
	for (size_t i = 0; i < page->count; i++) {
		buf_clear_public(&page->items[i].header);
		buf_clear_public(&page->items[i].group);
		buf_clear_public(&page->items[i].shares);
	}
	free(page->items);
	buf_clear_public(&page->signature);
	*page = (struct handover_page){0};
}

/* ---- the seat, and the sets in which others held it ---- */

static bool
find_seat(const struct handover_service *service, const struct handover_place *place,
    struct seat_set *out_set, struct buf *out_signature, struct handover_seat *out,
    struct error *err)
{
	const struct seat *holder;

	if (!seats_get_signed(service->seats, out_set, out_signature))
		return error_set(err, E_STATE_CONFLICT, "no seat set is in force");
	holder = seat_set_find(out_set, place->role, place->seat);
	if (holder == NULL)
		return error_set_field(
		    err, E_NOT_FOUND, "/seat", "the set in force has no such seat");
	out->holder = *holder;
	if (!handover_store_old(service->db, out_set->number, out, err))
		return false;
	if (out->lost)
		return error_set_field(
		    err, E_STATE_CONFLICT, "/seat", "its key is lost: publish a set with another");
	return out->old_count > 0 ||
	       error_set_field(err, E_STATE_CONFLICT, "/seat", "nobody else ever held this seat");
}

static void
fill_leaf(struct leaf *leaf, enum leaf_event event, const struct handover_place *place,
    uint32_t number, size_t count, int64_t now_s)
{
	note_leaf(leaf, event, place->actor, "", NULL, now_s);
	leaf->severity = 3;
	leaf->count = (int64_t)count;
	leaf->details[0] = (struct leaf_detail){.key = "number", .number = (int64_t)number};
	leaf->details[1] = (struct leaf_detail){.key = "role", .text = seat_role_name(place->role)};
	leaf->details[2] = (struct leaf_detail){.key = "seat", .number = place->seat};
}

/* ---- out ---- */

/* *out_there false: the key of its wrap is gone, or it is damaged: that is an escrow audit's to
 * tell. */
static bool
take_part(const struct handover_service *service, enum seat_role role,
    const struct handover_row *row, struct handover_item *out, bool *out_there, struct error *err)
{
	DEFER(buf_clear_public) struct buf record = {0};
	uint8_t key[SHRED_KEY_BYTES];
	struct escrow_view view;
	struct error damage = {0};

	if (!shred_store_find(shred_db(service->shred), row->shred_id, key, out_there, err))
		return false;
	*out_there = *out_there && escrow_unwrap(buf_bytes(&row->wrapped), key, &record, &damage) &&
		     escrow_parse(buf_bytes(&record), &view, &damage) &&
		     escrow_find_group(&view, role) != NULL;
	if (!*out_there)
		return true;
	memcpy(out->origin, row->origin, sizeof out->origin);
	out->seq = row->at.seq;
	buf_append(&out->header, view.header);
	buf_append(&out->group, escrow_find_group(&view, role)->octets);
	buf_append(&out->shares, buf_bytes(&row->shares));
	return true;
}

static bool
fill_page(const struct handover_service *service, enum seat_role role,
    const struct handover_rows *rows, struct handover_page *out, struct error *err)
{
	out->items = xcalloc(HANDOVER_PAGE_MAX, sizeof *out->items);
	for (size_t i = 0; i < rows->count; i++) {
		bool there;

		if (!take_part(service, role, &rows->at[i], &out->items[out->count], &there, err))
			return false;
		out->count += there;
	}
	out->more = rows->more;
	out->next = rows->next;
	return true;
}

static bool
record_export(const struct handover_service *service, const struct handover_place *place,
    const struct handover_page *page, struct error *err)
{
	struct leaf leaf;

	if (page->count == 0)
		return true;
	fill_leaf(&leaf, LEAF_SEAT_EXPORT, place, page->set.number, page->count,
	    clock_now_s(service->clock));
	return note_record(service->ledger, &leaf, err);
}

bool
handover_fetch(const struct handover_service *service, const struct handover_place *place,
    struct handover_cursor after, struct handover_page *out, struct error *err)
{
	DEFER(handover_seat_clear) struct handover_seat seat = {0};
	DEFER(handover_rows_free) struct handover_rows *rows = NULL;

	return find_seat(service, place, &out->set, &out->signature, &seat, err) &&
	       handover_store_waiting(service->db, &seat, after, &rows, err) &&
	       fill_page(service, place->role, rows, out, err) &&
	       record_export(service, place, out, err);
}

/* ---- back ---- */

struct keeping {
	struct proposal base;
	const struct handover_place *place;
	const struct handover_seat *seat;
	uint32_t number;
	const struct handover_share *shares;
	size_t count;
	uint8_t commitment[SHA256_BYTES];
	/* made anew at every try */
	struct handover_state state;
	struct record record;
	int64_t fresh;
};

/* Of one proposal: the kind is alone, since what another of its batch writes could not be read. */
static struct keeping *
keeping_of(const struct ledger_batch *batch)
{
	return (struct keeping *)batch->proposals[0];
}

static bool
keep_read(void *context, struct ledger_batch *batch, struct error *err)
{
	struct keeping *keeping = keeping_of(batch);

	(void)context;
	return handover_store_state(
	    batch->tx, keeping->seat, keeping->shares, keeping->count, &keeping->state, err);
}

static bool
keep_judge(const struct keeping *keeping, struct error *err)
{
	if (keeping->state.known != (int64_t)keeping->count)
		return error_set_field(err, E_STATE_CONFLICT, "/items",
		    "one is there twice, or names no record of a former holder");
	return keeping->state.there == keeping->state.same ||
	       error_set_field(err, E_STATE_CONFLICT, "/items",
		   "this holder has another share of one of them: fetch what waits, and seal that");
}

static void
keep_decide(void *context, struct ledger_batch *batch)
{
	struct keeping *keeping = keeping_of(batch);

	(void)context;
	keeping->base.err = (struct error){0};
	keeping->base.record_count = 0;
	keeping->fresh = 0;
	if (!keep_judge(keeping, &keeping->base.err))
		return;
	keeping->fresh = keeping->state.known - keeping->state.there;
	if (keeping->fresh == 0)
		return;
	keeping->record = (struct record){0};
	keeping->base.records = &keeping->record;
	keeping->base.record_count = 1;
	fill_leaf(&keeping->record.leaf, LEAF_SEAT_RESEAL, keeping->place, keeping->number,
	    (size_t)keeping->fresh, batch->now_s);
	keeping->record.leaf.has_second_commitment = true;
	memcpy(keeping->record.leaf.second_commitment, keeping->commitment, SHA256_BYTES);
}

static bool
keep_write(void *context, struct ledger_batch *batch, bool *out_lost_race, struct error *err)
{
	const struct keeping *keeping = keeping_of(batch);
	int64_t inserted = 0;

	(void)context;
	if (keeping->fresh > 0 && !handover_store_insert(batch->tx, keeping->seat, keeping->shares,
				      keeping->count, batch->now_s, &inserted, err))
		return false;
	*out_lost_race = inserted != keeping->fresh;
	return true;
}

static const struct ledger_kind KEEP = {
    .name = "seat.reseal",
    .alone = true,
    .lock_and_read = keep_read,
    .decide = keep_decide,
    .write = keep_write,
};

/* leaf(8) share(112) of each, in the order in which they came. Shares are noise: no nonce. */
static void
commit_to(const struct handover_share *shares, size_t count, uint8_t out[static SHA256_BYTES])
{
	static const uint8_t nonce[COMMITMENT_NONCE_BYTES];
	DEFER(buf_clear_public) struct buf all = {0};

	for (size_t i = 0; i < count; i++) {
		buf_append_u64(&all, (uint64_t)shares[i].seq);
		buf_append(&all, bytes_of(shares[i].sealed, sizeof shares[i].sealed));
	}
	leaf_commit(out, nonce, buf_bytes(&all));
}

bool
handover_keep(const struct handover_service *service, const struct handover_place *place,
    uint32_t number, const struct handover_share *shares, size_t count, size_t *out_kept,
    struct error *err)
{
	DEFER(handover_seat_clear) struct handover_seat seat = {0};
	DEFER(buf_clear_public) struct buf signature = {0};
	DEFER(mem_free) struct keeping *keeping = xcalloc(1, sizeof *keeping);
	struct proposal *const proposals[] = {&keeping->base};
	struct seat_set set;

	if (!find_seat(service, place, &set, &signature, &seat, err))
		return false;
	if (set.number != number)
		return error_set_field(err, E_STATE_CONFLICT, "/number",
		    "seat set %u is in force: fetch and seal again", (unsigned)set.number);
	*keeping = (struct keeping){.base.kind = &KEEP,
	    .place = place,
	    .seat = &seat,
	    .number = number,
	    .shares = shares,
	    .count = count};
	commit_to(shares, count, keeping->commitment);
	if (!ledger_submit(service->ledger, proposals, COUNT(proposals), err))
		return false;
	*err = keeping->base.err;
	*out_kept = (size_t)keeping->fresh;
	return err->code == E_NONE;
}
