#include "tests/support/cmocka_all.h"

#include "audit/forward.h"
#include "audit/syslog.h"
#include "base/buf.h"

/* The leaf of docs/audit-log.md that a refusal makes. */
#define LEAF                                                                            \
	"{\"seq\":1,\"st\":\"2026-01-01T00:00:01Z\",\"v\":1,\"ev\":\"enroll.refused\"," \
	"\"rc\":\"DUPLICATE_HARDWARE\",\"sev\":3,\"out\":\"failure\","                  \
	"\"t\":\"2026-01-01T00:00:01Z\",\"n\":\"AAECAwQFBgcICQoLDA0ODw\","              \
	"\"act\":\"station:7f3kq2m5nv4wxyza\",\"sub\":\"b:mzxw6ytboi2dgnbv\"}"
#define MESSAGE                                                      \
	"<108>1 2026-01-01T00:00:01Z node1 moniker - enroll.refused" \
	" [moniker@32473 origin=\"moniker.example/node1-2026\" seq=\"1\"] " LEAF

static void
a_leaf_is_a_message_in_its_frame(void **state)
{
	DEFER(buf_clear_public) struct buf frame = {0};
	struct error err = {0};
	char expected[SYSLOG_FRAME_MAX];

	(void)state;
	(void)snprintf(expected, sizeof expected, "%zu %s", sizeof MESSAGE - 1, MESSAGE);
	assert_true(syslog_frame(
	    "moniker.example/node1-2026", "node1", 1, bytes_of_text(LEAF), &frame, &err));
	assert_string_equal(buf_text(&frame), expected);
}

static void
what_is_no_leaf_is_no_message(void **state)
{
	DEFER(buf_clear_public) struct buf frame = {0};
	struct error err = {0};

	(void)state;
	assert_false(syslog_frame("a/b", "node1", 1, bytes_of_text("{}\n<1>"), &frame, &err));
	assert_int_equal(err.code, E_BAD_SYNTAX);
	assert_int_equal(frame.len, 0);
}

static void
severities_fall_as_those_of_syslog_do(void **state)
{
	(void)state;
	assert_int_equal(syslog_severity(1), 6);
	for (int severity = 2; severity <= 6; severity++)
		assert_int_equal(syslog_severity(severity), syslog_severity(severity - 1) - 1);
	assert_int_equal(syslog_severity(0), 6);
	assert_int_equal(syslog_severity(7), 6);
}

/* ---- how far it is ---- */

static void
what_was_read_is_settled_after_a_while(void **state)
{
	struct forward_progress progress = {0};

	(void)state;
	assert_false(forward_settle(&progress, FORWARD_SETTLE_MS * 10));
	forward_confirmed(&progress, 10, 1000);
	assert_false(forward_settle(&progress, 1000 + FORWARD_SETTLE_MS - 1));
	assert_true(forward_settle(&progress, 1000 + FORWARD_SETTLE_MS));
	assert_int_equal(progress.settled, 10);
	assert_false(forward_settle(&progress, 1000 + FORWARD_SETTLE_MS * 2));
}

/* A receiver that reads every second is settled, too: what comes later does not put it off. */
static void
a_steady_stream_is_settled(void **state)
{
	struct forward_progress progress = {0};
	int64_t now_ms = 0;

	(void)state;
	for (uint64_t next = 1; next <= 60; next++, now_ms += 1000) {
		forward_confirmed(&progress, next, now_ms);
		(void)forward_settle(&progress, now_ms);
		assert_true(progress.settled <= next);
		assert_true(next < 30 || progress.settled + 25 > next);
	}
	assert_int_equal(progress.confirmed, 60);
}

static void
after_a_failure_all_that_is_not_settled_is_sent_again(void **state)
{
	struct forward_progress progress = {0};

	(void)state;
	forward_confirmed(&progress, 10, 0);
	assert_true(forward_settle(&progress, FORWARD_SETTLE_MS));
	forward_confirmed(&progress, 20, FORWARD_SETTLE_MS + 1);
	assert_int_equal(forward_again(&progress), 10);
	assert_int_equal(progress.confirmed, 10);
	/* What was read before the failure may be lost: it is not settled by time alone. */
	assert_false(forward_settle(&progress, FORWARD_SETTLE_MS * 10));
	assert_int_equal(progress.settled, 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_leaf_is_a_message_in_its_frame),
	    cmocka_unit_test(what_is_no_leaf_is_no_message),
	    cmocka_unit_test(severities_fall_as_those_of_syslog_do),
	    cmocka_unit_test(what_was_read_is_settled_after_a_while),
	    cmocka_unit_test(a_steady_stream_is_settled),
	    cmocka_unit_test(after_a_failure_all_that_is_not_settled_is_sent_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
