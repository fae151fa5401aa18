/* A document is one object, not too deep, that jansson reads alike; members keep to their bounds.
 */
#include "base/json_in.h"
#include "base/mem.h"
#include "tests/fuzz/fuzz.h"

struct members {
	const char *text;
	int64_t number, at_s;
	bool truth, number_given;
	json_t *array, *object;
};
#define AT(member) offsetof(struct members, member)
static const struct json_member MEMBERS[] = {
    {"text", "/text", JSON_MEMBER_TEXT, AT(text), 0, false, 0, 16},
    {"number", "/number", JSON_MEMBER_INT, AT(number), AT(number_given), false, -5, 1000},
    {"at", "/at", JSON_MEMBER_TIME, AT(at_s), 0, false, 0, 0},
    {"truth", "/truth", JSON_MEMBER_BOOL, AT(truth), 0, false, 0, 0},
    {"array", "/array", JSON_MEMBER_ARRAY, AT(array), 0, false, 1, 3},
    {"object", "/object", JSON_MEMBER_OBJECT, AT(object), 0, false, 0, 0},
};
#undef AT

static int
depth_of(const json_t *value)
{
	const char *name;
	json_t *inner;
	size_t i;
	int deepest = 0;

	json_array_foreach(value, i, inner)
	{
		const int depth = depth_of(inner);

		deepest = depth > deepest ? depth : deepest;
	}
	json_object_foreach((json_t *)(uintptr_t)value, name, inner)
	{
		const int depth = depth_of(inner);

		deepest = depth > deepest ? depth : deepest;
	}
	return deepest + (json_is_array(value) || json_is_object(value));
}

static void
read_keeps_bounds(const json_t *document)
{
	struct members in = {0};
	struct error err = {0};

	if (!fuzz_verdict(json_read(document, MEMBERS, COUNT(MEMBERS), &in, &err), &err)) {
		MUST(err.code == E_BAD_SYNTAX);
		return;
	}
	MUST(in.text == NULL || (in.text[0] != '\0' && strlen(in.text) <= 16));
	MUST(in.number >= -5 && in.number <= 1000);
	MUST(in.number_given == (json_object_get(document, "number") != NULL));
	MUST(
	    in.array == NULL || (json_array_size(in.array) >= 1 && json_array_size(in.array) <= 3));
	MUST(in.object == NULL || json_is_object(in.object));
	MUST(json_object_size(document) <= COUNT(MEMBERS));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	DEFER(json_release) json_t *document = NULL;
	DEFER(json_release) json_t *again = NULL;
	DEFER(mem_free) char *text = NULL;
	struct error err = {0};

	if (!fuzz_verdict(json_parse(bytes_of(data, size), &document, &err), &err)) {
		MUST(err.code == E_BAD_SYNTAX && document == NULL);
		return 0;
	}
	MUST(json_is_object(document) && depth_of(document) <= JSON_DEPTH_MAX);
	MUST(data[size - 1] != '\0');
	text = json_dumps(document, JSON_COMPACT);
	MUST(text != NULL && json_parse(bytes_of_text(text), &again, &err));
	MUST(json_equal(document, again));
	read_keeps_bounds(document);
	return 0;
}
