#include "tests/support/cmocka_all.h"

#include "audit/outbox.h"

static const struct leaf REFUSED = {
    .seq = 4711,
    .sequenced_at_s = 1767225601,
    .event = LEAF_ENROLL_REFUSED,
    .code = "DUPLICATE_HARDWARE",
    .severity = 3,
    .failure = true,
    .at_s = 1767225601,
    .nonce = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    .actor = "station:7f3kq2m5nv4wxyza",
    .subject = "b:mzxw6ytboi2dgnbv",
};

static void
a_tail_is_what_follows_the_time_of_sequencing(void **state)
{
	DEFER(buf_clear) struct buf tail = {0};
	struct error err = {0};

	(void)state;
	assert_true(outbox_tail(&REFUSED, &tail, &err));
	assert_string_equal(buf_text(&tail),
	    "\"v\":1,\"ev\":\"enroll.refused\",\"rc\":\"DUPLICATE_HARDWARE\",\"sev\":3,"
	    "\"out\":\"failure\",\"t\":\"2026-01-01T00:00:01Z\",\"n\":\"AAECAwQFBgcICQoLDA0ODw\","
	    "\"act\":\"station:7f3kq2m5nv4wxyza\",\"sub\":\"b:mzxw6ytboi2dgnbv\"}");
}

static void
a_tail_behind_any_place_is_the_leaf_of_that_place(void **state)
{
	DEFER(buf_clear) struct buf whole = {0};
	DEFER(buf_clear) struct buf joined = {0};
	struct error err = {0};

	(void)state;
	assert_true(leaf_encode(&REFUSED, &whole, &err));
	buf_append_text(&joined, "{\"seq\":4711,\"st\":\"2026-01-01T00:00:01Z\",");
	assert_true(outbox_tail(&REFUSED, &joined, &err));
	assert_string_equal(buf_text(&joined), buf_text(&whole));
}

static void
a_value_that_could_break_out_of_its_quotes_is_refused(void **state)
{
	DEFER(buf_clear) struct buf tail = {0};
	struct leaf leaf = REFUSED;
	struct error err = {0};

	(void)state;
	strcpy(leaf.actor, "admin\",\"ev\":\"svc.stop");
	assert_false(outbox_tail(&leaf, &tail, &err));
	assert_int_equal(err.code, E_INTERNAL);
	assert_int_equal(tail.len, 0);
}

static void
a_leaf_without_an_event_is_refused(void **state)
{
	DEFER(buf_clear) struct buf tail = {0};
	struct leaf leaf = REFUSED;
	struct error err = {0};

	(void)state;
	leaf.event = LEAF_EVENT_NONE;
	assert_false(outbox_tail(&leaf, &tail, &err));
	assert_int_equal(err.code, E_INTERNAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_tail_is_what_follows_the_time_of_sequencing),
	    cmocka_unit_test(a_tail_behind_any_place_is_the_leaf_of_that_place),
	    cmocka_unit_test(a_value_that_could_break_out_of_its_quotes_is_refused),
	    cmocka_unit_test(a_leaf_without_an_event_is_refused),
	};

	return cmocka_run_group_tests_name("audit/outbox", tests, NULL, NULL);
}
