#include "audit/component.h"

#include <stdio.h>

#include "audit/note.h"

/* clang-format off */
static const char *const NAMES[COMPONENT_COUNT] = {
	[COMPONENT_DATABASE]  = "database",
	[COMPONENT_KEEPER]    = "keeper",
	[COMPONENT_DISK]      = "disk",
	[COMPONENT_CLOCK]     = "clock",
	[COMPONENT_PUBLISHER] = "publisher",
	[COMPONENT_WITNESS]   = "witness",
	[COMPONENT_FORWARDER] = "forwarder",
};
/* clang-format on */

const char *
component_name(enum component_id id)
{
	return NAMES[id];
}

static bool
note_bad(struct component *component, int64_t now_ms, int64_t now_s)
{
	if (!component->bad) {
		component->bad = true;
		component->bad_since_ms = now_ms;
		component->bad_since_s = now_s;
	}
	if (component->down || now_ms - component->bad_since_ms < COMPONENT_DOWN_MS)
		return false;
	component->down = true;
	component->owes_degraded = true;
	return true;
}

static bool
note_well(struct component *component, int64_t now_ms)
{
	const int64_t lasted_s = (now_ms - component->bad_since_ms) / 1000;
	const bool was_down = component->down;

	component->bad = component->down = false;
	if (!was_down)
		return false;
	if (component->ended_count++ == 0)
		component->first_from_s = component->bad_since_s;
	component->window_s = component->bad_since_s + lasted_s - component->first_from_s;
	component->owes_degraded = false; /* the interval says it */
	component->owes_restored = component->told_degraded;
	return true;
}

bool
component_look(struct component *component, bool well, int64_t now_ms, int64_t now_s)
{
	return well ? note_well(component, now_ms) : note_bad(component, now_ms, now_s);
}

bool
component_owes(
    const struct component *component, enum component_id id, int64_t now_s, struct leaf *out)
{
	const char *name = component_name(id);

	if (component->ended_count > 0) {
		note_leaf(out, LEAF_SVC_DOWN, "", name, NULL, component->first_from_s);
		out->severity = 4;
		out->failure = true;
		out->window_s = component->window_s;
		out->count = component->ended_count;
	} else if (component->owes_restored) {
		note_leaf(out, LEAF_SVC_RESTORED, "", name, NULL, now_s);
	} else if (component->owes_degraded) {
		note_leaf(out, LEAF_SVC_DEGRADED, "", name, NULL, component->bad_since_s);
		out->severity = 4;
		out->failure = true;
	} else {
		return false;
	}
	return true;
}

void
component_paid(struct component *component)
{
	if (component->ended_count > 0) {
		component->ended_count = 0;
	} else if (component->owes_restored) {
		component->owes_restored = component->told_degraded = false;
	} else {
		component->owes_degraded = false;
		component->told_degraded = true;
	}
}
