#include "base/buckets.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include <sodium.h>

#include "base/mem.h"

#define NS_PER_S INT64_C(1000000000)

struct place {
	uint64_t key;    /* its hash */
	int64_t full_ns; /* when the bucket is full again; past: nobody needs the place */
};

struct buckets {
	pthread_mutex_t mutex;
	struct bucket_rate rate;
	unsigned char hash_key[crypto_shorthash_KEYBYTES];
	size_t set_count;
	struct place *places;
};

struct buckets *
buckets_new(size_t count, const struct bucket_rate *rate, const struct rng *rng)
{
	struct buckets *buckets = xcalloc(1, sizeof *buckets);

	assert(count > 0 && count % BUCKETS_WAYS == 0);
	(void)pthread_mutex_init(&buckets->mutex, NULL);
	buckets->rate = *rate;
	rng_fill(rng, buckets->hash_key, sizeof buckets->hash_key);
	buckets->set_count = count / BUCKETS_WAYS;
	buckets->places = xcalloc(count, sizeof *buckets->places);
	return buckets;
}

void
buckets_free(struct buckets *buckets)
{
	if (buckets == NULL)
		return;
	(void)pthread_mutex_destroy(&buckets->mutex);
	free(buckets->places);
	free(buckets);
}

void
buckets_set_rate(struct buckets *buckets, const struct bucket_rate *rate)
{
	(void)pthread_mutex_lock(&buckets->mutex);
	if (buckets->rate.per_s != rate->per_s || buckets->rate.burst != rate->burst)
		memset(buckets->places, 0, /* instants of another rate mean nothing */
		    buckets->set_count * BUCKETS_WAYS * sizeof *buckets->places);
	buckets->rate = *rate;
	(void)pthread_mutex_unlock(&buckets->mutex);
}

static uint64_t
hash_of(const struct buckets *buckets, struct bytes key)
{
	unsigned char octets[crypto_shorthash_BYTES];
	uint64_t hash;

	static_assert(sizeof hash == sizeof octets, "SipHash-2-4 has 64 bits");
	(void)crypto_shorthash(octets, key.data, key.len, buckets->hash_key);
	memcpy(&hash, octets, sizeof hash);
	return hash;
}

/* The key's own place, or else the one that is full first. */
static struct place *
place_of(struct buckets *buckets, uint64_t hash)
{
	struct place *set = &buckets->places[hash % buckets->set_count * BUCKETS_WAYS];
	struct place *fullest = set;

	for (size_t i = 0; i < BUCKETS_WAYS; i++) {
		if (set[i].key == hash)
			return &set[i];
		if (set[i].full_ns < fullest->full_ns)
			fullest = &set[i];
	}
	return fullest;
}

static bool
take(struct buckets *buckets, uint64_t hash, int64_t cost, int64_t now_ns, int64_t *out_wait_ns)
{
	const struct bucket_rate rate = buckets->rate;
	const int64_t one_ns = rate.per_s > 0 ? NS_PER_S / rate.per_s : 0; /* until one more */
	const int64_t needed = cost < rate.burst ? cost : rate.burst;
	struct place *place;
	int64_t full_ns;

	if (rate.per_s == 0)
		return true;
	place = place_of(buckets, hash);
	full_ns = place->full_ns > now_ns ? place->full_ns : now_ns;
	*out_wait_ns = full_ns - now_ns - (rate.burst - needed) * one_ns;
	if (*out_wait_ns > 0)
		return false;
	place->key = hash;
	place->full_ns = full_ns + cost * one_ns;
	return true;
}

bool
buckets_take(
    struct buckets *buckets, struct bytes key, int64_t cost, int64_t now_us, int64_t *out_wait_us)
{
	const uint64_t hash = hash_of(buckets, key);
	int64_t wait_ns = 0;
	bool taken;

	assert(cost >= 1 && cost <= BUCKETS_COST_MAX);
	(void)pthread_mutex_lock(&buckets->mutex);
	taken = take(buckets, hash, cost, now_us * 1000, &wait_ns);
	(void)pthread_mutex_unlock(&buckets->mutex);
	if (!taken)
		*out_wait_us = (wait_ns + 999) / 1000;
	return taken;
}
