#include "audit/inspect_fault.h"

#include <stdio.h>
#include <stdlib.h>

#include "audit/inspect_store.h"
#include "audit/note.h"
#include "base/mem.h"

#define FAULT_SEVERITY 5

/* clang-format off */
static const struct {
	const char *key;    /* in inspection_fault */
	const char *name;   /* in the leaf: of a table, or a file */
	const char *number; /* what `seq` is there */
	bool is_file;
} WHATS[INSPECT_WHAT_COUNT] = {
	[INSPECT_AUDIT_LEAF]           = {"audit_leaf",           "audit_leaf",           "leaf",  false},
	[INSPECT_CERTIFICATE_BODY]     = {"certificate_body",     "certificate_body",     "leaf",  false},
	[INSPECT_CERTIFICATE_ADOPTION] = {"certificate_adoption", "certificate_adoption", "leaf",  false},
	[INSPECT_CERTIFICATE]          = {"certificate",          "certificate",          "leaf",  false},
	[INSPECT_DEVICE]               = {"device",               "device",               "leaf",  false},
	[INSPECT_DISCLOSURE]           = {"disclosure",           "disclosure",           "leaf",  false},
	[INSPECT_ERASURE]              = {"erasure",              "erasure",              "leaf",  false},
	[INSPECT_REVOCATION]           = {"revocation",           "revocation",           "leaf",  false},
	[INSPECT_REVOCATION_PLACE]     = {"revocation_place",     "revocation",           "place", false},
	[INSPECT_STATUS_CHANGE]        = {"status_change",        "status_change",        "place", false},
	[INSPECT_ENTRIES]              = {"entries",              "entries",              "leaf",  true},
	[INSPECT_TILE]                 = {"tile",                 "tile",                 "leaf",  true},
	[INSPECT_CHECKPOINT]           = {"checkpoint",           "checkpoint",           "leaf",  true},
};
/* clang-format on */

const char *
inspect_what_key(enum inspect_what what)
{
	return WHATS[what].key;
}

void
inspect_faults_add(struct inspect_faults *faults, struct inspect_fault fault)
{
	for (size_t i = 0; i < faults->count; i++)
		if (faults->list[i].what == fault.what && faults->list[i].level == fault.level &&
		    faults->list[i].seq == fault.seq)
			return;
	if (faults->count == faults->capacity) {
		faults->capacity = faults->capacity == 0 ? 16 : faults->capacity * 2;
		faults->list = xrealloc(faults->list, faults->capacity * sizeof *faults->list);
	}
	faults->list[faults->count++] = fault;
}

void
inspect_faults_clear(struct inspect_faults *faults)
{
	free(faults->list);
	*faults = (struct inspect_faults){0};
}

/* ---- telling ---- */

void
inspect_fault_leaf(const struct inspect_fault *fault, const char *actor, const char *log_name,
    int64_t now_s, struct leaf *out)
{
	const struct error why = {.code = fault->missing ? E_RECORD_UNAVAILABLE : E_BAD_PROOF};
	const bool is_file = WHATS[fault->what].is_file;
	struct leaf_detail *detail = out->details;
	char subject[LEAF_VALUE_MAX + 1];

	(void)snprintf(subject, sizeof subject, "%s%s%.50s", is_file ? "tile" : "row",
	    log_name != NULL ? "/log:" : "", log_name != NULL ? log_name : "");
	note_leaf(out, LEAF_DATA_FAULT, actor, subject, &why, now_s);
	out->severity = FAULT_SEVERITY;
	*detail++ = (struct leaf_detail){
	    .key = is_file ? "file" : "table", .text = WHATS[fault->what].name};
	if (fault->what == INSPECT_TILE)
		*detail++ = (struct leaf_detail){.key = "level", .number = fault->level};
	*detail = (struct leaf_detail){.key = WHATS[fault->what].number, .number = fault->seq};
}

struct fault_proposal {
	struct proposal base;
	struct record record;
	const struct inspect_subject *subject;
	const struct inspect_fault *fault;
};

static void
decide(void *context, struct ledger_batch *batch)
{
	(void)context;
	for (size_t i = 0; i < batch->count; i++) {
		struct fault_proposal *proposal = (struct fault_proposal *)batch->proposals[i];

		proposal->base.err = (struct error){0};
		proposal->base.records = &proposal->record;
		proposal->base.record_count = 1;
		proposal->base.changes_status = false;
		proposal->record.dropped = false;
	}
}

/* All of one submission, since nobody else submits this kind. */
static bool
write_rows(void *context, struct ledger_batch *batch, bool *out_lost_race, struct error *err)
{
	DEFER(inspect_faults_clear) struct inspect_faults faults = {0};
	const struct fault_proposal *first = (const struct fault_proposal *)batch->proposals[0];

	(void)context;
	*out_lost_race = false;
	for (size_t i = 0; i < batch->count; i++)
		inspect_faults_add(
		    &faults, *((const struct fault_proposal *)batch->proposals[i])->fault);
	return inspect_store_insert_faults(batch->tx, first->subject, &faults, batch->now_s, err);
}

static const struct ledger_kind KIND = {
    .name = "inspection", .decide = decide, .write = write_rows};

static bool
submit(const struct inspect_teller *teller, const struct inspect_subject *subject,
    const struct inspect_fault *faults, size_t count, struct error *err)
{
	DEFER(mem_free) struct fault_proposal *made = xcalloc(count, sizeof *made);
	DEFER(mem_free) struct proposal **proposals = xcalloc(count, sizeof(struct proposal *));

	for (size_t i = 0; i < count; i++) {
		made[i] = (struct fault_proposal){
		    .base.kind = &KIND, .subject = subject, .fault = &faults[i]};
		inspect_fault_leaf(&faults[i], teller->actor, subject->name,
		    clock_now_s(teller->clock), &made[i].record.leaf);
		proposals[i] = &made[i].base;
	}
	return ledger_submit(teller->ledger, proposals, count, err);
}

bool
inspect_faults_tell(const struct inspect_teller *teller, const struct inspect_subject *subject,
    const struct inspect_faults *faults, struct error *err)
{
	DEFER(inspect_faults_clear) struct inspect_faults news = {0};
	DEFER(mem_free) bool *known = xcalloc(faults->count + 1, sizeof *known);
	int64_t standing = 0;

	if (faults->count == 0)
		return true;
	if (!inspect_store_mark_seen(teller->db, subject, faults, known, err) ||
	    !inspect_store_count_faults(teller->db, &standing, err))
		return false;
	for (size_t i = 0; i < faults->count; i++)
		if (!known[i] && standing + (int64_t)news.count < INSPECT_FAULTS_MAX)
			inspect_faults_add(&news, faults->list[i]);
	return news.count == 0 || submit(teller, subject, news.list, news.count, err);
}
