#include "ca/crl_spooled.h"

#include <stdlib.h>

#include "base/mem.h"
#include "keeper/crl_numbers.h"

#define PIECE_BYTES ((size_t)65536)

/* ---- what is spooled ---- */

static int
by_serial(const void *a, const void *b)
{
	const struct crl_entry *one = a, *other = b;

	return memcmp(one->serial, other->serial, SERIAL_BYTES);
}

static bool
is_of(const struct status_entry *entry, const struct issuer *issuer, int shard)
{
	return entry->state == CERTIFICATE_REVOKED &&
	       memcmp(entry->issuer, issuer->id, ISSUER_ID_BYTES) == 0 &&
	       serial_shard(entry->serial, issuer->shard_count) == shard;
}

void
crl_spooled_read(
    struct status_index *statuses, const struct issuer *issuer, int shard, struct crl_spooled *out)
{
	DEFER(mem_free) struct status_entry *forced = NULL;
	size_t count = 0;

	crl_spooled_clear(out);
	if (statuses == NULL)
		return;
	status_index_forced(statuses, &forced, &count, &out->turn);
	out->entries = xcalloc(count + 1, sizeof *out->entries);
	out->listed = xcalloc(count + 1, sizeof *out->listed);
	for (size_t i = 0; i < count; i++) {
		struct crl_entry *entry = &out->entries[out->count];

		if (!is_of(&forced[i], issuer, shard))
			continue;
		memcpy(entry->serial, forced[i].serial, sizeof entry->serial);
		entry->revoked_at_s = forced[i].at_s;
		entry->reason = forced[i].reason;
		out->count++;
	}
	qsort(out->entries, out->count, sizeof *out->entries, by_serial);
}

void
crl_spooled_clear(struct crl_spooled *spooled)
{
	free(spooled->entries);
	free(spooled->listed);
	*spooled = (struct crl_spooled){0};
}

static const struct crl_entry *
find(const struct crl_spooled *spooled, const uint8_t *serial)
{
	struct crl_entry key = {0};

	memcpy(key.serial, serial, sizeof key.serial);
	return spooled->count == 0 ? NULL
				   : bsearch(&key, spooled->entries, spooled->count,
					 sizeof *spooled->entries, by_serial);
}

void
crl_spooled_begin(struct crl_spooled *spooled)
{
	if (spooled->count > 0)
		memset(spooled->listed, 0, spooled->count * sizeof *spooled->listed);
}

void
crl_spooled_merge(struct crl_spooled *spooled, struct crl_entry *entries, size_t count)
{
	for (size_t i = 0; i < count && spooled->count > 0; i++) {
		const struct crl_entry *found = find(spooled, entries[i].serial);

		if (found == NULL)
			continue;
		spooled->listed[found - spooled->entries] = true;
		if (entries[i].removed || entries[i].reason == REASON_HOLD)
			entries[i] = *found;
	}
}

bool
crl_spooled_add(const struct crl_spooled *spooled, struct crl_build *build, struct error *err)
{
	for (size_t i = 0; i < spooled->count; i++)
		if (!spooled->listed[i] && !crl_build_add(build, &spooled->entries[i], 1, err))
			return false;
	return true;
}

/* ---- lists from those in force ---- */

struct making {
	const struct crl_options *options;
	const struct issuer *issuer;
	const struct crl_view *served; /* CRL_KIND_COUNT */
	struct crl_spooled *spooled;
	struct crl_spooled changed; /* serial numbers of the delta, where the full CRL is older */
	struct crl_terms terms;
	struct crl_build builds[CRL_KIND_COUNT];
	struct crl_made made;
};

static void
making_clear(struct making *making)
{
	for (int kind = 0; kind < CRL_KIND_COUNT; kind++)
		crl_build_clear(&making->builds[kind]);
	crl_spooled_clear(&making->changed);
	crl_made_clear(&making->made);
}
DEFER_DECLARE_CLEAR(struct making, making_clear)

/* The delta is no older than the full CRL, and says what has changed since one that is not newer.
 * Of lists that were kept, a crash may have left others. */
static bool
fit_together(const struct crl_info *full, const struct crl_info *delta)
{
	return delta->number >= full->number && delta->ours.base_number <= full->number;
}

uint64_t
crl_spooled_number(
    const struct crl_view served[static CRL_KIND_COUNT], uint64_t tried, int64_t now_s)
{
	const struct crl_info *delta = &served[CRL_DELTA].info;
	const uint64_t last = delta->number > tried ? delta->number : tried;

	for (int kind = 0; kind < CRL_KIND_COUNT; kind++)
		if (served[kind].info.ours.base_number == 0 ||
		    served[kind].info.next_update_s <= now_s)
			return 0;
	if (!fit_together(&served[CRL_FULL].info, delta))
		return 0;
	return (last + 1) % CRL_NUMBERS_PER_S == 0 ? 0 : last + 1;
}

typedef bool entry_fn(void *context, const struct crl_entry_view *entry, struct error *err);

static bool
each_entry(const struct crl_view *view, entry_fn *fn, void *context, struct error *err)
{
	DEFER(mem_free) uint8_t *piece = xcalloc(1, PIECE_BYTES);
	const struct crl_ours *ours = &view->info.ours;
	size_t at = 0, run = 1;

	for (; at < ours->entries_len && run > 0; at += run) {
		const size_t left = ours->entries_len - at;
		const size_t len = left < PIECE_BYTES ? left : PIECE_BYTES;
		struct crl_entry_view entry;
		struct bytes entries;

		if (!crl_file_copy(view->der, ours->entries_at + at, piece, len, err))
			return false;
		run = crl_der_run(bytes_of(piece, len), len);
		entries = bytes_of(piece, run);
		while (crl_der_next(&entries, &entry))
			if (!fn(context, &entry, err))
				return false;
	}
	return at == ours->entries_len ||
	       error_set(err, E_INTERNAL, "a list of ours cannot be read");
}

static bool
note_changed(void *context, const struct crl_entry_view *entry, struct error *err)
{
	struct crl_spooled *changed = context;

	(void)err;
	memcpy(changed->entries[changed->count++].serial, entry->serial, SERIAL_BYTES);
	return true;
}

/* The full CRL is made less often than the delta: what has changed since is in that one. */
static bool
read_changed(struct making *making, struct error *err)
{
	const struct crl_view *delta = &making->served[CRL_DELTA];
	const size_t most = delta->info.ours.entries_len / CRL_ENTRY_MIN;

	if (delta->info.number == making->served[CRL_FULL].info.number)
		return true;
	making->changed.entries = xcalloc(most + 1, sizeof *making->changed.entries);
	if (!each_entry(delta, note_changed, &making->changed, err))
		return false;
	qsort(making->changed.entries, making->changed.count, sizeof *making->changed.entries,
	    by_serial);
	return true;
}

static bool
copy_full(void *context, const struct crl_entry_view *entry, struct error *err)
{
	struct making *making = context;

	return find(making->spooled, entry->serial) != NULL ||
	       find(&making->changed, entry->serial) != NULL ||
	       crl_build_copy(&making->builds[CRL_FULL], entry->octets, err);
}

static bool
copy_changed(void *context, const struct crl_entry_view *entry, struct error *err)
{
	struct making *making = context;

	return entry->removed || find(making->spooled, entry->serial) != NULL ||
	       crl_build_copy(&making->builds[CRL_FULL], entry->octets, err);
}

static bool
copy_delta(void *context, const struct crl_entry_view *entry, struct error *err)
{
	struct making *making = context;

	return find(making->spooled, entry->serial) != NULL ||
	       crl_build_copy(&making->builds[CRL_DELTA], entry->octets, err);
}

static bool
copy_all(struct making *making, struct error *err)
{
	const struct crl_view *full = &making->served[CRL_FULL];
	const struct crl_view *delta = &making->served[CRL_DELTA];

	return each_entry(full, copy_full, making, err) &&
	       (making->changed.count == 0 || each_entry(delta, copy_changed, making, err)) &&
	       each_entry(delta, copy_delta, making, err);
}

static bool
make_one(struct making *making, enum crl_kind kind, struct error *err)
{
	const struct crl_info *served = &making->served[kind].info;
	struct crl_build *build = &making->builds[kind];

	making->terms.delta = kind == CRL_DELTA;
	making->terms.base_number = served->ours.base_number;
	making->terms.next_update_s = served->next_update_s;
	making->made.lists[kind] = (struct crl_list){.number = making->terms.number,
	    .this_update_s = making->terms.this_update_s,
	    .next_update_s = making->terms.next_update_s};
	if (!crl_spooled_add(making->spooled, build, err) ||
	    !crl_build_close(build, &making->terms, err) ||
	    !crl_make_sign(
		making->options->keeper, making->issuer, build, &making->made.files[kind], err))
		return false;
	making->made.ours[kind] = build->ours;
	making->made.entry_counts[kind] = build->entry_count;
	return true;
}

bool
crl_spooled_make(const struct crl_options *options, const struct crl_spooled_base *base,
    struct crl_spooled *spooled, struct crl_made *out, struct error *err)
{
	DEFER(making_clear)
	struct making making = {.options = options,
	    .issuer = base->issuer,
	    .served = base->served,
	    .spooled = spooled,
	    .terms = {.issuer = base->issuer->tbs,
		.shard = base->shard,
		.number = base->number,
		.this_update_s = clock_now_s(options->clock)},
	    .made = {.done = true, .turn = spooled->turn, .spooled = true}};

	crl_spooled_begin(spooled);
	for (int kind = 0; kind < CRL_KIND_COUNT; kind++)
		if (!crl_build_begin(&making.builds[kind], options->dir, err))
			return false;
	if (!read_changed(&making, err) || !copy_all(&making, err) ||
	    !make_one(&making, CRL_FULL, err) || !make_one(&making, CRL_DELTA, err))
		return false;
	*out = making.made;
	making.made = (struct crl_made){0};
	return true;
}
