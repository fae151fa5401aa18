/* rng: where randomness comes from. Injected, so that tests can repeat it. Thread-safe. */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
	void (*fill)(const struct rng *rng, uint8_t *out, size_t len);
	uint64_t seed; /* for rng_repeatable */
};

struct rng rng_system(void); /* libsodium's randombytes_buf */

/* The same octets for the same seed and `len`, at every call. Tests only. */
struct rng rng_repeatable(uint64_t seed);

static inline void
rng_fill(const struct rng *rng, uint8_t *out, size_t len)
{
	rng->fill(rng, out, len);
}

#endif
