#include "tests/unit/provisioning/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "provisioning/enroll_kind.h"
#include "provisioning/enroll_store.h"

#define NOW_S INT64_C(1767225600)
#define BATCH 7
#define STATION 5
#define TOKEN 70
#define OLD 900
#define BATCH_HANDLE "bbbbbbbbbbbbbbbb"
#define NEW_HANDLE "nnnnnnnnnnnnnnnn"
#define OLD_HANDLE "oooooooooooooooo"
#define STATION_HANDLE "ssssssssssssssss"
#define TOKEN_HANDLE "tttttttttttttttt"

/* Two proposals against one batch; the old device has tag 1. */
struct world {
	struct decide_batch batches[1];
	struct decide_token tokens[1];
	struct decide_key keys[1];
	struct decide_tag_row tags[1];
	struct decide_device devices[1];
	char token_handles[1][HANDLE_TEXT_LEN + 1];
	uint8_t key_serials[1][SERIAL_BYTES];
	struct enroll_superseded superseded[1];
	struct enroll_snapshot snapshot;
	struct issuer issuer;
	struct enroll_proposal proposals[2];
	struct proposal *list[2];
	struct ledger_batch batch;
	struct ledger_kind *kind;
};

static void
world_init(struct world *w)
{
	memset(w, 0, sizeof *w);
	w->kind = enroll_kind_new();
	w->batches[0] = (struct decide_batch){.id = BATCH,
	    .quota = 10,
	    .hours_from = -1,
	    .hours_until = -1,
	    .replace_same_station = true};
	w->tokens[0] =
	    (struct decide_token){.id = TOKEN, .batch = BATCH, .expires_at_s = NOW_S + 60};
	strcpy(w->token_handles[0], TOKEN_HANDLE);
	w->keys[0].device = OLD;
	memset(w->keys[0].spki_sha256, 9, SHA256_BYTES);
	memset(w->key_serials[0], 0x49, SERIAL_BYTES);
	memset(w->tags[0].tag.tag, 1, TAG_BYTES);
	w->tags[0].device = OLD;
	w->devices[0] = (struct decide_device){.id = OLD,
	    .batch = BATCH,
	    .person = STATION,
	    .tag_count = 1,
	    .enrolled_at_s = NOW_S - 60,
	    .certificate_count = 1,
	    .profile = "device"};
	w->superseded[0].device = OLD;
	strcpy(w->superseded[0].handle, OLD_HANDLE);
	w->snapshot = (struct enroll_snapshot){.rows = {.batches = w->batches,
						   .batch_count = 1,
						   .tokens = w->tokens,
						   .keys = w->keys,
						   .tags = w->tags,
						   .devices = w->devices,
						   .tag_keys = {.active = 0, .retiring = -1}},
	    .token_handles = w->token_handles,
	    .key_serials = w->key_serials,
	    .superseded = w->superseded,
	    .superseded_count = 1};

	for (int i = 0; i < 2; i++) {
		struct enroll_proposal *proposal = &w->proposals[i];

		w->list[i] = &proposal->base;
		proposal->input = (struct decide_input){
		    .batch = BATCH, .person = STATION, .profile = "device", .tag_count = 1};
		memset(proposal->input.spki_sha256, 1 + i, SHA256_BYTES);
		memset(proposal->input.tags[0].tag, 1 + i, TAG_BYTES);
		strcpy(proposal->batch_handle, BATCH_HANDLE);
		proposal->station_handle = STATION_HANDLE;
		proposal->issued.issuer = &w->issuer;
		strcpy(proposal->issued.handle, NEW_HANDLE);
		memset(proposal->issued.serial, 0x41 + i, SERIAL_BYTES);
		memset(proposal->issued.commitment, 0xcc, SHA256_BYTES);
		buf_append_text(&proposal->issued.tbs, "tbs");
	}
	w->batch = (struct ledger_batch){
	    .now_s = NOW_S, .proposals = w->list, .count = 1, .snapshot = &w->snapshot};
}

static void
world_clear(struct world *w)
{
	for (int i = 0; i < 2; i++)
		enroll_proposal_clear(&w->proposals[i]);
	enroll_kind_free(w->kind);
}
DEFER_DECLARE_CLEAR(struct world, world_clear)

static void
run(struct world *w)
{
	w->kind->decide(w->kind->context, &w->batch);
}

static void
with_old(struct world *w)
{
	w->snapshot.rows.key_count = w->snapshot.rows.tag_count = 1;
	w->snapshot.rows.device_count = 1;
}

static void
with_token(struct world *w)
{
	w->snapshot.rows.token_count = 1;
	w->proposals[0].input.has_token = true;
	w->proposals[0].input.token = TOKEN;
	w->proposals[0].input.token_expires_at_s = NOW_S + 60;
	w->proposals[0].input.person = 0;
}

static void
refuse(struct world *w, enum error_code code)
{
	w->proposals[0].refused.code = code;
	w->proposals[0].input.refused = &w->proposals[0].refused;
}

static void
leaf_is(const struct leaf *leaf, enum leaf_event event, const char *actor, const char *subject)
{
	DEFER(buf_clear_public) struct buf text = {0};
	struct error err = {0};

	assert_int_equal(leaf->event, event);
	assert_string_equal(leaf->actor, actor);
	assert_string_equal(leaf->subject, subject);
	assert_int_equal(leaf->at_s, NOW_S);
	assert_true(leaf_encode(leaf, &text, &err));
}

static void
an_issue_is_one_leaf_that_commits(void **state)
{
	DEFER(world_clear) struct world w;
	const struct proposal *base = &w.proposals[0].base;

	(void)state;
	world_init(&w);
	run(&w);
	assert_int_equal(base->err.code, E_NONE);
	assert_int_equal(base->record_count, 1);
	assert_false(base->changes_status);
	leaf_is(&base->records[0].leaf, LEAF_ENROLL_OK, "station:" STATION_HANDLE,
	    "b:" BATCH_HANDLE "/h:" NEW_HANDLE);
	assert_true(base->records[0].leaf.has_commitment);
	assert_int_equal(base->records[0].tbs.len, 3);
}

static void
a_replacement_supersedes_the_old_certificate(void **state)
{
	DEFER(world_clear) struct world w;
	const struct proposal *base = &w.proposals[0].base;

	(void)state;
	world_init(&w);
	with_old(&w);
	w.proposals[0].input.replace = true;
	run(&w);
	assert_int_equal(base->record_count, 2);
	assert_true(base->changes_status);
	leaf_is(&base->records[0].leaf, LEAF_ENROLL_REPLACE, "station:" STATION_HANDLE,
	    "b:" BATCH_HANDLE "/h:" NEW_HANDLE "/h:" OLD_HANDLE);
	assert_true(base->records[0].leaf.has_commitment);
	leaf_is(&base->records[1].leaf, LEAF_CERT_SUPERSEDE, "station:" STATION_HANDLE,
	    "h:" OLD_HANDLE);
	assert_string_equal(base->records[1].leaf.code, "SUPERSEDED");
	assert_int_equal(base->records[1].tbs.len, 0);
}

static void
a_refusal_is_one_leaf_that_commits_to_nothing(void **state)
{
	DEFER(world_clear) struct world w;
	const struct proposal *base = &w.proposals[0].base;

	(void)state;
	world_init(&w);
	with_old(&w);
	run(&w);
	assert_int_equal(base->err.code, E_DUPLICATE_HARDWARE);
	assert_int_equal(base->record_count, 1);
	leaf_is(&base->records[0].leaf, LEAF_ENROLL_REFUSED, "station:" STATION_HANDLE,
	    "b:" BATCH_HANDLE);
	assert_string_equal(base->records[0].leaf.code, "DUPLICATE_HARDWARE");
	assert_true(base->records[0].leaf.failure);
	assert_false(base->records[0].leaf.has_commitment);
	assert_int_equal(base->records[0].tbs.len, 0);
}

static void
a_refusal_without_batch_has_no_subject(void **state)
{
	DEFER(world_clear) struct world w;

	(void)state;
	world_init(&w);
	w.proposals[0].input.batch = 0;
	w.proposals[0].batch_handle[0] = '\0';
	refuse(&w, E_UNKNOWN_BATCH);
	run(&w);
	leaf_is(
	    &w.proposals[0].records[0].leaf, LEAF_ENROLL_REFUSED, "station:" STATION_HANDLE, "");
}

static void
a_token_acts_under_its_handle(void **state)
{
	DEFER(world_clear) struct world w;

	(void)state;
	world_init(&w);
	with_token(&w);
	run(&w);
	leaf_is(&w.proposals[0].records[0].leaf, LEAF_ENROLL_OK, "token:" TOKEN_HANDLE,
	    "b:" BATCH_HANDLE "/h:" NEW_HANDLE);
}

static void
a_token_without_row_is_nobody(void **state)
{
	DEFER(world_clear) struct world w;

	(void)state;
	world_init(&w);
	with_token(&w);
	w.snapshot.rows.token_count = 0;
	run(&w);
	assert_int_equal(w.proposals[0].base.err.code, E_TOKEN_INVALID);
	leaf_is(&w.proposals[0].records[0].leaf, LEAF_ENROLL_REFUSED, "nobody", "b:" BATCH_HANDLE);
}

static void
the_last_refusal_burns_the_token_on_record(void **state)
{
	DEFER(world_clear) struct world w;
	const struct proposal *base = &w.proposals[0].base;

	(void)state;
	world_init(&w);
	with_token(&w);
	w.tokens[0].refusals = 4;
	refuse(&w, E_BAD_PROOF);
	run(&w);
	assert_int_equal(base->record_count, 2);
	leaf_is(
	    &base->records[0].leaf, LEAF_ENROLL_REFUSED, "token:" TOKEN_HANDLE, "b:" BATCH_HANDLE);
	leaf_is(&base->records[1].leaf, LEAF_TOKEN_BURN, "token:" TOKEN_HANDLE, "b:" BATCH_HANDLE);
	assert_false(base->records[1].leaf.failure);
}

static void
a_replay_leaves_no_leaf(void **state)
{
	DEFER(world_clear) struct world w;

	(void)state;
	world_init(&w);
	with_old(&w);
	memset(w.proposals[0].input.spki_sha256, 9, SHA256_BYTES);
	run(&w);
	assert_int_equal(w.proposals[0].output.decision, DECIDE_REPLAY);
	assert_int_equal(w.proposals[0].base.err.code, E_NONE);
	assert_int_equal(w.proposals[0].base.record_count, 0);
	assert_memory_equal(w.proposals[0].replayed_serial, w.key_serials[0], SERIAL_BYTES);
}

static void
a_repetition_in_the_batch_points_to_the_first(void **state)
{
	DEFER(world_clear) struct world w;

	(void)state;
	world_init(&w);
	w.proposals[1].input = w.proposals[0].input;
	w.batch.count = 2;
	run(&w);
	assert_int_equal(w.proposals[1].output.decision, DECIDE_REPLAY);
	assert_int_equal(w.proposals[1].base.record_count, 0);
	assert_memory_equal(
	    w.proposals[1].replayed_serial, w.proposals[0].issued.serial, SERIAL_BYTES);
}

static void
another_try_decides_anew(void **state)
{
	DEFER(world_clear) struct world w;
	const struct proposal *base = &w.proposals[0].base;

	(void)state;
	world_init(&w);
	with_old(&w);
	w.proposals[0].input.replace = true;
	run(&w);
	assert_true(base->changes_status);
	w.devices[0].state = DEVICE_HELD;
	run(&w);
	assert_int_equal(base->err.code, E_DEVICE_HELD);
	assert_int_equal(base->record_count, 1);
	assert_false(base->changes_status);
	w.snapshot.rows.tag_count = w.snapshot.rows.key_count = 0;
	run(&w);
	assert_int_equal(base->err.code, E_NONE);
	assert_int_equal(base->records[0].leaf.event, LEAF_ENROLL_OK);
}

/* ---- what ends before the ledger ---- */

static void
nobody_enrolls_nothing(void **state)
{
	struct enroll_service service = {0};
	struct enroll_request request = {.batch = "lot-1"};
	DEFER(enrolled_clear) struct enrolled out = {0};
	struct error err = {0};

	(void)state;
	assert_false(enroll(&service, &request, &out, &err));
	assert_int_equal(err.code, E_CALLER_MISSING);
}

static void
a_forged_token_touches_nothing(void **state)
{
	struct enroll_service service = {0}; /* no database, no ledger, no keeper */
	struct enroll_request request = {
	    .token = "mk1.AAAA", .batch = "lot-1", .station_person = STATION};
	DEFER(enrolled_clear) struct enrolled out = {0};
	struct error err = {0};

	(void)state;
	assert_false(enroll(&service, &request, &out, &err));
	assert_int_equal(err.code, E_TOKEN_INVALID);
	assert_false(err.recorded);
}

int
main(void)
{
	static const struct CMUnitTest TESTS[] = {
	    cmocka_unit_test(an_issue_is_one_leaf_that_commits),
	    cmocka_unit_test(a_replacement_supersedes_the_old_certificate),
	    cmocka_unit_test(a_refusal_is_one_leaf_that_commits_to_nothing),
	    cmocka_unit_test(a_refusal_without_batch_has_no_subject),
	    cmocka_unit_test(a_token_acts_under_its_handle),
	    cmocka_unit_test(a_token_without_row_is_nobody),
	    cmocka_unit_test(the_last_refusal_burns_the_token_on_record),
	    cmocka_unit_test(a_replay_leaves_no_leaf),
	    cmocka_unit_test(a_repetition_in_the_batch_points_to_the_first),
	    cmocka_unit_test(another_try_decides_anew),
	    cmocka_unit_test(nobody_enrolls_nothing),
	    cmocka_unit_test(a_forged_token_touches_nothing),
	};

	return cmocka_run_group_tests_name("enroll", TESTS, NULL, NULL);
}
