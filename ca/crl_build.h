/*
 * crl_build: one CRL put together in a file: entries as they come, then what stands before and
 * after them. Whoever signs has it streamed to him; at no time is it whole in memory.
 */
#ifndef CA_CRL_BUILD_H
#define CA_CRL_BUILD_H

#include "ca/crl_der.h"
#include "ca/crl_file.h"

/*
 * What the maker of a list knows of it, to make the next one from it (ca/crl_spooled.h). All 0:
 * another node has made it.
 */
struct crl_ours {
	uint64_t base_number;           /* of the delta that was made with it */
	size_t entries_at, entries_len; /* in its DER */
};

struct crl_build { /* zero-initialised by the caller */
	struct crl_file *file;
	struct buf head, extensions;    /* after crl_build_close() */
	size_t entries_at, entries_end; /* in the file */
	size_t entry_count;
	struct crl_ours ours; /* after crl_build_finish() */
};
void crl_build_clear(struct crl_build *build);
DEFER_DECLARE_CLEAR(struct crl_build, crl_build_clear)

/* All of these: E_FILE_FAILED. `dir`: where its file lies, without a name. */
MUST_CHECK bool crl_build_begin(struct crl_build *build, const char *dir, struct error *err);
/* In any number of runs. */
MUST_CHECK bool crl_build_add(
    struct crl_build *build, const struct crl_entry *entries, size_t count, struct error *err);
/* One as it stands in a list of ours. */
MUST_CHECK bool crl_build_copy(struct crl_build *build, struct bytes entry, struct error *err);
/* Completes the TBSCertList: head, entries, extensions, as keeper/check.h has them. E_INTERNAL:
 * names too long */
MUST_CHECK bool crl_build_close(
    struct crl_build *build, const struct crl_terms *terms, struct error *err);

/*
 * Reads the next whole entries, at most `len` octets, into `out`. *at is 0 at first, and
 * *out_len 0 at the end.
 */
MUST_CHECK bool crl_build_next(struct crl_build *build, size_t *at, uint8_t *out, size_t len,
    size_t *out_len, struct error *err);

/* Appends algorithm and signature and seals the file: it is the CRL, and the caller's. */
MUST_CHECK bool crl_build_finish(
    struct crl_build *build, struct bytes signature, struct crl_file **out, struct error *err);

#endif
