/* crl_paths: what a CRL costs besides its DER: reading it from PostgreSQL, storing it, and the time
 * from a revocation to the list. Each adds rows without a budget. */
#ifndef TESTS_BENCH_CRL_PATHS_H
#define TESTS_BENCH_CRL_PATHS_H

#include <stdbool.h>
#include <stddef.h>

/* In a database of its own with `count` revocations. */
void crl_database_measure(size_t count, size_t runs);
/* On the service that is measured. */
void crl_latency_measure(bool few);

#endif
