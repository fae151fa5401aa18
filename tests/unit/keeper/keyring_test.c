#include "fixture.h"

#include <sys/stat.h>

#include "keeper/keyring.h"

#define HEADER_BYTES (6 + 2 + 4 + 4 + 16 + 24)

static const struct keyring_cost CHEAP = {.operations = 1, .memory_kib = 8192};

static struct keyring *
ring_of_three(void)
{
	struct keyring *ring = keyring_new();

	keyring_add(ring, "log", secret_filled(1));
	keyring_add(ring, "tag:1", secret_filled(2));
	keyring_add(
	    ring, "issuer:0011223344556677", secret_text("a longer secret than the others"));
	return ring;
}

static void
write_ring(const char *path, const char *passphrase)
{
	DEFER(keyring_free) struct keyring *ring = ring_of_three();
	DEFER(secret_free) struct secret *words = secret_text(passphrase);
	struct error err = {0};

	assert_ok(keyring_write(ring, path, words, CHEAP, &err), &err);
}

static enum error_code
read_code(const char *path, const char *passphrase)
{
	DEFER(keyring_free) struct keyring *ring = NULL;
	DEFER(secret_free) struct secret *words = secret_text(passphrase);
	struct error err = {0};

	return keyring_read(path, words, &ring, &err) ? E_NONE : err.code;
}

static void
a_ring_comes_back_in_order(void **state)
{
	DEFER(folder_clear) struct folder folder;
	DEFER(keyring_free) struct keyring *ring = NULL;
	DEFER(secret_free) struct secret *words = secret_text("correct horse");
	const char *path;
	struct stat st;
	struct error err = {0};

	(void)state;
	folder_init(&folder);
	path = folder_file(&folder, "ring");
	write_ring(path, "correct horse");
	assert_ok(keyring_read(path, words, &ring, &err), &err);
	assert_int_equal(keyring_count(ring), 3);
	assert_string_equal(keyring_name(ring, 0), "log");
	assert_string_equal(keyring_name(ring, 2), "issuer:0011223344556677");
	assert_true(bytes_equal(secret_bytes(keyring_find(ring, "issuer:0011223344556677")),
	    bytes_of_text("a longer secret than the others")));
	assert_null(keyring_find(ring, "tag:2"));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void
an_empty_ring_comes_back_empty(void **state)
{
	DEFER(folder_clear) struct folder folder;
	DEFER(keyring_free) struct keyring *empty = keyring_new();
	DEFER(keyring_free) struct keyring *ring = NULL;
	DEFER(secret_free) struct secret *words = secret_text("x");
	const char *path;
	struct error err = {0};

	(void)state;
	folder_init(&folder);
	path = folder_file(&folder, "ring");
	assert_ok(keyring_write(empty, path, words, CHEAP, &err), &err);
	assert_ok(keyring_read(path, words, &ring, &err), &err);
	assert_int_equal(keyring_count(ring), 0);
}

static void
a_wrong_passphrase_does_not_open(void **state)
{
	DEFER(folder_clear) struct folder folder;
	const char *path;

	(void)state;
	folder_init(&folder);
	path = folder_file(&folder, "ring");
	write_ring(path, "correct horse");
	assert_int_equal(read_code(path, "correct horse"), E_NONE);
	assert_int_equal(read_code(path, "correct horse "), E_PASSPHRASE_WRONG);
	assert_int_equal(read_code(path, "c"), E_PASSPHRASE_WRONG);
}

static void
a_missing_file_is_named_so(void **state)
{
	(void)state;
	assert_int_equal(read_code("/nonexistent/ring", "x"), E_FILE_FAILED);
}

/* The octets where each field of the file begins, and what a changed one must give. */
static void
no_changed_octet_goes_unseen(void **state)
{
	static const struct {
		size_t offset;
		uint8_t flip;
		enum error_code code;
	} ROWS[] = {
	    {0, 0x01, E_BAD_SYNTAX},                  /* magic */
	    {5, 0x80, E_BAD_SYNTAX},                  /* its last octet */
	    {6, 0x02, E_BAD_SYNTAX},                  /* version */
	    {7, 0x01, E_BAD_SYNTAX},                  /* reserved */
	    {8, 0x80, E_BAD_SYNTAX},                  /* operations, beyond the bound */
	    {11, 0x02, E_PASSPHRASE_WRONG},           /* operations, within it */
	    {11, 0x01, E_BAD_SYNTAX},                 /* operations: none */
	    {12, 0x80, E_BAD_SYNTAX},                 /* memory, beyond */
	    {15, 0x01, E_PASSPHRASE_WRONG},           /* memory, within */
	    {16, 0x01, E_PASSPHRASE_WRONG},           /* salt */
	    {31, 0x80, E_PASSPHRASE_WRONG},           /* its last octet */
	    {32, 0x01, E_PASSPHRASE_WRONG},           /* nonce */
	    {55, 0x80, E_PASSPHRASE_WRONG},           /* its last octet */
	    {HEADER_BYTES, 0x01, E_PASSPHRASE_WRONG}, /* ciphertext */
	    {HEADER_BYTES + 60, 0x10, E_PASSPHRASE_WRONG},
	};
	DEFER(folder_clear) struct folder folder;
	DEFER(buf_clear) struct buf file = {0};
	const char *path;
	struct error err = {0};

	(void)state;
	folder_init(&folder);
	path = folder_file(&folder, "ring");
	write_ring(path, "w");
	assert_ok(file_read(path, KEYRING_FILE_MAX, &file, &err), &err);
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		file.data[ROWS[i].offset] ^= ROWS[i].flip;
		assert_ok(file_write(path, buf_bytes(&file), 0600, &err), &err);
		if (read_code(path, "w") != ROWS[i].code)
			fail_msg("row %zu", i);
		file.data[ROWS[i].offset] ^= ROWS[i].flip;
	}
	file.data[file.len - 1] ^= 1; /* the last octet of the seal */
	assert_ok(file_write(path, buf_bytes(&file), 0600, &err), &err);
	assert_int_equal(read_code(path, "w"), E_PASSPHRASE_WRONG);
}

static void
no_shorter_or_longer_file_opens(void **state)
{
	DEFER(folder_clear) struct folder folder;
	DEFER(buf_clear) struct buf file = {0};
	const char *path;
	struct error err = {0};

	(void)state;
	folder_init(&folder);
	path = folder_file(&folder, "ring");
	write_ring(path, "w");
	assert_ok(file_read(path, KEYRING_FILE_MAX, &file, &err), &err);
	for (size_t len = 0; len < HEADER_BYTES + 16; len++) {
		assert_ok(file_write(path, bytes_of(file.data, len), 0600, &err), &err);
		assert_int_equal(read_code(path, "w"), E_BAD_SYNTAX);
	}
	for (size_t len = HEADER_BYTES + 16; len < file.len; len += 13) {
		assert_ok(file_write(path, bytes_of(file.data, len), 0600, &err), &err);
		assert_int_equal(read_code(path, "w"), E_PASSPHRASE_WRONG);
	}
	buf_append_u8(&file, 0);
	assert_ok(file_write(path, buf_bytes(&file), 0600, &err), &err);
	assert_int_equal(read_code(path, "w"), E_PASSPHRASE_WRONG);
}

static void
a_file_beyond_the_bound_is_not_read(void **state)
{
	DEFER(folder_clear) struct folder folder;
	DEFER(buf_clear) struct buf file = {0};
	const char *path;
	struct error err = {0};

	(void)state;
	folder_init(&folder);
	path = folder_file(&folder, "ring");
	memset(buf_extend(&file, KEYRING_FILE_MAX + 1), 0, KEYRING_FILE_MAX + 1);
	assert_ok(file_write(path, buf_bytes(&file), 0600, &err), &err);
	assert_int_equal(read_code(path, "w"), E_FILE_FAILED);
}

static void
a_removed_entry_is_gone_and_the_cost_can_be_kept(void **state)
{
	DEFER(folder_clear) struct folder folder;
	DEFER(keyring_free) struct keyring *ring = ring_of_three();
	struct keyring_cost cost = {0};
	const char *path;
	struct error err = {0};

	(void)state;
	keyring_remove(ring, "tag:1");
	keyring_remove(ring, "tag:1"); /* not there: nothing happens */
	assert_int_equal(keyring_count(ring), 2);
	assert_null(keyring_find(ring, "tag:1"));
	assert_string_equal(keyring_name(ring, 1), "issuer:0011223344556677");
	assert_true(bytes_equal(secret_bytes(keyring_find(ring, "issuer:0011223344556677")),
	    bytes_of_text("a longer secret than the others")));

	folder_init(&folder);
	path = folder_file(&folder, "ring");
	assert_false(keyring_read_cost(path, &cost, &err));
	assert_int_equal(err.code, E_FILE_FAILED);
	write_ring(path, "w");
	assert_ok(keyring_read_cost(path, &cost, &err), &err);
	assert_int_equal(cost.operations, CHEAP.operations);
	assert_int_equal(cost.memory_kib, CHEAP.memory_kib);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_ring_comes_back_in_order),
	    cmocka_unit_test(an_empty_ring_comes_back_empty),
	    cmocka_unit_test(a_wrong_passphrase_does_not_open),
	    cmocka_unit_test(a_missing_file_is_named_so),
	    cmocka_unit_test(no_changed_octet_goes_unseen),
	    cmocka_unit_test(no_shorter_or_longer_file_opens),
	    cmocka_unit_test(a_removed_entry_is_gone_and_the_cost_can_be_kept),
	    cmocka_unit_test(a_file_beyond_the_bound_is_not_read),
	};

	secret_process_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
