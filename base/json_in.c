#include "base/json_in.h"

#include "base/text.h"

/*
 * Nesting of the text, before the recursive parser sees it. Never less than what the parser enters:
 * that stops at the first bracket that closes nothing or not its like, this goes on.
 */
static int
depth_of(struct bytes text)
{
	int depth = 0;
	int deepest = 0;
	bool in_string = false;

	for (size_t i = 0; i < text.len; i++) {
		const uint8_t c = text.data[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"')
			in_string = true;
		else if (c == '{' || c == '[') {
			if (++depth > deepest)
				deepest = depth;
		} else if (c == '}' || c == ']')
			depth--;
	}
	return deepest;
}

bool
json_parse(struct bytes text, json_t **out_document, struct error *err)
{
	json_error_t why;
	json_t *document;

	if (depth_of(text) > JSON_DEPTH_MAX)
		return error_set(err, E_BAD_SYNTAX, "nested deeper than %d levels", JSON_DEPTH_MAX);
	document = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &why);
	if (document == NULL)
		return error_set(err, E_BAD_SYNTAX, "not JSON: line %d, column %d%s", why.line,
		    why.column,
		    json_error_code(&why) == json_error_duplicate_key ? ": a member stands twice"
								      : "");
	if (!json_is_object(document)) {
		json_decref(document);
		return error_set(err, E_BAD_SYNTAX, "not a JSON object");
	}
	*out_document = document;
	return true;
}

static bool
read_text(const json_t *value, const struct json_member *member, void *at, struct error *err)
{
	const size_t len = json_string_length(value);

	if (!json_is_string(value))
		return error_set_field(err, E_BAD_SYNTAX, member->pointer, "must be a string");
	if (len == 0 || len > (size_t)member->max)
		return error_set_field(err, E_BAD_SYNTAX, member->pointer,
		    "must be 1 to %lld octets", (long long)member->max);
	if (strlen(json_string_value(value)) != len)
		return error_set_field(err, E_BAD_SYNTAX, member->pointer, "holds a NUL character");
	*(const char **)at = json_string_value(value);
	return true;
}

static bool
read_time(const json_t *value, const struct json_member *member, void *at, struct error *err)
{
	if (json_is_string(value) &&
	    time_decode(bytes_of(json_string_value(value), json_string_length(value)), at))
		return true;
	return error_set_field(
	    err, E_BAD_SYNTAX, member->pointer, "must be a time such as 2026-01-01T00:00:00Z");
}

static bool
read_int(const json_t *value, const struct json_member *member, void *at, struct error *err)
{
	if (!json_is_integer(value))
		return error_set_field(err, E_BAD_SYNTAX, member->pointer, "must be an integer");
	if (json_integer_value(value) < member->min || json_integer_value(value) > member->max)
		return error_set_field(err, E_BAD_SYNTAX, member->pointer, "must be %lld to %lld",
		    (long long)member->min, (long long)member->max);
	*(int64_t *)at = json_integer_value(value);
	return true;
}

static bool
read_array(json_t *value, const struct json_member *member, void *at, struct error *err)
{
	if (!json_is_array(value))
		return error_set_field(err, E_BAD_SYNTAX, member->pointer, "must be an array");
	if (json_array_size(value) < (size_t)member->min ||
	    json_array_size(value) > (size_t)member->max)
		return error_set_field(err, E_BAD_SYNTAX, member->pointer,
		    "must have %lld to %lld elements", (long long)member->min,
		    (long long)member->max);
	*(json_t **)at = value;
	return true;
}

static bool
read_member(json_t *value, const struct json_member *member, void *out, struct error *err)
{
	void *at = (char *)out + member->offset;

	switch (member->type) {
	case JSON_MEMBER_TEXT: return read_text(value, member, at, err);
	case JSON_MEMBER_INT: return read_int(value, member, at, err);
	case JSON_MEMBER_TIME: return read_time(value, member, at, err);
	case JSON_MEMBER_ARRAY: return read_array(value, member, at, err);
	case JSON_MEMBER_BOOL:
		if (!json_is_boolean(value))
			return error_set_field(
			    err, E_BAD_SYNTAX, member->pointer, "must be true or false");
		*(bool *)at = json_is_true(value);
		return true;
	case JSON_MEMBER_OBJECT:
		if (!json_is_object(value))
			return error_set_field(
			    err, E_BAD_SYNTAX, member->pointer, "must be an object");
		*(json_t **)at = value;
		return true;
	}
	return error_set(err, E_INTERNAL, "member type %d", (int)member->type);
}

/* The name is the client's: it is not repeated in the error. */
static bool
all_known(
    const json_t *object, const struct json_member *members, size_t member_count, struct error *err)
{
	size_t known = 0;

	for (size_t i = 0; i < member_count; i++)
		known += json_object_get(object, members[i].name) != NULL;
	return known == json_object_size(object) ||
	       error_set(err, E_BAD_SYNTAX, "a member is not known here");
}

bool
json_read(const json_t *object, const struct json_member *members, size_t member_count, void *out,
    struct error *err)
{
	if (!json_is_object(object))
		return error_set(err, E_BAD_SYNTAX, "not a JSON object");
	for (size_t i = 0; i < member_count; i++) {
		const struct json_member *member = &members[i];
		json_t *value = json_object_get(object, member->name);

		if (value == NULL) {
			if (member->required)
				return error_set_field(
				    err, E_INCOMPLETE, member->pointer, "is required");
			continue;
		}
		if (!read_member(value, member, out, err))
			return false;
		if (member->given_offset != 0)
			*(bool *)((char *)out + member->given_offset) = true;
	}
	return all_known(object, members, member_count, err);
}
