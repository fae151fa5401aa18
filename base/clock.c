#include "base/clock.h"

#include <time.h>

static int64_t
system_now_s(const struct clock *clock)
{
	struct timespec now;

	(void)clock;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

static int64_t
fixed_now_s(const struct clock *clock)
{
	return clock->fixed_at_s;
}

struct clock
clock_system(void)
{
	return (struct clock){.now_s = system_now_s};
}

struct clock
clock_fixed(int64_t at_s)
{
	return (struct clock){.now_s = fixed_now_s, .fixed_at_s = at_s};
}

int64_t
clock_monotonic_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

int64_t
clock_monotonic_ms(void)
{
	return clock_monotonic_us() / 1000;
}
