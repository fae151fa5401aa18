/* condition: condition variables that wait by the monotonic clock, and until when. */
#ifndef BASE_CONDITION_H
#define BASE_CONDITION_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

void condition_init(pthread_cond_t *condition);
/* The instant that is so long from now, for pthread_cond_timedwait() of such a one. */
struct timespec condition_in_ms(int64_t ms);

#endif
