/* lists: CRLs built and signed in process, for tests. */
#ifndef TESTS_UNIT_CA_LISTS_H
#define TESTS_UNIT_CA_LISTS_H

#include <openssl/x509v3.h>

#include "base/mem.h"
#include "ca/crl_build.h"
#include "keeper/client.h"
#include "keeper/key.h"

#define LISTS_DIR "/tmp"

DEFER_DECLARE(X509_CRL, X509_CRL_free)

static inline X509_CRL *
openssl_view(struct bytes der)
{
	const uint8_t *at = der.data;
	X509_CRL *view = d2i_X509_CRL(NULL, &at, (long)der.len);

	assert_non_null(view);
	assert_ptr_equal(at, der.data + der.len);
	return view;
}

/* All of a sealed one. */
static inline void
list_read(struct crl_file *file, struct buf *out)
{
	struct error err = {0};

	buf_reserve(out, crl_file_size(file));
	assert_true(crl_file_copy(file, 0, out->data, crl_file_size(file), &err));
	out->len = crl_file_size(file);
}

static inline X509_CRL *
list_view(struct crl_file *file)
{
	DEFER(buf_clear_public) struct buf der = {0};

	list_read(file, &der);
	return openssl_view(buf_bytes(&der));
}

/* Closed, not signed yet; in two runs. */
static inline void
list_close(struct crl_build *build, const struct crl_terms *terms, const struct crl_entry *entries,
    size_t count)
{
	struct error err = {0};

	assert_true(crl_build_begin(build, LISTS_DIR, &err));
	assert_true(crl_build_add(build, entries, count / 2, &err));
	assert_true(crl_build_add(build, entries + count / 2, count - count / 2, &err));
	assert_true(crl_build_close(build, terms, &err));
}

/* The TBSCertList as it streams. */
static inline void
list_octets(struct crl_build *build, size_t chunk_max, struct buf *out)
{
	DEFER(mem_free) uint8_t *run = xcalloc(1, chunk_max);
	size_t at = 0, len;
	struct error err = {0};

	buf_append(out, buf_bytes(&build->head));
	do {
		assert_true(crl_build_next(build, &at, run, chunk_max, &len, &err));
		buf_append(out, bytes_of(run, len));
	} while (len > 0);
	buf_append(out, buf_bytes(&build->extensions));
}

static inline struct crl_file *
list_make(const struct crl_terms *terms, const struct crl_entry *entries, size_t count,
    const struct key *key)
{
	DEFER(crl_build_clear) struct crl_build build = {0};
	DEFER(buf_clear_public) struct buf tbs = {0};
	struct crl_file *made = NULL;
	uint8_t signature[KEY_SIGNATURE_MAX];
	size_t len;
	struct error err = {0};

	list_close(&build, terms, entries, count);
	list_octets(&build, KEEPER_CRL_CHUNK_MAX, &tbs);
	assert_true(key_sign(key, buf_bytes(&tbs), signature, &len, &err));
	assert_true(crl_build_finish(&build, bytes_of(signature, len), &made, &err));
	return made;
}

#endif
