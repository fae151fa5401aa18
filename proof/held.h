/*
 * held: leaves of a log that somebody has, one JSON object a line, held against the log's own: what
 * the database or the service gives now, or what an auditor kept.
 *
 * They are in order of `seq`; they may begin later and end earlier than the log, but have no gap.
 */
#ifndef PROOF_HELD_H
#define PROOF_HELD_H

#include "base/bytes.h"
#include "base/hash.h"

enum held_verdict {
	HELD_SAME,
	HELD_BEFORE,  /* those that are held begin later */
	HELD_AFTER,   /* they end earlier */
	HELD_MISSING, /* those before and after it are there */
	HELD_OTHER,   /* it has other octets */
};

struct held {
	struct bytes rest; /* borrowed: lines that are still to come */
	struct bytes line; /* the next */
	int64_t seq;       /* of it; INT64_MAX: there is none */
	bool begun;
};

struct held held_from(struct bytes lines);
/* Of the log's leaf `seq`, by its hash; asked in order. A line that says no `seq`, or one that was,
 * makes it OTHER. */
enum held_verdict held_next(
    struct held *held, int64_t seq, const uint8_t hash[static SHA256_BYTES]);

#endif
