#include "captured.h"

#include "base/buf.h"
#include "base/config.h"

struct settings {
	char *name, *note;
	int64_t port;
	bool verbose;
};

static const struct config_field FIELDS[] = {
    {"server", "name", CONFIG_TEXT, offsetof(struct settings, name), NULL, 0, 0, "the name"},
    {"server", "port", CONFIG_INT, offsetof(struct settings, port), "443", 1, 65535, "TCP port"},
    {"log", "verbose", CONFIG_BOOL, offsetof(struct settings, verbose), "no", 0, 0, "say more"},
    {"log", "note", CONFIG_TEXT, offsetof(struct settings, note), "", 0, 0, "may be empty"},
};

static bool
read_text(struct bytes text, struct settings *out, struct error *err)
{
	char path[sizeof SCRATCH_PATH];
	bool done;

	*out = (struct settings){0};
	scratch_file(path, text);
	done = config_read(path, FIELDS, COUNT(FIELDS), out, err);
	(void)unlink(path);
	return done;
}

static void
given_values_are_taken_and_others_have_their_defaults(void **state)
{
	struct settings settings;
	struct error err = {0};

	(void)state;
	assert_true(read_text(bytes_of_text("[server]\nname = one two\n"), &settings, &err));
	assert_string_equal(settings.name, "one two");
	assert_int_equal(settings.port, 443);
	assert_false(settings.verbose);
	assert_string_equal(settings.note, "");
	config_clear(FIELDS, COUNT(FIELDS), &settings);
	assert_null(settings.name);

	assert_true(read_text(bytes_of_text("; comment\r\n[log]\r\nverbose=on\r\n\r\n# "
					    "comment\r\n[server]\r\nport = 1\r\nname: x\r\n[log]"
					    "\r\nnote = y"),
	    &settings, &err));
	assert_string_equal(settings.name, "x");
	assert_int_equal(settings.port, 1);
	assert_true(settings.verbose);
	assert_string_equal(settings.note, "y");
	config_clear(FIELDS, COUNT(FIELDS), &settings);
}

static void
booleans_have_six_words(void **state)
{
	static const char *const WORDS[] = {"false", "true", "no", "yes", "off", "on"};

	(void)state;
	for (size_t i = 0; i < COUNT(WORDS); i++) {
		struct settings settings;
		struct error err = {0};
		char text[64];

		(void)snprintf(
		    text, sizeof text, "[log]\nverbose = %s\n[server]\nname = x\n", WORDS[i]);
		assert_true(read_text(bytes_of_text(text), &settings, &err));
		assert_int_equal(settings.verbose, i % 2 == 1);
		config_clear(FIELDS, COUNT(FIELDS), &settings);
	}
}

/* clang-format off */
static const struct fault { const char *want; struct bytes text; } FAULTS[] = {
	{"line 3: there is no key [server] nmae",  OCTETS("[server]\n\nnmae = x\n")},
	{"line 2: there is no key [server] Name",  OCTETS("[server]\nName = x\n")},
	{"line 2: there is no key [log] port",     OCTETS("[log]\nport = 1\n")},
	{"line 1: there is no key [] name",        OCTETS("name = x\n")},
	{"line 1: there is no such section",       OCTETS("[sever]\nname = x\n")},
	{"line 3: there is no such section",       OCTETS("[server]\nname = x\n[extra]\n")},
	{"line 1: there is no such section",       OCTETS(" [extra]\n[server]\nname = x\n")},
	{"line 1: there is no such section",       OCTETS("\xef\xbb\xbf[extra]\n[server]\nname = x\n")},
	{"line 3: name stands twice",              OCTETS("[server]\nname = x\nname = y\n")},
	{"line 3: name stands twice",              OCTETS("[server]\nname = x\n  continued\n")},
	{"line 5: name stands twice",              OCTETS("[server]\nname = x\n[log]\n[server]\nname = x\n")},
	{"line 2: name is empty",                  OCTETS("[server]\nname =\n")},
	{"line 2: port is a number from 1 to 65535", OCTETS("[server]\nport = 0\n")},
	{"line 2: port is a number from 1 to 65535", OCTETS("[server]\nport = 65536\n")},
	{"line 2: port is a number from 1 to 65535", OCTETS("[server]\nport = -1\n")},
	{"line 2: port is a number from 1 to 65535", OCTETS("[server]\nport =\n")},
	{"line 2: port is a number from 1 to 65535", OCTETS("[server]\nport = 0x10\n")},
	{"line 2: port is a number from 1 to 65535", OCTETS("[server]\nport = 1 2\n")},
	{"line 2: port is a number from 1 to 65535", OCTETS("[server]\nport = 1k\n")},
	{"line 2: port is a number from 1 to 65535", OCTETS("[server]\nport = 18446744073709551617\n")},
	{"line 2: verbose is true or false",       OCTETS("[log]\nverbose = TRUE\n")},
	{"line 2: verbose is true or false",       OCTETS("[log]\nverbose = 1\n")},
	{"line 2: verbose is true or false",       OCTETS("[log]\nverbose =\n")},
	{"line 3: not `key = value`",              OCTETS("[server]\nname = x\njunk\n")},
	{"line 1: not `key = value`",              OCTETS("[server\nname = x\n")},
	{"line 2: not `key = value`",              OCTETS("[server]\njunk\nnmae = x\n")},
	{"line 2: there is no key [server] nmae",  OCTETS("[server]\nnmae = x\njunk\n")},
	{"line 2: holds a NUL character",          OCTETS("[server]\nname = x\0y\n")},
	{"[server] name is required",              OCTETS("[server]\nport = 1\n")},
	{"[server] name is required",              OCTETS("")},
};
/* clang-format on */

static void
each_fault_names_its_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(FAULTS); i++) {
		struct settings settings;
		struct error err = {0};

		if (read_text(FAULTS[i].text, &settings, &err))
			fail_msg("row %zu: %s", i, FAULTS[i].want);
		assert_string_equal(err.detail, FAULTS[i].want);
		assert_int_equal(err.code, E_CONFIG_INVALID);
		assert_null(settings.name); /* nothing left to free */
		assert_null(settings.note);
	}
}

/* "name = xxx...", `len` characters without the newline. */
static bool
read_line_of(size_t len, const char *newline, struct settings *settings, struct error *err)
{
	DEFER(buf_clear) struct buf text = {0};

	buf_append_text(&text, "[server]\nname = ");
	while (text.len < strlen("[server]\n") + len)
		buf_append_u8(&text, 'x');
	buf_append_text(&text, newline);
	return read_text(buf_bytes(&text), settings, err);
}

static void
a_line_of_190_characters_is_read_and_a_longer_one_is_not_cut(void **state)
{
	static const size_t TOO_LONG[] = {191, 192, 198, 199, 200, 201, 400, 5000};
	struct settings settings;
	struct error err = {0};

	(void)state;
	assert_true(read_line_of(190, "\n", &settings, &err));
	assert_int_equal(strlen(settings.name), 190 - strlen("name = "));
	config_clear(FIELDS, COUNT(FIELDS), &settings);
	assert_true(read_line_of(190, "", &settings, &err));
	config_clear(FIELDS, COUNT(FIELDS), &settings);
	for (size_t i = 0; i < COUNT(TOO_LONG); i++) {
		err = (struct error){0};
		assert_false(read_line_of(TOO_LONG[i], "\n", &settings, &err));
		assert_string_equal(err.detail, "line 2: longer than 190 characters");
	}
}

static void
a_file_that_is_missing_or_larger_than_64_kib_is_refused(void **state)
{
	DEFER(buf_clear) struct buf text = {0};
	struct settings settings = {0};
	struct error missing = {0}, large = {0};

	(void)state;
	assert_false(
	    config_read("/nonexistent/x.conf", FIELDS, COUNT(FIELDS), &settings, &missing));
	assert_int_equal(missing.code, E_FILE_FAILED);
	buf_append_text(&text, "[server]\nname=x\n");
	while (text.len < 65537)
		buf_append_u8(&text, '\n');
	assert_false(read_text(buf_bytes(&text), &settings, &large));
	assert_int_equal(large.code, E_FILE_FAILED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(given_values_are_taken_and_others_have_their_defaults),
	    cmocka_unit_test(booleans_have_six_words),
	    cmocka_unit_test(each_fault_names_its_line),
	    cmocka_unit_test(a_line_of_190_characters_is_read_and_a_longer_one_is_not_cut),
	    cmocka_unit_test(a_file_that_is_missing_or_larger_than_64_kib_is_refused),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
