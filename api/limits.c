#include "api/limits.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

/* Places: devices and tokens are many, but one that is full again needs none. */
static const size_t PLACES[LIMIT_CLASS_COUNT] = {
    [LIMIT_ADDRESS] = 65536,
    [LIMIT_TOKEN] = 16384,
    [LIMIT_DEVICE] = 65536,
    [LIMIT_STATION] = 4096,
    [LIMIT_VERIFIER] = 4096,
    [LIMIT_OPERATOR] = 4096,
    [LIMIT_EVALUATION] = 4096,
};

struct limiter {
	struct buckets *of[LIMIT_CLASS_COUNT];
};

struct limiter *
limiter_new(const struct limits *limits, const struct rng *rng)
{
	struct limiter *limiter = xcalloc(1, sizeof *limiter);

	for (size_t i = 0; i < LIMIT_CLASS_COUNT; i++)
		limiter->of[i] = buckets_new(PLACES[i], &limits->of[i], rng);
	return limiter;
}

void
limiter_free(struct limiter *limiter)
{
	if (limiter == NULL)
		return;
	for (size_t i = 0; i < LIMIT_CLASS_COUNT; i++)
		buckets_free(limiter->of[i]);
	free(limiter);
}

void
limiter_set(struct limiter *limiter, const struct limits *limits)
{
	for (size_t i = 0; i < LIMIT_CLASS_COUNT; i++)
		buckets_set_rate(limiter->of[i], &limits->of[i]);
}

static bool
take(struct limiter *limiter, enum limit_class class, struct bytes key, int64_t cost,
    struct error *err)
{
	int64_t wait_us = 0;

	if (limiter == NULL ||
	    buckets_take(limiter->of[class], key, cost, clock_monotonic_us(), &wait_us))
		return true;
	(void)error_set(err, E_RATE_LIMITED, "more requests than are allowed in this time");
	err->retry_after_s = (int)((wait_us + 999999) / 1000000);
	return false;
}

bool
limiter_address(struct limiter *limiter, const uint8_t network[static LIMITER_NETWORK_BYTES],
    int64_t cost, struct error *err)
{
	return take(limiter, LIMIT_ADDRESS, bytes_of(network, LIMITER_NETWORK_BYTES), cost, err);
}

/* Of several roles the one that needs most. */
static enum limit_class
class_of(const struct caller *caller)
{
	if ((caller->mask & ROLE_STATION) != 0)
		return LIMIT_STATION;
	return (caller->mask & ROLE_VERIFIER) != 0 ? LIMIT_VERIFIER : LIMIT_OPERATOR;
}

bool
limiter_caller(
    struct limiter *limiter, const struct caller *caller, int64_t cost, struct error *err)
{
	if (caller->kind == CALLER_IS_DEVICE)
		return take(limiter, LIMIT_DEVICE,
		    bytes_of(caller->spki_sha256, sizeof caller->spki_sha256), cost, err);
	return take(
	    limiter, class_of(caller), bytes_of(&caller->person, sizeof caller->person), cost, err);
}

bool
limiter_evaluation(
    struct limiter *limiter, const struct caller *caller, int64_t points, struct error *err)
{
	return take(limiter, LIMIT_EVALUATION, bytes_of(&caller->person, sizeof caller->person),
	    points, err);
}

bool
limiter_token(struct limiter *limiter, const char *token, struct error *err)
{
	return take(limiter, LIMIT_TOKEN, bytes_of_text(token), 1, err);
}
