#include "ca/crl_kept.h"

#include <stdio.h>

#include "base/mem.h"
#include "cmocka_all.h"
#include "tests/support/folder.h"

#define LIST_BYTES 150000 /* more than one piece, and no multiple of it */

static struct issuer
issuer_named(const char *name)
{
	struct issuer issuer = {0};

	(void)snprintf(issuer.id_text, sizeof issuer.id_text, "%s", name);
	return issuer;
}

static void
make_list(const char *dir, size_t len, uint8_t fill, struct crl_view *out)
{
	DEFER(mem_free) uint8_t *octets = xcalloc(1, len);
	struct error err = {0};

	memset(octets, fill, len);
	octets[len - 1] = 1;
	assert_true(crl_file_new(dir, 0, &out->der, &err));
	assert_true(crl_file_append(out->der, bytes_of(octets, len), &err));
	assert_true(crl_file_seal(out->der, &err));
	out->info = (struct crl_info){
	    .number = 7 + fill, .this_update_s = 1800000000, .next_update_s = 1800086400};
}

static void
assert_list(struct crl_view *view, size_t len, uint8_t fill)
{
	DEFER(mem_free) uint8_t *octets = xcalloc(1, len);
	struct error err = {0};

	assert_int_equal(view->info.number, 7 + fill);
	assert_int_equal(view->info.this_update_s, 1800000000);
	assert_int_equal(view->info.next_update_s, 1800086400);
	assert_int_equal(view->info.der_len, len);
	assert_int_equal(crl_file_size(view->der), len);
	assert_true(crl_file_copy(view->der, 0, octets, len, &err));
	assert_int_equal(octets[0], fill);
	assert_int_equal(octets[len - 2], fill);
	assert_int_equal(octets[len - 1], 1);
}

static void
path_of(const char *dir, char out[static 256])
{
	(void)snprintf(out, 256, "%s/crl/00112233aabbccdd-0000.crl", dir);
}

static void
lists_are_kept_apart_and_read_back(void **state)
{
	static const size_t lens[] = {2, 65536, LIST_BYTES};
	const struct issuer issuer = issuer_named("00112233aabbccdd");
	DEFER(folder_clear) struct folder folder;
	const char *dir = folder.path;

	(void)state;
	folder_init(&folder);
	for (size_t i = 0; i < COUNT(lens); i++)
		for (int kind = 0; kind < CRL_KIND_COUNT; kind++) {
			DEFER(crl_view_clear) struct crl_view view = {0};

			make_list(dir, lens[i], (uint8_t)(10 + kind), &view);
			crl_kept_write(dir, &issuer, (int)i, (enum crl_kind)kind, &view);
		}
	for (size_t i = 0; i < COUNT(lens); i++)
		for (int kind = 0; kind < CRL_KIND_COUNT; kind++) {
			DEFER(crl_view_clear) struct crl_view view = {0};

			crl_kept_read(dir, &issuer, (int)i, (enum crl_kind)kind, &view);
			assert_list(&view, lens[i], (uint8_t)(10 + kind));
		}
}

static void
a_newer_one_replaces_it(void **state)
{
	const struct issuer issuer = issuer_named("00112233aabbccdd");
	DEFER(folder_clear) struct folder folder;
	const char *dir = folder.path;
	DEFER(crl_view_clear) struct crl_view old = {0};
	DEFER(crl_view_clear) struct crl_view fresh = {0};
	DEFER(crl_view_clear) struct crl_view view = {0};

	(void)state;
	folder_init(&folder);
	make_list(dir, LIST_BYTES, 20, &old);
	crl_kept_write(dir, &issuer, 0, CRL_FULL, &old);
	make_list(dir, 5, 21, &fresh);
	crl_kept_write(dir, &issuer, 0, CRL_FULL, &fresh);
	crl_kept_read(dir, &issuer, 0, CRL_FULL, &view);
	assert_list(&view, 5, 21);
}

static void
what_is_not_there_is_not_served(void **state)
{
	const struct issuer issuer = issuer_named("ffffffffffffffff");
	DEFER(folder_clear) struct folder folder;
	DEFER(crl_view_clear) struct crl_view view = {0};

	(void)state;
	folder_init(&folder);
	crl_kept_read(folder.path, &issuer, 0, CRL_FULL, &view);
	assert_null(view.der);
	assert_int_equal(view.info.number, 0);
}

static void
what_is_damaged_is_not_served(void **state)
{
	static const off_t places[] = {0, 3, 17, 24, 40, 71, 72, 65536 + 72, LIST_BYTES + 71};
	const struct issuer issuer = issuer_named("00112233aabbccdd");
	DEFER(folder_clear) struct folder folder;
	char path[256];

	(void)state;
	folder_init(&folder);
	path_of(folder.path, path);
	for (size_t i = 0; i < COUNT(places); i++) {
		DEFER(crl_view_clear) struct crl_view view = {0};
		DEFER(crl_view_clear) struct crl_view damaged = {0};
		uint8_t octet;
		int fd;

		make_list(folder.path, LIST_BYTES, 30, &view);
		crl_kept_write(folder.path, &issuer, 0, CRL_FULL, &view);
		fd = open(path, O_RDWR | O_CLOEXEC);
		assert_true(fd >= 0);
		assert_int_equal(pread(fd, &octet, 1, places[i]), 1);
		octet ^= 0x40;
		assert_int_equal(pwrite(fd, &octet, 1, places[i]), 1);
		(void)close(fd);
		crl_kept_read(folder.path, &issuer, 0, CRL_FULL, &damaged);
		assert_null(damaged.der);
	}
}

static void
a_part_is_not_served(void **state)
{
	static const off_t lens[] = {0, 1, 71, 72, 73, LIST_BYTES + 71};
	const struct issuer issuer = issuer_named("00112233aabbccdd");
	DEFER(folder_clear) struct folder folder;
	char path[256];

	(void)state;
	folder_init(&folder);
	path_of(folder.path, path);
	for (size_t i = 0; i < COUNT(lens); i++) {
		DEFER(crl_view_clear) struct crl_view view = {0};
		DEFER(crl_view_clear) struct crl_view part = {0};

		make_list(folder.path, LIST_BYTES, 31, &view);
		crl_kept_write(folder.path, &issuer, 0, CRL_FULL, &view);
		assert_int_equal(truncate(path, lens[i]), 0);
		crl_kept_read(folder.path, &issuer, 0, CRL_FULL, &part);
		assert_null(part.der);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lists_are_kept_apart_and_read_back),
	    cmocka_unit_test(a_newer_one_replaces_it),
	    cmocka_unit_test(what_is_not_there_is_not_served),
	    cmocka_unit_test(what_is_damaged_is_not_served),
	    cmocka_unit_test(a_part_is_not_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
