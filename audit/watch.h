/*
 * watch: looks every second whether the parts of the service operate, and has the log tell when
 * they do not (audit/component.h), and when the clock jumps.
 */
#ifndef AUDIT_WATCH_H
#define AUDIT_WATCH_H

#include "audit/component.h"
#include "base/clock.h"
#include "base/defer.h"
#include "base/error.h"

#define WATCH_LOOK_MS 1000
#define WATCH_JUMP_S 5 /* between two looks, beyond what a clock that never jumps says */
#define WATCH_BACK_S 2 /* behind the latest time that was seen */

struct watch_look {
	bool (*well)(void *context); /* may block for some seconds; NULL: not looked at */
	void *context;
};
struct watch_options {
	const struct clock *clock;
	const char *actor;                        /* of leaves */
	struct watch_look looks[COMPONENT_COUNT]; /* COMPONENT_CLOCK is the watch's own */
	bool (*record)(void *context, const struct leaf *leaf, struct error *err);
	void *record_context;
};

struct watch;
MUST_CHECK bool watch_new(
    const struct watch_options *options, struct watch **out, struct error *err);
void watch_free(struct watch *watch); /* stops; what is still owed is lost */
DEFER_DECLARE(struct watch, watch_free)

/* For /readyz and metrics. *out_down_s: since when; 0: not. False: it is not looked at. */
bool watch_component(struct watch *watch, enum component_id id, int64_t *out_down_s);

/* ---- the clock, pure ---- */

struct watch_time { /* zero-initialized: nothing was seen */
	bool seen;
	int64_t latest_s, offset_s;
};
/* *out_jump_s: how far it jumped since the last call, back if negative; else 0. Whether it is well.
 */
bool watch_time_look(
    struct watch_time *time, int64_t now_s, int64_t monotonic_ms, int64_t *out_jump_s);

#endif
