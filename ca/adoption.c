#include "ca/adoption.h"

#include <stdio.h>

#include "audit/note.h"
#include "base/mem.h"
#include "ca/adoption_store.h"
#include "ca/certificate_store.h"

#define PAGE_MAX 128 /* certificates in one submission */

struct adoption_proposal {
	struct proposal base;
	struct record record;
	struct orphan orphan;
	const char *node;
};

struct page {
	struct adoption_proposal proposals[PAGE_MAX];
	struct proposal *pointers[PAGE_MAX];
	struct orphan read[PAGE_MAX];
	size_t count;
};

static void
page_clear(struct page *page)
{
	for (size_t i = 0; i < page->count; i++)
		orphan_clear(&page->proposals[i].orphan);
	free(page);
}
DEFER_DECLARE(struct page, page_clear)

/* ---- the ledger's steps ---- */

static size_t
orphans_of(const struct ledger_batch *batch, struct orphan **out)
{
	for (size_t i = 0; i < batch->count; i++)
		out[i] = &((struct adoption_proposal *)batch->proposals[i])->orphan;
	return batch->count;
}

/* Another node may have adopted some since they were found. */
static bool
adoption_lock_and_read(void *context, struct ledger_batch *batch, struct error *err)
{
	struct orphan *orphans[LEDGER_BATCH_MAX];

	(void)context;
	return adoption_look(batch->tx, orphans, orphans_of(batch, orphans), err);
}

static void
fill_record(struct adoption_proposal *p, int64_t now_s)
{
	char actor[LEAF_VALUE_MAX + 1];

	(void)snprintf(actor, sizeof actor, "system:%.50s", p->node);
	p->record = (struct record){.tbs = buf_bytes(&p->orphan.tbs)};
	note_leaf(&p->record.leaf, LEAF_CERT_ADOPT, actor, p->orphan.subject, NULL, now_s);
	p->record.leaf.has_commitment = true;
	leaf_commit(p->record.leaf.commitment, p->orphan.nonce, p->record.tbs);
	memcpy(p->record.nonce, p->orphan.nonce, sizeof p->record.nonce);
	memcpy(p->record.issuer, p->orphan.issuer, sizeof p->record.issuer);
	serial_ref(p->record.ref, p->orphan.serial);
}

static void
adoption_decide(void *context, struct ledger_batch *batch)
{
	(void)context;
	for (size_t i = 0; i < batch->count; i++) {
		struct adoption_proposal *p = (struct adoption_proposal *)batch->proposals[i];

		if (p->orphan.adoptable)
			fill_record(p, batch->now_s);
		p->base.err = (struct error){0};
		p->base.records = &p->record;
		p->base.record_count = p->orphan.adoptable ? 1 : 0;
		p->base.changes_status = false;
	}
}

static bool
adoption_write(void *context, struct ledger_batch *batch, bool *out_lost_race, struct error *err)
{
	struct orphan *orphans[LEDGER_BATCH_MAX];

	(void)context;
	*out_lost_race = false;
	for (size_t i = 0; i < batch->count; i++) {
		struct adoption_proposal *p = (struct adoption_proposal *)batch->proposals[i];

		p->orphan.seq = p->record.seq;
	}
	return adoption_insert(batch->tx, batch->log, orphans, orphans_of(batch, orphans), err);
}

static const struct ledger_kind ADOPTION_KIND = {.name = "adoption",
    .signs = true,
    .lock_and_read = adoption_lock_and_read,
    .decide = adoption_decide,
    .write = adoption_write};

/* ---- pages ---- */

/* Found, each with the nonce of its new commitment. */
static bool
read_page(const struct adoption_options *options, struct page *page, struct error *err)
{
	size_t count = 0;
	const bool read = adoption_read(options->db, page->read, PAGE_MAX, &count, err);

	for (size_t i = 0; i < count; i++) {
		struct adoption_proposal *p = &page->proposals[i];

		p->base.kind = &ADOPTION_KIND;
		p->orphan = page->read[i];
		p->node = options->node;
		rng_fill(options->rng, p->orphan.nonce, sizeof p->orphan.nonce);
		page->pointers[i] = &p->base;
	}
	page->count = count;
	return read;
}

/* What the ledger could not record at all is found again: it must not be asked for without end. */
static size_t
count_adopted(const struct page *page)
{
	size_t adopted = 0;

	for (size_t i = 0; i < page->count; i++)
		adopted += page->proposals[i].base.record_count > 0 ? 1 : 0;
	return adopted;
}

static bool
run_page(const struct adoption_options *options, size_t *inout_adopted, bool *out_more,
    struct error *err)
{
	DEFER(page_clear) struct page *page = xcalloc(1, sizeof *page);
	size_t adopted;

	*out_more = false;
	if (!read_page(options, page, err))
		return false;
	if (page->count == 0)
		return true;
	if (!ledger_submit(options->ledger, page->pointers, page->count, err))
		return false;
	adopted = count_adopted(page);
	*inout_adopted += adopted;
	*out_more = page->count == PAGE_MAX && adopted > 0;
	return true;
}

bool
adoption_run(const struct adoption_options *options, size_t *out_adopted, struct error *err)
{
	bool more = false;

	*out_adopted = 0;
	if (!adoption_due(options->db, &more, err) ||
	    (more && !certificate_advance_signed(options->db, err)))
		return false;
	while (more)
		if (!run_page(options, out_adopted, &more, err))
			return false;
	return true;
}
