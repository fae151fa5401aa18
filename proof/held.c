#include "proof/held.h"

#include "proof/leaf.h"
#include "proof/scan.h"

static void
advance(struct held *held)
{
	struct scan in = {held->rest};

	held->line = (struct bytes){0};
	held->seq = INT64_MAX;
	if (in.rest.len == 0)
		return;
	if (!scan_line(&in, &held->line)) { /* the last has no newline */
		held->line = in.rest;
		in.rest = (struct bytes){0};
	}
	held->rest = in.rest;
	in = (struct scan){held->line};
	if (!scan_literal(&in, "{\"seq\":") || !scan_number(&in, &held->seq))
		held->seq = -1;
}

struct held
held_from(struct bytes lines)
{
	struct held held = {.rest = lines};

	advance(&held);
	return held;
}

enum held_verdict
held_next(struct held *held, int64_t seq, const uint8_t hash[static SHA256_BYTES])
{
	uint8_t own[SHA256_BYTES];
	bool other = false, found;

	for (; held->seq < seq; advance(held))
		other = true;
	found = held->seq == seq;
	held->begun = held->begun || found || other;
	if (found) {
		leaf_hash(held->line, own);
		other = other || memcmp(own, hash, sizeof own) != 0;
		advance(held);
	}
	if (other || found)
		return other ? HELD_OTHER : HELD_SAME;
	if (held->seq == INT64_MAX)
		return HELD_AFTER;
	return held->begun ? HELD_MISSING : HELD_BEFORE;
}
