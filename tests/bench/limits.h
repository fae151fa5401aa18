/* limits: what enrollment is held against, measured in this process. */
#ifndef TESTS_BENCH_LIMITS_H
#define TESTS_BENCH_LIMITS_H

#include <stddef.h>

struct raw_limit {
	double rate;   /* a second */
	double cpu_us; /* each; times rate much below the threads: others use the machine */
};
/*
 * The raw issue limit: CSR parse and proof, hardware tag, TBS, P-256 signature, `rounds` times on
 * each of `threads` threads (0: one for each processor), with no database, log, keeper or network.
 */
void limit_raw_issue(size_t threads, size_t rounds, struct raw_limit *out);

/* Microseconds that an append of 1 KiB and its fdatasync take in a file in `dir`: the median. */
double limit_fsync_us(const char *dir, size_t rounds);

#endif
