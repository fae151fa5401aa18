/*
 * buckets: token buckets by key, in a table of fixed size.
 *
 * A key's place is a keyed hash, so nobody can choose whose neighbor to be. A bucket is one
 * instant: when it will be full again. One that is full is as good as none, so it needs no place;
 * where all places of a set are taken, a newcomer takes that of the fullest bucket and goes on
 * with what it holds. So many keys exhaust no memory, and crowding a bucket out frees nobody: what
 * passes through one set is bounded, whatever the number of keys.
 */
#ifndef BASE_BUCKETS_H
#define BASE_BUCKETS_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/defer.h"
#include "base/rng.h"

#define BUCKETS_WAYS 8 /* places of a set */

struct bucket_rate {
	int64_t per_s; /* 0: no limit; at most BUCKETS_PER_S_MAX */
	int64_t burst; /* of a full bucket: 1 to BUCKETS_BURST_MAX */
};
#define BUCKETS_PER_S_MAX 1000000
#define BUCKETS_BURST_MAX 10000000
#define BUCKETS_COST_MAX 1000000

struct buckets;
/* `count` places, a multiple of BUCKETS_WAYS; 16 octets each. */
struct buckets *buckets_new(size_t count, const struct bucket_rate *rate, const struct rng *rng);
void buckets_free(struct buckets *buckets);
DEFER_DECLARE(struct buckets, buckets_free)

/* From now on; when it is another rate, every bucket is full at first. Any thread. */
void buckets_set_rate(struct buckets *buckets, const struct bucket_rate *rate);

/*
 * Takes `cost` (1 to BUCKETS_COST_MAX) from the key's bucket at the monotonic instant now_us. A
 * cost above the burst needs a full bucket and leaves a debt. False: nothing was taken, and
 * *out_wait_us is how long it will be until it could. Any thread.
 */
bool buckets_take(
    struct buckets *buckets, struct bytes key, int64_t cost, int64_t now_us, int64_t *out_wait_us);

#endif
