#include "ca/crl_build.h"

#include "base/mem.h"

enum {
	HEAD_ROOM = 2048, /* octets kept free in front of the entries; longer names are refused */
	OUTER_ROOM = 16,  /* of them, for the outer SEQUENCE's tag and length */
	RUN = 1000,       /* entries that are written at once: the buffer stays in the cache */
};

void
crl_build_clear(struct crl_build *build)
{
	crl_file_free(build->file);
	buf_clear_public(&build->head);
	buf_clear_public(&build->extensions);
	*build = (struct crl_build){0};
}

bool
crl_build_begin(struct crl_build *build, const char *dir, struct error *err)
{
	if (!crl_file_new(dir, HEAD_ROOM, &build->file, err))
		return false;
	build->entries_at = build->entries_end = HEAD_ROOM;
	return true;
}

bool
crl_build_add(
    struct crl_build *build, const struct crl_entry *entries, size_t count, struct error *err)
{
	DEFER(mem_free) uint8_t *room = xcalloc(RUN, CRL_ENTRY_MAX);

	for (size_t i = 0; i < count; i += RUN) {
		const size_t run = count - i < RUN ? count - i : RUN;
		const size_t len = crl_der_entries(entries + i, run, room);

		if (!crl_file_append(build->file, bytes_of(room, len), err))
			return false;
	}
	build->entries_end = crl_file_len(build->file);
	build->entry_count += count;
	return true;
}

bool
crl_build_copy(struct crl_build *build, struct bytes entry, struct error *err)
{
	if (!crl_file_append(build->file, entry, err))
		return false;
	build->entries_end = crl_file_len(build->file);
	build->entry_count++;
	return true;
}

bool
crl_build_close(struct crl_build *build, const struct crl_terms *terms, struct error *err)
{
	build->ours.base_number = terms->base_number;
	crl_der_extensions(terms, &build->extensions);
	crl_der_head(
	    terms, build->entries_end - build->entries_at, build->extensions.len, &build->head);
	if (build->head.len > HEAD_ROOM - OUTER_ROOM)
		return error_set(err, E_INTERNAL, "the authority's name is too long");
	return crl_file_append(build->file, buf_bytes(&build->extensions), err) &&
	       crl_file_begin(build->file, buf_bytes(&build->head), err);
}

bool
crl_build_next(struct crl_build *build, size_t *at, uint8_t *out, size_t len, size_t *out_len,
    struct error *err)
{
	const size_t left = build->entries_end - build->entries_at - *at;

	if (left < len)
		len = left;
	if (len > 0 && !crl_file_read(build->file, build->entries_at + *at, out, len, err))
		return false;
	*out_len = crl_der_run(bytes_of(out, len), len);
	*at += *out_len;
	return true;
}

bool
crl_build_finish(
    struct crl_build *build, struct bytes signature, struct crl_file **out, struct error *err)
{
	DEFER(buf_clear_public) struct buf tail = {0};
	DEFER(buf_clear_public) struct buf outer = {0};
	const size_t tbs_len =
	    build->head.len + (build->entries_end - build->entries_at) + build->extensions.len;

	crl_der_tail(signature, &tail);
	crl_der_outer(tbs_len + tail.len, &outer);
	if (!crl_file_append(build->file, buf_bytes(&tail), err) ||
	    !crl_file_begin(build->file, buf_bytes(&outer), err) ||
	    !crl_file_seal(build->file, err))
		return false;
	build->ours.entries_at = outer.len + build->head.len;
	build->ours.entries_len = build->entries_end - build->entries_at;
	*out = TAKE(build->file);
	return true;
}
