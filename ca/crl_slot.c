#include "ca/crl_slot.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "ca/crl_kept.h"
#include "keeper/crl_numbers.h"

struct crl_slot *
crl_slot_new(const struct issuer *issuer, int shard, const char *dir)
{
	struct crl_slot *slot = xcalloc(1, sizeof *slot);

	slot->issuer = issuer;
	slot->shard = shard;
	slot->dir = dir;
	(void)pthread_rwlock_init(&slot->lock, NULL);
	return slot;
}

void
crl_slot_free(struct crl_slot *slot)
{
	for (int kind = 0; kind < CRL_KIND_COUNT; kind++)
		crl_view_clear(&slot->served[kind]);
	(void)pthread_rwlock_destroy(&slot->lock);
	free(slot->unrecorded);
	free(slot);
}

/* ---- the thread's ---- */

static void
swap(struct crl_slot *slot, enum crl_kind kind, struct crl_view *view)
{
	struct crl_view old;

	(void)pthread_rwlock_wrlock(&slot->lock);
	old = slot->served[kind];
	slot->served[kind] = *view;
	(void)pthread_rwlock_unlock(&slot->lock);
	*view = (struct crl_view){0};
	crl_view_clear(&old);
}

/* Once a list: it is served meanwhile, only not compressed yet. */
static void
compress(struct crl_slot *slot, enum crl_kind kind)
{
	DEFER(crl_view_clear) struct crl_view view = slot->served[kind];
	struct error err = {0};

	(void)crl_file_hold(view.der);
	view.gzip = NULL;
	if (crl_file_gzip(view.der, slot->dir, &view.gzip, &err))
		swap(slot, kind, &view);
	else
		log_error(LOG_LEVEL_WARNING, "crl.compress", NULL, &err);
}

void
crl_slot_serve(struct crl_slot *slot, enum crl_kind kind, const struct crl_list *list,
    const struct crl_ours *ours, struct crl_file **file)
{
	struct crl_view view = {.der = TAKE(*file),
	    .info = {.number = list->number,
		.this_update_s = list->this_update_s,
		.next_update_s = list->next_update_s}};

	view.info.der_len = crl_file_size(view.der);
	if (ours != NULL)
		view.info.ours = *ours;
	crl_kept_write(slot->dir, slot->issuer, slot->shard, kind, &view);
	swap(slot, kind, &view);
	slot->status_seq[kind] = list->status_seq;
	compress(slot, kind);
}

void
crl_slot_serve_made(struct crl_slot *slot, struct crl_made *made)
{
	/* The delta first: whatever crash leaves only one of them, an older full CRL and a newer
	 * delta say all. */
	static const enum crl_kind ORDER[] = {CRL_DELTA, CRL_FULL};

	for (size_t i = 0; i < COUNT(ORDER); i++) {
		const enum crl_kind kind = ORDER[i];

		if (made->files[kind] != NULL)
			crl_slot_serve(
			    slot, kind, &made->lists[kind], &made->ours[kind], &made->files[kind]);
	}
	slot->spooled = made->spooled;
	slot->turn = made->turn;
}

/* Its leaf is written once more if this node ended between leaf and next list. */
static void
wait_if_unrecorded(struct crl_slot *slot)
{
	const struct crl_info *delta = &slot->served[CRL_DELTA].info;

	if (delta->ours.base_number == 0 || delta->number % CRL_NUMBERS_PER_S == 0)
		return;
	crl_slot_wait_for_record(slot, &(struct crl_unrecorded){.number = delta->number,
					   .base_number = delta->ours.base_number,
					   .at_s = delta->this_update_s,
					   .entries = -1,
					   .changes = -1});
}

void
crl_slot_load_kept(struct crl_slot *slot)
{
	for (int kind = 0; kind < CRL_KIND_COUNT; kind++) {
		struct crl_view view = {0};

		crl_kept_read(slot->dir, slot->issuer, slot->shard, (enum crl_kind)kind, &view);
		if (view.info.number == 0)
			continue;
		swap(slot, (enum crl_kind)kind, &view);
		compress(slot, (enum crl_kind)kind);
	}
	wait_if_unrecorded(slot);
}

void
crl_slot_note(struct crl_slot *slot, enum error_code failing)
{
	(void)pthread_rwlock_wrlock(&slot->lock);
	slot->failing = failing;
	slot->failures += failing != E_NONE;
	(void)pthread_rwlock_unlock(&slot->lock);
}

void
crl_slot_wait_for_record(struct crl_slot *slot, const struct crl_unrecorded *list)
{
	slot->unrecorded =
	    xrealloc(slot->unrecorded, (slot->unrecorded_count + 1) * sizeof slot->unrecorded[0]);
	slot->unrecorded[slot->unrecorded_count++] = *list;
	slot->ahead = true;
}

/* ---- any thread's ---- */

void
crl_slot_get(struct crl_slot *slot, enum crl_kind kind, struct crl_view *out)
{
	(void)pthread_rwlock_rdlock(&slot->lock);
	*out = slot->served[kind];
	(void)crl_file_hold(out->der);
	(void)crl_file_hold(out->gzip);
	(void)pthread_rwlock_unlock(&slot->lock);
}

void
crl_slot_state(struct crl_slot *slot, struct crl_state *out)
{
	(void)pthread_rwlock_rdlock(&slot->lock);
	*out = (struct crl_state){.issuer = slot->issuer,
	    .shard = slot->shard,
	    .failures = slot->failures,
	    .failing = slot->failing};
	for (int kind = 0; kind < CRL_KIND_COUNT; kind++)
		out->lists[kind] = slot->served[kind].info;
	(void)pthread_rwlock_unlock(&slot->lock);
}
