/*
 * config: an INI file (libinih) read into a struct by a table of fields.
 *
 * Unknown sections or keys, duplicates and values out of bounds are errors that name
 * the file's line. Every field has a default, or is required.
 */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

enum config_type {
	CONFIG_TEXT, /* char *, owned by the struct */
	CONFIG_INT,  /* int64_t, min to max */
	CONFIG_BOOL, /* bool: true false yes no on off */
};

struct config_field {
	const char *section;
	const char *key;
	enum config_type type;
	size_t offset;             /* of the member in the struct */
	const char *default_value; /* as in a file; NULL: required and not empty; "": empty text */
	int64_t min, max;          /* CONFIG_INT */
	const char *unit_and_help; /* one line, for --help and the man page's test */
};

/*
 * Fills `out` (zero-initialised by the caller). Free with config_clear().
 * E_FILE_FAILED      the file cannot be read, or is larger than 64 KiB
 * E_CONFIG_INVALID   "line N: ..." says what; a line has at most 190 characters
 */
MUST_CHECK bool config_read(const char *path, const struct config_field *fields, size_t field_count,
    void *out, struct error *err);
/* The same from the file's octets, of which there are any number. E_CONFIG_INVALID */
MUST_CHECK bool config_parse(struct bytes text, const struct config_field *fields,
    size_t field_count, void *out, struct error *err);
/* Frees the text members. */
void config_clear(const struct config_field *fields, size_t field_count, void *out);

#endif
