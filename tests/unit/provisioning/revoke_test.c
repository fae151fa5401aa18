#include "tests/support/cmocka_all.h"

#include "provisioning/revoke_plan.h"

/* Device 7 among others: two certificates that are good, one revoked before. */
struct scene {
	struct revoke_target devices[3];
	struct revoke_certificate certificates[6];
	struct revoke_snapshot snapshot;
};

static void
scene_init(struct scene *scene, enum device_state state)
{
	const enum device_state usual = state == DEVICE_HELD ? DEVICE_HELD : DEVICE_ACTIVE;

	*scene = (struct scene){
	    .devices = {{.id = 5}, {.id = 7, .state = state, .tag_count = 1}, {.id = 9}},
	    .certificates = {{.device = 5}, {.device = 7, .state = usual},
		{.device = 7, .state = usual}, {.device = 7, .state = DEVICE_REVOKED},
		{.device = 9}, {.device = 9}},
	};
	if (state == DEVICE_REVOKED || state == DEVICE_REPLACED)
		scene->certificates[1].state = scene->certificates[2].state = DEVICE_REVOKED;
	scene->snapshot = (struct revoke_snapshot){
	    .devices = scene->devices,
	    .device_count = 3,
	    .certificates = scene->certificates,
	    .certificate_count = 6,
	};
}

/* clang-format off */
static const struct row {
	const char *claim;
	enum device_state before;
	enum status_action action;
	enum error_code code;
	enum device_state after;
	bool changes;
	size_t change_count;
	enum reason reason;
} ROWS[] = {
	{"revoking takes all that is not revoked",   DEVICE_ACTIVE,   STATUS_REVOKE,  E_NONE, DEVICE_REVOKED, true,  2, REASON_KEY_COMPROMISE},
	{"revoking what is held takes it too",       DEVICE_HELD,     STATUS_REVOKE,  E_NONE, DEVICE_REVOKED, true,  2, REASON_KEY_COMPROMISE},
	{"revoking twice changes nothing",           DEVICE_REVOKED,  STATUS_REVOKE,  E_NONE, DEVICE_REVOKED, false, 0, REASON_KEY_COMPROMISE},
	{"a hold has a reason of its own",           DEVICE_ACTIVE,   STATUS_HOLD,    E_NONE, DEVICE_HELD,    true,  2, REASON_HOLD},
	{"holding twice changes nothing",            DEVICE_HELD,     STATUS_HOLD,    E_NONE, DEVICE_HELD,    false, 0, REASON_HOLD},
	{"a release frees what is held",             DEVICE_HELD,     STATUS_RELEASE, E_NONE, DEVICE_ACTIVE,  true,  2, REASON_UNSPECIFIED},
	{"readmitting revives no certificate",       DEVICE_REVOKED,  STATUS_READMIT, E_NONE, DEVICE_REVOKED, true,  0, REASON_UNSPECIFIED},
	{"a release of what is active",              DEVICE_ACTIVE,   STATUS_RELEASE, E_STATE_CONFLICT, 0, false, 0, 0},
	{"a release never undoes a revocation",      DEVICE_REVOKED,  STATUS_RELEASE, E_STATE_CONFLICT, 0, false, 0, 0},
	{"a hold never softens a revocation",        DEVICE_REVOKED,  STATUS_HOLD,    E_STATE_CONFLICT, 0, false, 0, 0},
	{"readmitting what is held",                 DEVICE_HELD,     STATUS_READMIT, E_STATE_CONFLICT, 0, false, 0, 0},
	{"readmitting what is active",               DEVICE_ACTIVE,   STATUS_READMIT, E_STATE_CONFLICT, 0, false, 0, 0},
	{"revoking what was replaced",               DEVICE_REPLACED, STATUS_REVOKE,  E_STATE_CONFLICT, 0, false, 0, 0},
};
/* clang-format on */

static void
plans(void **state)
{
	const struct row *row = *state;
	struct scene scene;
	struct revoke_plan plan;
	struct error err = {0};
	bool made;

	scene_init(&scene, row->before);
	made =
	    revoke_plan_make(&scene.snapshot, 7, row->action, REASON_KEY_COMPROMISE, &plan, &err);
	assert_int_equal(made, row->code == E_NONE);
	assert_int_equal(err.code, row->code);
	if (!made)
		return;
	assert_int_equal(plan.before, row->before);
	assert_int_equal(plan.after, row->after);
	assert_int_equal(plan.changes, row->changes);
	assert_int_equal(plan.change_count, row->change_count);
	assert_int_equal(plan.reason, row->reason);
	assert_int_equal(plan.certificate_count, 3);

	revoke_plan_apply(&plan);
	assert_int_equal(scene.devices[1].state, row->after);
	assert_int_equal(scene.devices[1].changed, row->after != row->before);
	for (size_t i = 0; i < 6; i++) {
		bool want = (i == 1 || i == 2) && row->change_count > 0;

		assert_int_equal(scene.certificates[i].changed, want);
		if (want)
			assert_int_equal(scene.certificates[i].state, row->after);
	}
}

static void
a_preview_marks_nothing(void **state)
{
	struct scene scene, untouched;
	struct revoke_plan plan;
	struct error err = {0};

	(void)state;
	scene_init(&scene, DEVICE_ACTIVE);
	scene_init(&untouched, DEVICE_ACTIVE);
	assert_true(
	    revoke_plan_make(&scene.snapshot, 7, STATUS_REVOKE, REASON_UNSPECIFIED, &plan, &err));
	assert_memory_equal(scene.devices, untouched.devices, sizeof scene.devices);
	assert_memory_equal(scene.certificates, untouched.certificates, sizeof scene.certificates);
}

static void
later_plans_of_a_batch_see_what_earlier_ones_lead_to(void **state)
{
	struct scene scene;
	struct revoke_plan hold, revoke, again, release;
	struct error err = {0}, conflict = {0};

	(void)state;
	scene_init(&scene, DEVICE_ACTIVE);
	assert_true(
	    revoke_plan_make(&scene.snapshot, 7, STATUS_HOLD, REASON_UNSPECIFIED, &hold, &err));
	revoke_plan_apply(&hold);
	assert_true(revoke_plan_make(
	    &scene.snapshot, 7, STATUS_REVOKE, REASON_KEY_COMPROMISE, &revoke, &err));
	revoke_plan_apply(&revoke);
	assert_int_equal(revoke.before, DEVICE_HELD);
	assert_int_equal(revoke.change_count, 2);
	assert_true(
	    revoke_plan_make(&scene.snapshot, 7, STATUS_REVOKE, REASON_UNSPECIFIED, &again, &err));
	assert_false(again.changes);
	assert_false(revoke_plan_make(
	    &scene.snapshot, 7, STATUS_RELEASE, REASON_UNSPECIFIED, &release, &conflict));
	assert_int_equal(scene.certificates[1].reason, REASON_KEY_COMPROMISE);
}

static void
revoking_blocks_the_tags_and_readmitting_opens_them_once(void **state)
{
	struct scene scene;
	struct revoke_plan revoke, readmit;
	struct error err = {0};

	(void)state;
	scene_init(&scene, DEVICE_ACTIVE);
	assert_true(
	    revoke_plan_make(&scene.snapshot, 7, STATUS_REVOKE, REASON_UNSPECIFIED, &revoke, &err));
	revoke_plan_apply(&revoke);
	assert_true(scene.devices[1].blocked);
	assert_false(scene.devices[1].readmitted);
	assert_true(revoke_plan_make(
	    &scene.snapshot, 7, STATUS_READMIT, REASON_UNSPECIFIED, &readmit, &err));
	revoke_plan_apply(&readmit);
	assert_true(scene.devices[1].readmitted);
	assert_false(scene.devices[0].blocked);
}

static void
a_hold_blocks_no_tags(void **state)
{
	struct scene scene;
	struct revoke_plan plan;
	struct error err = {0};

	(void)state;
	scene_init(&scene, DEVICE_ACTIVE);
	assert_true(
	    revoke_plan_make(&scene.snapshot, 7, STATUS_HOLD, REASON_UNSPECIFIED, &plan, &err));
	revoke_plan_apply(&plan);
	assert_false(scene.devices[1].blocked);
}

static void
readmission_needs_tags_to_enroll_again_with(void **state)
{
	struct scene scene;
	struct revoke_plan plan;
	struct error err = {0};

	(void)state;
	scene_init(&scene, DEVICE_REVOKED);
	scene.devices[1].tag_count = 0;
	assert_false(
	    revoke_plan_make(&scene.snapshot, 7, STATUS_READMIT, REASON_UNSPECIFIED, &plan, &err));
	assert_int_equal(err.code, E_STATE_CONFLICT);
}

static void
a_device_that_is_not_there_is_unknown(void **state)
{
	struct scene scene;
	struct revoke_plan plan;
	struct error err = {0};

	(void)state;
	scene_init(&scene, DEVICE_ACTIVE);
	assert_false(
	    revoke_plan_make(&scene.snapshot, 8, STATUS_REVOKE, REASON_UNSPECIFIED, &plan, &err));
	assert_int_equal(err.code, E_UNKNOWN_DEVICE);
}

static void
details_are_words_in_either_case_and_no_others(void **state)
{
	enum revoke_detail detail;

	(void)state;
	assert_true(revoke_detail_of("CLONE", &detail));
	assert_int_equal(detail, REVOKE_CLONE);
	assert_true(revoke_detail_of("lost", &detail));
	assert_int_equal(detail, REVOKE_LOST);
	assert_false(revoke_detail_of("", &detail));
	assert_false(revoke_detail_of("lost\"", &detail));
	assert_false(revoke_detail_of("stolen", &detail));
}

/* What is refused by its form needs no database. */
static void
a_value_in_the_wrong_form_is_refused_at_once(void **state)
{
	static const struct {
		enum revoke_select select;
		const char *value, *pointer;
	} VALUES[] = {
	    {REVOKE_BY_SERIAL, "", "/select/serial"},
	    {REVOKE_BY_SERIAL, "40ff", "/select/serial"},
	    {REVOKE_BY_SERIAL, "zz00000000000000000000000000000000000000", "/select/serial"},
	    {REVOKE_BY_PSEUDONYM, "not-a-uuid", "/select/pseudonym"},
	    {REVOKE_BY_PSEUDONYM, "6BA7B810-9DAD-41D1-80B4-00C04FD430C8", "/select/pseudonym"},
	    {REVOKE_BY_HANDLE, "MZXW6YTBOI2DGNBV", "/select/handle"},
	    {REVOKE_BY_HANDLE, "mzxw6ytboi2dgnb", "/select/handle"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(VALUES); i++) {
		const struct revoke_service service = {0};
		const struct revoke_request request = {
		    .select = VALUES[i].select, .value = VALUES[i].value, .dry_run = true};
		struct revoke_result result;
		struct error err = {0};

		assert_false(revoke_device(&service, &request, &result, &err));
		assert_int_equal(err.code, E_BAD_SYNTAX);
		assert_string_equal(err.pointer, VALUES[i].pointer);
	}
}

static void
a_hold_is_no_reason_to_revoke(void **state)
{
	const struct revoke_service service = {0};
	const struct revoke_request request = {.select = REVOKE_BY_HANDLE,
	    .value = "mzxw6ytboi2dgnbv",
	    .action = STATUS_REVOKE,
	    .reason = REASON_HOLD};
	struct revoke_result result;
	struct error err = {0};

	(void)state;
	assert_false(revoke_device(&service, &request, &result, &err));
	assert_int_equal(err.code, E_BAD_SYNTAX);
	assert_string_equal(err.pointer, "/reason");
}

int
main(void)
{
	const struct CMUnitTest others[] = {
	    cmocka_unit_test(a_preview_marks_nothing),
	    cmocka_unit_test(later_plans_of_a_batch_see_what_earlier_ones_lead_to),
	    cmocka_unit_test(revoking_blocks_the_tags_and_readmitting_opens_them_once),
	    cmocka_unit_test(a_hold_blocks_no_tags),
	    cmocka_unit_test(readmission_needs_tags_to_enroll_again_with),
	    cmocka_unit_test(a_device_that_is_not_there_is_unknown),
	    cmocka_unit_test(details_are_words_in_either_case_and_no_others),
	    cmocka_unit_test(a_value_in_the_wrong_form_is_refused_at_once),
	    cmocka_unit_test(a_hold_is_no_reason_to_revoke),
	};
	struct CMUnitTest tests[COUNT(ROWS)];

	for (size_t i = 0; i < COUNT(ROWS); i++)
		tests[i] = (struct CMUnitTest){.name = ROWS[i].claim,
		    .test_func = plans,
		    .initial_state = (void *)(uintptr_t)&ROWS[i]};
	return cmocka_run_group_tests_name("revoke_plan", tests, NULL, NULL) +
	       cmocka_run_group_tests_name("revoke", others, NULL, NULL);
}
