/*
 * parking: requests that wait for a change of status, without a thread. Their connections are
 * suspended; each goes back to the workers as soon as there is a change after its place, or when
 * its time is up. Who waits, or has a stream, has a place; these are bounded in all and for each
 * caller.
 */
#ifndef API_PARKING_H
#define API_PARKING_H

#include <stdatomic.h>

#include "api/workers.h"
#include "ca/status_index.h"

#define PARKING_MAX 8192        /* places */
#define PARKING_CALLER_MAX 2048 /* of one caller */

struct parked { /* in the owner's storage until its job runs again */
	struct job *job;
	int64_t beyond_seq;
	int64_t until_ms; /* monotonic */
	atomic_bool gone; /* its client is: it waits no longer */
	struct parked *next;
};

struct parking;
/* E_INTERNAL: no thread */
MUST_CHECK bool parking_new(struct status_index *statuses, struct workers *workers,
    struct parking **out, struct error *err);
/* A place for this person. False: there is none left, or it is closed. */
MUST_CHECK bool parking_enter(struct parking *parking, int64_t caller);
void parking_leave(struct parking *parking, int64_t caller);
/* Of one that has a place. False: closed. The job was not taken. */
MUST_CHECK bool parking_add(struct parking *parking, struct parked *parked);
/* After some were marked as gone. */
void parking_look(struct parking *parking);
/* All go back to the workers, and none is taken any more. */
void parking_close(struct parking *parking);
/* When it is closed, and before the workers end: after it nobody waits. */
void parking_end(struct parking *parking);
/* When no place is taken any more. */
void parking_free(struct parking *parking);
DEFER_DECLARE(struct parking, parking_free)

#endif
