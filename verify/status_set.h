/*
 * status_set: what is held or revoked, as a Moniker service signed it (docs/status.md). Pure.
 *
 * A struct status_set exists only if its signature by one of the given keys holds, and its records
 * are as many as it says, of its issuers and in order. Its octets are the caller's, and stay.
 */
#ifndef VERIFY_STATUS_SET_H
#define VERIFY_STATUS_SET_H

#include "base/bytes.h"
#include "verify/why.h"

#define STATUS_KEY_BYTES 32
#define STATUS_ISSUERS_MAX 64
#define STATUS_ISSUER_BYTES 8
#define STATUS_SERIAL_BYTES 20
#define STATUS_CURSOR_LEN 16

struct status_set {
	int64_t seq, issued_s, fresh_until_s;
	char cursor[STATUS_CURSOR_LEN + 1];
	uint8_t issuers[STATUS_ISSUERS_MAX][STATUS_ISSUER_BYTES];
	size_t issuer_count;
	const uint8_t *records;
	size_t count;
};

/*
 * `keys`: key_count Ed25519 public keys. `now_s`: a set may be issued at most MONIKER_CLOCK_SKEW_S
 * after it.
 * MONIKER_LOAD_MALFORMED, MONIKER_LOAD_UNTRUSTED, MONIKER_LOAD_NO_MEMORY
 */
__attribute__((warn_unused_result)) bool mv_status_set_parse(struct bytes octets,
    const uint8_t (*keys)[STATUS_KEY_BYTES], size_t key_count, int64_t now_s,
    struct status_set *out, struct why *why);

struct status_found {
	bool held; /* else revoked */
	const char *reason;
	int64_t since_s;
};
/* False: neither held nor revoked. */
bool mv_status_set_find(const struct status_set *set,
    const uint8_t issuer[static STATUS_ISSUER_BYTES],
    const uint8_t serial[static STATUS_SERIAL_BYTES], struct status_found *out);

#endif
