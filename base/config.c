#include "base/config.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

#include "base/file.h"
#include "base/mem.h"

#define CONFIG_FIELDS_MAX 64
#define CONFIG_FILE_MAX 65536 /* octets */
#define CONFIG_LINE_MAX 190   /* characters: libinih cuts at about 200 and says nothing */

struct parse {
	const struct config_field *fields;
	size_t field_count;
	void *out;
	bool given[CONFIG_FIELDS_MAX];
	struct bytes rest; /* lines that libinih has not asked for yet */
	int line;
	struct error *err;
};

static bool
set_int(const struct config_field *field, const char *value, int64_t *at, char *why, size_t why_len)
{
	char *end;
	long long number;

	errno = 0;
	number = strtoll(value, &end, 10);
	(void)snprintf(why, why_len, "%s is a number from %lld to %lld", field->key,
	    (long long)field->min, (long long)field->max);
	if (*value == '\0' || *end != '\0' || errno != 0 || number < field->min ||
	    number > field->max)
		return false;
	*at = number;
	return true;
}

static bool
set_bool(const struct config_field *field, const char *value, bool *at, char *why, size_t why_len)
{
	static const char *const WORDS[] = {"false", "true", "no", "yes", "off", "on"};

	(void)snprintf(why, why_len, "%s is true or false", field->key);
	for (size_t i = 0; i < COUNT(WORDS); i++)
		if (strcmp(value, WORDS[i]) == 0) {
			*at = i % 2 == 1;
			return true;
		}
	return false;
}

static bool
set_value(const struct config_field *field, const char *value, void *out, char *why, size_t why_len)
{
	void *at = (char *)out + field->offset;

	switch (field->type) {
	case CONFIG_INT: return set_int(field, value, at, why, why_len);
	case CONFIG_BOOL: return set_bool(field, value, at, why, why_len);
	case CONFIG_TEXT:
		(void)snprintf(why, why_len, "%s is empty", field->key);
		if (*value == '\0' && field->default_value == NULL)
			return false;
		free(*(char **)at);
		*(char **)at = xstrdup(value);
		return true;
	}
	return false;
}

/* libinih calls this for every key; 0 stops it. */
static int
take_key(void *context, const char *section, const char *key, const char *value)
{
	struct parse *parse = context;
	char why[128];

	if (parse->err->code != E_NONE)
		return 0;
	for (size_t i = 0; i < parse->field_count; i++) {
		const struct config_field *field = &parse->fields[i];

		if (strcmp(field->section, section) != 0 || strcmp(field->key, key) != 0)
			continue;
		if (parse->given[i])
			return error_set(parse->err, E_CONFIG_INVALID, "line %d: %s stands twice",
			    parse->line, field->key);
		parse->given[i] = true;
		if (!set_value(field, value, parse->out, why, sizeof why))
			return error_set(
			    parse->err, E_CONFIG_INVALID, "line %d: %s", parse->line, why);
		return 1;
	}
	return error_set(parse->err, E_CONFIG_INVALID, "line %d: there is no key [%.32s] %.32s",
	    parse->line, section, key);
}

static bool
section_known(const struct parse *parse, struct bytes name)
{
	for (size_t i = 0; i < parse->field_count; i++)
		if (bytes_equal(bytes_of_text(parse->fields[i].section), name))
			return true;
	return false;
}

/* `line` from its first character on that is neither a byte order mark nor white space. */
static struct bytes
line_content(struct bytes line)
{
	if (line.len >= 3 && memcmp(line.data, "\xef\xbb\xbf", 3) == 0)
		line = bytes_of(line.data + 3, line.len - 3);
	while (line.len > 0 && isspace(line.data[0]))
		line = bytes_of(line.data + 1, line.len - 1);
	return line;
}

/* A `[section]` that no field has; libinih calls nobody for one without keys. */
static bool
is_unknown_section(const struct parse *parse, struct bytes line)
{
	const struct bytes content = line_content(line);
	const uint8_t *close;

	if (content.len == 0 || content.data[0] != '[')
		return false;
	close = memchr(content.data, ']', content.len);
	return close != NULL && !section_known(parse,
				    bytes_of(content.data + 1, (size_t)(close - content.data) - 1));
}

/* `line` with its line break, for which libinih has `room` octets: it would cut and say nothing. */
static bool
check_line(const struct parse *parse, struct bytes line, size_t room)
{
	size_t len = line.len;

	while (len > 0 && (line.data[len - 1] == '\n' || line.data[len - 1] == '\r'))
		len--;
	if (len > CONFIG_LINE_MAX || line.len >= room)
		return error_set(parse->err, E_CONFIG_INVALID, "line %d: longer than %d characters",
		    parse->line, CONFIG_LINE_MAX);
	if (memchr(line.data, '\0', line.len) != NULL)
		return error_set(
		    parse->err, E_CONFIG_INVALID, "line %d: holds a NUL character", parse->line);
	if (is_unknown_section(parse, line))
		return error_set(
		    parse->err, E_CONFIG_INVALID, "line %d: there is no such section", parse->line);
	return true;
}

/* libinih's fgets(), which counts the lines for take_key(). */
static char *
read_line(char *out, int out_len, void *context)
{
	struct parse *parse = context;
	struct bytes line = parse->rest;
	const uint8_t *newline;

	if (line.len == 0 || parse->err->code != E_NONE)
		return NULL;
	newline = memchr(line.data, '\n', line.len);
	if (newline != NULL)
		line.len = (size_t)(newline - line.data) + 1;
	parse->line++;
	parse->rest = bytes_of(line.data + line.len, parse->rest.len - line.len);
	if (!check_line(parse, line, (size_t)out_len))
		return NULL;
	memcpy(out, line.data, line.len);
	out[line.len] = '\0';
	return out;
}

static bool
set_defaults(struct parse *parse)
{
	char why[128];

	for (size_t i = 0; i < parse->field_count; i++) {
		const struct config_field *field = &parse->fields[i];

		if (parse->given[i])
			continue;
		if (field->default_value == NULL)
			return error_set(parse->err, E_CONFIG_INVALID, "[%s] %s is required",
			    field->section, field->key);
		if (!set_value(field, field->default_value, parse->out, why, sizeof why))
			return error_set(parse->err, E_INTERNAL, "default of %s", field->key);
	}
	return true;
}

bool
config_parse(struct bytes text, const struct config_field *fields, size_t field_count, void *out,
    struct error *err)
{
	struct error fault = {0};
	struct parse parse = {
	    .fields = fields, .field_count = field_count, .out = out, .rest = text, .err = &fault};
	int bad_line;

	assert(field_count <= CONFIG_FIELDS_MAX);
	bad_line = ini_parse_stream(read_line, &parse, take_key, &parse);
	/* libinih goes on after a line that it cannot read: the first line at fault is named. */
	if (bad_line != 0 && (fault.code == E_NONE || bad_line < parse.line)) {
		fault = (struct error){0};
		(void)error_set(&fault, E_CONFIG_INVALID, "line %d: not `key = value`", bad_line);
	}
	if (fault.code == E_NONE && set_defaults(&parse))
		return true;
	*err = fault;
	config_clear(fields, field_count, out);
	return false;
}

bool
config_read(const char *path, const struct config_field *fields, size_t field_count, void *out,
    struct error *err)
{
	DEFER(buf_clear) struct buf file = {0};

	return file_read(path, CONFIG_FILE_MAX, &file, err) &&
	       config_parse(buf_bytes(&file), fields, field_count, out, err);
}

void
config_clear(const struct config_field *fields, size_t field_count, void *out)
{
	for (size_t i = 0; i < field_count; i++) {
		char **at = (char **)(void *)((char *)out + fields[i].offset);

		if (fields[i].type != CONFIG_TEXT)
			continue;
		free(*at);
		*at = NULL;
	}
}
