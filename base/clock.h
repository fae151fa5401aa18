/* clock: where time comes from. Injected, so that tests choose it. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

struct clock {
	int64_t (*now_s)(const struct clock *clock); /* Unix UTC seconds */
	int64_t fixed_at_s;                          /* for clock_fixed */
};

struct clock clock_system(void);
struct clock clock_fixed(int64_t at_s);

static inline int64_t
clock_now_s(const struct clock *clock)
{
	return clock->now_s(clock);
}

/* Milliseconds of a clock that never jumps; for deadlines, not for records. */
int64_t clock_monotonic_ms(void);
/* Microseconds of the same; for measuring. */
int64_t clock_monotonic_us(void);

#endif
