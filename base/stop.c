#include "base/stop.h"

#include <time.h>

#define SECOND_MS 1000
#define MS_NS 1000000L

void
stop_init(struct stop *stop)
{
	pthread_condattr_t monotonic;

	(void)pthread_mutex_init(&stop->lock, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&stop->told, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	stop->stopping = false;
}

void
stop_clear(struct stop *stop)
{
	(void)pthread_cond_destroy(&stop->told);
	(void)pthread_mutex_destroy(&stop->lock);
}

void
stop_tell(struct stop *stop)
{
	(void)pthread_mutex_lock(&stop->lock);
	stop->stopping = true;
	(void)pthread_cond_signal(&stop->told);
	(void)pthread_mutex_unlock(&stop->lock);
}

bool
stop_told(struct stop *stop)
{
	bool stopping;

	(void)pthread_mutex_lock(&stop->lock);
	stopping = stop->stopping;
	(void)pthread_mutex_unlock(&stop->lock);
	return stopping;
}

bool
stop_rest(struct stop *stop, int64_t ms)
{
	struct timespec until;
	bool stopping;
	int rc = 0;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += ms % SECOND_MS * MS_NS;
	until.tv_sec += ms / SECOND_MS + until.tv_nsec / (SECOND_MS * MS_NS);
	until.tv_nsec %= SECOND_MS * MS_NS;
	(void)pthread_mutex_lock(&stop->lock);
	while (!stop->stopping && rc == 0)
		rc = pthread_cond_timedwait(&stop->told, &stop->lock, &until);
	stopping = stop->stopping;
	(void)pthread_mutex_unlock(&stop->lock);
	return stopping;
}
