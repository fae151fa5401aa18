/* The order of the log under attack: no gap, no overlap, no other past, also after SIGKILL. */
#include "attack.h"

/* ---- appends that do not fit ---- */

struct row {
	const char *what;
	int64_t first;    /* first_seq, from the size of the log */
	int64_t seqs[2];  /* the leaves' seqs, from the size of the log */
	uint32_t count;   /* leaves sent */
	uint32_t missing; /* leaves announced and not sent */
	int64_t back_s;   /* `st` of the leaves is earlier */
	bool no_leaf;
	const char *why;
};

#define FAR (INT64_C(1) << 40)

/* clang-format off */
static const struct row ROWS[] = {
	/* what                               first  seqs      count miss back no_leaf why */
	{"an append below the log's end",       -1, {-1},        1, 0, 0, false, "append at"},
	{"an append at the log's beginning",    -2, {-2},        1, 0, 0, false, "append at"},
	{"an append above the log's end",        1, {1},         1, 0, 0, false, "append at"},
	{"an append far above",                FAR, {FAR},       1, 0, 0, false, "append at"},
	{"a leaf whose seq is below its place",  0, {-1},        1, 0, 0, false, "says seq"},
	{"a leaf whose seq is above its place",  0, {1},         1, 0, 0, false, "says seq"},
	{"a leaf whose seq is far above",        0, {FAR},       1, 0, 0, false, "says seq"},
	{"a gap inside the append",              0, {0, 2},      2, 0, 0, false, "says seq"},
	{"a leaf twice in the append",           0, {0, 0},      2, 0, 0, false, "says seq"},
	{"two leaves the wrong way round",       0, {1, 0},      2, 0, 0, false, "says seq"},
	{"fewer leaves than announced",          0, {0},         1, 1, 0, false, "leaves of 2"},
	{"a leaf before its predecessor's time", 0, {0},         1, 0, 86400, false, "st goes back"},
	{"a signature without a leaf",           0, {0},         1, 0, 0, true,  "leaf"},
};
/* clang-format on */

static void
put_leaves(const struct attack *attack, const struct row *row, struct buf *out)
{
	for (uint32_t i = 0; i < row->count; i++) {
		struct attempt attempt;

		attempt_init(attack, attack->size + (uint64_t)row->seqs[i], &attempt);
		attempt.leaf.sequenced_at_s = NOW_S + (int64_t)attack->size + i - row->back_s;
		attempt.no_leaf = row->no_leaf;
		attempt_encode(&attempt, out);
	}
}

static void
an_append_that_does_not_fit_takes_nothing(void **state)
{
	DEFER(attack_clear) struct attack attack;

	(void)state;
	attack_init(&attack);
	for (int i = 0; i < 3; i++)
		attack_honest("the start", &attack);
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		DEFER(buf_clear_public) struct buf entries = {0};
		uint8_t before[32], after[32];
		uint64_t size;

		attack_tree(&attack, &size, before);
		put_leaves(&attack, &ROWS[i], &entries);
		attack_append(attack.fds[0], attack.size + (uint64_t)ROWS[i].first,
		    ROWS[i].count + ROWS[i].missing, buf_bytes(&entries));
		assert_refused(ROWS[i].what, attack.fds[0], "KEEPER_REFUSED", ROWS[i].why);
		attack_tree(&attack, &size, after);
		assert_int_equal(size, attack.size);
		assert_memory_equal(before, after, sizeof(before));
		attack_honest(ROWS[i].what, &attack);
	}
}

/* ---- signatures for leaves that are not there, or are another's ---- */

static void
a_signature_is_had_only_for_what_its_leaf_commits_to(void **state)
{
	static const uint64_t BEYOND[] = {3, 4, UINT64_C(1) << 40, UINT64_MAX};
	DEFER(attack_clear) struct attack attack;
	DEFER(answer_clear) struct answer answer = {0};
	struct attempt attempt;

	(void)state;
	attack_init(&attack);
	for (int i = 0; i < 3; i++)
		attack_honest("the start", &attack);
	for (size_t i = 0; i < COUNT(BEYOND); i++) {
		attempt_init(&attack, 1, &attempt);
		attack_say_recorded(attack.fds[0], BEYOND[i], &attempt);
		assert_refused("a seq beyond the log", attack.fds[0], "NOT_FOUND", "has no leaf");
	}
	attempt_init(&attack, 1, &attempt); /* what leaf 1 commits to, but asked for at 2 */
	attack_say_recorded(attack.fds[0], 2, &attempt);
	attack_result("another leaf's seq", attack.fds[0], &answer);
	assert_int_equal(answer.type, WIRE_RESULT_REFUSED);
	assert_string_equal(answer.detail, "the leaf commits to something else");
	attack_honest_again("another leaf's seq", &attack, 1);
	attack_honest("another leaf's seq", &attack);
}

/* ---- another past ---- */

/* The service was taken over, and the keeper killed: the next one still has the journal's leaf. */
static void
after_a_kill_no_other_leaf_takes_the_place_of_one(void **state)
{
	DEFER(attack_clear) struct attack attack;
	DEFER(answer_clear) struct answer answer = {0};
	DEFER(buf_clear_public) struct buf entry = {0};
	struct attempt other;
	uint8_t before[32], after[32];
	uint64_t size;

	(void)state;
	attack_init(&attack);
	attack_honest("the start", &attack);
	attack_honest("the start", &attack);
	attack_tree(&attack, &size, before);
	attack_kill(&attack);
	attack_start(&attack);

	attempt_init(&attack, 1, &other); /* in the place of leaf 1, for another key */
	other.parts.spki.data[other.parts.spki.len - 1] ^= 1;
	attempt_encode(&other, &entry);
	attack_append(attack.fds[0], 1, 1, buf_bytes(&entry));
	assert_refused("a replay", attack.fds[0], "KEEPER_REFUSED", "append at 1 to a log of 2");
	attack_say_recorded(attack.fds[0], 1, &other);
	attack_result("a replay", attack.fds[0], &answer);
	assert_int_equal(answer.type, WIRE_RESULT_REFUSED);
	assert_string_equal(answer.detail, "the leaf commits to something else");

	attack_tree(&attack, &size, after);
	assert_int_equal(size, 2);
	assert_memory_equal(before, after, sizeof(before));
	attack_honest_again("a replay", &attack, 1); /* lost in the crash: the same bytes */
	attack_honest("a replay", &attack);
}

static void
a_kill_in_the_middle_of_an_append_takes_none_of_it(void **state)
{
	DEFER(attack_clear) struct attack attack;
	DEFER(buf_clear_public) struct buf entry = {0};
	struct attempt attempt;
	uint8_t root[32];
	uint64_t size;

	(void)state;
	attack_init(&attack);
	attack_honest("the start", &attack);
	for (int i = 0; i < 3; i++) {
		attempt_init(&attack, attack.size, &attempt);
		buf_truncate(&entry, 0);
		attempt_encode(&attempt, &entry);
		attack_say(attack.fds[0], WIRE_APPEND_BEGIN,
		    (struct bytes)BYTES_LITERAL("\0\0\0\0\0\0\0\1\0\0\0\1"));
		attack_say(attack.fds[0], WIRE_APPEND_RECORDS, buf_bytes(&entry));
		attack_kill(&attack);
		attack_start(&attack);
		attack_tree(&attack, &size, root);
		assert_int_equal(size, 1);
	}
	attack_honest("three kills", &attack);
}

/* ---- two at once ---- */

/* A new set of channels ends the one before: an append of the old one can never be ended. */
static void
of_two_interleaved_appends_only_one_is_taken(void **state)
{
	DEFER(attack_clear) struct attack attack;
	DEFER(buf_clear_public) struct buf entry = {0};
	struct attempt attempt;
	uint8_t root[32];
	uint64_t size;
	int old;

	(void)state;
	attack_init(&attack);
	attempt_init(&attack, 0, &attempt);
	attempt_encode(&attempt, &entry);
	attack_say(attack.fds[0], WIRE_APPEND_BEGIN,
	    (struct bytes)BYTES_LITERAL("\0\0\0\0\0\0\0\0\0\0\0\1"));
	attack_say(attack.fds[0], WIRE_APPEND_RECORDS, buf_bytes(&entry));
	old = attack.fds[0];
	attack.fds[0] = -1; /* stays open at our end */
	attack_connect(&attack);
	attack_honest("an append on another channel", &attack);
	attack_say(old, WIRE_APPEND_END, (struct bytes){0});
	assert_closed("the old channel", old);
	(void)close(old);
	attack_tree(&attack, &size, root);
	assert_int_equal(size, 1);
	attack_honest("two appends", &attack);
}

static void
the_ordered_requests_are_on_one_channel_alone(void **state)
{
	static const enum wire_type TYPES[] = {WIRE_HELLO, WIRE_APPEND_BEGIN, WIRE_APPEND_RECORDS,
	    WIRE_APPEND_END, WIRE_SIGN_RECORDED, WIRE_CHECKPOINT};
	DEFER(attack_clear) struct attack attack;

	(void)state;
	attack_init(&attack);
	for (size_t i = 0; i < COUNT(TYPES); i++) {
		int fd = attack.fds[1 + i % CONTROL_STATELESS];

		attack_say(fd, TYPES[i], (struct bytes)BYTES_LITERAL("\0\0\0\0\0\0\0\0\0\0\0\1"));
		assert_refused("ordered, on a stateless channel", fd, "BAD_SYNTAX", "no request");
		assert_closed("ordered, on a stateless channel", fd);
		attack_honest("ordered, on a stateless channel", &attack);
		attack_connect(&attack);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_append_that_does_not_fit_takes_nothing),
	    cmocka_unit_test(a_signature_is_had_only_for_what_its_leaf_commits_to),
	    cmocka_unit_test(after_a_kill_no_other_leaf_takes_the_place_of_one),
	    cmocka_unit_test(a_kill_in_the_middle_of_an_append_takes_none_of_it),
	    cmocka_unit_test(of_two_interleaved_appends_only_one_is_taken),
	    cmocka_unit_test(the_ordered_requests_are_on_one_channel_alone),
	};

	secret_process_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
