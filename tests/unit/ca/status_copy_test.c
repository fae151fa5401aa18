#include "ca/status_copy.h"

#include <stdio.h>

#include "base/chain_file.h"
#include "base/mem.h"
#include "tests/support/folder.h"

#define OF "00112233aabbccdd 4000520000000000000000000000000000000001"

static struct status_copy_line
line_of(enum certificate_state state, enum reason reason)
{
	struct status_copy_line line = {.seq = 17,
	    .entry = {.serial = {0x40, 0, 0x52},
		.issuer = {0, 0x11, 0x22, 0x33, 0xaa, 0xbb, 0xcc, 0xdd},
		.state = state,
		.reason = reason,
		.at_s = 1800000000}};

	line.entry.serial[SERIAL_BYTES - 1] = 1;
	return line;
}

static void
a_line_has_this_form(void **state)
{
	static const struct row {
		enum certificate_state state;
		enum reason reason;
		const char *text;
	} rows[] = {
	    {CERTIFICATE_REVOKED, REASON_KEY_COMPROMISE,
		"17 " OF " revoked KEY_COMPROMISE 1800000000"},
	    {CERTIFICATE_HELD, REASON_HOLD, "17 " OF " held HOLD 1800000000"},
	    {CERTIFICATE_CLEAR, REASON_UNSPECIFIED, "17 " OF " good UNSPECIFIED 1800000000"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct status_copy_line line = line_of(rows[i].state, rows[i].reason);
		DEFER(buf_clear_public) struct buf text = {0};
		struct status_copy_line again;
		struct error err = {0};

		status_copy_encode(&line, &text);
		assert_string_equal(buf_text(&text), rows[i].text);
		assert_true(status_copy_parse(buf_bytes(&text), &again, &err));
		assert_int_equal(again.seq, 17);
		assert_false(again.settled);
		assert_memory_equal(again.entry.serial, line.entry.serial, SERIAL_BYTES);
		assert_memory_equal(again.entry.issuer, line.entry.issuer, ISSUER_ID_BYTES);
		assert_int_equal(again.entry.state, rows[i].state);
		assert_int_equal(again.entry.reason, rows[i].reason);
		assert_int_equal(again.entry.at_s, 1800000000);
	}
}

static void
so_has_the_end_of_what_was_lost(void **state)
{
	DEFER(buf_clear_public) struct buf text = {0};
	struct status_copy_line again;
	struct error err = {0};

	(void)state;
	status_copy_encode(&(struct status_copy_line){.seq = 9, .settled = true}, &text);
	assert_string_equal(buf_text(&text), "9 settled");
	assert_true(status_copy_parse(buf_bytes(&text), &again, &err));
	assert_true(again.settled);
	assert_int_equal(again.seq, 9);
}

static void
what_is_no_line_is_refused(void **state)
{
	static const char *const texts[] = {
	    "",
	    " ",
	    "17",
	    "17 ",
	    "17 settled ",
	    "17 settled x",
	    "-1 settled",
	    "017 settled",
	    "9223372036854775808 settled",
	    "x " OF " revoked KEY_COMPROMISE 1",
	    "17  " OF " revoked KEY_COMPROMISE 1",
	    "17 " OF " revoked KEY_COMPROMISE",
	    "17 " OF " revoked KEY_COMPROMISE ",
	    "17 " OF " revoked KEY_COMPROMISE 1 ",
	    "17 " OF " revoked KEY_COMPROMISE 1 x",
	    "17 " OF " revoked KEY_COMPROMISE 01",
	    "17 " OF " revoked KEY_COMPROMISE -1",
	    "17 " OF " revoked KEY_COMPROMISE 4294967296",
	    "17 " OF " revoked BECAUSE 1",
	    "17 " OF " revoked  1",
	    "17 " OF " lost KEY_COMPROMISE 1",
	    "17 " OF " aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa KEY_COMPROMISE 1",
	    "17 0011 4000520000000000000000000000000000000001 revoked KEY_COMPROMISE 1",
	    "17 00112233aabbccdd 0000520000000000000000000000000000000001 revoked KEY_COMPROMISE 1",
	    "17 00112233aabbccdd 40005200000000000000000000000000000000 revoked KEY_COMPROMISE 1",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct status_copy_line line;
		struct error err = {0};

		if (status_copy_parse(bytes_of_text(texts[i]), &line, &err))
			fail_msg("taken: %s", texts[i]);
		assert_int_equal(err.code, E_BAD_SYNTAX);
	}
}

/* ---- the file anew ---- */

#define REVOKED_COUNT 8200 /* more than are written at once */

struct bench {
	struct folder folder;
	struct clock clock;
	struct status_index *index;
	struct status_copy *copy;
	struct status_copy_lost lost; /* no database: all that the file says */
};

static void
bench_clear(struct bench *bench)
{
	status_copy_free(bench->copy);
	status_index_free(bench->index);
	status_copy_lost_clear(&bench->lost);
	folder_clear(&bench->folder);
}
DEFER_DECLARE_CLEAR(struct bench, bench_clear)

static void
bench_open(struct bench *bench)
{
	struct error err = {0};

	status_copy_free(TAKE(bench->copy));
	status_index_free(TAKE(bench->index));
	status_copy_lost_clear(&bench->lost);
	assert_true(status_index_new(
	    &(struct status_index_options){.clock = &bench->clock}, &bench->index, &err));
	assert_true(status_copy_new(folder_file(&bench->folder, "revocations"), bench->index,
	    &bench->copy, &bench->lost, &err));
}

static bool
ignore(void *context, struct bytes text)
{
	(void)context;
	(void)text;
	return true;
}

static uint64_t
lines_in(struct bench *bench)
{
	DEFER(chain_file_close) struct chain_file *file = NULL;
	struct error err = {0};

	assert_true(
	    chain_file_open(folder_file(&bench->folder, "revocations"), ignore, NULL, &file, &err));
	assert_false(chain_file_damaged(file));
	return chain_file_count(file);
}

/* So often; its number is in the serial and the time. */
static void
add_lines(
    struct chain *chain, struct buf *out, enum certificate_state state, size_t number, size_t count)
{
	struct status_copy_line line = line_of(state, REASON_HOLD);
	DEFER(buf_clear_public) struct buf text = {0};

	line.entry.serial[SERIAL_BYTES - 1] = (uint8_t)number;
	line.entry.serial[SERIAL_BYTES - 2] = (uint8_t)(number >> 8);
	line.entry.at_s += (int64_t)number;
	status_copy_encode(&line, &text);
	for (size_t i = 0; i < count; i++)
		chain_write(chain, buf_bytes(&text), out);
}

/* REVOKED_COUNT are revoked, one is held, one was held and released; in `lines`. */
static void
bench_init(struct bench *bench, size_t lines)
{
	DEFER(buf_clear_public) struct buf all = {0};
	struct chain chain;

	*bench = (struct bench){.clock = clock_fixed(1800000000)};
	folder_init(&bench->folder);
	chain_init(&chain);
	for (size_t i = 0; i < REVOKED_COUNT; i++)
		add_lines(&chain, &all, CERTIFICATE_REVOKED, i, 1);
	add_lines(&chain, &all, CERTIFICATE_HELD, REVOKED_COUNT, 1);
	add_lines(&chain, &all, CERTIFICATE_HELD, REVOKED_COUNT + 1, lines - REVOKED_COUNT - 2);
	add_lines(&chain, &all, CERTIFICATE_CLEAR, REVOKED_COUNT + 1, 1);
	assert_int_equal(chain.count, lines);
	(void)folder_put(&bench->folder, "revocations", buf_bytes(&all), 0600);
}

/* Which of them the file has, each with its time. */
static void
assert_says_the_same(const struct bench *bench)
{
	bool seen[REVOKED_COUNT + 1] = {false};

	assert_int_equal(bench->lost.count, REVOKED_COUNT + 1);
	for (size_t i = 0; i < bench->lost.count; i++) {
		const struct status_entry *entry = &bench->lost.entries[i];
		const size_t number =
		    (size_t)entry->serial[SERIAL_BYTES - 2] << 8 | entry->serial[SERIAL_BYTES - 1];

		assert_in_range(number, 0, REVOKED_COUNT);
		assert_false(seen[number]);
		seen[number] = true;
		assert_int_equal(
		    entry->state, number < REVOKED_COUNT ? CERTIFICATE_REVOKED : CERTIFICATE_HELD);
		assert_int_equal(entry->at_s, 1800000000 + number);
	}
}

#define TOO_MANY (2 * (REVOKED_COUNT + 1) + STATUS_COPY_SPARE + 1)

static void
what_has_grown_is_written_anew_and_says_the_same(void **state)
{
	DEFER(bench_clear) struct bench bench;

	(void)state;
	bench_init(&bench, TOO_MANY);
	bench_open(&bench);
	assert_says_the_same(&bench);
	status_copy_look(bench.copy);
	assert_int_equal(lines_in(&bench), REVOKED_COUNT + 2);
	assert_int_equal(access(folder_file(&bench.folder, "revocations.new"), F_OK), -1);
	status_copy_look(bench.copy);
	bench_open(&bench); /* still of an order beyond the database's */
	assert_says_the_same(&bench);
	status_copy_settle(bench.copy);
	assert_int_equal(lines_in(&bench), REVOKED_COUNT + 3);
	bench_open(&bench);
	assert_int_equal(bench.lost.count, 0);
}

static void
what_has_not_grown_stays(void **state)
{
	DEFER(bench_clear) struct bench bench;

	(void)state;
	bench_init(&bench, TOO_MANY - 1);
	bench_open(&bench);
	status_copy_look(bench.copy);
	assert_int_equal(lines_in(&bench), TOO_MANY - 1);
	status_copy_settle(bench.copy); /* one more */
	status_copy_look(bench.copy);
	assert_int_equal(lines_in(&bench), REVOKED_COUNT + 2);
}

static void
what_is_damaged_stays_as_it_is(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct stat before, after;
	const char *path;
	int fd;

	(void)state;
	bench_init(&bench, TOO_MANY);
	path = folder_file(&bench.folder, "revocations");
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "0000", 4, 10), 4);
	assert_int_equal(close(fd), 0);
	assert_int_equal(stat(path, &before), 0);
	bench_open(&bench);
	status_copy_look(bench.copy);
	assert_int_equal(stat(folder_file(&bench.folder, "revocations"), &after), 0);
	assert_int_equal(after.st_ino, before.st_ino);
	assert_int_equal(after.st_size, before.st_size);
}

static void
one_that_cannot_be_written_leaves_the_old_one(void **state)
{
	DEFER(bench_clear) struct bench bench;
	const char *path;

	(void)state;
	bench_init(&bench, TOO_MANY);
	path = folder_file(&bench.folder, "revocations.new");
	assert_int_equal(mkdir(path, 0700), 0);
	bench_open(&bench);
	status_copy_look(bench.copy);
	assert_int_equal(lines_in(&bench), TOO_MANY);
	status_copy_settle(bench.copy); /* it goes on */
	assert_int_equal(lines_in(&bench), TOO_MANY + 1);
	assert_int_equal(rmdir(folder_file(&bench.folder, "revocations.new")), 0);
	bench_open(&bench);
	assert_int_equal(bench.lost.count, 0); /* settled */
	status_copy_look(bench.copy);
	assert_int_equal(lines_in(&bench), REVOKED_COUNT + 2);
}

static void
what_a_killed_run_left_is_in_no_ones_way(void **state)
{
	DEFER(bench_clear) struct bench bench;

	(void)state;
	bench_init(&bench, TOO_MANY);
	(void)folder_put(&bench.folder, "revocations.new", bytes_of_text("half a li"), 0600);
	bench_open(&bench);
	status_copy_look(bench.copy);
	assert_int_equal(lines_in(&bench), REVOKED_COUNT + 2);
	bench_open(&bench);
	assert_says_the_same(&bench);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_has_this_form),
	    cmocka_unit_test(so_has_the_end_of_what_was_lost),
	    cmocka_unit_test(what_is_no_line_is_refused),
	    cmocka_unit_test(what_has_grown_is_written_anew_and_says_the_same),
	    cmocka_unit_test(what_has_not_grown_stays),
	    cmocka_unit_test(what_is_damaged_stays_as_it_is),
	    cmocka_unit_test(one_that_cannot_be_written_leaves_the_old_one),
	    cmocka_unit_test(what_a_killed_run_left_is_in_no_ones_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
