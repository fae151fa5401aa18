/* append: leaves with a certificate each, as the ledger sends them to the keeper. */
#ifndef TESTS_BENCH_APPEND_H
#define TESTS_BENCH_APPEND_H

#include "keeper/client.h"
#include "tests/integration/keeper/attack.h"

#define APPEND_ENTRIES 128

struct append {
	size_t count; /* at most APPEND_ENTRIES */
	struct buf leaves[APPEND_ENTRIES];
	struct tlv tbs[APPEND_ENTRIES];
	uint8_t nonces[APPEND_ENTRIES][COMMITMENT_NONCE_BYTES];
	struct keeper_entry entries[APPEND_ENTRIES];
	struct keeper_signed results[APPEND_ENTRIES];
};

/* A client of the keeper's process, which it takes over. */
struct keeper_client *append_client(struct attack *attack);
/* Honest ones, from this leaf on. */
void append_fill(const struct attack *attack, uint64_t first_seq, size_t count, struct append *out);
/* To the keeper and back; dies unless all are signed. */
void append_run(struct keeper_client *client, uint64_t first_seq, struct append *append);
void append_free(struct append *append);
DEFER_DECLARE(struct append, append_free)

#endif
