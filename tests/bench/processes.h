/*
 * processes: what the server's processes use: monikerd and moniker-service, moniker-keeper,
 * PostgreSQL; from /proc.
 */
#ifndef TESTS_BENCH_PROCESSES_H
#define TESTS_BENCH_PROCESSES_H

#include <stdint.h>

enum part { SERVICE, KEEPER, DATABASE, PARTS }; /* SERVICE: the supervisor, too */

struct processes { /* the roots: these and their children are the server */
	long supervisor, postmaster;
};

struct usage {
	int64_t cpu_us[PARTS]; /* in clock ticks of usually 10 ms; of ended children, too */
	int64_t rss_kb[PARTS]; /* resident set sizes, what is shared counted each time */
	int64_t supervisor_kb; /* of rss_kb[SERVICE], the supervisor's */
};
void processes_usage(const struct processes *processes, struct usage *out);

#endif
