#include "audit/watch.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit/note.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stop.h"

struct watch {
	struct watch_options options;
	char actor[LEAF_VALUE_MAX + 1];
	pthread_t thread;
	struct watch_time time; /* the thread's own, and: */
	int64_t jump_s;         /* that the log is owed; 0: none */

	struct stop stop;
	pthread_mutex_t lock; /* of: */
	struct component components[COMPONENT_COUNT];
};

/* ---- looking ---- */

bool
watch_time_look(struct watch_time *time, int64_t now_s, int64_t monotonic_ms, int64_t *out_jump_s)
{
	const int64_t offset_s = now_s - monotonic_ms / 1000;
	const int64_t jump_s = time->seen ? offset_s - time->offset_s : 0;

	*out_jump_s = llabs(jump_s) >= WATCH_JUMP_S ? jump_s : 0;
	if (!time->seen || now_s > time->latest_s)
		time->latest_s = now_s;
	/* One that is slewed drifts away without a jump. */
	time->offset_s = offset_s;
	time->seen = true;
	return now_s >= time->latest_s - WATCH_BACK_S;
}

static bool
look_at_clock(struct watch *watch)
{
	int64_t jump_s;
	const bool well = watch_time_look(
	    &watch->time, clock_now_s(watch->options.clock), clock_monotonic_ms(), &jump_s);

	if (jump_s != 0) {
		log_warning("watch.clock", "the clock jumped by %lld s", (long long)jump_s);
		watch->jump_s = jump_s;
	}
	return well;
}

static void
note(struct watch *watch, enum component_id id, bool well)
{
	struct component *component = &watch->components[id];
	bool news;

	(void)pthread_mutex_lock(&watch->lock);
	news = component_look(
	    component, well, clock_monotonic_ms(), clock_now_s(watch->options.clock));
	(void)pthread_mutex_unlock(&watch->lock);
	if (news)
		log_write(well ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
		    well ? "svc.restored" : "svc.degraded", "%s: %s", component_name(id),
		    well ? "operates again" : "does not operate");
}

static void
look(struct watch *watch)
{
	note(watch, COMPONENT_CLOCK, look_at_clock(watch));
	for (enum component_id id = 0; id < COMPONENT_COUNT; id++) {
		const struct watch_look *one = &watch->options.looks[id];

		if (one->well != NULL)
			note(watch, id, one->well(one->context));
	}
}

/* ---- telling ---- */

static bool
record(struct watch *watch, struct leaf *leaf)
{
	struct error not_now = {0};

	(void)snprintf(leaf->actor, sizeof leaf->actor, "%s", watch->actor);
	return watch->options.record(watch->options.record_context, leaf, &not_now);
}

static bool
tell_jump(struct watch *watch)
{
	struct error skew = {0};
	struct leaf leaf;

	if (watch->jump_s == 0)
		return true;
	(void)error_set(&skew, E_CLOCK_SKEW, "the clock jumped");
	note_leaf(&leaf, LEAF_DATA_FAULT, "", "clock", &skew, clock_now_s(watch->options.clock));
	leaf.details[0] = (struct leaf_detail){
	    .key = watch->jump_s < 0 ? "back" : "ahead", .number = llabs(watch->jump_s)};
	if (!record(watch, &leaf))
		return false;
	watch->jump_s = 0;
	return true;
}

/* True: it may owe more. */
static bool
tell_one(struct watch *watch, enum component_id id)
{
	struct leaf leaf;
	bool owes;

	(void)pthread_mutex_lock(&watch->lock);
	owes = component_owes(&watch->components[id], id, clock_now_s(watch->options.clock), &leaf);
	(void)pthread_mutex_unlock(&watch->lock);
	if (!owes || !record(watch, &leaf))
		return false;
	(void)pthread_mutex_lock(&watch->lock);
	component_paid(&watch->components[id]);
	(void)pthread_mutex_unlock(&watch->lock);
	return true;
}

static void
tell(struct watch *watch)
{
	if (!tell_jump(watch))
		return;
	for (enum component_id id = 0; id < COMPONENT_COUNT; id++)
		while (tell_one(watch, id))
			continue;
}

/* ---- the thread ---- */

static void *
run(void *context)
{
	struct watch *watch = context;

	while (!stop_rest(&watch->stop, WATCH_LOOK_MS)) {
		look(watch);
		tell(watch);
	}
	return NULL;
}

static void
release(struct watch *watch)
{
	stop_clear(&watch->stop);
	(void)pthread_mutex_destroy(&watch->lock);
	free(watch);
}

bool
watch_new(const struct watch_options *options, struct watch **out, struct error *err)
{
	struct watch *watch = xcalloc(1, sizeof *watch);

	watch->options = *options;
	(void)snprintf(watch->actor, sizeof watch->actor, "%s", options->actor);
	(void)pthread_mutex_init(&watch->lock, NULL);
	stop_init(&watch->stop);
	if (pthread_create(&watch->thread, NULL, run, watch) != 0) {
		release(watch);
		return error_set(err, E_INTERNAL, "no thread for the watch");
	}
	*out = watch;
	return true;
}

void
watch_free(struct watch *watch)
{
	if (watch == NULL)
		return;
	stop_tell(&watch->stop);
	(void)pthread_join(watch->thread, NULL);
	release(watch);
}

bool
watch_component(struct watch *watch, enum component_id id, int64_t *out_down_s)
{
	const bool looked_at = id == COMPONENT_CLOCK || watch->options.looks[id].well != NULL;

	(void)pthread_mutex_lock(&watch->lock);
	*out_down_s = watch->components[id].down ? watch->components[id].bad_since_s : 0;
	(void)pthread_mutex_unlock(&watch->lock);
	return looked_at;
}
