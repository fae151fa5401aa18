#include "base/rng.h"

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
	return (struct rng){.fill = system_fill};
}

struct rng
rng_repeatable(uint64_t seed)
{
	return (struct rng){.fill = repeatable_fill, .seed = seed};
}
