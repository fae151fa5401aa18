/* What one count costs: nanoseconds on one thread, and on as many as there are processors. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/metrics.h"

#define ROUNDS 20000000
#define THREADS_MAX 64

static const struct metric TABLE[] = {
    {"calls_total", METRIC_COUNTER, 1, NULL, NULL, "Calls."},
    {"wait_seconds", METRIC_HISTOGRAM, METRIC_US_PER_S, NULL, &METRIC_LATENCY_US, "Waits."},
};

static void *
add(void *metrics)
{
	for (int i = 0; i < ROUNDS; i++)
		metrics_add(metrics, 0, 0, 1);
	return NULL;
}

static void *
observe(void *metrics)
{
	for (int i = 0; i < ROUNDS; i++)
		metrics_observe(metrics, 1, 0, i & 0xfffff);
	return NULL;
}

static void *
read_clock(void *unused)
{
	int64_t sum = 0;

	(void)unused;
	for (int i = 0; i < ROUNDS; i++)
		sum += clock_monotonic_us();
	return sum == 1 ? unused : NULL;
}

static void
measure(const char *what, void *(*run)(void *metrics), struct metrics *metrics, long thread_count)
{
	const int64_t began_us = clock_monotonic_us();
	pthread_t threads[THREADS_MAX];
	long started = 0;

	while (started < thread_count && pthread_create(&threads[started], NULL, run, metrics) == 0)
		started++;
	for (long i = 0; i < started; i++)
		(void)pthread_join(threads[i], NULL);
	printf("%-8s %2ld threads  %6.2f ns each\n", what, started,
	    (double)(clock_monotonic_us() - began_us) * 1000 / ROUNDS);
}

int
main(void)
{
	DEFER(metrics_free) struct metrics *metrics = metrics_new(TABLE, COUNT(TABLE));
	const long processors = sysconf(_SC_NPROCESSORS_ONLN);
	const long many = processors < THREADS_MAX ? processors : THREADS_MAX;

	measure("add", add, metrics, 1);
	measure("observe", observe, metrics, 1);
	measure("clock", read_clock, metrics, 1);
	measure("add", add, metrics, many);
	measure("observe", observe, metrics, many);
	return 0;
}
