#include "base/condition.h"

#define SECOND_MS 1000
#define MS_NS 1000000L

void
condition_init(pthread_cond_t *condition)
{
	pthread_condattr_t monotonic;

	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(condition, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
}

struct timespec
condition_in_ms(int64_t ms)
{
	struct timespec at;

	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_nsec += ms % SECOND_MS * MS_NS;
	at.tv_sec += ms / SECOND_MS + at.tv_nsec / (SECOND_MS * MS_NS);
	at.tv_nsec %= SECOND_MS * MS_NS;
	return at;
}
