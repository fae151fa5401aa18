#include "ca/crl_make.h"

#include <stdio.h>

#include "audit/note.h"
#include "base/log.h"
#include "base/mem.h"
#include "ca/crl_build.h"
#include "ca/crl_spooled.h"

enum {
	VALIDITY_S = 86400,
	LEASE_S = 60,
	BASE_S = VALIDITY_S / 2, /* a base serves that long after it is replaced by the next */
};

void
crl_made_clear(struct crl_made *made)
{
	for (int kind = 0; kind < CRL_KIND_COUNT; kind++)
		crl_file_free(made->files[kind]);
	*made = (struct crl_made){0};
}

struct make { /* one run, under a lease */
	const struct crl_options *options;
	const struct issuer *issuer;
	struct crl_key key;
	bool full;
	struct crl_lease lease;
	struct crl_base base, next_base; /* when it is done */
	int64_t now_s, status_seq;
	struct crl_spooled spooled;
	struct crl_build builds[CRL_KIND_COUNT];
	struct crl_made made;
};

static void
make_clear(struct make *make)
{
	for (int kind = 0; kind < CRL_KIND_COUNT; kind++)
		crl_build_clear(&make->builds[kind]);
	crl_spooled_clear(&make->spooled);
	crl_made_clear(&make->made);
}
DEFER_DECLARE_CLEAR(struct make, make_clear)

/*
 * Whoever holds a full CRL of the last 12 hours can go on with the delta: its base is 12 to 24
 * hours old, so it is still in force. After a day without any, and at first, it is this one.
 */
static void
choose_bases(struct make *make)
{
	const struct crl_base this = {
	    .number = make->lease.number, .at_s = make->now_s, .status_seq = make->status_seq};

	make->base = make->lease.base;
	make->next_base = make->lease.next_base;
	if (make->base.number == 0 ||
	    (make->full && make->now_s - make->next_base.at_s >= VALIDITY_S)) {
		make->base = make->next_base = this;
	} else if (make->full && make->now_s - make->next_base.at_s >= BASE_S) {
		make->base = make->next_base;
		make->next_base = this;
	}
}

/* ---- what is listed ---- */

static bool
add_page(struct make *make, struct crl_page *page, struct crl_build *build, struct error *err)
{
	crl_spooled_merge(&make->spooled, page->entries, page->count);
	return crl_build_add(build, page->entries, page->count, err);
}

static bool
read_full(struct make *make, struct tx *tx, struct crl_page *page, struct crl_build *build,
    struct error *err)
{
	crl_spooled_begin(&make->spooled);
	/* RFC 5280 section 3.3: an entry stays until one CRL after its certificate's end. */
	*page = (struct crl_page){.not_after_from_s = make->lease.last_this_update_s};
	do {
		if (!crl_store_page(tx, make->key, make->issuer->shard_count, page, err) ||
		    !add_page(make, page, build, err))
			return false;
	} while (page->read == CRL_PAGE_MAX);
	return crl_spooled_add(&make->spooled, build, err);
}

/* Every certificate whose status is another one than when the base was made, or was meanwhile. */
static bool
read_delta(struct make *make, struct tx *tx, struct crl_page *page, struct crl_build *build,
    struct error *err)
{
	const int64_t since_seq = make->base.status_seq;

	crl_spooled_begin(&make->spooled);
	*page = (struct crl_page){.after_seq = since_seq};
	do {
		if (!crl_store_page(tx, make->key, make->issuer->shard_count, page, err) ||
		    !add_page(make, page, build, err))
			return false;
	} while (page->read == CRL_PAGE_MAX);
	page->after_seq = 0;
	do {
		if (!crl_store_released(
			tx, make->key, make->issuer->shard_count, since_seq, page, err) ||
		    !add_page(make, page, build, err))
			return false;
	} while (page->read == CRL_PAGE_MAX);
	return crl_spooled_add(&make->spooled, build, err);
}

static bool
read_entries(struct make *make, struct error *err)
{
	DEFER(tx_free) struct tx *tx = NULL;
	DEFER(mem_free) struct crl_page *page = xcalloc(1, sizeof *page);
	struct crl_build *builds = make->builds;

	if (!tx_begin(make->options->db, &tx, err) ||
	    !crl_store_snapshot(tx, &make->status_seq, err))
		return false;
	choose_bases(make);
	if (make->full && (!crl_build_begin(&builds[CRL_FULL], make->options->dir, err) ||
			      !read_full(make, tx, page, &builds[CRL_FULL], err)))
		return false;
	return crl_build_begin(&builds[CRL_DELTA], make->options->dir, err) &&
	       read_delta(make, tx, page, &builds[CRL_DELTA], err);
}

static bool
close_builds(struct make *make, struct error *err)
{
	struct crl_terms terms = {
	    .issuer = make->issuer->tbs,
	    .shard = make->key.shard,
	    .number = make->lease.number,
	    .base_number = make->base.number,
	    .this_update_s = make->now_s,
	    .next_update_s = make->now_s + VALIDITY_S,
	};
	const struct crl_list list = {
	    .number = terms.number,
	    .this_update_s = terms.this_update_s,
	    .next_update_s = terms.next_update_s,
	    .status_seq = make->status_seq,
	};

	if (make->full && !crl_build_close(&make->builds[CRL_FULL], &terms, err))
		return false;
	if (make->full)
		make->made.lists[CRL_FULL] = list;
	make->made.lists[CRL_DELTA] = list;
	terms.delta = true;
	return crl_build_close(&make->builds[CRL_DELTA], &terms, err);
}

/* ---- on record ---- */

/* A leaf about these CRLs, by this node. */
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
record(const struct make *make, struct error *err)
{
	const struct crl_unrecorded list = {.number = make->lease.number,
	    .base_number = make->base.number,
	    .at_s = clock_now_s(make->options->clock),
	    .entries = make->full ? (int64_t)make->builds[CRL_FULL].entry_count : -1,
	    .changes = (int64_t)make->builds[CRL_DELTA].entry_count};

	return crl_make_record(make->options, make->issuer, make->key.shard, &list, err);
}

bool
crl_make_record(const struct crl_options *options, const struct issuer *issuer, int shard,
    const struct crl_unrecorded *list, struct error *err)
{
	struct leaf leaf;
	struct leaf_detail *detail = leaf.details;

	describe(options, issuer, shard, LEAF_CRL_PUBLISH, NULL, &leaf);
	leaf.at_s = list->at_s;
	*detail++ = (struct leaf_detail){.key = "number", .number = (int64_t)list->number};
	if (list->entries >= 0)
		*detail++ = (struct leaf_detail){.key = "entries", .number = list->entries};
	*detail++ = (struct leaf_detail){.key = "base", .number = (int64_t)list->base_number};
	if (list->changes >= 0)
		*detail = (struct leaf_detail){.key = "changes", .number = list->changes};
	return note_record(options->ledger, &leaf, err);
}

/* ---- signed and stored ---- */

struct entry_runs { /* context of next_entries() */
	struct crl_build *build;
	size_t at;
	uint8_t *room; /* KEEPER_CRL_CHUNK_MAX */
};

static bool
next_entries(void *context, struct bytes *out_entries, struct error *err)
{
	struct entry_runs *runs = context;
	size_t len;

	if (!crl_build_next(runs->build, &runs->at, runs->room, KEEPER_CRL_CHUNK_MAX, &len, err))
		return false;
	*out_entries = bytes_of(runs->room, len);
	if (len == 0)
		runs->at = 0; /* from the beginning after the empty run */
	return true;
}

bool
crl_make_sign(struct keeper_client *keeper, const struct issuer *issuer, struct crl_build *build,
    struct crl_file **out, struct error *err)
{
	DEFER(mem_free) uint8_t *room = xcalloc(1, KEEPER_CRL_CHUNK_MAX);
	struct entry_runs runs = {.build = build, .room = room};
	struct keeper_crl crl = {
	    .head = buf_bytes(&build->head),
	    .extensions = buf_bytes(&build->extensions),
	    .next_entries = next_entries,
	    .context = &runs,
	};
	uint8_t signature[KEY_SIGNATURE_MAX];
	size_t signature_len;

	memcpy(crl.issuer, issuer->id, sizeof crl.issuer);
	return keeper_sign_crl(keeper, &crl, signature, &signature_len, err) &&
	       crl_build_finish(build, bytes_of(signature, signature_len), out, err);
}

static bool
sign(struct make *make, enum crl_kind kind, struct error *err)
{
	struct crl_build *build = &make->builds[kind];

	if (!crl_make_sign(
		make->options->keeper, make->issuer, build, &make->made.files[kind], err))
		return false;
	make->made.ours[kind] = build->ours;
	make->made.entry_counts[kind] = build->entry_count;
	return true;
}

static bool
store(struct make *make, struct error *err)
{
	struct crl_publication publication = {
	    .key = make->key,
	    .node = make->options->node,
	    .number = make->lease.number,
	    .base = make->base,
	    .next_base = make->next_base,
	};

	for (int kind = 0; kind < CRL_KIND_COUNT; kind++) {
		if (make->made.files[kind] == NULL)
			continue;
		publication.lists[kind] = &make->made.lists[kind];
		publication.files[kind] = make->made.files[kind];
	}
	return crl_store_keep(make->options->db, &publication, &make->made.done, err);
}

/* Under the lease. Recorded first, signed second, as everything that is signed. */
static bool
run(struct make *make, struct error *err)
{
	make->full = make->full || make->lease.base.number == 0;
	crl_spooled_read(make->options->statuses, make->issuer, make->key.shard, &make->spooled);
	make->made.turn = make->spooled.turn;
	make->made.spooled = make->spooled.count > 0;
	return read_entries(make, err) && close_builds(make, err) && record(make, err) &&
	       (!make->full || sign(make, CRL_FULL, err)) && sign(make, CRL_DELTA, err) &&
	       store(make, err);
}

/* So that another node, whose keeper or disk works, need not wait for the end of the lease. */
static void
give_back(const struct make *make)
{
	struct error ignored = {0};

	(void)!crl_store_release(
	    make->options->db, make->key, make->options->node, make->lease.number, &ignored);
}

bool
crl_make(const struct crl_options *options, const struct issuer *issuer, int shard, bool full,
    struct crl_made *out, struct error *err)
{
	DEFER(make_clear)
	struct make make = {.options = options,
	    .issuer = issuer,
	    .key = {.issuer = issuer->id, .shard = shard},
	    .full = full,
	    .now_s = clock_now_s(options->clock)};

	if (!crl_store_lease(options->db, make.key, options->node, make.now_s, make.now_s + LEASE_S,
		&make.lease, err))
		return false;
	if (make.lease.number > 0 && !run(&make, err)) {
		give_back(&make);
		return false;
	}
	*out = make.made;
	make.made = (struct crl_made){0};
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
