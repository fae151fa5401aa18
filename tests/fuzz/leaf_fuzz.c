/* A leaf has one spelling: a JSON reader that is not ours finds the same and writes it the same. */
#include <jansson.h>

#include "base/json_in.h"
#include "base/mem.h"
#include "base/text.h"
#include "proof/leaf.h"
#include "tests/fuzz/fuzz.h"

static bool
holds_text(const json_t *leaf, const char *key, struct bytes want)
{
	const json_t *value = json_object_get(leaf, key);

	return bytes_equal(bytes_of(json_string_value(value), json_string_length(value)), want);
}

static bool
holds_time(const json_t *leaf, const char *key, int64_t at_s)
{
	char text[TIME_TEXT_LEN + 1];

	time_encode(text, at_s);
	return holds_text(leaf, key, bytes_of_text(text));
}

static bool
holds_number(const json_t *leaf, const char *key, int64_t want)
{
	return json_integer_value(json_object_get(leaf, key)) == want;
}

static void
is_what_json_says(struct bytes text, const struct leaf_view *view)
{
	DEFER(json_release)
	json_t *leaf = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
	DEFER(mem_free) char *again = json_dumps(leaf, JSON_COMPACT);

	MUST(again != NULL && bytes_equal(bytes_of_text(again), text));
	MUST(holds_number(leaf, "seq", view->seq) && holds_number(leaf, "sev", view->severity));
	MUST(holds_number(leaf, "cnt", view->count) && holds_number(leaf, "win", view->window_s));
	MUST(holds_time(leaf, "st", view->sequenced_at_s) && holds_time(leaf, "t", view->at_s));
	MUST(holds_text(leaf, "ev", view->event_name) && holds_text(leaf, "rc", view->code));
	MUST(holds_text(leaf, "act", view->actor) && holds_text(leaf, "sub", view->subject));
	MUST(holds_text(leaf, "ev", bytes_of_text(leaf_event_name(view->event))));
	MUST(holds_text(leaf, "out", bytes_of_text(view->failure ? "failure" : "success")));
	MUST(view->has_commitment == (json_object_get(leaf, "c") != NULL));
	MUST(view->has_second_commitment == (json_object_get(leaf, "e") != NULL));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bytes text = bytes_of(data, size);
	struct leaf_view view;
	struct error err = {0};

	if (!fuzz_verdict(leaf_parse(text, &view, &err), &err)) {
		MUST(err.code == E_BAD_SYNTAX);
		return 0;
	}
	MUST(size <= LEAF_MAX && view.seq >= 0 && view.severity >= 1 && view.severity <= 6);
	MUST(fuzz_inside(view.actor, text) && fuzz_inside(view.subject, text));
	for (size_t i = 0; i < size; i++)
		MUST(data[i] > ' ' && data[i] <= '~');
	is_what_json_says(text, &view);
	return 0;
}
