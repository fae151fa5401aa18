/* stop: how a thread rests between two looks, and is told to end. */
#ifndef BASE_STOP_H
#define BASE_STOP_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/defer.h"

struct stop {
	pthread_mutex_t lock;
	pthread_cond_t told;
	bool stopping;
};

void stop_init(struct stop *stop);
void stop_clear(struct stop *stop); /* when its thread has ended */
DEFER_DECLARE_CLEAR(struct stop, stop_clear)

/* Any thread. */
void stop_tell(struct stop *stop);
bool stop_told(struct stop *stop);
/* The thread's: rests for so long, or until it is told. True: it is. */
bool stop_rest(struct stop *stop, int64_t ms);

#endif
