/* Tags under two keys while they are moved from one to the other, manifests, and records that
 * stations bring. */
#include "tests/unit/provisioning/decide_world.h"

#define OLD_KID 1
#define NEW_KID 2
/* A tag's octets under the new key are those under the old one and this. */
#define MOVED 100

static void
be_moving(struct world *w)
{
	w->rows.tag_keys = (struct decide_tag_keys){.active = NEW_KID, .retiring = OLD_KID};
}

/* What a keeper with both keys says of hardware `first` (and `second`). */
static void
give_both(struct decide_input *input, int first, int second)
{
	give_tags(input, first + MOVED, second != 0 ? second + MOVED : 0);
	for (size_t i = 0; i < input->tag_count; i++) {
		struct decide_tag *tag = &input->tags[i];

		tag->kid = NEW_KID;
		tag->has_other = true;
		tag->other_kid = OLD_KID;
		fill(tag->other, i == 0 ? first : second);
	}
}

static void
move_row(struct decide_tag_row *row, int hardware)
{
	row->tag.kid = NEW_KID;
	fill(row->tag.tag, hardware + MOVED);
}

/* In the order of (kid, tag). */
static void
move_first_row(struct world *w)
{
	w->tags[0] = w->tags[1];
	move_row(&w->tags[1], 1);
	w->tags[1].device = OLD;
}

static void
expect(struct world *w, enum decision decision, enum error_code code)
{
	run(w);
	assert_int_equal(w->outs[0].decision, decision);
	assert_int_equal(w->outs[0].err.code, code);
}

static void
a_duplicate_is_found_before_in_the_middle_and_after(void **state)
{
	struct world w;

	(void)state;
	for (int moved = 0; moved <= 2; moved++)
		for (int hardware = 1; hardware <= 2; hardware++) {
			world_init(&w);
			with_old(&w);
			be_moving(&w);
			give_both(&w.inputs[0], hardware, 0);
			if (moved > 0)
				move_first_row(&w);
			if (moved > 1)
				move_row(&w.tags[0], 2);
			if (moved > 1) { /* sorted again */
				const struct decide_tag_row second = w.tags[0];

				w.tags[0] = w.tags[1];
				w.tags[1] = second;
			}
			expect(&w, DECIDE_REFUSE, E_DUPLICATE_HARDWARE);
		}
}

static void
new_hardware_gets_its_tag_under_the_new_key(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	with_old(&w);
	be_moving(&w);
	give_both(&w.inputs[0], 3, 0);
	expect(&w, DECIDE_ISSUE, E_NONE);
	assert_int_equal(w.outs[0].tags[0].kid, NEW_KID);
}

static void
a_device_is_replayed_and_replaced_with_half_of_its_tags_moved(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	with_old(&w);
	be_moving(&w);
	move_first_row(&w);
	give_both(&w.inputs[0], 1, 2);
	fill(w.inputs[0].spki_sha256, 9);
	expect(&w, DECIDE_REPLAY, E_NONE);
	fill(w.inputs[0].spki_sha256, 1);
	w.inputs[0].replace = true;
	expect(&w, DECIDE_REPLACE, E_NONE);
}

static void
a_leave_is_consumed_under_either_key(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	block(&w, true, true);
	be_moving(&w);
	move_first_row(&w);
	give_both(&w.inputs[0], 1, 0);
	w.inputs[1] = w.inputs[0];
	give_both(&w.inputs[1], 2, 0);
	fill(w.inputs[1].spki_sha256, 2);
	w.input_count = 2;
	expect(&w, DECIDE_ISSUE, E_NONE);
	assert_int_equal(w.outs[1].err.code, E_DEVICE_BLOCKED);
}

static void
a_token_that_is_bound_under_the_old_key_fits_its_hardware(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	bind_token(&w);
	be_moving(&w);
	give_both(&w.inputs[0], 1, 2);
	expect(&w, DECIDE_ISSUE, E_NONE);
	assert_int_equal(w.outs[0].tags[0].kid, NEW_KID);
	give_both(&w.inputs[0], 1, 3);
	expect(&w, DECIDE_REFUSE, E_TOKEN_INVALID);
	/* Alone it would give a device a tag under the old key only. */
	w.inputs[0].tag_count = 0;
	expect(&w, DECIDE_REFUSE, E_TAG_KEY_CHANGED);
	assert_int_equal(w.outs[0].err.retry_after_s, 1);
	assert_false(w.outs[0].counts_on_token);
}

/* ---- whose tags are good now ---- */

static const struct settling {
	const char *why;
	struct decide_tag_keys keys;
	uint8_t kid;
	bool has_other;
	uint8_t other_kid;
	bool good;
} SETTLINGS[] = {
    {"the one key", {1, -1}, 1, false, 0, true},
    {"the key before the switch, from a keeper that has the next", {1, -1}, 2, true, 1, true},
    {"both keys", {2, 1}, 2, true, 1, true},
    {"both keys, the other way round", {2, 1}, 1, true, 2, true},
    {"a keeper without the new key", {2, 1}, 1, false, 0, false},
    {"a keeper without the old key", {2, 1}, 2, false, 0, false},
    {"the new key after the move", {2, -1}, 2, false, 0, true},
    {"both keys after the move", {2, -1}, 2, true, 1, true},
    {"the old key after the move", {2, -1}, 1, false, 0, false},
    {"other keys", {2, 1}, 4, true, 3, false},
};

static void
tags_of_a_keeper_that_lacks_a_key_are_not_good(void **state)
{
	const struct settling *c = *state;
	struct decide_tag tags[2] = {
	    {.kid = 2, .has_other = true, .other_kid = 1}, {.kid = c->kid}};
	struct error err = {0};

	tags[1].has_other = c->has_other;
	tags[1].other_kid = c->other_kid;
	fill(tags[1].tag, c->kid);
	fill(tags[1].other, c->other_kid);
	assert_int_equal(decide_settle_tags(&c->keys, &tags[1], 1, &err), c->good);
	assert_int_equal(err.code, c->good ? E_NONE : E_TAG_KEY_CHANGED);
	if (c->good) {
		assert_int_equal(tags[1].kid, c->keys.active);
		assert_int_equal(tags[1].tag[0], c->keys.active);
	}
}

/* ---- manifests ---- */

static void
list(struct world *w, struct decide_listed *listed, int hardware)
{
	listed->batch = BATCH;
	listed->tag.kid = 1;
	fill(listed->tag.tag, hardware);
	w->batches[0].manifest = true;
	w->rows.listed = listed;
	w->rows.listed_count++;
}

static void
each_tag_has_to_be_listed(void **state)
{
	struct decide_listed listed[2] = {0};
	struct world w;

	(void)state;
	world_init(&w);
	w.batches[0].manifest = true;
	expect(&w, DECIDE_REFUSE, E_NOT_ON_MANIFEST);
	list(&w, &listed[0], 1);
	expect(&w, DECIDE_REFUSE, E_NOT_ON_MANIFEST);
	give_tags(&w.inputs[0], 1, 0);
	expect(&w, DECIDE_ISSUE, E_NONE);
	listed[0].batch = OTHER_BATCH;
	expect(&w, DECIDE_REFUSE, E_NOT_ON_MANIFEST);
	w.batches[0].manifest = false;
	expect(&w, DECIDE_ISSUE, E_NONE);
}

static void
a_batch_with_a_manifest_takes_nothing_without_hardware(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.batches[0].manifest = true;
	w.batches[0].hardware_ids_required = false;
	w.inputs[0].tag_count = 0;
	expect(&w, DECIDE_REFUSE, E_NOT_ON_MANIFEST);
}

static void
what_is_listed_under_the_old_key_is_listed(void **state)
{
	struct decide_listed listed[1] = {0};
	struct world w;

	(void)state;
	world_init(&w);
	be_moving(&w);
	list(&w, &listed[0], 1);
	give_both(&w.inputs[0], 1, 0);
	expect(&w, DECIDE_ISSUE, E_NONE);
	give_both(&w.inputs[0], 2, 0);
	expect(&w, DECIDE_REFUSE, E_NOT_ON_MANIFEST);
}

static void
bring(struct decide_input *input, int record)
{
	input->brings_record = true;
	memset(input->record.id, record, sizeof input->record.id);
}

/* A second input for other hardware with another key. */
static void
add_second(struct world *w)
{
	w->input_count = 2;
	w->inputs[1] = w->inputs[0];
	fill(w->inputs[1].spki_sha256, 2);
	give_tags(&w->inputs[1], 3, 0);
}

static void
a_record_that_is_brought_counts_once(void **state)
{
	struct decide_record known[2];
	struct world w;

	(void)state;
	memset(&known[0], 5, sizeof known[0]);
	memset(&known[1], 8, sizeof known[1]);
	for (int record = 4; record <= 9; record++) {
		const bool is_known = record == 5 || record == 8;

		world_init(&w);
		w.rows.records = known;
		w.rows.record_count = COUNT(known);
		bring(&w.inputs[0], record);
		expect(&w, is_known ? DECIDE_REFUSE : DECIDE_ISSUE,
		    is_known ? E_SEALED_INVALID : E_NONE);
	}
}

static void
two_of_a_batch_do_not_share_a_record(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	bring(&w.inputs[0], 5);
	add_second(&w);
	expect(&w, DECIDE_ISSUE, E_NONE);
	assert_int_equal(w.outs[1].err.code, E_SEALED_INVALID);
	assert_string_equal(w.outs[1].err.pointer, "/sealed");

	/* What is refused takes none. */
	w.inputs[0].person = OTHER_STATION;
	w.batches[0].station_count = 2;
	expect(&w, DECIDE_REFUSE, E_STATION_NOT_ALLOWED);
	assert_int_equal(w.outs[1].decision, DECIDE_ISSUE);
}

static void
a_retry_with_the_same_record_is_a_replay(void **state)
{
	struct decide_record known;
	struct world w;

	(void)state;
	memset(&known, 5, sizeof known);
	world_init(&w);
	with_old(&w);
	w.rows.records = &known;
	w.rows.record_count = 1;
	fill(w.inputs[0].spki_sha256, 9);
	bring(&w.inputs[0], 5);
	expect(&w, DECIDE_REPLAY, E_NONE);
}

int
main(void)
{
	static const struct CMUnitTest OTHERS[] = {
	    cmocka_unit_test(a_duplicate_is_found_before_in_the_middle_and_after),
	    cmocka_unit_test(new_hardware_gets_its_tag_under_the_new_key),
	    cmocka_unit_test(a_device_is_replayed_and_replaced_with_half_of_its_tags_moved),
	    cmocka_unit_test(a_leave_is_consumed_under_either_key),
	    cmocka_unit_test(a_token_that_is_bound_under_the_old_key_fits_its_hardware),
	    cmocka_unit_test(each_tag_has_to_be_listed),
	    cmocka_unit_test(a_batch_with_a_manifest_takes_nothing_without_hardware),
	    cmocka_unit_test(what_is_listed_under_the_old_key_is_listed),
	    cmocka_unit_test(a_record_that_is_brought_counts_once),
	    cmocka_unit_test(two_of_a_batch_do_not_share_a_record),
	    cmocka_unit_test(a_retry_with_the_same_record_is_a_replay),
	};
	struct CMUnitTest tests[COUNT(SETTLINGS) + COUNT(OTHERS)];
	size_t count = 0;

	for (size_t i = 0; i < COUNT(SETTLINGS); i++)
		tests[count++] = (struct CMUnitTest){.name = SETTLINGS[i].why,
		    .test_func = tags_of_a_keeper_that_lacks_a_key_are_not_good,
		    .initial_state = (void *)(uintptr_t)&SETTLINGS[i]};
	for (size_t i = 0; i < COUNT(OTHERS); i++)
		tests[count++] = OTHERS[i];
	return cmocka_run_group_tests_name("decide, keys of tags", tests, NULL, NULL);
}
