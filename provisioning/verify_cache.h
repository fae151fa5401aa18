/*
 * verify_cache: certificates whose signature was verified and that are on record for good, by a
 * keyed hash of the text that they came as. For verdicts without a signature check or a database.
 *
 * It holds what never changes of a certificate: whose it is, and that our authority signed it.
 * Whether it is held or revoked is asked of ca/status_index.h each time. Entries are valid for one
 * generation of trust (issuers_version()). Bounded: a new one takes the place of the one in its
 * bucket that was used least recently. What did not verify is not kept, so that nobody can push
 * out the others with it. Any thread.
 *
 * The hash is SipHash-2-4 with 128 bits under a random key of this process, which nobody learns,
 * nor any of its values: nobody can make a second text for the place of a first one, and it takes
 * a third of the time of SHA-256 (docs/decisions/0013-hash-of-verified-texts.md).
 */
#ifndef PROVISIONING_VERIFY_CACHE_H
#define PROVISIONING_VERIFY_CACHE_H

#include "base/bytes.h"
#include "base/text.h"
#include "ca/issuer.h"
#include "ca/serial.h"

#define VERIFY_CACHE_MAX 131072 /* entries; memory comes with their use, 14 MiB when full */
#define VERIFY_CACHE_KEY_BYTES 16

struct verify_cached {
	const struct issuer *issuer;
	uint8_t serial[SERIAL_BYTES];
	uint8_t pseudonym[UUID_BYTES];
	int64_t not_before_s, not_after_s;
	int64_t trust; /* issuers_version() before its signature was verified */
};

struct verify_cache;
struct verify_cache *verify_cache_new(void);
void verify_cache_free(struct verify_cache *cache);
DEFER_DECLARE(struct verify_cache, verify_cache_free)

/* Of an `escaped` text (provisioning/verify.h) and of one that is not, the same octets are two. */
void verify_cache_key(const struct verify_cache *cache, struct bytes text, bool escaped,
    uint8_t out[static VERIFY_CACHE_KEY_BYTES]);
/*
 * For who is to find many: first the bucket of each key is brought near, then its entry, then all
 * are found, so that the searches do not wait for memory one after the other. They change nothing.
 */
void verify_cache_near_bucket(
    const struct verify_cache *cache, const uint8_t key[static VERIFY_CACHE_KEY_BYTES]);
void verify_cache_near_entry(
    const struct verify_cache *cache, const uint8_t key[static VERIFY_CACHE_KEY_BYTES]);
/* False: not there, or of another generation than `trust`. */
bool verify_cache_find(struct verify_cache *cache, const uint8_t key[static VERIFY_CACHE_KEY_BYTES],
    int64_t trust, struct verify_cached *out);
void verify_cache_put(struct verify_cache *cache, const uint8_t key[static VERIFY_CACHE_KEY_BYTES],
    const struct verify_cached *cached);

#endif
