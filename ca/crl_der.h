/*
 * crl_der: the DER of a certificate revocation list (RFC 5280 section 5) in the order in which it
 * streams: what stands before the entries, entries, extensions, signature. Pure.
 */
#ifndef CA_CRL_DER_H
#define CA_CRL_DER_H

#include "base/buf.h"
#include "base/error.h"
#include "ca/reason.h"
#include "ca/serial.h"
#include "ca/tbs.h"

struct crl_entry {
	uint8_t serial[SERIAL_BYTES];
	int64_t revoked_at_s;
	enum reason reason;
	bool removed; /* of a delta: no longer on hold, removeFromCRL; its reason does not count */
};

struct crl_terms {
	struct tbs_issuer issuer;
	int shard;
	bool whole_scope; /* no issuingDistributionPoint: all certificates of the issuer */
	uint64_t number;
	bool delta; /* what has changed since the full CRL `base_number` */
	uint64_t base_number;
	int64_t this_update_s, next_update_s;
};

#define CRL_ENTRY_MAX 64 /* octets of one */
#define CRL_ENTRY_MIN 39
/* Writes them, in their order, where there is room for count * CRL_ENTRY_MAX; returns how many
 * octets. */
size_t crl_der_entries(const struct crl_entry *entries, size_t count, uint8_t *out);
/* The end of the first whole entries that fit into len_max octets. */
size_t crl_der_run(struct bytes entries, size_t len_max);

/* Takes one off the front of whole entries of ours. False: there are no more. */
struct crl_entry_view {
	struct bytes octets;   /* of the whole entry, borrowed */
	const uint8_t *serial; /* SERIAL_BYTES of them */
	bool removed;
};
bool crl_der_next(struct bytes *inout_entries, struct crl_entry_view *out);

/* Appends the extensions element. */
void crl_der_extensions(const struct crl_terms *terms, struct buf *out);
/* Appends what precedes entries and extensions of these lengths; the TBSCertList begins with it. */
void crl_der_head(
    const struct crl_terms *terms, size_t entries_len, size_t extensions_len, struct buf *out);
/* Appends what follows a TBSCertList, */
void crl_der_tail(struct bytes signature, struct buf *out);
/* and what precedes TBSCertList and tail together. */
void crl_der_outer(size_t contents_len, struct buf *out);

#endif
