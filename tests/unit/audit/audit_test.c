#include "audit/audit.h"
#include "tests/support/folder.h"
#include "tests/support/signed_log.h"

static struct audit *
make_audit(
    const struct folder *folder, const struct clock *clock, const struct tiles_source *leaves)
{
	struct audit *audit = NULL;
	struct error err = {0};

	assert_true(audit_new(&(struct audit_options){.clock = clock,
				  .leaves = leaves,
				  .dir = folder->path,
				  .origin = SIGNED_LOG_ORIGIN,
				  .node = "aaaaaaaaaaaaaaaa"},
	    &audit, &err));
	return audit;
}

static void
a_stranger_is_counted_without_a_ledger(void **state)
{
	static const char *const NOBODIES[] = {"", "nobody"};
	DEFER(folder_clear) struct folder folder;
	const struct clock clock = clock_fixed(1767225600);
	DEFER(audit_free) struct audit *audit = NULL;

	(void)state;
	folder_init(&folder);
	audit = make_audit(&folder, &clock, NULL);
	for (size_t i = 0; i < COUNT(NOBODIES); i++) {
		struct error refused = {.code = E_TOKEN_INVALID}, err = {0};

		assert_true(audit_refuse(audit, LEAF_ENROLL_REFUSED, NOBODIES[i], &refused, &err));
		assert_true(refused.recorded);
	}
}

static void
a_known_caller_is_not_refused_off_the_record(void **state)
{
	DEFER(folder_clear) struct folder folder;
	const struct clock clock = clock_fixed(1767225600);
	DEFER(audit_free) struct audit *audit = NULL;
	struct error refused = {.code = E_ROLE_DENIED}, err = {0};

	(void)state;
	folder_init(&folder);
	audit = make_audit(&folder, &clock, NULL);
	assert_false(audit_refuse(
	    audit, LEAF_ADMIN_LOGIN_REFUSED, "officer:aaaaaaaaaaaaaaaa", &refused, &err));
	assert_int_equal(err.code, E_RECORD_UNAVAILABLE);
	assert_false(refused.recorded);
}

static void
a_signed_checkpoint_is_published(void **state)
{
	DEFER(folder_clear) struct folder folder;
	const struct clock clock = clock_fixed(1767225600);
	DEFER(signed_log_clear) struct signed_log log;
	DEFER(buf_clear_public) struct buf signed_note = {0};
	DEFER(buf_clear_public) struct buf note = {0};
	struct tiles_source leaves;
	struct ledger_hooks hooks = {0};
	DEFER(audit_free) struct audit *audit = NULL;
	struct error err = {0};
	int64_t deadline_ms = clock_monotonic_ms() + 5000;

	(void)state;
	folder_init(&folder);
	signed_log_init(&log);
	signed_log_grow(&log, 3);
	signed_log_note(&log, 3, &signed_note);
	leaves = signed_log_source(&log);
	audit = make_audit(&folder, &clock, &leaves);
	audit_hooks(audit, &hooks);
	assert_int_equal(audit_checkpoint_age_s(audit), -1);
	hooks.published(hooks.audit, buf_bytes(&signed_note));
	while (audit_checkpoint_age_s(audit) != 0)
		assert_true(clock_monotonic_ms() < deadline_ms);
	assert_true(audit_checkpoint(audit, &note, &err));
	assert_octets(buf_bytes(&note), buf_bytes(&signed_note));
	audit_end(audit); /* never begun: nothing to end */
}

static void
an_origin_too_long_is_refused(void **state)
{
	const struct clock clock = clock_fixed(1767225600);
	struct audit *audit = NULL;
	struct error err = {0};
	char origin[200];

	(void)state;
	memset(origin, 'a', sizeof origin - 1);
	origin[sizeof origin - 1] = '\0';
	assert_false(audit_new(
	    &(struct audit_options){
		.clock = &clock, .dir = "/tmp", .origin = origin, .node = "aaaaaaaaaaaaaaaa"},
	    &audit, &err));
	assert_int_equal(err.code, E_CONFIG_INVALID);
	assert_null(audit);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_stranger_is_counted_without_a_ledger),
	    cmocka_unit_test(a_known_caller_is_not_refused_off_the_record),
	    cmocka_unit_test(a_signed_checkpoint_is_published),
	    cmocka_unit_test(an_origin_too_long_is_refused),
	};

	return cmocka_run_group_tests_name("audit/audit", tests, NULL, NULL);
}
