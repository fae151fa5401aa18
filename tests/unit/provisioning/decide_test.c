#include "tests/unit/provisioning/decide_world.h"

/* clang-format off */
CHANGE(nothing, (void)w;)
CHANGE(refused_before, w->refused.code = E_BAD_PROOF; w->inputs[0].refused = &w->refused;)
CHANGE(refused_before_with_none, w->inputs[0].refused = &w->refused;)
CHANGE(refused_before_and_unknown, w->refused.code = E_INCOMPLETE; w->inputs[0].refused = &w->refused; w->inputs[0].batch = 0;)
CHANGE(unknown_batch, w->inputs[0].batch = 99;)
CHANGE(closed_by_hand, w->batches[0].closed_at_s = NOW_S - 1;)
CHANGE(closes_now, w->batches[0].closes_at_s = NOW_S;)
CHANGE(closes_in_a_second, w->batches[0].closes_at_s = NOW_S + 1;)
CHANGE(opens_now, w->batches[0].opens_at_s = NOW_S;)
CHANGE(opens_in_a_second, w->batches[0].opens_at_s = NOW_S + 1;)
CHANGE(hours_begin, w->batches[0].hours_from = 720; w->batches[0].hours_until = 721;)
CHANGE(hours_end, w->batches[0].hours_from = 600; w->batches[0].hours_until = 720;)
CHANGE(hours_whole_day, w->batches[0].hours_from = 0; w->batches[0].hours_until = 1440;)
CHANGE(night_hours, w->batches[0].hours_from = 1320; w->batches[0].hours_until = 360;)
CHANGE(night_hours_at_night, w->batches[0].hours_from = 1320; w->batches[0].hours_until = 360; w->now_s = NOW_S + 11 * 3600;)
CHANGE(night_hours_in_the_morning, w->batches[0].hours_from = 1320; w->batches[0].hours_until = 360; w->now_s = NOW_S - 7 * 3600;)
CHANGE(station_listed, w->batches[0].station_count = 2;)
CHANGE(station_not_listed, w->batches[0].station_count = 2; w->inputs[0].person = OTHER_STATION;)
CHANGE(token_ignores_stations, with_token(w); w->batches[0].station_count = 2;)
CHANGE(token_good, with_token(w);)
CHANGE(token_unknown, with_token(w); w->rows.token_count = 0;)
CHANGE(token_random_differs, with_token(w); w->inputs[0].token_random_sha256[31] ^= 1;)
CHANGE(token_of_other_batch, with_token(w); w->tokens[0].batch = OTHER_BATCH;)
CHANGE(token_for_other_batch, with_token(w); w->inputs[0].batch = OTHER_BATCH;)
CHANGE(token_burnt, with_token(w); w->tokens[0].state = TOKEN_IS_BURNT;)
CHANGE(token_expires_now, with_token(w); w->inputs[0].token_expires_at_s = NOW_S;)
CHANGE(token_row_expires_now, with_token(w); w->tokens[0].expires_at_s = NOW_S;)
CHANGE(token_spent, with_spent_token(w); give_tags(&w->inputs[0], 3, 0);)
CHANGE(token_spent_hides_duplicates, with_spent_token(w);)
CHANGE(bound_token_any_order, bind_token(w);)
CHANGE(bound_token_without_ids, bind_token(w); w->inputs[0].tag_count = 0;)
CHANGE(bound_token_fewer_ids, bind_token(w); w->inputs[0].tag_count = 1;)
CHANGE(bound_token_other_id, bind_token(w); w->inputs[0].tags[1].tag[0] ^= 1;)
CHANGE(bound_token_other_kid, bind_token(w); w->inputs[0].tags[1].kid = 2;)
CHANGE(ids_missing, w->inputs[0].tag_count = 0;)
CHANGE(ids_optional, w->inputs[0].tag_count = 0; w->batches[0].hardware_ids_required = false;)
CHANGE(quota_last, w->batches[0].issued = 9;)
CHANGE(quota_gone, w->batches[0].issued = 10;)

static void again(struct world *w) { with_old(w); fill(w->inputs[0].spki_sha256, 9); }
CHANGE(replay, again(w);)
CHANGE(replay_at_full_quota, again(w); w->batches[0].issued = 10;)
CHANGE(replay_in_closed_batch, again(w); w->batches[0].closed_at_s = 5;)
CHANGE(replay_outside_hours, again(w); w->batches[0].hours_from = 600; w->batches[0].hours_until = 720;)
CHANGE(replay_by_expired_token, with_spent_token(w); fill(w->inputs[0].spki_sha256, 9); w->inputs[0].token_expires_at_s = w->tokens[0].expires_at_s = NOW_S;)
CHANGE(replay_by_other_station, again(w); w->inputs[0].person = OTHER_STATION;)
CHANGE(replay_by_token, again(w); with_token(w);)
CHANGE(replay_into_other_batch, again(w); w->inputs[0].batch = OTHER_BATCH;)
CHANGE(replay_with_other_profile, again(w); w->inputs[0].profile = "other";)
CHANGE(replay_with_fewer_tags, again(w); w->inputs[0].tag_count = 1;)
CHANGE(replay_with_another_tag, again(w); give_tags(&w->inputs[0], 1, 3);)
CHANGE(replay_without_tags, again(w); w->inputs[0].tag_count = 0;)
CHANGE(replay_with_replace, again(w); w->inputs[0].replace = true;)
CHANGE(replay_of_held, again(w); w->devices[0].state = DEVICE_HELD;)
CHANGE(replay_of_revoked, again(w); w->devices[0].state = DEVICE_REVOKED;)
CHANGE(replay_of_replaced, again(w); w->devices[0].state = DEVICE_REPLACED; w->tags[0].device = w->tags[1].device = OLD + 1;)
CHANGE(key_of_no_device, again(w); w->keys[0].device = 0;)
CHANGE(replay_by_spent_token, with_spent_token(w); fill(w->inputs[0].spki_sha256, 9);)
CHANGE(replay_by_burnt_token, with_spent_token(w); fill(w->inputs[0].spki_sha256, 9); w->tokens[0].state = TOKEN_IS_BURNT;)

CHANGE(duplicate, with_old(w);)
CHANGE(duplicate_of_one_tag, with_old(w); give_tags(&w->inputs[0], 3, 2);)
CHANGE(duplicate_under_other_kid, with_old(w); w->inputs[0].tags[0].kid = w->inputs[0].tags[1].kid = 2;)
CHANGE(duplicate_of_held, with_old(w); w->devices[0].state = DEVICE_HELD;)
CHANGE(blocked, block(w, false, false);)
CHANGE(blocked_with_half_a_leave, block(w, true, false);)
CHANGE(blocked_with_replace, block(w, false, false); w->inputs[0].replace = true;)
CHANGE(readmitted, block(w, true, true);)
CHANGE(readmitted_at_full_quota, block(w, true, true); w->batches[0].issued = 10;)
CHANGE(readmitted_with_the_old_key, block(w, true, true); fill(w->inputs[0].spki_sha256, 9);)

CHANGE(replaced, replace(w);)
CHANGE(replaced_at_full_quota, replace(w); w->batches[0].issued = 10;)
CHANGE(replace_of_nothing, w->inputs[0].replace = true;)
CHANGE(replace_never, replace(w); w->batches[0].replace_same_station = false;)
CHANGE(replace_by_other_station, replace(w); w->inputs[0].person = OTHER_STATION;)
CHANGE(replace_by_fresh_token, replace(w); with_token(w);)
CHANGE(replace_in_other_batch, replace(w); w->devices[0].batch = OTHER_BATCH;)
CHANGE(replace_with_fewer_tags, replace(w); w->inputs[0].tag_count = 1;)
CHANGE(replace_with_more_tags, replace(w); w->devices[0].tag_count = 1; w->rows.tag_count = 1;)
CHANGE(replace_of_two_devices, replace(w); w->tags[1].device = OLD + 1;)
CHANGE(replace_within_a_day, replace(w); w->devices[0].enrolled_at_s = NOW_S - DECIDE_REPLACE_WITHIN_S + 1;)
CHANGE(replace_after_a_day, replace(w); w->devices[0].enrolled_at_s = NOW_S - DECIDE_REPLACE_WITHIN_S;)
CHANGE(replace_after_renewal, replace(w); w->devices[0].certificate_count = 2;)
CHANGE(replace_of_held, replace(w); w->devices[0].state = DEVICE_HELD;)
CHANGE(replace_in_closed_batch, replace(w); w->batches[0].closed_at_s = 5;)
CHANGE(replace_by_spent_token, with_spent_token(w); w->inputs[0].replace = true;)
CHANGE(replace_by_token_spent_elsewhere, with_spent_token(w); w->inputs[0].replace = true; w->tokens[0].device = OLD + 1;)
CHANGE(replace_by_burnt_token, with_spent_token(w); w->inputs[0].replace = true; w->tokens[0].state = TOKEN_IS_BURNT;)

static const struct one {
	const char *why;
	void (*change)(struct world *w);
	enum decision want;
	enum error_code code;
} ONES[] = {
	{"a good enrollment",                          nothing,                    DECIDE_ISSUE,   E_NONE},
	{"refused already",                            refused_before,             DECIDE_REFUSE,  E_BAD_PROOF},
	{"an error that is none refuses nothing",      refused_before_with_none,   DECIDE_ISSUE,   E_NONE},
	{"refused already, and no batch",              refused_before_and_unknown, DECIDE_REFUSE,  E_INCOMPLETE},
	{"a batch that is not there",                  unknown_batch,              DECIDE_REFUSE,  E_UNKNOWN_BATCH},
	{"closed by hand",                             closed_by_hand,             DECIDE_REFUSE,  E_BATCH_CLOSED},
	{"the closing second",                         closes_now,                 DECIDE_REFUSE,  E_BATCH_CLOSED},
	{"the second before",                          closes_in_a_second,         DECIDE_ISSUE,   E_NONE},
	{"the opening second",                         opens_now,                  DECIDE_ISSUE,   E_NONE},
	{"a second too early",                         opens_in_a_second,          DECIDE_REFUSE,  E_BATCH_NOT_OPEN},
	{"the first minute of the hours",              hours_begin,                DECIDE_ISSUE,   E_NONE},
	{"the minute after the hours",                 hours_end,                  DECIDE_REFUSE,  E_OUTSIDE_HOURS},
	{"hours of a whole day",                       hours_whole_day,            DECIDE_ISSUE,   E_NONE},
	{"night hours at noon",                        night_hours,                DECIDE_REFUSE,  E_OUTSIDE_HOURS},
	{"night hours at 23:00",                       night_hours_at_night,       DECIDE_ISSUE,   E_NONE},
	{"night hours at 05:00",                       night_hours_in_the_morning, DECIDE_ISSUE,   E_NONE},
	{"a listed station",                           station_listed,             DECIDE_ISSUE,   E_NONE},
	{"a station that is not listed",               station_not_listed,         DECIDE_REFUSE,  E_STATION_NOT_ALLOWED},
	{"a token needs no station",                   token_ignores_stations,     DECIDE_ISSUE,   E_NONE},
	{"a good token",                               token_good,                 DECIDE_ISSUE,   E_NONE},
	{"a token without row",                        token_unknown,              DECIDE_REFUSE,  E_TOKEN_INVALID},
	{"a token with another random",                token_random_differs,       DECIDE_REFUSE,  E_TOKEN_INVALID},
	{"a token whose row has another batch",        token_of_other_batch,       DECIDE_REFUSE,  E_TOKEN_INVALID},
	{"a token used for another batch",             token_for_other_batch,      DECIDE_REFUSE,  E_TOKEN_INVALID},
	{"a burnt token",                              token_burnt,                DECIDE_REFUSE,  E_TOKEN_INVALID},
	{"a token in the second it expires",           token_expires_now,          DECIDE_REFUSE,  E_TOKEN_EXPIRED},
	{"a token whose row expires",                  token_row_expires_now,      DECIDE_REFUSE,  E_TOKEN_EXPIRED},
	{"a spent token",                              token_spent,                DECIDE_REFUSE,  E_TOKEN_SPENT},
	{"a spent token sees no duplicates",           token_spent_hides_duplicates, DECIDE_REFUSE, E_TOKEN_SPENT},
	{"a bound token, ids in another order",        bound_token_any_order,      DECIDE_ISSUE,   E_NONE},
	{"a bound token stands for its ids",           bound_token_without_ids,    DECIDE_ISSUE,   E_NONE},
	{"a bound token, an id is missing",            bound_token_fewer_ids,      DECIDE_REFUSE,  E_TOKEN_INVALID},
	{"a bound token, another id",                  bound_token_other_id,       DECIDE_REFUSE,  E_TOKEN_INVALID},
	{"a bound token, another key of the tags",     bound_token_other_kid,      DECIDE_REFUSE,  E_TOKEN_INVALID},
	{"no hardware id where one is required",       ids_missing,                DECIDE_REFUSE,  E_HARDWARE_ID_MISSING},
	{"no hardware id where it is optional",        ids_optional,               DECIDE_ISSUE,   E_NONE},
	{"the last of the quota",                      quota_last,                 DECIDE_ISSUE,   E_NONE},
	{"one more than the quota",                    quota_gone,                 DECIDE_REFUSE,  E_QUOTA_EXHAUSTED},

	{"the same again",                             replay,                     DECIDE_REPLAY,  E_NONE},
	{"the same again takes no quota",              replay_at_full_quota,       DECIDE_REPLAY,  E_NONE},
	{"the same again in a closed batch",           replay_in_closed_batch,     DECIDE_REPLAY,  E_NONE},
	{"the same again outside the hours",           replay_outside_hours,       DECIDE_REPLAY,  E_NONE},
	{"the same again by a token expired since",    replay_by_expired_token,    DECIDE_REPLAY,  E_NONE},
	{"the key again by another station",           replay_by_other_station,    DECIDE_REFUSE,  E_KEY_REUSED},
	{"the key again by a token",                   replay_by_token,            DECIDE_REFUSE,  E_KEY_REUSED},
	{"the key again into another batch",           replay_into_other_batch,    DECIDE_REFUSE,  E_KEY_REUSED},
	{"the key again with another profile",         replay_with_other_profile,  DECIDE_REFUSE,  E_KEY_REUSED},
	{"the key again, a tag is missing",            replay_with_fewer_tags,     DECIDE_REFUSE,  E_KEY_REUSED},
	{"the key again, another tag",                 replay_with_another_tag,    DECIDE_REFUSE,  E_KEY_REUSED},
	{"the key again without tags",                 replay_without_tags,        DECIDE_REFUSE,  E_KEY_REUSED},
	{"the same again, replace asked",              replay_with_replace,        DECIDE_REPLAY,  E_NONE},
	{"the same again on hold",                     replay_of_held,             DECIDE_REFUSE,  E_DEVICE_HELD},
	{"the same again revoked",                     replay_of_revoked,          DECIDE_REFUSE,  E_DEVICE_BLOCKED},
	{"the key of a replaced device",               replay_of_replaced,         DECIDE_REFUSE,  E_KEY_REUSED},
	{"a key of no device",                         key_of_no_device,           DECIDE_REFUSE,  E_KEY_REUSED},
	{"the same again with the token it spent",     replay_by_spent_token,      DECIDE_REPLAY,  E_NONE},
	{"the same again with a burnt token",          replay_by_burnt_token,      DECIDE_REFUSE,  E_TOKEN_INVALID},

	{"hardware that is enrolled",                  duplicate,                  DECIDE_REFUSE,  E_DUPLICATE_HARDWARE},
	{"one tag of it is enough",                    duplicate_of_one_tag,       DECIDE_REFUSE,  E_DUPLICATE_HARDWARE},
	{"equal tags of another key are others",       duplicate_under_other_kid,  DECIDE_ISSUE,   E_NONE},
	{"hardware on hold",                           duplicate_of_held,          DECIDE_REFUSE,  E_DEVICE_HELD},
	{"blocked hardware",                           blocked,                    DECIDE_REFUSE,  E_DEVICE_BLOCKED},
	{"a leave for one tag of two",                 blocked_with_half_a_leave,  DECIDE_REFUSE,  E_DEVICE_BLOCKED},
	{"blocked hardware cannot be replaced",        blocked_with_replace,       DECIDE_REFUSE,  E_DEVICE_BLOCKED},
	{"a leave to enroll again",                    readmitted,                 DECIDE_ISSUE,   E_NONE},
	{"a leave takes quota",                        readmitted_at_full_quota,   DECIDE_REFUSE,  E_QUOTA_EXHAUSTED},
	{"a leave wants a new key",                    readmitted_with_the_old_key, DECIDE_REFUSE, E_DEVICE_BLOCKED},

	{"replaced by the same station",               replaced,                   DECIDE_REPLACE, E_NONE},
	{"replaced without quota",                     replaced_at_full_quota,     DECIDE_REPLACE, E_NONE},
	{"replace where there is nothing",             replace_of_nothing,         DECIDE_ISSUE,   E_NONE},
	{"replace where the batch has never",          replace_never,              DECIDE_REFUSE,  E_DUPLICATE_HARDWARE},
	{"replace by another station",                 replace_by_other_station,   DECIDE_REFUSE,  E_DUPLICATE_HARDWARE},
	{"replace of a station's device by a token",   replace_by_fresh_token,     DECIDE_REFUSE,  E_DUPLICATE_HARDWARE},
	{"replace of another batch's device",          replace_in_other_batch,     DECIDE_REFUSE,  E_DUPLICATE_HARDWARE},
	{"replace with a tag missing",                 replace_with_fewer_tags,    DECIDE_REFUSE,  E_DUPLICATE_HARDWARE},
	{"replace with a tag more",                    replace_with_more_tags,     DECIDE_REFUSE,  E_DUPLICATE_HARDWARE},
	{"replace of two devices at once",             replace_of_two_devices,     DECIDE_REFUSE,  E_DUPLICATE_HARDWARE},
	{"replace within 24 hours",                    replace_within_a_day,       DECIDE_REPLACE, E_NONE},
	{"replace after 24 hours",                     replace_after_a_day,        DECIDE_REFUSE,  E_DUPLICATE_HARDWARE},
	{"replace after a renewal",                    replace_after_renewal,      DECIDE_REFUSE,  E_DUPLICATE_HARDWARE},
	{"replace of a held device",                   replace_of_held,            DECIDE_REFUSE,  E_DEVICE_HELD},
	{"replace in a closed batch",                  replace_in_closed_batch,    DECIDE_REFUSE,  E_BATCH_CLOSED},
	{"replace with the token that was spent",      replace_by_spent_token,     DECIDE_REPLACE, E_NONE},
	{"replace with a token spent elsewhere",       replace_by_token_spent_elsewhere, DECIDE_REFUSE, E_TOKEN_SPENT},
	{"replace with a burnt token",                 replace_by_burnt_token,     DECIDE_REFUSE,  E_TOKEN_INVALID},
};
/* clang-format on */

static void
decides_one(void **state)
{
	const struct one *c = *state;
	struct world w;

	world_init(&w);
	c->change(&w);
	run(&w);
	assert_int_equal(w.outs[0].err.code, c->code);
	assert_int_equal(w.outs[0].decision, c->want);
	assert_int_equal(w.outs[0].replayed_device, c->want == DECIDE_REPLAY ? OLD : 0);
	assert_int_equal(w.outs[0].replaced_device, c->want == DECIDE_REPLACE ? OLD : 0);
	assert_false(w.outs[0].decision == DECIDE_REFUSE && w.outs[0].err.code == E_NONE);
}

int
main(void)
{
	struct CMUnitTest tests[COUNT(ONES)];
	size_t count = 0;

	for (size_t i = 0; i < COUNT(ONES); i++)
		tests[count++] = (struct CMUnitTest){.name = ONES[i].why,
		    .test_func = decides_one,
		    .initial_state = (void *)(uintptr_t)&ONES[i]};
	return cmocka_run_group_tests_name("decide", tests, NULL, NULL);
}
