/* target: the private service that is measured, as the environment describes it (service_up.sh). */
#ifndef TESTS_BENCH_TARGET_H
#define TESTS_BENCH_TARGET_H

#include <openssl/ssl.h>

#include "base/bytes.h"
#include "tests/bench/processes.h"

struct target {
	int port;              /* on 127.0.0.1 */
	const char *batch;     /* with a quota that is large enough */
	const char *state_dir; /* its folder: the file system that its processes write to */
	struct processes processes;
};
void target_init(struct target *target);

/* For an operator of this role ("station"), or for a device's PEM certificate (its chain after it)
 * and key. The caller frees. */
SSL_CTX *target_tls(const char *role);
SSL_CTX *target_tls_device(struct bytes pem, EVP_PKEY *key);

/* Connected and shaken hands. The caller ends it with target_close(). */
SSL *target_connect(const struct target *target, SSL_CTX *tls);
void target_close(SSL *ssl);

#endif
