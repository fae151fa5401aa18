/* journal_record: the octets of one record of a journal, and of its first one, the header. Pure. */
#ifndef KEEPER_JOURNAL_RECORD_H
#define KEEPER_JOURNAL_RECORD_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "base/secret.h"
#include "keeper/journal.h"
#include "proof/merkle.h"

#define RECORD_MAC_BYTES 32
#define RECORD_MAGIC_BYTES 8
#define RECORD_LEAD_BYTES 24    /* magic, length, first_seq, count */
#define RECORD_TRAILER_BYTES 12 /* length, magic */
#define RECORD_MIN (RECORD_LEAD_BYTES + 2 + 8 + RECORD_MAC_BYTES + RECORD_TRAILER_BYTES)
#define RECORD_MAX JOURNAL_RECORD_MAX
#define HEADER_MAX (8 + 4 + 2 + CHECKPOINT_ORIGIN_MAX + RECORD_MAC_BYTES + RECORD_TRAILER_BYTES)

/* The header; its MAC goes to out_mac, for the records' MACs begin with it. */
void header_encode(const char *origin, const struct secret *mac_key, struct buf *out,
    uint8_t out_mac[static RECORD_MAC_BYTES]);
/* Whether `start` begins with an authentic header; *out_len is its length. */
MUST_CHECK bool header_parse(struct bytes start, const struct secret *mac_key,
    char out_origin[static CHECKPOINT_ORIGIN_MAX + 1], uint8_t out_mac[static RECORD_MAC_BYTES],
    size_t *out_len);

struct record { /* borrowed from the octets it was parsed from */
	uint64_t first_seq;
	uint32_t count;
	struct bytes leaves; /* count times length(2) and octets */
	struct merkle tree;  /* after it */
};

/* The octets of a record; `tree` is the one after it. */
void record_encode(const struct bytes *leaves, size_t count, const struct merkle *tree,
    const uint8_t header_mac[static RECORD_MAC_BYTES], const struct secret *mac_key,
    struct buf *out);
/* Whether `whole` is exactly one authentic record. */
MUST_CHECK bool record_parse(struct bytes whole, const uint8_t header_mac[static RECORD_MAC_BYTES],
    const struct secret *mac_key, struct record *out);

/* The length that a record's first 12 octets announce; 0: they begin none. */
size_t record_lead_len(struct bytes lead);
/* The length that the last 12 octets of a record announce; 0: they end none. */
size_t record_trailer_len(struct bytes trailer);
/* Whether `tail` is the beginning of a record, cut short. */
bool record_is_cut(struct bytes tail);

#endif
