/*
 * json_in: a bounded JSON object read into a struct by a table of members.
 *
 * Wrong types, values out of bounds and missing members are refused with the RFC 6901
 * pointer of the member; unknown and duplicate members and trailing characters without
 * one. Depth is bounded by JSON_DEPTH_MAX before the parser runs; strings are valid
 * UTF-8 (jansson).
 */
#ifndef BASE_JSON_IN_H
#define BASE_JSON_IN_H

#include <jansson.h>

#include "base/bytes.h"
#include "base/defer.h"
#include "base/error.h"

#define JSON_DEPTH_MAX 8

enum json_member_type {
	JSON_MEMBER_TEXT,   /* const char *, borrowed from the document; 1 to max octets, no NUL */
	JSON_MEMBER_INT,    /* int64_t, min to max */
	JSON_MEMBER_BOOL,   /* bool */
	JSON_MEMBER_TIME,   /* int64_t seconds, from an RFC 3339 UTC text */
	JSON_MEMBER_ARRAY,  /* json_t *, borrowed; min to max elements */
	JSON_MEMBER_OBJECT, /* json_t *, borrowed */
};

struct json_member {
	const char *name;
	const char *pointer; /* "/csr", static: goes into errors */
	enum json_member_type type;
	size_t offset;       /* of the member in the struct */
	size_t given_offset; /* of a bool that says whether it was there; 0: none */
	bool required;
	int64_t min, max;
};

/*
 * Parses exactly one JSON object. On success the caller owns *out_document (json_decref).
 * E_BAD_SYNTAX   not one object, too deep, duplicate member
 */
MUST_CHECK bool json_parse(struct bytes text, json_t **out_document, struct error *err);

/*
 * Reads `object` into `out`, which the caller has filled with defaults.
 * E_BAD_SYNTAX   an unknown member, a wrong type, a value out of bounds
 * E_INCOMPLETE   a required member is missing
 */
MUST_CHECK bool json_read(const json_t *object, const struct json_member *members,
    size_t member_count, void *out, struct error *err);

__attribute__((unused)) static inline void
json_release(json_t *document)
{
	json_decref(document);
}
DEFER_DECLARE(json_t, json_release)

#endif
