#include "cmocka_all.h"

#include "ca/status.h"

#define CONFLICT                                            \
	{                                                   \
		E_STATE_CONFLICT, DEVICE_STATE_COUNT, false \
	}
#define CHANGES(next)              \
	{                          \
		E_NONE, next, true \
	}
#define STAYS(next)                 \
	{                           \
		E_NONE, next, false \
	}

/* The table of ca/status.h, all sixteen pairs. */
/* clang-format off */
static const struct want {
	enum error_code code;
	enum device_state next;
	bool changes;
} WANTS[DEVICE_STATE_COUNT][STATUS_ACTION_COUNT] = {
	/* revoke, hold, release, readmit */
	[DEVICE_ACTIVE] = {
		CHANGES(DEVICE_REVOKED), CHANGES(DEVICE_HELD), CONFLICT, CONFLICT},
	[DEVICE_HELD] = {
		CHANGES(DEVICE_REVOKED), STAYS(DEVICE_HELD), CHANGES(DEVICE_ACTIVE), CONFLICT},
	[DEVICE_REVOKED] = {
		STAYS(DEVICE_REVOKED), CONFLICT, CONFLICT, CHANGES(DEVICE_REVOKED)},
	[DEVICE_REPLACED] = {
		CONFLICT, CONFLICT, CONFLICT, CONFLICT},
};
/* clang-format on */

static void
every_pair_of_state_and_action_has_its_outcome(void **state)
{
	(void)state;
	for (int from = 0; from < DEVICE_STATE_COUNT; from++) {
		for (int action = 0; action < STATUS_ACTION_COUNT; action++) {
			const struct want *want = &WANTS[from][action];
			struct status_step step = {.next = DEVICE_STATE_COUNT};
			struct error err = {0};

			assert_int_equal(status_next((enum device_state)from,
					     (enum status_action)action, &step, &err),
			    want->code == E_NONE);
			assert_int_equal(err.code, want->code);
			assert_int_equal(step.next, want->next);
			assert_int_equal(step.changes, want->changes);
		}
	}
}

static void
a_conflict_says_what_the_state_is(void **state)
{
	struct status_step step;
	struct error err = {0};

	(void)state;
	assert_false(status_next(DEVICE_REVOKED, STATUS_RELEASE, &step, &err));
	assert_non_null(strstr(err.detail, "revoked"));
}

static void
names_lead_back_to_what_they_name(void **state)
{
	enum device_state read_state;
	enum status_action read_action;

	(void)state;
	for (int i = 0; i < DEVICE_STATE_COUNT; i++) {
		assert_true(device_state_of(device_state_name((enum device_state)i), &read_state));
		assert_int_equal(read_state, i);
	}
	for (int i = 0; i < STATUS_ACTION_COUNT; i++) {
		assert_true(
		    status_action_of(status_action_name((enum status_action)i), &read_action));
		assert_int_equal(read_action, i);
	}
	assert_false(device_state_of("Active", &read_state));
	assert_false(device_state_of("", &read_state));
	assert_false(status_action_of("unrevoke", &read_action));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_pair_of_state_and_action_has_its_outcome),
	    cmocka_unit_test(a_conflict_says_what_the_state_is),
	    cmocka_unit_test(names_lead_back_to_what_they_name),
	};

	return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
