/* rounds: loads of enrollments on the running service, each repeated, medians kept. */
#ifndef TESTS_BENCH_ROUNDS_H
#define TESTS_BENCH_ROUNDS_H

#include "tests/bench/client.h"
#include "tests/bench/report.h"

struct round {
	const char *name;
	size_t connections, each; /* calls on each */
	size_t lines;             /* of one call; 1: plain JSON */
};

enum round_figure { /* CPU: microseconds for one enrollment */
	ROUND_RATE,
	ROUND_P50_MS,
	ROUND_P90_MS,
	ROUND_P99_MS,
	ROUND_MAX_MS,
	ROUND_SERVICE_US,
	ROUND_KEEPER_US,
	ROUND_DATABASE_US,
	ROUND_FIGURES
};
struct round_runs {
	double figures[ROUND_FIGURES][RUNS_MAX];
	size_t count;
};
/* One more run, printed as a line; `rate` as in struct load. Dies unless each is enrolled. */
void round_run(const struct target *target, SSL_CTX *tls, const struct round *round, double rate,
    double limit, struct round_runs *runs);
void round_print_head(void);

double round_median(const struct round_runs *runs, enum round_figure figure);

#endif
