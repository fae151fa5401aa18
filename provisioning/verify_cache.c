#include "provisioning/verify_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <sodium.h>

#include "base/mem.h"

enum {
	WAYS = 8,
	BUCKET_COUNT = VERIFY_CACHE_MAX / WAYS,
	LOCK_COUNT = 64,
};

struct entry {
	uint8_t key[VERIFY_CACHE_KEY_BYTES];
	struct verify_cached cached;
};

/* What a search looks at lies together: it touches two places of memory, not nine. */
struct bucket {
	_Atomic(uint32_t) tags[WAYS]; /* of the keys; 0: nothing is here. Written under the lock */
	uint32_t used[WAYS];          /* by the lock's count of uses, which may wrap */
	struct entry entries[WAYS];
};

struct lock {
	_Alignas(64) pthread_mutex_t mutex;
	uint32_t uses;
};

struct verify_cache {
	struct lock locks[LOCK_COUNT];
	struct bucket *buckets;
	uint8_t hash_keys[2][crypto_shorthash_siphashx24_KEYBYTES]; /* [1]: of escaped texts */
};

_Static_assert(VERIFY_CACHE_KEY_BYTES == crypto_shorthash_siphashx24_BYTES, "128 bits");

struct verify_cache *
verify_cache_new(void)
{
	struct verify_cache *cache = xcalloc(1, sizeof *cache);

	for (size_t i = 0; i < LOCK_COUNT; i++)
		(void)pthread_mutex_init(&cache->locks[i].mutex, NULL);
	randombytes_buf(cache->hash_keys, sizeof cache->hash_keys);
	cache->buckets = xcalloc(BUCKET_COUNT, sizeof *cache->buckets);
	return cache;
}

void
verify_cache_free(struct verify_cache *cache)
{
	if (cache == NULL)
		return;
	for (size_t i = 0; i < LOCK_COUNT; i++)
		(void)pthread_mutex_destroy(&cache->locks[i].mutex);
	free(cache->buckets);
	sodium_memzero(cache->hash_keys, sizeof cache->hash_keys);
	free(cache);
}

void
verify_cache_key(const struct verify_cache *cache, struct bytes text, bool escaped,
    uint8_t out[static VERIFY_CACHE_KEY_BYTES])
{
	(void)crypto_shorthash_siphashx24(
	    out, text.data, text.len, cache->hash_keys[escaped ? 1 : 0]);
}

static size_t
bucket_of(const uint8_t *key)
{
	uint32_t number;

	memcpy(&number, key, sizeof number);
	return number % BUCKET_COUNT;
}

static uint32_t
tag_of(const uint8_t *key)
{
	uint32_t tag;

	memcpy(&tag, key + sizeof tag, sizeof tag);
	return tag == 0 ? 1 : tag;
}

static uint32_t
tag_at(const struct bucket *bucket, size_t way)
{
	return atomic_load_explicit(&bucket->tags[way], memory_order_relaxed);
}

void
verify_cache_near_bucket(
    const struct verify_cache *cache, const uint8_t key[static VERIFY_CACHE_KEY_BYTES])
{
	__builtin_prefetch(&cache->buckets[bucket_of(key)].tags[0], 1);
	__builtin_prefetch(&cache->buckets[bucket_of(key)].used[WAYS - 1], 1);
}

/* Without the lock: at worst it is another entry that comes near. */
void
verify_cache_near_entry(
    const struct verify_cache *cache, const uint8_t key[static VERIFY_CACHE_KEY_BYTES])
{
	const struct bucket *bucket = &cache->buckets[bucket_of(key)];
	const uint32_t tag = tag_of(key);

	for (size_t i = 0; i < WAYS; i++)
		if (tag_at(bucket, i) == tag) {
			__builtin_prefetch(&bucket->entries[i]);
			__builtin_prefetch((const uint8_t *)&bucket->entries[i + 1] - 1);
		}
}

/* The way with this key, or the one whose place it would take. */
static size_t
seek(const struct bucket *bucket, const uint8_t *key, uint32_t uses, bool *out_found)
{
	const uint32_t tag = tag_of(key);
	size_t oldest = 0;

	*out_found = true;
	for (size_t i = 0; i < WAYS; i++)
		if (tag_at(bucket, i) == tag &&
		    memcmp(bucket->entries[i].key, key, VERIFY_CACHE_KEY_BYTES) == 0)
			return i;
	*out_found = false;
	for (size_t i = 0; i < WAYS; i++) {
		if (tag_at(bucket, i) == 0)
			return i;
		if (uses - bucket->used[i] > uses - bucket->used[oldest])
			oldest = i;
	}
	return oldest;
}

bool
verify_cache_find(struct verify_cache *cache, const uint8_t key[static VERIFY_CACHE_KEY_BYTES],
    int64_t trust, struct verify_cached *out)
{
	const size_t number = bucket_of(key);
	struct bucket *bucket = &cache->buckets[number];
	struct lock *lock = &cache->locks[number % LOCK_COUNT];
	size_t way;
	bool found;

	(void)pthread_mutex_lock(&lock->mutex);
	way = seek(bucket, key, lock->uses, &found);
	found = found && bucket->entries[way].cached.trust == trust;
	if (found) {
		bucket->used[way] = ++lock->uses;
		*out = bucket->entries[way].cached;
	}
	(void)pthread_mutex_unlock(&lock->mutex);
	return found;
}

void
verify_cache_put(struct verify_cache *cache, const uint8_t key[static VERIFY_CACHE_KEY_BYTES],
    const struct verify_cached *cached)
{
	const size_t number = bucket_of(key);
	struct bucket *bucket = &cache->buckets[number];
	struct lock *lock = &cache->locks[number % LOCK_COUNT];
	size_t way;
	bool found;

	(void)pthread_mutex_lock(&lock->mutex);
	way = seek(bucket, key, lock->uses, &found);
	atomic_store_explicit(&bucket->tags[way], tag_of(key), memory_order_relaxed);
	bucket->used[way] = ++lock->uses;
	memcpy(bucket->entries[way].key, key, VERIFY_CACHE_KEY_BYTES);
	bucket->entries[way].cached = *cached;
	(void)pthread_mutex_unlock(&lock->mutex);
}
