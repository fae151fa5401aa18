#include "ca/crl_make.h"

#include <stdio.h>

#include "audit/note.h"
#include "base/log.h"
#include "base/mem.h"

enum {
	VALIDITY_S = 86400,
	LEASE_S = 30,
};

void
crl_made_clear(struct crl_made *made)
{
	crl_build_clear(&made->build);
}

static bool
read_entries(const struct crl_options *options, const struct issuer *issuer,
    int64_t not_after_from_s, struct crl_made *made, struct error *err)
{
	DEFER(tx_free) struct tx *tx = NULL;
	DEFER(mem_free) struct crl_page *page = xcalloc(1, sizeof *page);
	struct crl_key key = {.issuer = issuer->id, .shard = made->row.shard};

	page->not_after_from_s = not_after_from_s;
	if (!tx_begin(options->db, &tx, err) || !crl_store_snapshot(tx, &made->row.status_seq, err))
		return false;
	do {
		if (!crl_store_page(tx, key, issuer->shard_count, page, err))
			return false;
		crl_build_add(&made->build, page->entries, page->count);
	} while (page->read == CRL_PAGE_MAX);
	return true;
}

/* A leaf about this CRL, by this node. */
static void
describe(const struct crl_options *options, const struct issuer *issuer, int shard,
    enum leaf_event event, const struct error *why, struct leaf *out)
{
	char actor[LEAF_VALUE_MAX + 1], subject[LEAF_VALUE_MAX + 1];

	(void)snprintf(actor, sizeof actor, "system:%s", options->node);
	(void)snprintf(subject, sizeof subject, "crl:%s/%04d", issuer->id_text, shard);
	note_leaf(out, event, actor, subject, why, clock_now_s(options->clock));
}

static bool
record(const struct crl_options *options, const struct issuer *issuer, const struct crl_made *made,
    struct error *err)
{
	struct leaf leaf;

	describe(options, issuer, made->row.shard, LEAF_CRL_PUBLISH, NULL, &leaf);
	leaf.details[0] = (struct leaf_detail){.key = "number", .number = (int64_t)made->number};
	leaf.details[1] =
	    (struct leaf_detail){.key = "entries", .number = (int64_t)made->build.entry_count};
	return note_record(options->ledger, &leaf, err);
}

struct entry_runs { /* context of next_entries() */
	const struct crl_build *build;
	size_t at;
};

static bool
next_entries(void *context, struct bytes *out_entries, struct error *err)
{
	struct entry_runs *runs = context;
	size_t end = crl_build_run(runs->build, runs->at, KEEPER_CRL_CHUNK_MAX);

	(void)err;
	*out_entries = bytes_of(crl_build_entries(runs->build).data + runs->at, end - runs->at);
	runs->at = end == runs->at ? 0 : end; /* from the beginning after the empty run */
	return true;
}

static bool
sign(const struct crl_options *options, const struct issuer *issuer, struct crl_build *build,
    struct error *err)
{
	struct entry_runs runs = {.build = build};
	struct keeper_crl crl = {
	    .head = crl_build_head(build),
	    .extensions = crl_build_extensions(build),
	    .next_entries = next_entries,
	    .context = &runs,
	};
	uint8_t signature[KEY_SIGNATURE_MAX];
	size_t signature_len;

	memcpy(crl.issuer, issuer->id, sizeof crl.issuer);
	if (!keeper_sign_crl(options->keeper, &crl, signature, &signature_len, err))
		return false;
	crl_build_finish(build, bytes_of(signature, signature_len));
	return true;
}

/* Under the lease. Recorded first, signed second, as everything that is signed. */
static bool
make_leased(const struct crl_options *options, const struct issuer *issuer,
    const struct crl_lease *lease, struct crl_made *made, struct error *err)
{
	int64_t now_s = clock_now_s(options->clock);
	struct crl_terms terms = {
	    .issuer = issuer->tbs,
	    .shard = made->row.shard,
	    .number = lease->number,
	    .this_update_s = now_s,
	    .next_update_s = now_s + VALIDITY_S,
	};

	made->number = lease->number;
	made->row.this_update_s = terms.this_update_s;
	made->row.next_update_s = terms.next_update_s;
	/* RFC 5280 section 3.3: an entry stays until one CRL after its certificate's end. */
	return read_entries(options, issuer, lease->last_this_update_s, made, err) &&
	       crl_build_close(&made->build, &terms, err) && record(options, issuer, made, err) &&
	       sign(options, issuer, &made->build, err) &&
	       crl_store_keep(options->db, &made->row, made->number, options->node,
		   crl_build_der(&made->build), &made->done, err);
}

bool
crl_make(const struct crl_options *options, const struct issuer *issuer, int shard,
    struct crl_made *out, struct error *err)
{
	DEFER(crl_made_clear) struct crl_made made = {.row.shard = shard};
	struct crl_key key = {.issuer = issuer->id, .shard = shard};
	int64_t now_s = clock_now_s(options->clock);
	struct crl_lease lease;

	memcpy(made.row.issuer, issuer->id, sizeof made.row.issuer);
	if (!crl_store_lease(options->db, key, options->node, now_s, now_s + LEASE_S, &lease, err))
		return false;
	if (lease.number > 0 && !make_leased(options, issuer, &lease, &made, err))
		return false;
	*out = made;
	memset(&made, 0, sizeof made);
	return true;
}

void
crl_make_failed(const struct crl_options *options, const struct issuer *issuer, int shard,
    const struct error *why)
{
	struct error ignored = {0};
	struct leaf leaf;

	log_error(LOG_LEVEL_ERROR, "crl.fail", NULL, why);
	describe(options, issuer, shard, LEAF_CRL_FAIL, why, &leaf);
	if (!note_record(options->ledger, &leaf, &ignored))
		log_error(LOG_LEVEL_WARNING, "crl.unrecorded", NULL, &ignored);
}
