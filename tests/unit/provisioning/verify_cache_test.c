#include "tests/support/cmocka_all.h"

#include <pthread.h>
#include <stdlib.h>

#include "provisioning/verify_cache.h"

#define TRUST 7

static const struct issuer *const ISSUER = (const struct issuer *)&ISSUER; /* never looked into */

static struct verify_cached
cached_of(uint32_t number)
{
	struct verify_cached cached = {
	    .issuer = ISSUER, .not_before_s = number, .not_after_s = number + 1, .trust = TRUST};

	memcpy(cached.serial, &number, sizeof number);
	return cached;
}

static void
key_of(
    const struct verify_cache *cache, uint32_t number, uint8_t out[static VERIFY_CACHE_KEY_BYTES])
{
	verify_cache_key(cache, bytes_of(&number, sizeof number), false, out);
}

static void
put(struct verify_cache *cache, uint32_t number)
{
	const struct verify_cached cached = cached_of(number);
	uint8_t key[VERIFY_CACHE_KEY_BYTES];

	key_of(cache, number, key);
	verify_cache_put(cache, key, &cached);
}

static bool
has(struct verify_cache *cache, uint32_t number)
{
	const struct verify_cached wanted = cached_of(number);
	struct verify_cached got;
	uint8_t key[VERIFY_CACHE_KEY_BYTES];

	key_of(cache, number, key);
	if (!verify_cache_find(cache, key, TRUST, &got))
		return false;
	assert_ptr_equal(got.issuer, ISSUER);
	assert_int_equal(got.not_before_s, wanted.not_before_s);
	assert_int_equal(got.not_after_s, wanted.not_after_s);
	assert_memory_equal(got.serial, wanted.serial, SERIAL_BYTES);
	return true;
}

static void
what_was_put_is_found_under_its_key_only(void **state)
{
	DEFER(verify_cache_free) struct verify_cache *cache = verify_cache_new();
	struct verify_cached got;
	uint8_t key[VERIFY_CACHE_KEY_BYTES];

	(void)state;
	assert_false(has(cache, 1));
	put(cache, 1);
	assert_true(has(cache, 1));
	key_of(cache, 1, key);
	for (size_t bit = 0; bit < VERIFY_CACHE_KEY_BYTES * 8; bit++) {
		key[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(verify_cache_find(cache, key, TRUST, &got));
		key[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void
what_is_brought_near_stays_what_it_is(void **state)
{
	DEFER(verify_cache_free) struct verify_cache *cache = verify_cache_new();
	uint8_t key[VERIFY_CACHE_KEY_BYTES];

	(void)state;
	for (uint32_t i = 0; i < 2000; i += 2)
		put(cache, i);
	for (uint32_t i = 0; i < 2000; i++) {
		key_of(cache, i, key);
		verify_cache_near_bucket(cache, key);
		verify_cache_near_entry(cache, key);
		assert_int_equal(has(cache, i), i % 2 == 0);
	}
}

static void
keys_differ_by_text_form_and_process(void **state)
{
	DEFER(verify_cache_free) struct verify_cache *cache = verify_cache_new();
	DEFER(verify_cache_free) struct verify_cache *other = verify_cache_new();
	const struct bytes text = BYTES_LITERAL("text");
	uint8_t keys[5][VERIFY_CACHE_KEY_BYTES];

	(void)state;
	verify_cache_key(cache, text, false, keys[0]);
	verify_cache_key(cache, text, true, keys[1]);
	verify_cache_key(other, text, false, keys[2]);
	verify_cache_key(cache, bytes_of(text.data, 3), false, keys[3]);
	verify_cache_key(cache, text, false, keys[4]);
	assert_memory_equal(keys[0], keys[4], VERIFY_CACHE_KEY_BYTES);
	for (size_t i = 0; i < 4; i++)
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(keys[i], keys[k], VERIFY_CACHE_KEY_BYTES);
}

static void
another_generation_of_trust_finds_nothing(void **state)
{
	DEFER(verify_cache_free) struct verify_cache *cache = verify_cache_new();
	struct verify_cached got;
	uint8_t key[VERIFY_CACHE_KEY_BYTES];

	(void)state;
	put(cache, 1);
	key_of(cache, 1, key);
	assert_false(verify_cache_find(cache, key, TRUST + 1, &got));
	assert_false(verify_cache_find(cache, key, TRUST - 1, &got));
}

/* Twice as many as fit, and one of them asked for all the time. */
static void
it_stays_within_its_bound_and_keeps_what_is_used(void **state)
{
	DEFER(verify_cache_free) struct verify_cache *cache = verify_cache_new();
	size_t found = 0;

	(void)state;
	for (uint32_t i = 0; i < 2 * VERIFY_CACHE_MAX; i++) {
		put(cache, i);
		assert_true(has(cache, i));
		assert_true(has(cache, 0));
	}
	for (uint32_t i = 0; i < 2 * VERIFY_CACHE_MAX; i++)
		found += has(cache, i) ? 1 : 0;
	assert_in_range(found, VERIFY_CACHE_MAX / 2, VERIFY_CACHE_MAX);
}

static void *
use(void *context)
{
	for (uint32_t i = 0; i < 20000; i++) {
		put(context, i % 500);
		(void)has(context, (i * 7) % 500);
	}
	return NULL;
}

static void
threads_share_it(void **state)
{
	DEFER(verify_cache_free) struct verify_cache *cache = verify_cache_new();
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use, cache), 0);
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (uint32_t i = 0; i < 500; i++)
		assert_true(has(cache, i));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_put_is_found_under_its_key_only),
	    cmocka_unit_test(what_is_brought_near_stays_what_it_is),
	    cmocka_unit_test(keys_differ_by_text_form_and_process),
	    cmocka_unit_test(another_generation_of_trust_finds_nothing),
	    cmocka_unit_test(it_stays_within_its_bound_and_keeps_what_is_used),
	    cmocka_unit_test(threads_share_it),
	};

	return cmocka_run_group_tests_name("verify_cache", tests, NULL, NULL);
}
