#include "fixture.h"

#include <sys/stat.h>

#include "keeper/journal.h"

#define ORIGIN "moniker.example/node1-2026"

struct log { /* a journal in a folder of its own */
	struct folder folder;
	const char *path;
	struct secret *mac_key;
};

static void
log_init(struct log *log)
{
	struct error err = {0};

	folder_init(&log->folder);
	log->path = folder_file(&log->folder, "j");
	log->mac_key = secret_filled(9);
	assert_ok(journal_create(log->path, ORIGIN, log->mac_key, &err), &err);
}

static void
log_clear(struct log *log)
{
	secret_free(log->mac_key);
	folder_clear(&log->folder);
}
DEFER_DECLARE_CLEAR(struct log, log_clear)

static struct journal *
log_open(const struct log *log)
{
	struct journal *journal = NULL;
	struct error err = {0};

	assert_ok(journal_open(log->path, log->mac_key, &journal, &err), &err);
	return journal;
}

static enum error_code
open_code(const struct log *log)
{
	DEFER(journal_free) struct journal *journal = NULL;
	struct error err = {0};

	return journal_open(log->path, log->mac_key, &journal, &err) ? E_NONE : err.code;
}

static void
append_some(struct journal *journal, size_t count)
{
	struct buf leaves[16] = {0};
	struct bytes borrowed[16];
	struct error err = {0};

	assert_true(count <= COUNT(leaves));
	for (size_t i = 0; i < count; i++) {
		struct leaf leaf = leaf_plain(journal_tree(journal)->size + i);

		leaf_put(&leaf, &leaves[i]);
		borrowed[i] = buf_bytes(&leaves[i]);
	}
	assert_ok(journal_append(journal, borrowed, count, &err), &err);
	for (size_t i = 0; i < count; i++)
		buf_clear_public(&leaves[i]);
}

static size_t
file_len(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (size_t)st.st_size;
}

static void
file_take(const char *path, struct buf *out)
{
	struct error err = {0};

	assert_ok(file_read(path, 1 << 20, out, &err), &err);
}

static void
file_put(const char *path, struct bytes octets)
{
	struct error err = {0};

	assert_ok(file_write(path, octets, 0600, &err), &err);
}

static void
a_new_journal_is_empty_and_names_its_log(void **state)
{
	DEFER(log_clear) struct log log;
	DEFER(journal_free) struct journal *journal = NULL;
	struct error err = {0};

	(void)state;
	log_init(&log);
	journal = log_open(&log);
	assert_string_equal(journal_origin(journal), ORIGIN);
	assert_int_equal(journal_tree(journal)->size, 0);
	assert_ok(journal_verify(journal, &err), &err);
	assert_false(journal_create(log.path, ORIGIN, log.mac_key, &err));
	assert_int_equal(err.code, E_FILE_FAILED);
}

static void
what_was_appended_is_there_after_opening_again(void **state)
{
	static const size_t COUNTS[] = {1, 3, 2, 16, 1};
	DEFER(log_clear) struct log log;
	DEFER(journal_free) struct journal *journal = NULL;
	struct merkle tree = {0};
	uint8_t hash[SHA256_BYTES], root[SHA256_BYTES], expected[SHA256_BYTES];
	struct error err = {0};

	(void)state;
	log_init(&log);
	for (size_t i = 0; i < COUNT(COUNTS); i++) {
		journal = log_open(&log);
		append_some(journal, COUNTS[i]);
		journal_free(TAKE(journal));
	}
	journal = log_open(&log);
	assert_ok(journal_verify(journal, &err), &err);
	assert_int_equal(journal_tree(journal)->size, 23);
	for (uint64_t seq = 0; seq < 23; seq++) {
		DEFER(buf_clear_public) struct buf written = {0};
		DEFER(buf_clear_public) struct buf read = {0};
		struct leaf leaf = leaf_plain(seq);

		leaf_put(&leaf, &written);
		leaf_hash(buf_bytes(&written), hash);
		merkle_append(&tree, hash);
		assert_ok(journal_get(journal, seq, &read, &err), &err);
		assert_true(bytes_equal(buf_bytes(&written), buf_bytes(&read)));
	}
	merkle_root(&tree, expected);
	merkle_root(journal_tree(journal), root);
	assert_memory_equal(root, expected, sizeof(root));
}

static void
a_leaf_that_is_not_there_is_not_found(void **state)
{
	DEFER(log_clear) struct log log;
	DEFER(journal_free) struct journal *journal = NULL;
	DEFER(buf_clear_public) struct buf out = {0};
	struct error err = {0};

	(void)state;
	log_init(&log);
	journal = log_open(&log);
	append_some(journal, 3);
	assert_false(journal_get(journal, 3, &out, &err));
	assert_int_equal(err.code, E_NOT_FOUND);
	err = (struct error){0};
	assert_false(journal_get(journal, UINT64_MAX, &out, &err));
	assert_int_equal(err.code, E_NOT_FOUND);
}

static void
one_process_has_it_open(void **state)
{
	DEFER(log_clear) struct log log;
	DEFER(journal_free) struct journal *journal = NULL;

	(void)state;
	log_init(&log);
	journal = log_open(&log);
	assert_int_equal(open_code(&log), E_FILE_FAILED);
}

static void
another_key_does_not_open_it(void **state)
{
	DEFER(log_clear) struct log log;

	(void)state;
	log_init(&log);
	secret_free(log.mac_key);
	log.mac_key = secret_filled(8);
	assert_int_equal(open_code(&log), E_BAD_SYNTAX);
}

/* At every octet of the last record; `before` is how many leaves come before it. */
static void
torn_at_every_octet(size_t before)
{
	DEFER(log_clear) struct log log;
	DEFER(buf_clear_public) struct buf file = {0};
	struct journal *journal;
	size_t whole;
	struct error err = {0};

	log_init(&log);
	journal = log_open(&log);
	if (before > 0)
		append_some(journal, before);
	whole = file_len(log.path);
	append_some(journal, 2);
	journal_free(journal);
	file_take(log.path, &file);
	for (size_t len = whole; len < file.len; len++) {
		file_put(log.path, bytes_of(file.data, len));
		journal = log_open(&log);
		assert_int_equal(journal_tree(journal)->size, before);
		assert_int_equal(file_len(log.path), whole);
		append_some(journal, 1);
		assert_ok(journal_verify(journal, &err), &err);
		journal_free(journal);
	}
}

static void
a_torn_tail_is_cut_at_every_octet(void **state)
{
	(void)state;
	torn_at_every_octet(5);
}

static void
a_torn_first_record_is_cut_at_every_octet(void **state)
{
	(void)state;
	torn_at_every_octet(0);
}

static void
a_cut_header_does_not_open(void **state)
{
	DEFER(log_clear) struct log log;
	DEFER(buf_clear_public) struct buf file = {0};

	(void)state;
	log_init(&log);
	file_take(log.path, &file);
	for (size_t len = 0; len < file.len; len++) {
		file_put(log.path, bytes_of(file.data, len));
		assert_int_equal(open_code(&log), E_BAD_SYNTAX);
	}
}

static void
a_flipped_bit_of_header_or_last_record_does_not_open(void **state)
{
	DEFER(log_clear) struct log log;
	DEFER(buf_clear_public) struct buf file = {0};
	struct journal *journal;
	size_t header, last;

	(void)state;
	log_init(&log);
	header = file_len(log.path);
	journal = log_open(&log);
	append_some(journal, 2);
	last = file_len(log.path);
	append_some(journal, 1);
	journal_free(journal);
	file_take(log.path, &file);
	for (size_t at = 0; at < file.len; at = at + 1 == header ? last : at + 1) {
		uint8_t bit = (uint8_t)(1U << (at % 8));

		file.data[at] ^= bit;
		file_put(log.path, buf_bytes(&file));
		if (open_code(&log) != E_BAD_SYNTAX)
			fail_msg("octet %zu", at);
		file.data[at] ^= bit;
	}
}

static void
what_is_no_record_after_the_last_is_not_cut(void **state)
{
	static const struct bytes ROWS[] = {
	    BYTES_LITERAL("\0"),
	    BYTES_LITERAL("x"),
	    BYTES_LITERAL("\x89MKJLOG\n"),
	    BYTES_LITERAL("\x89MKJREC\n\0\0\0\1"),
	    BYTES_LITERAL("\x89MKJREC\n\xff\xff\xff\xff"),
	};
	DEFER(log_clear) struct log log;
	DEFER(buf_clear_public) struct buf file = {0};
	struct journal *journal;
	size_t whole;

	(void)state;
	log_init(&log);
	journal = log_open(&log);
	append_some(journal, 2);
	journal_free(journal);
	file_take(log.path, &file);
	whole = file.len;
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		buf_truncate(&file, whole);
		buf_append(&file, ROWS[i]);
		file_put(log.path, buf_bytes(&file));
		if (open_code(&log) != E_BAD_SYNTAX || file_len(log.path) != file.len)
			fail_msg("row %zu", i);
	}
}

static void
verifying_finds_every_flipped_octet_of_an_old_record(void **state)
{
	DEFER(log_clear) struct log log;
	DEFER(buf_clear_public) struct buf file = {0};
	struct journal *journal;
	size_t first, second;

	(void)state;
	log_init(&log);
	journal = log_open(&log);
	append_some(journal, 2);
	first = file_len(log.path);
	append_some(journal, 2);
	second = file_len(log.path);
	append_some(journal, 2);
	journal_free(journal);
	file_take(log.path, &file);
	for (size_t at = first; at < second; at++) {
		struct error err = {0};

		file.data[at] ^= 0x10;
		file_put(log.path, buf_bytes(&file));
		journal = log_open(&log);
		assert_false(journal_verify(journal, &err));
		assert_int_equal(err.code, E_BAD_SYNTAX);
		assert_non_null(strstr(err.detail, "at seq 2"));
		journal_free(journal);
		file.data[at] ^= 0x10;
	}
}

static void
a_record_of_another_log_does_not_fit(void **state)
{
	DEFER(log_clear) struct log one;
	DEFER(log_clear) struct log other;
	DEFER(buf_clear_public) struct buf header = {0};
	DEFER(buf_clear_public) struct buf file = {0};
	struct journal *journal;
	struct error err = {0};
	size_t header_len;

	(void)state;
	log_init(&one);
	log_init(&other);
	header_len = file_len(one.path);
	journal = log_open(&one);
	append_some(journal, 1);
	journal_free(journal);
	assert_int_equal(unlink(other.path), 0);
	assert_ok(
	    journal_create(other.path, "moniker.example/node2-2026", other.mac_key, &err), &err);
	file_take(other.path, &header);
	file_take(one.path, &file);
	buf_append(&header, bytes_of(file.data + header_len, file.len - header_len));
	file_put(other.path, buf_bytes(&header));
	assert_int_equal(open_code(&other), E_BAD_SYNTAX);
}

static void
verifying_names_a_leaf_that_is_none(void **state)
{
	DEFER(log_clear) struct log log;
	DEFER(journal_free) struct journal *journal = NULL;
	struct bytes leaf = bytes_of_text("not a leaf");
	struct error err = {0};

	(void)state;
	log_init(&log);
	journal = log_open(&log);
	append_some(journal, 4);
	assert_ok(journal_append(journal, &leaf, 1, &err), &err);
	assert_false(journal_verify(journal, &err));
	assert_int_equal(err.code, E_BAD_SYNTAX);
	assert_non_null(strstr(err.detail, "at seq 4"));
}

static void
verifying_can_be_interrupted(void **state)
{
	DEFER(log_clear) struct log log;
	DEFER(journal_free) struct journal *journal = NULL;
	struct error err = {0};

	(void)state;
	log_init(&log);
	journal = log_open(&log);
	append_some(journal, 1);
	journal_interrupt(journal);
	assert_false(journal_verify(journal, &err));
	assert_int_equal(err.code, E_KEEPER_UNAVAILABLE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_new_journal_is_empty_and_names_its_log),
	    cmocka_unit_test(what_was_appended_is_there_after_opening_again),
	    cmocka_unit_test(a_leaf_that_is_not_there_is_not_found),
	    cmocka_unit_test(one_process_has_it_open),
	    cmocka_unit_test(another_key_does_not_open_it),
	    cmocka_unit_test(a_torn_tail_is_cut_at_every_octet),
	    cmocka_unit_test(a_torn_first_record_is_cut_at_every_octet),
	    cmocka_unit_test(a_cut_header_does_not_open),
	    cmocka_unit_test(a_flipped_bit_of_header_or_last_record_does_not_open),
	    cmocka_unit_test(what_is_no_record_after_the_last_is_not_cut),
	    cmocka_unit_test(verifying_finds_every_flipped_octet_of_an_old_record),
	    cmocka_unit_test(a_record_of_another_log_does_not_fit),
	    cmocka_unit_test(verifying_names_a_leaf_that_is_none),
	    cmocka_unit_test(verifying_can_be_interrupted),
	};

	secret_process_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
