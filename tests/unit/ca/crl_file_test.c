/* Lists in files without a name: compressed, held, cut short. */
#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "base/rng.h"
#include "lists.h"

static struct crl_file *
file_of(struct bytes octets)
{
	struct crl_file *file = NULL;
	struct error err = {0};

	assert_true(crl_file_new(LISTS_DIR, 0, &file, &err));
	assert_true(crl_file_append(file, octets, &err));
	assert_true(crl_file_seal(file, &err));
	return file;
}

static void
inflated_equals(struct bytes gzip, struct bytes plain)
{
	DEFER(mem_free) uint8_t *out = xcalloc(1, plain.len + 1);
	z_stream stream = {.next_in = (Bytef *)(uintptr_t)gzip.data,
	    .avail_in = (uInt)gzip.len,
	    .next_out = out,
	    .avail_out = (uInt)plain.len + 1};

	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.total_out, plain.len);
	assert_int_equal(stream.avail_in, 0);
	assert_memory_equal(out, plain.data, plain.len);
	(void)inflateEnd(&stream);
}

static void
a_list_is_the_same_compressed_and_shorter(void **state)
{
	static const size_t lens[] = {1000, 65536, 65537, 3000000};

	(void)state;
	for (size_t i = 0; i < COUNT(lens); i++) {
		DEFER(mem_free) uint8_t *octets = xcalloc(1, lens[i]);
		DEFER(crl_file_free) struct crl_file *plain = NULL;
		DEFER(crl_file_free) struct crl_file *gzip = NULL;
		DEFER(buf_clear_public) struct buf shorter = {0};
		struct error err = {0};

		for (size_t j = 0; j < lens[i]; j++)
			octets[j] = (uint8_t)(j >> 4);
		plain = file_of(bytes_of(octets, lens[i]));
		assert_true(crl_file_gzip(plain, LISTS_DIR, &gzip, &err));
		assert_non_null(gzip);
		assert_true(crl_file_size(gzip) < lens[i]);
		list_read(gzip, &shorter);
		inflated_equals(buf_bytes(&shorter), bytes_of(octets, lens[i]));
	}
}

static void
what_gets_longer_is_not_compressed(void **state)
{
	const struct rng rng = rng_system();
	DEFER(crl_file_free) struct crl_file *plain = NULL;
	struct crl_file *gzip = NULL;
	uint8_t octets[300];
	struct error err = {0};

	(void)state;
	rng_fill(&rng, octets, sizeof octets);
	plain = file_of(bytes_of(octets, sizeof octets));
	assert_true(crl_file_gzip(plain, LISTS_DIR, &gzip, &err));
	assert_null(gzip);
}

static void
a_list_lives_as_long_as_its_last_holder(void **state)
{
	struct crl_file *file = file_of(bytes_of_text("list"));
	DEFER(crl_file_free) struct crl_file *held = crl_file_hold(file);
	DEFER(buf_clear_public) struct buf octets = {0};

	(void)state;
	crl_file_free(file);
	list_read(held, &octets);
	assert_true(bytes_equal(buf_bytes(&octets), bytes_of_text("list")));
}

/* How many files without a name this process has open; the last of them. */
static int
open_lists(int *out_last)
{
	char link[64], target[256];
	int count = 0;

	for (int fd = 0; fd < 256; fd++) {
		ssize_t len;

		(void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
		len = readlink(link, target, sizeof target - 1);
		if (len <= 0)
			continue;
		target[len] = '\0';
		if (strstr(target, "/.crl-") == NULL)
			continue;
		*out_last = fd;
		count++;
	}
	return count;
}

static void
a_list_that_is_cut_short_is_a_failure_of_one_read(void **state)
{
	const size_t len = 1000000;
	DEFER(mem_free) uint8_t *octets = xcalloc(1, len);
	DEFER(crl_file_free) struct crl_file *file = file_of(bytes_of(octets, len));
	DEFER(crl_file_free) struct crl_file *gzip = NULL;
	uint8_t some[4096];
	struct error err = {0};
	int fd = -1;

	(void)state;
	assert_true(crl_file_copy(file, len - sizeof some, some, sizeof some, &err));
	assert_int_equal(open_lists(&fd), 1);
	assert_int_equal(ftruncate(fd, 65536), 0);
	assert_true(crl_file_copy(file, 0, some, sizeof some, &err));
	assert_false(crl_file_damaged(file));
	assert_false(crl_file_copy(file, 65536 - 1, some, sizeof some, &err));
	assert_int_equal(err.code, E_FILE_FAILED);
	assert_true(crl_file_damaged(file));
	err = (struct error){0};
	assert_false(crl_file_gzip(file, LISTS_DIR, &gzip, &err));
	assert_int_equal(err.code, E_FILE_FAILED);
}

/* As many as there are shards: they must not take a descriptor each. */
static void
a_short_list_needs_no_descriptor(void **state)
{
	static const size_t lens[] = {0, 1, 65536, 65537};
	uint8_t octets[65537];

	(void)state;
	memset(octets, 'x', sizeof octets);
	for (size_t i = 0; i < COUNT(lens); i++) {
		DEFER(crl_file_free)
		struct crl_file *file = file_of(bytes_of(octets, lens[i]));
		DEFER(buf_clear_public) struct buf read = {0};
		int fd;

		assert_int_equal(open_lists(&fd), lens[i] > 65536);
		list_read(file, &read);
		assert_true(bytes_equal(buf_bytes(&read), bytes_of(octets, lens[i])));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_list_is_the_same_compressed_and_shorter),
	    cmocka_unit_test(what_gets_longer_is_not_compressed),
	    cmocka_unit_test(a_list_lives_as_long_as_its_last_holder),
	    cmocka_unit_test(a_list_that_is_cut_short_is_a_failure_of_one_read),
	    cmocka_unit_test(a_short_list_needs_no_descriptor),
	};

	return cmocka_run_group_tests_name("crl_file", tests, NULL, NULL);
}
