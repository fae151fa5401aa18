#include "ca/own.h"

#include <stdio.h>

#include "audit/note.h"
#include "ca/certificate_store.h"

struct own_proposal {
	struct proposal base;
	struct record record;
	const struct issued *issued;
	const char *node;
};

static void
own_decide(void *context, struct ledger_batch *batch)
{
	(void)context;
	for (size_t i = 0; i < batch->count; i++) {
		struct own_proposal *p = (struct own_proposal *)batch->proposals[i];
		char actor[LEAF_VALUE_MAX + 1];
		char subject[LEAF_VALUE_MAX + 1];

		(void)snprintf(actor, sizeof actor, "system:%.50s", p->node);
		(void)snprintf(subject, sizeof subject, "h:%s", p->issued->handle);
		p->record = (struct record){0};
		note_leaf(&p->record.leaf, LEAF_CERT_ISSUE, actor, subject, NULL, batch->now_s);
		issue_fill_record(p->issued, &p->record);
		p->base.err = (struct error){0};
		p->base.records = &p->record;
		p->base.record_count = 1;
		p->base.changes_status = false;
	}
}

static bool
own_write(void *context, struct ledger_batch *batch, bool *out_lost_race, struct error *err)
{
	(void)context;
	*out_lost_race = false;
	for (size_t i = 0; i < batch->count; i++) {
		const struct own_proposal *p = (const struct own_proposal *)batch->proposals[i];

		if (!certificate_insert_bodies(
			batch->tx, batch->log, &p->issued, &p->record.seq, 1, err))
			return false;
	}
	return true;
}

static const struct ledger_kind OWN_KIND = {
    .name = "own", .signs = true, .decide = own_decide, .write = own_write};

bool
own_issue(const struct own_request *request, struct buf *out_der, struct error *err)
{
	DEFER(issued_clear) struct issued issued = {0};
	struct own_proposal proposal = {
	    .base.kind = &OWN_KIND, .issued = &issued, .node = request->node};
	struct proposal *const proposals[] = {&proposal.base};

	if (!issue_prepare(request->issue, request->rng, &issued, err) ||
	    !ledger_submit(request->ledger, proposals, 1, err))
		return false;
	if (proposal.base.err.code != E_NONE) {
		*err = proposal.base.err;
		return false;
	}
	issue_certificate(
	    &issued, bytes_of(proposal.record.signature, proposal.record.signature_len), out_der);
	return true;
}
