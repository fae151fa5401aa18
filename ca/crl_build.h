/*
 * crl_build: the DER of one CRL, put together in one place in memory so that a list of a million
 * entries exists once: entries first, then what stands before and after them.
 */
#ifndef CA_CRL_BUILD_H
#define CA_CRL_BUILD_H

#include "base/buf.h"
#include "base/error.h"
#include "ca/reason.h"
#include "ca/serial.h"
#include "ca/tbs.h"

struct crl_entry {
	uint8_t serial[SERIAL_BYTES];
	int64_t revoked_at_s;
	enum reason reason;
};

struct crl_terms {
	struct tbs_issuer issuer;
	int shard;
	bool whole_scope; /* no issuingDistributionPoint: all certificates of the issuer */
	uint64_t number;
	int64_t this_update_s, next_update_s;
};

struct crl_build { /* zero-initialised by the caller */
	struct buf der;
	size_t start;      /* of the TBSCertList, and after crl_build_finish() of the CRL, in der */
	size_t entries_at; /* where entries begin */
	size_t entries_end;
	size_t entry_count;
};
void crl_build_clear(struct crl_build *build);
DEFER_DECLARE_CLEAR(struct crl_build, crl_build_clear)

/* In any number of runs, before crl_build_close(). */
void crl_build_add(struct crl_build *build, const struct crl_entry *entries, size_t count);
/* Completes the TBSCertList. E_INTERNAL: names too long */
MUST_CHECK bool crl_build_close(
    struct crl_build *build, const struct crl_terms *terms, struct error *err);

/* After crl_build_close(): the three parts that keeper/check.h names, borrowed. */
struct bytes crl_build_head(const struct crl_build *build);
struct bytes crl_build_entries(const struct crl_build *build);
struct bytes crl_build_extensions(const struct crl_build *build);
/* The end of the first whole entries after `from` that fit into len_max octets; offsets into the
 * entries. */
size_t crl_build_run(const struct crl_build *build, size_t from, size_t len_max);

/* Appends algorithm and signature, and puts the outer header in front. */
void crl_build_finish(struct crl_build *build, struct bytes signature);
/* The whole CRL, borrowed. */
struct bytes crl_build_der(const struct crl_build *build);

/* What a CRL says of itself, for one read back from the database. E_INTERNAL: it is not one */
MUST_CHECK bool crl_number_of(struct bytes der, uint64_t *out_number, struct error *err);

#endif
