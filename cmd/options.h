/*
 * options: long options of a subcommand by a table, words in between, errors in words.
 */
#ifndef CMD_OPTIONS_H
#define CMD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#define OPTION_VALUES_MAX 64

struct option_values { /* of an option that may be repeated */
	const char *at[OPTION_VALUES_MAX];
	size_t count;
};

enum option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_LIST };
struct option_row {
	const char *name; /* "--json" */
	enum option_kind kind;
	void *target; /* bool *, const char **, struct option_values * */
};

/*
 * Takes all options out of argv; what is left are the words, in order, *out_count of them from
 * argv[1] on. False: an unknown option or a missing value; *out_bad names it.
 */
bool options_take(int argc, char **argv, const struct option_row *rows, size_t row_count,
    int *out_count, const char **out_bad);

/* The rows that every caller of the API has. */
#define OPTIONS_API(api, json)                                                               \
	{"--url", OPTION_TEXT, &(api).url}, {"--cacert", OPTION_TEXT, &(api).ca_file},       \
	    {"--cert", OPTION_TEXT, &(api).certificate}, {"--key", OPTION_TEXT, &(api).key}, \
	{                                                                                    \
		"--json", OPTION_FLAG, &(json)                                               \
	}

#endif
