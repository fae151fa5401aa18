#include "audit/events_filter.h"

#define CODE_MAX 31

static const char CODE_CHARACTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

static bool
is_text(struct bytes value, const char *text)
{
	return bytes_equal(value, bytes_of_text(text));
}

/* `pattern` is an event's name, or a prefix ended by '*'. */
static bool
event_matches(struct bytes name, const char *pattern)
{
	size_t len = strlen(pattern);

	if (len == 0 || pattern[len - 1] != '*')
		return is_text(name, pattern);
	return name.len >= len - 1 && memcmp(name.data, pattern, len - 1) == 0;
}

static bool
event_exists(const char *pattern)
{
	for (int event = LEAF_EVENT_NONE + 1; event < LEAF_EVENT_COUNT; event++)
		if (event_matches(bytes_of_text(leaf_event_name((enum leaf_event)event)), pattern))
			return true;
	return false;
}

bool
events_check(const struct events_query *query, struct error *err)
{
	size_t code_len = query->code == NULL ? 0 : strlen(query->code);

	if (query->limit < 1 || query->limit > EVENTS_LIMIT_MAX)
		return error_set_field(
		    err, E_BAD_SYNTAX, "/limit", "not in 1 to %d", EVENTS_LIMIT_MAX);
	if (query->after < -1 || query->size < -1)
		return error_set_field(err, E_BAD_SYNTAX, "/after", "negative");
	if (query->event != NULL && !event_exists(query->event))
		return error_set_field(err, E_BAD_SYNTAX, "/ev", "there is no such event");
	if (query->code != NULL && (code_len == 0 || code_len > CODE_MAX ||
				       strspn(query->code, CODE_CHARACTERS) != code_len))
		return error_set_field(err, E_BAD_SYNTAX, "/rc", "this is no reason code");
	return true;
}

enum events_match
events_match(const struct events_query *query, struct bytes body)
{
	struct error unreadable = {0};
	struct leaf_view leaf;

	if (!leaf_parse(body, &leaf, &unreadable))
		return EVENTS_TAKE;
	if (query->to_s >= 0 && leaf.sequenced_at_s >= query->to_s)
		return EVENTS_PAST;
	if ((query->from_s >= 0 && leaf.sequenced_at_s < query->from_s) ||
	    (query->event != NULL && !event_matches(leaf.event_name, query->event)) ||
	    (query->code != NULL && !is_text(leaf.code, query->code)) ||
	    (query->actor != NULL && !is_text(leaf.actor, query->actor)))
		return EVENTS_SKIP;
	return EVENTS_TAKE;
}

static const char *
last_part(const char *origin)
{
	const char *slash = strrchr(origin, '/');

	return slash == NULL ? origin : slash + 1;
}

bool
events_pick_log(const struct events_log *logs, size_t count, const char *name,
    const struct events_log **out, struct error *err)
{
	const struct events_log *found = NULL;
	size_t candidates = 0;

	for (size_t i = 0; i < count; i++) {
		if (name != NULL && strcmp(logs[i].origin, name) == 0) {
			*out = &logs[i];
			return true;
		}
		if (name == NULL || strcmp(last_part(logs[i].origin), name) == 0) {
			found = &logs[i];
			candidates++;
		}
	}
	if (candidates == 0)
		return error_set_field(err, E_NOT_FOUND, "/log", "there is no such log");
	if (candidates > 1)
		return error_set_field(
		    err, E_INCOMPLETE, "/log", "there are several: say which, by its origin");
	*out = found;
	return true;
}
