/* workers: threads that run requests as plain blocking code, behind a bounded queue. */
#ifndef API_WORKERS_H
#define API_WORKERS_H

#include "base/defer.h"
#include "base/error.h"

struct workers;
/* Up to `thread_count` threads, of which most start when they are first needed; then `queue_max`
 * jobs may wait. E_INTERNAL: no threads */
MUST_CHECK bool workers_new(
    int thread_count, int queue_max, struct workers **out, struct error *err);
/* Runs what is queued, then stops. */
void workers_free(struct workers *workers);
DEFER_DECLARE(struct workers, workers_free)

struct job {
	void (*run)(struct job *job);
	struct job *next;
};
/* False: the queue is full; the job was not taken. Never blocks. */
MUST_CHECK bool workers_submit(struct workers *workers, struct job *job);

#endif
