/*
 * limits: how many requests a second each caller and each client address may send.
 *
 * Beside the refusal of what is too much, nothing is decided here: a limit keeps one from taking
 * everybody's share. One table of buckets for each class, so that a flood of one cannot crowd out
 * another's.
 */
#ifndef API_LIMITS_H
#define API_LIMITS_H

#include "api/caller.h"
#include "base/buckets.h"

enum limit_class {
	LIMIT_ADDRESS,    /* requests of one client address; IPv6: of one /64 */
	LIMIT_TOKEN,      /* enrollments with one token */
	LIMIT_DEVICE,     /* requests of one device's key */
	LIMIT_STATION,    /* requests of one person or station with the role `station` */
	LIMIT_VERIFIER,   /* with the role `verifier`, and not `station` */
	LIMIT_OPERATOR,   /* with neither */
	LIMIT_EVALUATION, /* points that one person or station lets the keeper evaluate */
	LIMIT_CLASS_COUNT
};

struct limits {
	struct bucket_rate of[LIMIT_CLASS_COUNT];
};

struct limiter;
struct limiter *limiter_new(const struct limits *limits, const struct rng *rng);
void limiter_free(struct limiter *limiter);
DEFER_DECLARE(struct limiter, limiter_free)
/* From now on. Any thread. */
void limiter_set(struct limiter *limiter, const struct limits *limits);

/*
 * Counts `cost` requests; any thread, never blocks. `limiter` NULL: there are no limits.
 * E_RATE_LIMITED   with retry_after_s; nothing was counted
 */
#define LIMITER_NETWORK_BYTES 9 /* 4 or 6, then the address or the prefix */
MUST_CHECK bool limiter_address(struct limiter *limiter,
    const uint8_t network[static LIMITER_NETWORK_BYTES], int64_t cost, struct error *err);
/* Of a caller with a credential. */
MUST_CHECK bool limiter_caller(
    struct limiter *limiter, const struct caller *caller, int64_t cost, struct error *err);
/* Beside its requests: hardware tags that a caller makes blind. */
MUST_CHECK bool limiter_evaluation(
    struct limiter *limiter, const struct caller *caller, int64_t points, struct error *err);
MUST_CHECK bool limiter_token(struct limiter *limiter, const char *token, struct error *err);

#endif
