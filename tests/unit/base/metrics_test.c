#include "tests/support/cmocka_all.h"

#include <pthread.h>

#include "base/metrics.h"

enum { CALLS, LEVEL, BY_COLOR, RARE, WAIT, SIZE_BY_COLOR };

static size_t
color_count(void)
{
	return 2;
}

static void
append_color(struct buf *out, size_t series)
{
	buf_append_format(out, "color=\"%s\"", series == 0 ? "red" : "blue");
}

static const struct metric_labels COLORS = {color_count, append_color, false};
static const struct metric_labels RARE_COLORS = {color_count, append_color, true};
static const int64_t BOUNDS[] = {10, 1000};
static const struct metric_buckets BUCKETS = {BOUNDS, 2};

static const struct metric TABLE[] = {
    [CALLS] = {"calls_total", METRIC_COUNTER, 1, NULL, NULL, "Calls."},
    [LEVEL] = {"level", METRIC_GAUGE, 0, NULL, NULL, "Level."},
    [BY_COLOR] = {"colors_total", METRIC_COUNTER, 1, &COLORS, NULL, "Colors."},
    [RARE] = {"rare_total", METRIC_COUNTER, 1, &RARE_COLORS, NULL, "Rare colors."},
    [WAIT] = {"wait_seconds", METRIC_HISTOGRAM, METRIC_US_PER_S, NULL, &METRIC_LATENCY_US,
	"Waits."},
    [SIZE_BY_COLOR] = {"size", METRIC_HISTOGRAM, 1, &COLORS, &BUCKETS, "Sizes."},
};

static int
set_up(void **state)
{
	*state = metrics_new(TABLE, COUNT(TABLE));
	return 0;
}

static int
tear_down(void **state)
{
	metrics_free(*state);
	return 0;
}

static void
the_text_is_the_whole_table(void **state)
{
	struct metrics *metrics = *state;
	DEFER(buf_clear_public) struct buf text = {0};
	const char *wait;

	metrics_add(metrics, CALLS, 0, 3);
	metrics_add(metrics, LEVEL, 0, 5);
	metrics_add(metrics, LEVEL, 0, -7);
	metrics_add(metrics, BY_COLOR, 1, 1);
	metrics_add(metrics, RARE, 1, 2);
	metrics_observe(metrics, SIZE_BY_COLOR, 0, 10);
	metrics_observe(metrics, SIZE_BY_COLOR, 0, 11);
	metrics_observe(metrics, SIZE_BY_COLOR, 0, 1001);
	metrics_observe(metrics, WAIT, 0, 150);
	metrics_observe(metrics, WAIT, 0, 1500000);
	metrics_write(metrics, &text);
	wait = strstr(buf_text(&text), "# HELP wait_seconds");
	assert_non_null(wait);
	assert_int_equal(strncmp(buf_text(&text),
			     "# HELP calls_total Calls.\n"
			     "# TYPE calls_total counter\n"
			     "calls_total 3\n"
			     "# HELP level Level.\n"
			     "# TYPE level gauge\n"
			     "level -2\n"
			     "# HELP colors_total Colors.\n"
			     "# TYPE colors_total counter\n"
			     "colors_total{color=\"red\"} 0\n"
			     "colors_total{color=\"blue\"} 1\n"
			     "# HELP rare_total Rare colors.\n"
			     "# TYPE rare_total counter\n"
			     "rare_total{color=\"blue\"} 2\n"
			     "# HELP wait_seconds",
			     (size_t)(wait - buf_text(&text)) + 19),
	    0);
	assert_non_null(strstr(wait, "wait_seconds_bucket{le=\"0.0001\"} 0\n"
				     "wait_seconds_bucket{le=\"0.00025\"} 1\n"));
	assert_non_null(strstr(wait, "wait_seconds_bucket{le=\"1\"} 1\n"
				     "wait_seconds_bucket{le=\"2.5\"} 2\n"));
	assert_non_null(strstr(wait, "wait_seconds_sum 1.50015\nwait_seconds_count 2\n"));
	assert_non_null(strstr(wait, "# TYPE size histogram\n"
				     "size_bucket{color=\"red\",le=\"10\"} 1\n"
				     "size_bucket{color=\"red\",le=\"1000\"} 2\n"
				     "size_bucket{color=\"red\",le=\"+Inf\"} 3\n"
				     "size_sum{color=\"red\"} 1022\n"
				     "size_count{color=\"red\"} 3\n"
				     "size_bucket{color=\"blue\",le=\"10\"} 0\n"));
}

static void
a_bound_belongs_to_its_bucket(void **state)
{
	struct metrics *metrics = *state;
	DEFER(buf_clear_public) struct buf text = {0};

	metrics_observe(metrics, WAIT, 0, METRIC_LATENCY_US.bounds[0]);
	metrics_observe(
	    metrics, WAIT, 0, METRIC_LATENCY_US.bounds[METRIC_LATENCY_US.count - 1] + 1);
	metrics_write(metrics, &text);
	assert_non_null(strstr(buf_text(&text), "wait_seconds_bucket{le=\"0.0001\"} 1\n"));
	assert_non_null(strstr(buf_text(&text), "wait_seconds_bucket{le=\"10\"} 1\n"
						"wait_seconds_bucket{le=\"+Inf\"} 2\n"));
}

static void
a_gauge_that_is_set_has_the_last_value(void **state)
{
	struct metrics *metrics = *state;

	metrics_set(metrics, LEVEL, 0, 9);
	metrics_set(metrics, LEVEL, 0, 4);
	assert_int_equal(metrics_value(metrics, LEVEL, 0), 4);
}

static void
nothing_counts_nothing(void **state)
{
	DEFER(buf_clear_public) struct buf text = {0};

	(void)state;
	metrics_add(NULL, CALLS, 0, 1);
	metrics_set(NULL, LEVEL, 0, 1);
	metrics_observe(NULL, WAIT, 0, 1);
	metrics_write(NULL, &text);
	metrics_free(NULL);
	assert_int_equal(text.len, 0);
}

static void
what_is_looked_up_is_written_the_same_way(void **state)
{
	DEFER(buf_clear_public) struct buf text = {0};

	(void)state;
	metrics_write_head(&text, &TABLE[LEVEL]);
	metrics_write_sample(&text, &TABLE[LEVEL], NULL, 8);
	metrics_write_sample(&text, &TABLE[LEVEL], "a=\"b\"", 9);
	assert_string_equal(buf_text(&text),
	    "# HELP level Level.\n# TYPE level gauge\nlevel 8\nlevel{a=\"b\"} 9\n");
}

#define THREADS 4
#define ROUNDS 20000

static void *
count_up(void *context)
{
	for (int i = 0; i < ROUNDS; i++) {
		metrics_add(context, BY_COLOR, 0, 1);
		metrics_observe(context, SIZE_BY_COLOR, 1, i % 20);
	}
	return NULL;
}

static void
no_count_is_lost_among_threads(void **state)
{
	struct metrics *metrics = *state;
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_up, metrics), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(metrics_value(metrics, BY_COLOR, 0), THREADS * ROUNDS);
	assert_int_equal(metrics_value(metrics, BY_COLOR, 1), 0);
	assert_int_equal(metrics_value(metrics, SIZE_BY_COLOR, 1), THREADS * ROUNDS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(the_text_is_the_whole_table, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_bound_belongs_to_its_bucket, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		a_gauge_that_is_set_has_the_last_value, set_up, tear_down),
	    cmocka_unit_test(nothing_counts_nothing),
	    cmocka_unit_test(what_is_looked_up_is_written_the_same_way),
	    cmocka_unit_test_setup_teardown(no_count_is_lost_among_threads, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
