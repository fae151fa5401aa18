/*
 * parking: requests that wait for a change of status, without a thread. Their connections are
 * suspended; each goes back to the workers as soon as there is a change after its place, or when
 * its time is up. Bounded in all and for each caller.
 */
#ifndef API_PARKING_H
#define API_PARKING_H

#include "api/workers.h"
#include "ca/status_index.h"

#define PARKING_MAX 8192        /* requests that wait */
#define PARKING_CALLER_MAX 2048 /* of one caller */

struct parked { /* in the owner's storage until its job runs again */
	struct job *job;
	int64_t beyond_seq;
	int64_t until_ms; /* monotonic */
	int64_t caller;   /* person */
	struct parked *next;
};

struct parking;
/* E_INTERNAL: no thread */
MUST_CHECK bool parking_new(struct status_index *statuses, struct workers *workers,
    struct parking **out, struct error *err);
/* False: full, or closed. The job was not taken. */
MUST_CHECK bool parking_add(struct parking *parking, struct parked *parked);
/* All go back to the workers, and none is taken any more. */
void parking_close(struct parking *parking);
size_t parking_count(struct parking *parking);
/* When it is closed, and before the workers end. */
void parking_free(struct parking *parking);
DEFER_DECLARE(struct parking, parking_free)

#endif
