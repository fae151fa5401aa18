#include "tests/bench/limits.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/bench/issuing.h"
#include "tests/bench/report.h"

struct job {
	const struct issuing *issuing;
	size_t rounds;
	pthread_t thread;
};

static void *
run_job(void *context)
{
	const struct job *job = context;

	for (size_t i = 0; i < job->rounds; i++) {
		issuing_tag(i);
		issuing_issue(job->issuing);
	}
	return NULL;
}

void
limit_raw_issue(size_t threads, size_t rounds, struct raw_limit *out)
{
	DEFER(issuing_clear) struct issuing issuing;
	const size_t count = threads > 0 ? threads : (size_t)sysconf(_SC_NPROCESSORS_ONLN);
	struct job *jobs = xcalloc(count, sizeof *jobs);
	int64_t began_us, began_cpu_us;

	issuing_init(&issuing);
	began_cpu_us = report_own_cpu_us();
	began_us = clock_monotonic_us();
	for (size_t i = 0; i < count; i++) {
		jobs[i] = (struct job){.issuing = &issuing, .rounds = rounds};
		if (pthread_create(&jobs[i].thread, NULL, run_job, &jobs[i]) != 0)
			die("cannot start a thread");
	}
	for (size_t i = 0; i < count; i++)
		(void)pthread_join(jobs[i].thread, NULL);
	out->rate = (double)(count * rounds) * 1e6 / (double)(clock_monotonic_us() - began_us);
	out->cpu_us = (double)(report_own_cpu_us() - began_cpu_us) / (double)(count * rounds);
	free(jobs);
}

double
limit_fsync_us(const char *dir, size_t rounds)
{
	const char block[1024] = {1};
	double *times_us = xcalloc(rounds, sizeof *times_us);
	char path[512];
	double median;
	int fd;

	(void)snprintf(path, sizeof path, "%s/bench-fsync", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	for (size_t i = 0; i < rounds; i++) {
		const int64_t began_us = clock_monotonic_us();

		if (fd < 0 || write(fd, block, sizeof block) != (ssize_t)sizeof block ||
		    fdatasync(fd) != 0)
			die("cannot write %s", path);
		times_us[i] = (double)(clock_monotonic_us() - began_us);
	}
	(void)close(fd);
	(void)unlink(path);
	median = report_median(times_us, rounds);
	free(times_us);
	return median;
}
