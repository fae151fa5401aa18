/* devices: enrolled in the measured service, for what is done with certificates afterwards. */
#ifndef TESTS_BENCH_DEVICES_H
#define TESTS_BENCH_DEVICES_H

#include <openssl/evp.h>

#include "base/buf.h"
#include "base/defer.h"
#include "tests/bench/target.h"

struct device {
	EVP_PKEY *key;
	struct buf certificate; /* PEM as it stands in JSON: line breaks are "\n" */
};
struct devices {
	struct device *all;
	size_t count;
};
/* Enrolls `count` of them, by a station. Dies unless each gets its certificate. */
void devices_enroll(const struct target *target, size_t count, struct devices *out);
void devices_clear(struct devices *devices);
DEFER_DECLARE_CLEAR(struct devices, devices_clear)

/* Appends the certificate with real line breaks. */
void device_pem(const struct device *device, struct buf *out);

#endif
