#include "base/rng.h"

#include <stdlib.h>

#include <sodium.h>

static void
system_fill(const struct rng *rng, uint8_t *out, size_t len)
{
	(void)rng;
	randombytes_buf(out, len);
}

static void
repeatable_fill(const struct rng *rng, uint8_t *out, size_t len)
{
	uint8_t seed[randombytes_SEEDBYTES] = {0};

	for (int i = 0; i < 8; i++)
		seed[i] = (uint8_t)(rng->seed >> (8 * i));
	randombytes_buf_deterministic(out, len, seed);
}

struct rng
rng_system(void)
{
	/* Only afterwards may several threads draw at once. */
	if (sodium_init() < 0)
		abort();
	return (struct rng){.fill = system_fill};
}

struct rng
rng_repeatable(uint64_t seed)
{
	return (struct rng){.fill = repeatable_fill, .seed = seed};
}
