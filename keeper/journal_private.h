/* journal_private: what the writing and the reading half of a journal share. */
#ifndef KEEPER_JOURNAL_PRIVATE_H
#define KEEPER_JOURNAL_PRIVATE_H

#include <stdatomic.h>

#include "keeper/journal.h"
#include "keeper/journal_record.h"

struct journal {
	int fd;
	char origin[CHECKPOINT_ORIGIN_MAX + 1];
	uint8_t header_mac[RECORD_MAC_BYTES];
	struct secret *mac_key;
	uint64_t start; /* offset of the first record after the header */
	struct merkle tree;
	_Atomic uint64_t
	    end; /* offset after the last record; readers beside an append take it once */
	atomic_bool in_doubt;
	atomic_bool interrupted;
};

/* E_FILE_FAILED: "the journal cannot be <what>", with errno as the cause. */
bool journal_fail(struct error *err, const char *what);
/* Reads exactly `len` octets at `offset` of the file into `out`. E_FILE_FAILED, E_BAD_SYNTAX */
MUST_CHECK bool journal_read_at(
    const struct journal *journal, uint64_t offset, size_t len, struct buf *out, struct error *err);
/* The record that ends at `end`, its octets in `octets`. E_FILE_FAILED, E_BAD_SYNTAX */
MUST_CHECK bool journal_record_before(const struct journal *journal, uint64_t end,
    struct buf *octets, struct record *out, struct error *err);

#endif
