/* scan: takes text off the front of borrowed bytes; nothing is taken where a match fails. */
#ifndef PROOF_SCAN_H
#define PROOF_SCAN_H

#include "base/bytes.h"
#include "base/error.h"

struct scan {
	struct bytes rest;
};

/* Inline, so that the length of a literal is known where it is compared: a leaf has thirty. */
static inline MUST_CHECK bool
scan_literal(struct scan *scan, const char *literal)
{
	const size_t len = strlen(literal);

	if (scan->rest.len < len || memcmp(scan->rest.data, literal, len) != 0)
		return false;
	scan->rest = bytes_of(scan->rest.data + len, scan->rest.len - len);
	return true;
}

/* A decimal integer, 0 to INT64_MAX, without leading zeros. */
MUST_CHECK bool scan_number(struct scan *scan, int64_t *out);

/* A line; its newline is taken, but is no part of *out. */
MUST_CHECK bool scan_line(struct scan *scan, struct bytes *out);

/* The longest run of such characters, perhaps none. */
typedef bool (*scan_class)(uint8_t c);
struct bytes scan_while(struct scan *scan, scan_class is);

bool scan_is_digit(uint8_t c);

#endif
