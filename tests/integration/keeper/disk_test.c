/*
 * The keeper's disk is full, or a write is cut: nothing is signed that is not durable, and the line
 * goes on when there is room. A limit on the file's size makes write() fail in the middle of a
 * record, as a full disk does.
 */
#include "attack.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void
journal_path(const struct attack *attack, char out[static 128])
{
	(void)snprintf(out, 128, "%s/journal/node1-2026.journal", attack->dir);
}

static off_t
journal_len(const struct attack *attack)
{
	struct stat status;
	char path[128];

	journal_path(attack, path);
	assert_int_equal(stat(path, &status), 0);
	return status.st_size;
}

/* Room for this many octets more in any file of the keeper; negative: as many as there are. */
static void
leave_room(const struct attack *attack, off_t octets)
{
	struct rlimit limit;

	assert_int_equal(prlimit(attack->pid, RLIMIT_FSIZE, NULL, &limit), 0);
	limit.rlim_cur = octets < 0 ? limit.rlim_max : (rlim_t)(journal_len(attack) + octets);
	assert_int_equal(prlimit(attack->pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

static void
append_without_room(const struct attack *attack)
{
	DEFER(buf_clear_public) struct buf entry = {0};
	struct attempt attempt;

	attempt_init(attack, attack->size, &attempt);
	attempt_encode(&attempt, &entry);
	attack_append(attack->fds[0], attack->size, 1, buf_bytes(&entry));
	assert_refused("no room", attack->fds[0], "FILE_FAILED", "the journal cannot be written");
}

static void
without_room_nothing_is_signed_and_with_it_the_line_goes_on(void **state)
{
	static const off_t ROOMS[] = {0, 1, 23, 24, 300};
	DEFER(attack_clear) struct attack attack;
	uint8_t before[32], after[32];
	uint64_t size;

	(void)state;
	attack_init(&attack);
	attack_honest("the start", &attack);
	for (size_t i = 0; i < COUNT(ROOMS); i++) {
		const off_t len = journal_len(&attack);

		attack_tree(&attack, &size, before);
		leave_room(&attack, ROOMS[i]);
		append_without_room(&attack);
		append_without_room(&attack);
		assert_int_equal(journal_len(&attack), len); /* half a record is cut off again */
		attack_tree(&attack, &size, after);
		assert_int_equal(size, attack.size);
		assert_memory_equal(before, after, sizeof(before));
		attack_honest_again("no room", &attack, attack.size - 1); /* needs none */
		leave_room(&attack, -1);
		attack_honest("no room", &attack);
	}
}

static void
a_keeper_that_is_killed_without_room_starts_where_it_was(void **state)
{
	DEFER(attack_clear) struct attack attack;

	(void)state;
	attack_init(&attack);
	attack_honest("the start", &attack);
	leave_room(&attack, 100);
	append_without_room(&attack);
	attack_kill(&attack);
	attack_start(&attack);
	attack_honest("a kill", &attack);
}

/* What a crash leaves of a record: its first octets. */
static void
half_a_record_is_cut_off_at_the_start(void **state)
{
	DEFER(attack_clear) struct attack attack;
	uint8_t root[32];
	uint64_t size;
	off_t end, last;
	char path[128];

	(void)state;
	attack_init(&attack);
	attack_honest("the start", &attack);
	end = journal_len(&attack);
	attack_honest("the start", &attack);
	last = journal_len(&attack) - end;
	journal_path(&attack, path);
	for (off_t cut = 1; cut < last; cut = 2 * cut + 1) {
		attack_kill(&attack);
		assert_int_equal(truncate(path, end + cut), 0);
		attack_start(&attack);
		assert_int_equal(journal_len(&attack), end);
		attack.size = 1;
		attack_tree(&attack, &size, root);
		assert_int_equal(size, 1);
		attack_honest("a cut", &attack); /* the same leaf again: the same length */
		assert_int_equal(journal_len(&attack), end + last);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(without_room_nothing_is_signed_and_with_it_the_line_goes_on),
	    cmocka_unit_test(a_keeper_that_is_killed_without_room_starts_where_it_was),
	    cmocka_unit_test(half_a_record_is_cut_off_at_the_start),
	};

	secret_process_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
