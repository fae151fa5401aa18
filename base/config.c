#include "base/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

#include "base/bytes.h"
#include "base/mem.h"

#define CONFIG_FIELDS_MAX 64
#define CONFIG_LINE_MAX 190 /* characters: libinih's own bound, of which it says nothing */

struct parse {
	const struct config_field *fields;
	size_t field_count;
	void *out;
	bool given[CONFIG_FIELDS_MAX];
	FILE *file;
	int line;
	struct error *err;
};

static bool
set_int(const struct config_field *field, const char *value, int64_t *at, char *why, size_t why_len)
{
	char *end;
	const long long number = strtoll(value, &end, 10);

	(void)snprintf(why, why_len, "%s is a number from %lld to %lld", field->key,
	    (long long)field->min, (long long)field->max);
	if (*value == '\0' || *end != '\0' || number < field->min || number > field->max)
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

/* Counts the lines for take_key(), and refuses those that libinih would silently cut. */
static char *
read_line(char *out, int out_len, void *context)
{
	struct parse *parse = context;
	char *line = fgets(out, out_len, parse->file);

	if (line == NULL || parse->err->code != E_NONE)
		return NULL;
	parse->line++;
	if (strlen(line) > CONFIG_LINE_MAX) {
		(void)error_set(parse->err, E_CONFIG_INVALID, "line %d: longer than %d characters",
		    parse->line, CONFIG_LINE_MAX);
		return NULL;
	}
	return line;
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
config_read(const char *path, const struct config_field *fields, size_t field_count, void *out,
    struct error *err)
{
	struct parse parse = {.fields = fields, .field_count = field_count, .out = out, .err = err};
	int bad_line;

	if (field_count > CONFIG_FIELDS_MAX)
		return error_set(err, E_INTERNAL, "more than %d fields", CONFIG_FIELDS_MAX);
	parse.file = fopen(path, "re");
	if (parse.file == NULL) {
		(void)error_set(err, E_FILE_FAILED, "cannot open %s", path);
		error_cause_errno(err);
		return false;
	}
	bad_line = ini_parse_stream(read_line, &parse, take_key, &parse);
	(void)fclose(parse.file);
	if (err->code == E_NONE && bad_line != 0)
		(void)error_set(err, E_CONFIG_INVALID, "line %d: not `key = value`", bad_line);
	if (err->code == E_NONE && set_defaults(&parse))
		return true;
	config_clear(fields, field_count, out);
	return false;
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
