/* requests: what devices send, made before the clock starts. */
#ifndef TESTS_BENCH_REQUESTS_H
#define TESTS_BENCH_REQUESTS_H

#include <openssl/evp.h>

#include "base/buf.h"
#include "tests/bench/devices.h"

/* Appends a certification request of `key`, or of a fresh P-256 key for NULL, as DER. */
void csr_make(EVP_PKEY *key, struct buf *out_der);

/* Appends the JSON of an enrollment with a random MAC address; `key` as above. */
void enrollment_put(const char *batch, EVP_PKEY *key, struct buf *out);

/* Appends a whole HTTP request of an officer: the device is revoked. */
void revocation_put(const struct device *device, struct buf *out);

/* Whole HTTP requests for /v1/enrollments, each of `lines` lines (1: plain JSON), each with a key
 * of its own. The caller frees with requests_free(). */
struct buf *enrollments_make(const char *batch, size_t lines, size_t count);
void requests_free(struct buf *requests, size_t count);

#endif
