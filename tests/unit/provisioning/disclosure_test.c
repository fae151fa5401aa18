/* What a step makes of a disclosure, and the texts that are signed. */
#include "tests/unit/provisioning/cmocka_all.h"

#include <string.h>

#include "provisioning/disclosure.h"

#define NOW 1000
#define ASKS 1 /* persons */
#define ONE 2
#define TWO 3

static struct disclosure
in_state(enum disclosure_state state, size_t approvals)
{
	struct disclosure disclosure = {
	    .person = ASKS, .state = state, .at_s = 0, .expires_at_s = NOW + 1};

	if (state == DISCLOSURE_CLOSED)
		disclosure.outcome = DISCLOSURE_FULFILLED;
	disclosure.approval_count = approvals;
	disclosure.approvals[0] = (struct disclosure_approval){.role = SEAT_OFFICER, .person = ONE};
	disclosure.approvals[1] = (struct disclosure_approval){.role = SEAT_LEGAL, .person = TWO};
	return disclosure;
}

#define NO (-1) /* STATE_CONFLICT */
/* clang-format off */
static const struct row {
	enum disclosure_step step;
	int to[DISCLOSURE_STATE_COUNT]; /* from submitted, approved, exported, closed */
} TABLE[] = {
	{STEP_APPROVE, {DISCLOSURE_APPROVED, NO,                  NO,                  NO}},
	{STEP_REJECT,  {DISCLOSURE_CLOSED,   DISCLOSURE_CLOSED,   NO,                  NO}},
	{STEP_EXPORT,  {NO,                  DISCLOSURE_EXPORTED, DISCLOSURE_EXPORTED, NO}},
	{STEP_FULFILL, {NO,                  NO,                  DISCLOSURE_CLOSED,   NO}},
	{STEP_EXPIRE,  {NO,                  NO,                  NO,                  NO}},
};
/* clang-format on */

static void
each_step_of_each_state_is_as_the_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(TABLE); i++)
		for (int from = 0; from < DISCLOSURE_STATE_COUNT; from++) {
			/* The officer has approved; the legal one is at it. */
			const struct disclosure disclosure =
			    in_state((enum disclosure_state)from, from == 0 ? 1 : 2);
			enum disclosure_state to;
			enum disclosure_outcome outcome;
			struct error err = {0};

			assert_int_equal(disclosure_judge(&disclosure, TABLE[i].step, TWO,
					     SEAT_LEGAL, NOW, &to, &outcome, &err),
			    TABLE[i].to[from] != NO);
			if (TABLE[i].to[from] == NO)
				assert_int_equal(err.code, E_STATE_CONFLICT);
			else
				assert_int_equal(to, TABLE[i].to[from]);
			assert_int_equal(to == DISCLOSURE_CLOSED, outcome != DISCLOSURE_OPEN);
		}
}

static void
whatever_is_open_expires_and_nothing_else_happens_then(void **state)
{
	(void)state;
	for (int from = 0; from < DISCLOSURE_CLOSED; from++)
		for (int step = STEP_APPROVE; step < STEP_COUNT; step++) {
			const struct disclosure disclosure =
			    in_state((enum disclosure_state)from, 1);
			enum disclosure_state to;
			enum disclosure_outcome outcome;
			struct error err = {0};

			assert_int_equal(disclosure_judge(&disclosure, (enum disclosure_step)step,
					     TWO, SEAT_LEGAL, NOW + 1, &to, &outcome, &err),
			    step == STEP_EXPIRE);
			assert_int_equal(to, DISCLOSURE_CLOSED);
			assert_int_equal(outcome, DISCLOSURE_EXPIRED);
		}
}

static void
approvals_are_by_two_persons_in_two_roles_and_not_by_who_asks(void **state)
{
	static const struct {
		int64_t person;
		enum seat_role role;
		size_t before;
		enum error_code want;
		enum disclosure_state to;
	} rows[] = {
	    {ASKS, SEAT_LEGAL, 0, E_SAME_PERSON, 0},
	    {ASKS, SEAT_LEGAL, 1, E_SAME_PERSON, 0},
	    {ONE, SEAT_OFFICER, 0, E_NONE, DISCLOSURE_SUBMITTED},
	    {ONE, SEAT_LEGAL, 1, E_SAME_PERSON, 0},
	    {TWO, SEAT_OFFICER, 1, E_STATE_CONFLICT, 0},
	    {TWO, SEAT_LEGAL, 1, E_NONE, DISCLOSURE_APPROVED},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct disclosure disclosure = in_state(DISCLOSURE_SUBMITTED, rows[i].before);
		enum disclosure_state to;
		enum disclosure_outcome outcome;
		struct error err = {0};

		assert_int_equal(disclosure_judge(&disclosure, STEP_APPROVE, rows[i].person,
				     rows[i].role, NOW, &to, &outcome, &err),
		    rows[i].want == E_NONE);
		assert_int_equal(err.code, rows[i].want);
		if (rows[i].want == E_NONE)
			assert_int_equal(to, rows[i].to);
	}
}

/* ---- texts ---- */

#define TEXT                                                                       \
	"moniker-disclosure/1\n"                                                   \
	"id 7f3kq2m5nv4wxyza\n"                                                    \
	"requester officer:2c5d7xkaqe3wnb6m\n"                                     \
	"basis COURT_ORDER\n"                                                      \
	"case 17/2026\n"                                                           \
	"order 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n" \
	"requested 2026-01-01T00:00:00Z\n"                                         \
	"expires 2026-01-04T00:00:00Z\n"                                           \
	"device 0c9f8a4e-7b1d-4c2a-9d3e-5f6a7b8c9d0e\n"

static void
a_request_reads_back_as_it_was_written(void **state)
{
	DEFER(buf_clear_public) struct buf again = {0};
	struct disclosure_text text;
	struct error err = {0};

	(void)state;
	assert_true(disclosure_parse(bytes_of_text(TEXT), &text, &err));
	assert_int_equal(text.basis, BASIS_COURT_ORDER);
	assert_string_equal(text.case_number, "17/2026");
	assert_int_equal(text.expires_at_s - text.requested_at_s, DISCLOSURE_EXPIRES_S);
	disclosure_encode(&text, &again);
	assert_string_equal(buf_text(&again), TEXT);
}

#define AUDIT_HEAD                                                                 \
	"moniker-disclosure/1\n"                                                   \
	"id 7f3kq2m5nv4wxyza\n"                                                    \
	"requester officer:2c5d7xkaqe3wnb6m\n"                                     \
	"basis ESCROW_AUDIT\n"                                                     \
	"case 17/2026\n"                                                           \
	"order 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n" \
	"requested 2026-01-01T00:00:00Z\n"                                         \
	"expires 2026-01-04T00:00:00Z\n"

static void
an_audit_reads_back_as_it_was_written(void **state)
{
	DEFER(buf_clear_public) struct buf again = {0};
	struct disclosure_text text;
	struct error err = {0};

	(void)state;
	assert_true(disclosure_parse(
	    bytes_of_text(AUDIT_HEAD "sample 10 example.com/node1-2026 4711\n"), &text, &err));
	assert_int_equal(text.sample_count, 10);
	assert_string_equal(text.sample_origin, "example.com/node1-2026");
	assert_int_equal(text.sample_size, 4711);
	assert_int_equal(text.device_count, 0);
	disclosure_encode(&text, &again);
	assert_string_equal(buf_text(&again), AUDIT_HEAD "sample 10 example.com/node1-2026 4711\n");
}

static void
an_audit_names_no_device_and_a_sample_is_for_audits_alone(void **state)
{
	static const char *const rejects[] = {
	    AUDIT_HEAD,
	    AUDIT_HEAD "device 0c9f8a4e-7b1d-4c2a-9d3e-5f6a7b8c9d0e\n",
	    AUDIT_HEAD "sample 10 a/b 4711\ndevice 0c9f8a4e-7b1d-4c2a-9d3e-5f6a7b8c9d0e\n",
	    AUDIT_HEAD "sample 10 a/b 4711\nsample 10 a/b 4711\n",
	    AUDIT_HEAD "sample 0 a/b 4711\n",
	    AUDIT_HEAD "sample 51 a/b 4711\n",
	    AUDIT_HEAD "sample 010 a/b 4711\n",
	    AUDIT_HEAD "sample 10 a/b 0\n",
	    AUDIT_HEAD "sample 10 a/b -1\n",
	    AUDIT_HEAD "sample 10 a/b 9223372036854775808\n",
	    AUDIT_HEAD "sample 10  4711\n",
	    AUDIT_HEAD "sample 10 a b 4711\n",
	    AUDIT_HEAD "sample 10 a/b 4711",
	    TEXT "sample 10 a/b 4711\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rejects); i++) {
		struct disclosure_text text;
		struct error err = {0};

		if (disclosure_parse(bytes_of_text(rejects[i]), &text, &err))
			fail_msg("taken: %s", rejects[i]);
		assert_int_equal(err.code, E_BAD_SYNTAX);
	}
}

/* ---- what an audit draws ---- */

/* Computed with another implementation of SHA-256. */
static void
the_draw_is_as_specified(void **state)
{
	static const uint64_t wanted[] = {527, 421, 854, 717, 1, 246};
	struct disclosure_draw draw = {.size = 1000};
	uint64_t index;

	(void)state;
	for (size_t i = 0; i < sizeof draw.root; i++)
		draw.root[i] = (uint8_t)i;
	for (size_t i = 0; i < COUNT(wanted); i++) {
		assert_true(disclosure_draw_next(&draw, &index));
		assert_int_equal(index, wanted[i]);
	}
}

static void
no_leaf_is_drawn_twice_and_the_draw_ends(void **state)
{
	struct disclosure_draw draw = {.size = 40};
	bool seen[40] = {false};
	uint64_t index;
	size_t count = 0;

	(void)state;
	for (; disclosure_draw_next(&draw, &index); count++) {
		assert_true(index < COUNT(seen));
		assert_false(seen[index]);
		seen[index] = true;
	}
	assert_int_equal(count, COUNT(seen)); /* a thousand draws leave none of forty out */
	draw = (struct disclosure_draw){0};
	assert_false(disclosure_draw_next(&draw, &index)); /* an empty log */
}

static void
only_enrollments_with_escrow_count(void **state)
{
	(void)state;
	for (int event = LEAF_EVENT_NONE; event < LEAF_EVENT_COUNT; event++)
		for (int sealed = 0; sealed < 2; sealed++) {
			const struct leaf_view leaf = {.event = (enum leaf_event)event,
			    .has_commitment = true,
			    .has_second_commitment = sealed == 1};

			assert_int_equal(disclosure_draw_wants(&leaf),
			    sealed == 1 &&
				(event == LEAF_ENROLL_OK || event == LEAF_ENROLL_REPLACE));
		}
}

static void
any_other_octet_is_refused_or_another_request(void **state)
{
	char changed[] = TEXT;

	(void)state;
	for (size_t i = 0; i < sizeof changed - 1; i++) {
		DEFER(buf_clear_public) struct buf again = {0};
		struct disclosure_text text;
		struct error err = {0};

		changed[i] ^= 1;
		if (disclosure_parse(bytes_of(changed, sizeof changed - 1), &text, &err)) {
			disclosure_encode(&text, &again);
			assert_string_equal(buf_text(&again), changed);
		} else {
			assert_int_equal(err.code, E_BAD_SYNTAX);
		}
		changed[i] ^= 1;
	}
	for (size_t len = 0; len < sizeof changed - 1; len++) {
		struct disclosure_text text;
		struct error err = {0};

		assert_false(disclosure_parse(bytes_of(changed, len), &text, &err));
	}
}

static void
an_approval_names_request_role_and_person(void **state)
{
	DEFER(buf_clear_public) struct buf text = {0};

	(void)state;
	disclosure_approval_encode(bytes_of_text("abc"), SEAT_LEGAL, "onsxg43jn5xhgzlt", &text);
	assert_string_equal(buf_text(&text),
	    "moniker-disclosure-approval/1\n"
	    "request ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n"
	    "role legal\n"
	    "person onsxg43jn5xhgzlt\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_step_of_each_state_is_as_the_table_says),
	    cmocka_unit_test(whatever_is_open_expires_and_nothing_else_happens_then),
	    cmocka_unit_test(approvals_are_by_two_persons_in_two_roles_and_not_by_who_asks),
	    cmocka_unit_test(a_request_reads_back_as_it_was_written),
	    cmocka_unit_test(an_audit_reads_back_as_it_was_written),
	    cmocka_unit_test(an_audit_names_no_device_and_a_sample_is_for_audits_alone),
	    cmocka_unit_test(the_draw_is_as_specified),
	    cmocka_unit_test(no_leaf_is_drawn_twice_and_the_draw_ends),
	    cmocka_unit_test(only_enrollments_with_escrow_count),
	    cmocka_unit_test(any_other_octet_is_refused_or_another_request),
	    cmocka_unit_test(an_approval_names_request_role_and_person),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
