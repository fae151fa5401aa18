/* bytes: a borrowed, read-only run of octets. Never NUL-terminated, never owned. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
	const uint8_t *data;
	size_t len; /* octets */
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Octets of a string literal, without its NUL. */
#define BYTES_LITERAL(text)                               \
	{                                                 \
		(const uint8_t *)(text), sizeof(text) - 1 \
	}

static inline struct bytes
bytes_of(const void *data, size_t len)
{
	return (struct bytes){.data = data, .len = len};
}

/* The characters of a NUL-terminated string of ours; never use on input. */
static inline struct bytes
bytes_of_text(const char *text)
{
	return (struct bytes){.data = (const uint8_t *)text, .len = strlen(text)};
}

/* Not constant time: secrets are compared with secret_equal(). */
static inline bool
bytes_equal(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

#endif
