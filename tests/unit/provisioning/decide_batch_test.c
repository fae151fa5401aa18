#include "tests/unit/provisioning/decide_world.h"

/* ---- several in a batch ---- */

/* Copies of the first input with keys and tags of their own: from 100 on. */
static void
multiply(struct world *w, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		w->inputs[i] = w->inputs[0];
		fill(w->inputs[i].spki_sha256, 100 + (int)i);
		give_tags(&w->inputs[i], 100 + (int)i, 0);
	}
	w->input_count = count;
}

static size_t
count_decisions(const struct world *w, enum decision decision)
{
	size_t count = 0;

	for (size_t i = 0; i < w->input_count; i++)
		count += w->outs[i].decision == decision;
	return count;
}

static void
all_others_have_code(const struct world *w, enum error_code code)
{
	assert_int_equal(count_decisions(w, DECIDE_ISSUE), 1);
	assert_int_equal(w->outs[0].decision, DECIDE_ISSUE);
	for (size_t i = 1; i < w->input_count; i++)
		assert_int_equal(w->outs[i].err.code, code);
}

static void
sixty_four_on_one_token_issue_once(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	with_token(&w);
	w.batches[0].quota = 1000;
	multiply(&w, MANY);
	run(&w);
	all_others_have_code(&w, E_TOKEN_SPENT);
}

static void
sixty_four_on_one_hardware_id_issue_once(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.batches[0].quota = 1000;
	multiply(&w, MANY);
	for (size_t i = 0; i < MANY; i++) {
		give_tags(&w.inputs[i], 200, i % 2 == 0 ? 100 + (int)i : 0);
		w.inputs[i].replace = i % 3 == 0;
	}
	run(&w);
	all_others_have_code(&w, E_DUPLICATE_HARDWARE);
}

static void
sixty_four_on_the_last_place_issue_once(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.batches[0].issued = 9;
	multiply(&w, MANY);
	run(&w);
	all_others_have_code(&w, E_QUOTA_EXHAUSTED);
	assert_int_equal(w.batches[0].issued, 9); /* the snapshot stays as read */
}

static void
sixty_four_of_one_key_issue_once_and_replay(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	multiply(&w, MANY);
	for (size_t i = 1; i < MANY; i++)
		w.inputs[i] = w.inputs[0];
	run(&w);
	assert_int_equal(w.outs[0].decision, DECIDE_ISSUE);
	for (size_t i = 1; i < MANY; i++) {
		assert_int_equal(w.outs[i].decision, DECIDE_REPLAY);
		assert_int_equal(w.outs[i].replayed_device, 0);
		assert_int_equal(w.outs[i].replayed_input, 0);
	}
}

static void
one_leave_readmits_once(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	block(&w, true, true);
	multiply(&w, 2);
	give_tags(&w.inputs[0], 1, 0);
	give_tags(&w.inputs[1], 2, 0);
	run(&w);
	assert_int_equal(w.outs[0].decision, DECIDE_ISSUE);
	assert_int_equal(w.outs[1].err.code, E_DEVICE_BLOCKED);
	assert_true(w.tags[1].readmit);
}

static void
one_device_is_replaced_once(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	replace(&w);
	w.inputs[1] = w.inputs[0];
	fill(w.inputs[1].spki_sha256, 2);
	w.inputs[2] = w.inputs[0];
	fill(w.inputs[2].spki_sha256, 9); /* the old key */
	w.input_count = 3;
	run(&w);
	assert_int_equal(w.outs[0].decision, DECIDE_REPLACE);
	assert_int_equal(w.outs[1].err.code, E_DUPLICATE_HARDWARE);
	assert_int_equal(w.outs[2].err.code, E_KEY_REUSED);
}

static void
a_key_is_not_shared_in_a_batch(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	multiply(&w, 4);
	for (size_t i = 1; i < 4; i++)
		fill(w.inputs[i].spki_sha256, 100);
	w.inputs[2].tags[0] = w.inputs[0].tags[0];
	w.inputs[2].person = OTHER_STATION;
	w.inputs[3].tags[0] = w.inputs[0].tags[0];
	w.inputs[3].batch = OTHER_BATCH;
	run(&w);
	assert_int_equal(w.outs[0].decision, DECIDE_ISSUE);
	for (size_t i = 1; i < 4; i++)
		assert_int_equal(w.outs[i].err.code, E_KEY_REUSED);
}

static void
a_refused_input_takes_nothing(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	multiply(&w, 2);
	w.batches[0].issued = 9;
	w.refused.code = E_BAD_PROOF;
	w.inputs[0].refused = &w.refused;
	w.inputs[1] = w.inputs[0];
	w.inputs[1].refused = NULL;
	run(&w);
	assert_int_equal(w.outs[0].decision, DECIDE_REFUSE);
	assert_int_equal(w.outs[1].decision, DECIDE_ISSUE);
}

static void
a_bound_token_takes_its_tags(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	bind_token(&w);
	w.inputs[1] = w.inputs[0];
	w.inputs[1].has_token = false;
	w.inputs[1].person = STATION;
	fill(w.inputs[1].spki_sha256, 2);
	w.inputs[0].tag_count = 0;
	w.input_count = 2;
	run(&w);
	assert_int_equal(w.outs[0].decision, DECIDE_ISSUE);
	assert_int_equal(w.outs[0].tag_count, 2);
	assert_int_equal(w.outs[1].err.code, E_DUPLICATE_HARDWARE);
}

/* ---- refusals that count on a token ---- */

/* clang-format off */
static const struct counted {
	const char *why;
	enum error_code code;
	bool counts;
} COUNTED[] = {
	{"BAD_SYNTAX counts",            E_BAD_SYNTAX,          true},
	{"BAD_TYPE counts",              E_BAD_TYPE,            true},
	{"BAD_ALGORITHM counts",         E_BAD_ALGORITHM,       true},
	{"BAD_PROOF counts",             E_BAD_PROOF,           true},
	{"WEAK_KEY counts",              E_WEAK_KEY,            true},
	{"HARDWARE_ID_MISSING counts",   E_HARDWARE_ID_MISSING, true},
	{"HARDWARE_ID_INVALID counts",   E_HARDWARE_ID_INVALID, true},
	{"DUPLICATE_HARDWARE counts",    E_DUPLICATE_HARDWARE,  true},
	{"KEY_REUSED does not",          E_KEY_REUSED,          false},
	{"BATCH_CLOSED does not",        E_BATCH_CLOSED,        false},
	{"QUOTA_EXHAUSTED does not",     E_QUOTA_EXHAUSTED,     false},
	{"PROFILE_DENIED does not",      E_PROFILE_DENIED,      false},
};
/* clang-format on */

static void
counts_on_the_token(void **state)
{
	const struct counted *c = *state;
	struct world w;

	world_init(&w);
	with_token(&w);
	w.tokens[0].refusals = TOKEN_REFUSALS_MAX - 1;
	w.refused.code = c->code;
	w.inputs[0].refused = &w.refused;
	run(&w);
	assert_int_equal(w.outs[0].counts_on_token, c->counts);
	assert_int_equal(w.outs[0].burns_token, c->counts);
}

static void
the_fifth_refusal_burns_once(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	with_token(&w);
	w.refused.code = E_BAD_PROOF;
	w.inputs[0].refused = &w.refused;
	multiply(&w, 7);
	w.inputs[6].refused = NULL;
	run(&w);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(w.outs[i].counts_on_token, i < TOKEN_REFUSALS_MAX);
		assert_int_equal(w.outs[i].burns_token, i == TOKEN_REFUSALS_MAX - 1);
	}
	assert_int_equal(w.outs[6].err.code, E_TOKEN_INVALID);
	assert_int_equal(w.tokens[0].refusals, 0);
}

static void
nothing_counts_on_a_token_that_is_not_proven(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	with_token(&w);
	w.refused.code = E_BAD_PROOF;
	w.inputs[0].refused = &w.refused;
	w.inputs[0].token_random_sha256[0] ^= 1;
	run(&w);
	assert_false(w.outs[0].counts_on_token);

	world_init(&w);
	with_spent_token(&w);
	w.refused.code = E_BAD_PROOF;
	w.inputs[0].refused = &w.refused;
	run(&w);
	assert_false(w.outs[0].counts_on_token);
}

int
main(void)
{
	static const struct CMUnitTest OTHERS[] = {
	    cmocka_unit_test(sixty_four_on_one_token_issue_once),
	    cmocka_unit_test(sixty_four_on_one_hardware_id_issue_once),
	    cmocka_unit_test(sixty_four_on_the_last_place_issue_once),
	    cmocka_unit_test(sixty_four_of_one_key_issue_once_and_replay),
	    cmocka_unit_test(one_leave_readmits_once),
	    cmocka_unit_test(one_device_is_replaced_once),
	    cmocka_unit_test(a_key_is_not_shared_in_a_batch),
	    cmocka_unit_test(a_refused_input_takes_nothing),
	    cmocka_unit_test(a_bound_token_takes_its_tags),
	    cmocka_unit_test(the_fifth_refusal_burns_once),
	    cmocka_unit_test(nothing_counts_on_a_token_that_is_not_proven),
	};
	struct CMUnitTest tests[COUNT(COUNTED) + COUNT(OTHERS)];
	size_t count = 0;

	for (size_t i = 0; i < COUNT(COUNTED); i++)
		tests[count++] = (struct CMUnitTest){.name = COUNTED[i].why,
		    .test_func = counts_on_the_token,
		    .initial_state = (void *)(uintptr_t)&COUNTED[i]};
	for (size_t i = 0; i < COUNT(OTHERS); i++)
		tests[count++] = OTHERS[i];
	return cmocka_run_group_tests_name("decide, several in a batch", tests, NULL, NULL);
}
