#include "cmd/options.h"

#include <string.h>

static const struct option_row *
find_row(const char *name, const struct option_row *rows, size_t row_count)
{
	for (size_t i = 0; i < row_count; i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

static bool
take_value(const struct option_row *row, const char *value)
{
	if (row->kind == OPTION_TEXT) {
		*(const char **)row->target = value;
		return true;
	}
	struct option_values *values = row->target;

	if (values->count == OPTION_VALUES_MAX)
		return false;
	values->at[values->count++] = value;
	return true;
}

bool
options_take(int argc, char **argv, const struct option_row *rows, size_t row_count, int *out_count,
    const char **out_bad)
{
	int words = 0;

	for (int i = 1; i < argc; i++) {
		const struct option_row *row;

		if (strncmp(argv[i], "--", 2) != 0) {
			argv[++words] = argv[i];
			continue;
		}
		*out_bad = argv[i];
		row = find_row(argv[i], rows, row_count);
		if (row == NULL)
			return false;
		if (row->kind == OPTION_FLAG)
			*(bool *)row->target = true;
		else if (i + 1 == argc || !take_value(row, argv[++i]))
			return false;
	}
	*out_count = words;
	return true;
}
