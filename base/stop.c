#include "base/stop.h"

#include "base/condition.h"

void
stop_init(struct stop *stop)
{
	(void)pthread_mutex_init(&stop->lock, NULL);
	condition_init(&stop->told);
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
	const struct timespec until = condition_in_ms(ms);
	bool stopping;
	int rc = 0;

	(void)pthread_mutex_lock(&stop->lock);
	while (!stop->stopping && rc == 0)
		rc = pthread_cond_timedwait(&stop->told, &stop->lock, &until);
	stopping = stop->stopping;
	(void)pthread_mutex_unlock(&stop->lock);
	return stopping;
}
