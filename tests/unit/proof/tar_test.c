#include "tests/support/cmocka_all.h"

#include <string.h>

#include "base/buf.h"
#include "proof/tar.h"

/* A header as tar writes it, and the contents. */
static void
put(struct buf *out, const char *prefix, const char *name, char type, const char *contents)
{
	uint8_t header[TAR_BLOCK] = {0};
	unsigned sum = 0;

	snprintf((char *)header, 100, "%s", name);
	snprintf((char *)header + 124, 12, "%011o", (unsigned)strlen(contents));
	memset(header + 148, ' ', 8);
	header[156] = (uint8_t)type;
	memcpy(header + 257,
	    "ustar\0"
	    "00",
	    8);
	snprintf((char *)header + 345, 155, "%s", prefix);
	for (size_t i = 0; i < sizeof header; i++)
		sum += header[i];
	snprintf((char *)header + 148, 8, "%06o", sum);
	header[155] = ' ';
	buf_append(out, bytes_of(header, sizeof header));
	buf_append_text(out, contents);
	while (out->len % TAR_BLOCK != 0)
		buf_append_u8(out, 0);
}

static void
end(struct buf *out)
{
	memset(buf_extend(out, 2 * TAR_BLOCK), 0, 2 * TAR_BLOCK);
}

static void
files_come_in_order_and_folders_are_passed_over(void **state)
{
	DEFER(buf_clear_public) struct buf archive = {0};
	struct tar_entry entry = {0};
	struct error err = {0};
	struct bytes rest;
	bool ended = false;

	(void)state;
	put(&archive, "", "log/", '5', "");
	put(&archive, "", "pax", 'x', "30 mtime=1\n");
	put(&archive, "", "log/checkpoint", '0', "one");
	put(&archive, "a/b", "tile", '\0', "");
	end(&archive);
	rest = buf_bytes(&archive);
	assert_true(tar_take(&rest, &entry, &ended, &err) && !ended);
	assert_string_equal(entry.name, "log/checkpoint");
	assert_octets_text(entry.contents, "one");
	assert_true(tar_take(&rest, &entry, &ended, &err) && !ended);
	assert_string_equal(entry.name, "a/b/tile");
	assert_int_equal(entry.contents.len, 0);
	assert_true(tar_take(&rest, &entry, &ended, &err) && ended);
}

static void
a_damaged_header_is_refused(void **state)
{
	DEFER(buf_clear_public) struct buf archive = {0};

	(void)state;
	put(&archive, "", "checkpoint", '0', "one");
	end(&archive);
	for (size_t at = 0; at < TAR_BLOCK; at++) {
		struct bytes rest = buf_bytes(&archive);
		struct tar_entry entry = {0};
		struct error err = {0};
		bool ended = false;

		if (at >= 148 && at < 156)
			continue; /* a sum's own spelling may differ */
		archive.data[at] ^= 0x10;
		assert_false(tar_take(&rest, &entry, &ended, &err));
		assert_int_equal(err.code, E_BAD_SYNTAX);
		archive.data[at] ^= 0x10;
	}
}

static void
a_cut_archive_is_refused(void **state)
{
	DEFER(buf_clear_public) struct buf archive = {0};

	(void)state;
	put(&archive, "", "checkpoint", '0', "one");
	for (size_t len = 0; len < archive.len; len++) {
		struct bytes rest = bytes_of(archive.data, len);
		struct tar_entry entry = {0};
		struct error err = {0};
		bool ended = false;

		assert_false(tar_take(&rest, &entry, &ended, &err));
		assert_int_equal(err.code, E_BAD_SYNTAX);
	}
}

static void
what_is_written_is_read_and_is_what_tar_writes(void **state)
{
	DEFER(buf_clear_public) struct buf archive = {0};
	DEFER(buf_clear_public) struct buf want = {0};
	uint8_t header[TAR_BLOCK];
	struct tar_entry entry = {0};
	struct error err = {0};
	struct bytes rest;
	bool ended = false;

	(void)state;
	put(&want, "", "log/checkpoint", '0', "one");
	assert_true(tar_header("log/checkpoint", 3, 1767225600, header, &err));
	assert_octets_text(bytes_of(header + 100, 7), "0000644");
	assert_octets_text(bytes_of(header + 136, 11), "15125334400");
	buf_append(&archive, bytes_of(header, sizeof header));
	buf_append_text(&archive, "one");
	memset(buf_extend(&archive, tar_padding(3)), 0, tar_padding(3));
	assert_int_equal(archive.len, want.len);
	end(&archive);
	rest = buf_bytes(&archive);
	assert_true(tar_take(&rest, &entry, &ended, &err) && !ended);
	assert_string_equal(entry.name, "log/checkpoint");
	assert_octets_text(entry.contents, "one");
	assert_true(tar_take(&rest, &entry, &ended, &err) && ended);
	assert_int_equal(tar_padding(0), 0);
	assert_int_equal(tar_padding(TAR_BLOCK), 0);
	assert_int_equal(tar_padding(TAR_BLOCK + 1), TAR_BLOCK - 1);
}

static void
a_long_name_is_cut_at_a_slash_or_refused(void **state)
{
	static const struct {
		size_t folder, file; /* characters */
		bool fits;
	} NAMES[] = {{0, 100, true}, {0, 101, false}, {1, 99, true}, {50, 100, true},
	    {155, 100, true}, {156, 100, false}, {155, 101, false}, {156, 10, false}};

	(void)state;
	for (size_t i = 0; i < COUNT(NAMES); i++) {
		char name[300] = "";
		uint8_t blocks[2 * TAR_BLOCK + TAR_BLOCK] = {0};
		struct bytes rest = bytes_of(blocks, sizeof blocks);
		struct tar_entry entry = {0};
		struct error err = {0};
		bool ended = false;

		memset(name, 'f', NAMES[i].folder);
		if (NAMES[i].folder > 0)
			name[NAMES[i].folder] = '/';
		memset(name + strlen(name), 'n', NAMES[i].file);
		assert_int_equal(tar_header(name, 0, 0, blocks, &err), NAMES[i].fits);
		if (!NAMES[i].fits) {
			assert_int_equal(err.code, E_TOO_LARGE);
			continue;
		}
		assert_true(tar_take(&rest, &entry, &ended, &err) && !ended);
		assert_string_equal(entry.name, name);
	}
}

static void
what_does_not_fit_its_field_is_refused(void **state)
{
	static const struct {
		const char *name;
		uint64_t len;
		int64_t modified_at_s;
		bool fits;
	} ROWS[] = {{"a", TAR_FILE_MAX, 0, true}, {"a", TAR_FILE_MAX + UINT64_C(1), 0, false},
	    {"a", 0, TAR_FILE_MAX, true}, {"a", 0, -1, false}, {"", 0, 0, false}};

	(void)state;
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		uint8_t header[TAR_BLOCK];
		struct error err = {0};

		assert_int_equal(
		    tar_header(ROWS[i].name, ROWS[i].len, ROWS[i].modified_at_s, header, &err),
		    ROWS[i].fits);
		assert_int_equal(err.code, ROWS[i].fits ? E_NONE : E_TOO_LARGE);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(files_come_in_order_and_folders_are_passed_over),
	    cmocka_unit_test(a_damaged_header_is_refused),
	    cmocka_unit_test(a_cut_archive_is_refused),
	    cmocka_unit_test(what_is_written_is_read_and_is_what_tar_writes),
	    cmocka_unit_test(a_long_name_is_cut_at_a_slash_or_refused),
	    cmocka_unit_test(what_does_not_fit_its_field_is_refused),
	};

	return cmocka_run_group_tests_name("proof/tar", tests, NULL, NULL);
}
