/*
 * report: figures beside their limits. A figure and its limit are measured in one run, side by
 * side; only their ratio is held against a budget, and no budget ever fails a run: a wrong answer
 * does, through die().
 */
#ifndef TESTS_BENCH_REPORT_H
#define TESTS_BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define RUNS_MAX 3 /* of each measurement; the median counts */

_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
void must(bool done, const struct error *err); /* dies of `err` unless done */

/* "few" as the first argument: a handful of iterations, to see that it works. */
bool report_few(int argc, char **argv);

/* Sorts the values. `count` is at least 1. */
double report_median(double *values, size_t count);

struct finding { /* one row of the table */
	const char *work;
	double figure;
	const char *limit; /* what it is held against; NULL: nothing but the budget */
	double limit_figure;
	const char *unit; /* of both figures */
	double held;      /* figure and limit as the budget states them */
	const char *held_unit;
	bool at_most;  /* otherwise at least */
	double budget; /* base; 0: none is set */
};
/* Prints it, and appends it as a line of JSON to the file that BENCH_JSON names, if it names one.
 */
void report(const struct finding *finding);

/* CPU of this process and of its threads, user and system. */
int64_t report_own_cpu_us(void);

#endif
