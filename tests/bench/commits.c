#include "tests/bench/commits.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/bench/lane.h"
#include "tests/bench/report.h"
#include "tests/bench/requests.h"

_Static_assert(COMMITS_CONNECTIONS_MAX <= LANES_MAX, "a lane for each");

struct commits {
	struct lane_site site;
};

struct worker {
	struct lane lane;
	struct buf *csrs; /* each + 1 */
	size_t each;
	pthread_barrier_t *start;
	pthread_t thread;
};

struct commits *
commits_new(void)
{
	struct commits *commits = xcalloc(1, sizeof *commits);

	lane_site_init(&commits->site);
	return commits;
}

void
commits_free(struct commits *commits)
{
	lane_site_clear(&commits->site);
	free(commits);
}

static void
enroll_one(struct lane *lane, struct bytes csr)
{
	DEFER(enrollment_free) struct enrollment *enrollment = lane_prepare(lane, csr);

	lane_commit(lane, &enrollment, 1);
	lane_sign(lane, enrollment);
}

/* The first prepares the statements, before the clock starts. */
static void *
run_worker(void *context)
{
	struct worker *worker = context;

	enroll_one(&worker->lane, buf_bytes(&worker->csrs[worker->each]));
	(void)pthread_barrier_wait(worker->start);
	for (size_t i = 0; i < worker->each; i++)
		enroll_one(&worker->lane, buf_bytes(&worker->csrs[i]));
	return NULL;
}

static double
run_workers(struct worker *workers, size_t count, pthread_barrier_t *start)
{
	int64_t began_us;

	for (size_t i = 0; i < count; i++)
		if (pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]) != 0)
			die("cannot start a thread");
	(void)pthread_barrier_wait(start);
	began_us = clock_monotonic_us();
	for (size_t i = 0; i < count; i++)
		(void)pthread_join(workers[i].thread, NULL);
	return (double)(count * workers[0].each) * 1e6 / (double)(clock_monotonic_us() - began_us);
}

double
commits_run(struct commits *commits, size_t connections, size_t each, bool one_batch)
{
	struct worker *workers = xcalloc(connections, sizeof *workers);
	const struct test_db *db = &commits->site.db;
	const int64_t before = test_db_int(db, "SELECT count(*) FROM certificate");
	pthread_barrier_t start;
	int64_t recorded;
	double rate;

	(void)pthread_barrier_init(&start, NULL, (unsigned)connections + 1);
	for (size_t i = 0; i < connections; i++) {
		workers[i].each = each;
		workers[i].start = &start;
		workers[i].csrs = lane_csrs(each + 1);
		lane_open(&workers[i].lane, &commits->site, i, one_batch ? 0 : i);
	}
	rate = run_workers(workers, connections, &start);
	for (size_t i = 0; i < connections; i++) {
		lane_close(&workers[i].lane);
		requests_free(workers[i].csrs, each + 1);
	}
	(void)pthread_barrier_destroy(&start);
	free(workers);
	recorded = test_db_int(db, "SELECT count(*) FROM certificate") - before;
	if (recorded != (int64_t)(connections * (each + 1)))
		die("%lld certificates are recorded, not %zu", (long long)recorded,
		    connections * (each + 1));
	return rate;
}
