#include "provisioning/spool.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cmocka_all.h"

#define FILE_MAX 100000

struct place {
	char folder[32], path[64];
};

static int
set_up(void **state)
{
	struct place *place = calloc(1, sizeof *place);

	(void)snprintf(place->folder, sizeof place->folder, "/tmp/spool-XXXXXX");
	assert_non_null(mkdtemp(place->folder));
	(void)snprintf(place->path, sizeof place->path, "%s/spool", place->folder);
	*state = place;
	return 0;
}

static int
tear_down(void **state)
{
	struct place *place = *state;

	(void)unlink(place->path);
	(void)rmdir(place->folder);
	free(place);
	return 0;
}

static struct spool_entry
entry_of(int number)
{
	struct spool_entry entry = {.id = "abcdefghijklmnop",
	    .serial = {0x40, 0, 82},
	    .reason = REASON_KEY_COMPROMISE,
	    .detail = number % 2 == 0 ? REVOKE_LOST : REVOKE_NO_DETAIL,
	    .at_s = 1800000000 + number,
	    .person = 7,
	    .officer = "7f3kq2m5nv4wxyza"};

	entry.id[0] = (char)('a' + number);
	entry.serial[19] = (uint8_t)number;
	return entry;
}

static void
assert_entry(const struct spool_entry *expected, const struct spool_entry *actual)
{
	assert_string_equal(expected->id, actual->id);
	assert_memory_equal(expected->serial, actual->serial, SERIAL_BYTES);
	assert_int_equal(expected->reason, actual->reason);
	assert_int_equal(expected->detail, actual->detail);
	assert_int_equal(expected->at_s, actual->at_s);
	assert_int_equal(expected->person, actual->person);
	assert_string_equal(expected->officer, actual->officer);
}

static struct spool *
open_spool(const struct place *place)
{
	struct error err = {0};
	struct spool *spool = NULL;

	assert_true(spool_open(place->path, &spool, &err));
	return spool;
}

static void
append(struct spool *spool, int number)
{
	const struct spool_entry entry = entry_of(number);
	struct error err = {0};

	assert_true(spool_append(spool, &entry, &err));
}

static void
read_back(const struct place *place, struct buf *out)
{
	struct error err = {0};

	assert_true(file_read(place->path, FILE_MAX, out, &err));
}

/* In place, and not synced: this is done thousands of times. */
static void
write_over(const struct place *place, struct bytes contents)
{
	const int fd = open(place->path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, contents.data, contents.len), contents.len);
	(void)close(fd);
}

static void
what_is_appended_is_there_after_it_is_opened_again(void **state)
{
	DEFER(spool_close) struct spool *again = NULL;
	struct spool *spool = open_spool(*state);
	struct stat status;

	for (int i = 0; i < 5; i++)
		append(spool, i);
	spool_close(spool);
	assert_int_equal(stat(((struct place *)*state)->path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	again = open_spool(*state);
	append(again, 5);
	assert_int_equal(spool_count(again), 6);
	assert_false(spool_damaged(again));
	for (int i = 0; i < 6; i++) {
		const struct spool_entry entry = entry_of(i);

		assert_entry(&entry, spool_at(again, (size_t)i));
		assert_ptr_equal(spool_find(again, entry.id), spool_at(again, (size_t)i));
	}
	assert_null(spool_find(again, "zzzzzzzzzzzzzzzz"));
}

static void
an_empty_one_starts_anew(void **state)
{
	DEFER(spool_close) struct spool *again = NULL;
	struct spool *spool = open_spool(*state);
	struct error err = {0};

	append(spool, 0);
	assert_true(spool_empty(spool, &err));
	assert_int_equal(spool_count(spool), 0);
	append(spool, 1);
	spool_close(spool);
	again = open_spool(*state);
	assert_int_equal(spool_count(again), 1);
	assert_false(spool_damaged(again));
}

/* Wherever a crash cuts the file, whole lines count, and it can be gone on with. */
static void
a_line_that_is_cut_is_no_entry(void **state)
{
	DEFER(buf_clear_public) struct buf whole = {0};
	struct spool *spool = open_spool(*state);
	size_t first_len;

	append(spool, 0);
	read_back(*state, &whole);
	first_len = whole.len;
	append(spool, 1);
	spool_close(spool);
	buf_clear_public(&whole);
	read_back(*state, &whole);
	for (size_t len = 0; len < whole.len; len++) {
		DEFER(spool_close) struct spool *cut = NULL;

		write_over(*state, bytes_of(whole.data, len));
		cut = open_spool(*state);
		assert_int_equal(spool_count(cut), len < first_len ? 0 : 1);
		assert_false(spool_damaged(cut));
		append(cut, 2);
		spool_close(TAKE(cut));
		cut = open_spool(*state);
		assert_int_equal(spool_count(cut), len < first_len ? 1 : 2);
		assert_false(spool_damaged(cut));
	}
}

/* Any change to what was written is seen, and no entry but the one that it hit is lost. */
static void
every_flipped_bit_is_seen(void **state)
{
	DEFER(buf_clear_public) struct buf whole = {0};
	struct spool *spool = open_spool(*state);

	append(spool, 0);
	append(spool, 1);
	spool_close(spool);
	read_back(*state, &whole);
	for (size_t i = 0; i < whole.len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			DEFER(spool_close) struct spool *changed = NULL;

			if (i + 1 == whole.len)
				continue; /* without its end the line is no line */
			whole.data[i] ^= (uint8_t)(1U << bit);
			write_over(*state, buf_bytes(&whole));
			whole.data[i] ^= (uint8_t)(1U << bit);
			changed = open_spool(*state);
			assert_true(spool_damaged(changed));
		}
	}
}

static void
a_line_taken_out_or_put_in_is_seen(void **state)
{
	DEFER(buf_clear_public) struct buf whole = {0};
	struct spool *spool = open_spool(*state);
	const uint8_t *second;

	for (int i = 0; i < 3; i++)
		append(spool, i);
	spool_close(spool);
	read_back(*state, &whole);
	second = (const uint8_t *)memchr(whole.data, '\n', whole.len) + 1;
	write_over(*state, bytes_of(second, whole.len - (size_t)(second - whole.data)));
	spool = open_spool(*state);
	assert_true(spool_damaged(spool));
	assert_int_equal(spool_count(spool), 2); /* what can be read counts */
	spool_close(spool);
}

static const struct reject {
	const char *why, *text;
} REJECTS[] = {
    {"not an object", "[]"},
    {"nothing in it", "{}"},
    {"an id that is none",
	"{\"id\":\"ABCDEFGHIJKLMNOP\",\"serial\":\"4000520000000000000000000000000000000000\","
	"\"reason\":\"SUPERSEDED\",\"at\":1,\"person\":1,\"officer\":\"7f3kq2m5nv4wxyza\"}"},
    {"a serial number that is not ours",
	"{\"id\":\"abcdefghijklmnop\",\"serial\":\"0000520000000000000000000000000000000000\","
	"\"reason\":\"SUPERSEDED\",\"at\":1,\"person\":1,\"officer\":\"7f3kq2m5nv4wxyza\"}"},
    {"a hold",
	"{\"id\":\"abcdefghijklmnop\",\"serial\":\"4000520000000000000000000000000000000000\","
	"\"reason\":\"HOLD\",\"at\":1,\"person\":1,\"officer\":\"7f3kq2m5nv4wxyza\"}"},
    {"a reason that is none",
	"{\"id\":\"abcdefghijklmnop\",\"serial\":\"4000520000000000000000000000000000000000\","
	"\"reason\":\"BECAUSE\",\"at\":1,\"person\":1,\"officer\":\"7f3kq2m5nv4wxyza\"}"},
    {"a word that is none",
	"{\"id\":\"abcdefghijklmnop\",\"serial\":\"4000520000000000000000000000000000000000\","
	"\"reason\":\"SUPERSEDED\",\"why\":\"so\",\"at\":1,\"person\":1,\"officer\":"
	"\"7f3kq2m5nv4wxyza\"}"},
    {"an officer who is none",
	"{\"id\":\"abcdefghijklmnop\",\"serial\":\"4000520000000000000000000000000000000000\","
	"\"reason\":\"SUPERSEDED\",\"at\":1,\"person\":1,\"officer\":\"x\\\"y\"}"},
    {"before time",
	"{\"id\":\"abcdefghijklmnop\",\"serial\":\"4000520000000000000000000000000000000000\","
	"\"reason\":\"SUPERSEDED\",\"at\":-1,\"person\":1,\"officer\":\"7f3kq2m5nv4wxyza\"}"},
    {"something more",
	"{\"id\":\"abcdefghijklmnop\",\"serial\":\"4000520000000000000000000000000000000000\","
	"\"reason\":\"SUPERSEDED\",\"at\":1,\"person\":1,\"officer\":\"7f3kq2m5nv4wxyza\",\"x\":"
	"1}"},
};

static void
what_is_no_entry_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(REJECTS); i++) {
		struct error err = {0};
		struct spool_entry entry;

		if (spool_entry_parse(bytes_of_text(REJECTS[i].text), &entry, &err))
			fail_msg("%s: taken", REJECTS[i].why);
		assert_true(err.code == E_BAD_SYNTAX || err.code == E_INCOMPLETE);
	}
}

static void
a_full_one_takes_no_more(void **state)
{
	DEFER(spool_close) struct spool *spool = open_spool(*state);
	const struct spool_entry entry = entry_of(0);
	struct error err = {0};
	int fd;

	/* As many lines as may be; what they say does not matter here. */
	while (spool_count(spool) < 3)
		append(spool, (int)spool_count(spool));
	spool_close(TAKE(spool));
	fd = open(((struct place *)*state)->path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_true(fd >= 0);
	for (int i = 0; i < SPOOL_ENTRIES_MAX; i++) {
		DEFER(buf_clear_public) struct buf line = {0};

		buf_append_format(&line, "%064d ", 0);
		spool_entry_encode(&entry, &line);
		buf_append_u8(&line, '\n');
		assert_int_equal(write(fd, line.data, line.len), line.len);
	}
	(void)close(fd);
	spool = open_spool(*state);
	assert_int_equal(spool_count(spool), SPOOL_ENTRIES_MAX);
	assert_false(spool_append(spool, &entry, &err));
	assert_int_equal(err.code, E_RECORD_UNAVAILABLE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		what_is_appended_is_there_after_it_is_opened_again, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(an_empty_one_starts_anew, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_line_that_is_cut_is_no_entry, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(every_flipped_bit_is_seen, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_line_taken_out_or_put_in_is_seen, set_up, tear_down),
	    cmocka_unit_test(what_is_no_entry_is_refused),
	    cmocka_unit_test_setup_teardown(a_full_one_takes_no_more, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
