#include "captured.h"

#include <jansson.h>

#include "base/log.h"

/* Exactly one line, exactly one JSON object; the caller releases it. */
static json_t *
parse_line(const char *text, size_t len)
{
	json_t *object;

	assert_true(len > 0 && len <= 1024);
	assert_ptr_equal(strchr(text, '\n'), text + len - 1);
	object = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(object);
	return object;
}

static const char *
member(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static void
a_line_is_one_json_object(void **state)
{
	struct capture capture = capture_begin();
	char text[4096];
	json_t *line;
	size_t len;

	(void)state;
	log_info("keeper.lost", "try %d", 3);
	len = capture_end(&capture, text, sizeof text);
	line = parse_line(text, len);
	assert_string_equal(member(line, "level"), "info");
	assert_string_equal(member(line, "event"), "keeper.lost");
	assert_string_equal(member(line, "text"), "try 3");
	assert_int_equal(strlen(member(line, "time")), 20);
	assert_int_equal(json_object_size(line), 4);
	json_decref(line);
}

static void
hostile_text_stays_inside_its_string(void **state)
{
	const struct error err = {
	    .code = E_INTERNAL, .detail = "\"}\n{\"event\":\"forged\"}\\", .site = "a.c:1"};
	struct capture capture = capture_begin();
	char text[4096];
	json_t *line;
	size_t len;

	(void)state;
	log_error(LOG_LEVEL_ERROR, "request.failed", "id\",\"x\":\"\n\xff", &err);
	len = capture_end(&capture, text, sizeof text);
	line = parse_line(text, len);
	assert_int_equal(json_object_size(line), 5);
	assert_string_equal(member(line, "event"), "request.failed");
	assert_string_equal(member(line, "request_id"), "id','x':'??");
	assert_null(strstr(text, "\"forged\""));
	json_decref(line);
}

static void
the_longest_line_is_cut_inside_its_text_and_still_one_object(void **state)
{
	struct capture capture = capture_begin();
	struct error err = {.code = E_DATABASE_UNAVAILABLE, .site = "a.c:1"};
	char longest[5000];
	char text[8192];
	char *second;

	(void)state;
	memset(longest, '"', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	memset(err.detail, 'd', sizeof err.detail - 1);
	memset(err.cause, 'c', sizeof err.cause - 1);
	log_warning(longest + 4960, "%s", longest);
	log_error(LOG_LEVEL_WARNING, "an.event.with.a.name.of.forty.characters", longest, &err);
	(void)capture_end(&capture, text, sizeof text);
	second = strchr(text, '\n');
	assert_non_null(second);
	/* The event is ours and not cleaned; only its length is bounded. */
	assert_true(second - text < 1024);
	second++;
	json_decref(parse_line(second, strlen(second)));
}

static void
lines_below_the_level_are_not_written(void **state)
{
	struct capture capture = capture_begin();
	const struct error err = {.code = E_INTERNAL};
	char text[4096];

	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	log_warning("a", "b");
	log_error(LOG_LEVEL_WARNING, "a", NULL, &err);
	log_request(LOG_LEVEL_WARNING, "a", "id", "b");
	log_set_level(LOG_LEVEL_DEBUG);
	log_write(LOG_LEVEL_DEBUG, "shown", "c");
	log_set_level(LOG_LEVEL_INFO);
	(void)capture_end(&capture, text, sizeof text);
	assert_null(strstr(text, "\"a\""));
	assert_non_null(strstr(text, "\"shown\""));
}

static void
a_request_s_line_has_its_id(void **state)
{
	struct capture capture = capture_begin();
	char text[4096];
	json_t *line;

	(void)state;
	log_request(LOG_LEVEL_WARNING, "request.answered", "mreq", "status=%d", 201);
	line = parse_line(text, capture_end(&capture, text, sizeof text));
	assert_int_equal(json_object_size(line), 5);
	assert_string_equal(member(line, "event"), "request.answered");
	assert_string_equal(member(line, "request_id"), "mreq");
	assert_string_equal(member(line, "text"), "status=201");
	json_decref(line);
}

static void
levels_have_names_and_other_names_are_refused(void **state)
{
	static const char *const BAD[] = {"", "Error", "err", "warn", "info ", "4"};
	enum log_level level = LOG_LEVEL_ERROR;

	(void)state;
	assert_true(log_level_of("error", &level));
	assert_int_equal(level, LOG_LEVEL_ERROR);
	assert_true(log_level_of("warning", &level));
	assert_int_equal(level, LOG_LEVEL_WARNING);
	assert_true(log_level_of("info", &level));
	assert_int_equal(level, LOG_LEVEL_INFO);
	assert_true(log_level_of("debug", &level));
	assert_int_equal(level, LOG_LEVEL_DEBUG);
	for (size_t i = 0; i < COUNT(BAD); i++)
		assert_false(log_level_of(BAD[i], &level));
	assert_int_equal(level, LOG_LEVEL_DEBUG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_is_one_json_object),
	    cmocka_unit_test(hostile_text_stays_inside_its_string),
	    cmocka_unit_test(the_longest_line_is_cut_inside_its_text_and_still_one_object),
	    cmocka_unit_test(lines_below_the_level_are_not_written),
	    cmocka_unit_test(a_request_s_line_has_its_id),
	    cmocka_unit_test(levels_have_names_and_other_names_are_refused),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
