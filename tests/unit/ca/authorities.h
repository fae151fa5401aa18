/* authorities: a ceremony's results as the service would load them, for tests. */
#ifndef TESTS_UNIT_CA_AUTHORITIES_H
#define TESTS_UNIT_CA_AUTHORITIES_H

#include "base/text.h"
#include "ca/authority.h"
#include "ca/ceremony.h"
#include "ca/issuer.h"

#define TEST_NOW_S INT64_C(1767273825) /* 2026-01-01T13:23:45Z */
#define TEST_HTTP_URL "http://pki.example:8080"

struct authorities {
	struct ceremony ceremony;
	struct issuers *issuers;
};

/* The rows of a ceremony, all active; `ids` is what they borrow. */
static inline void
authorities_rows(const struct ceremony *ceremony, uint8_t (*ids)[ISSUER_ID_BYTES],
    struct issuer_row rows[static ISSUER_KIND_COUNT])
{
	static const enum issuer_kind parents[ISSUER_KIND_COUNT] = {
	    [ISSUER_DEVICE_CA] = ISSUER_DEVICE_ROOT,
	    [ISSUER_SERVICE_CA] = ISSUER_OPERATIONS_ROOT,
	    [ISSUER_OPERATORS_CA] = ISSUER_OPERATIONS_ROOT,
	    [ISSUER_BIRTH_CA] = ISSUER_OPERATIONS_ROOT,
	    [ISSUER_PSEUDONYM_CA] = ISSUER_DEVICE_ROOT,
	};
	struct error err = {0};

	for (int kind = 0; kind < ISSUER_KIND_COUNT; kind++) {
		struct bytes der = buf_bytes(&ceremony->certificates[kind]);
		struct certificate certificate;

		assert_true(certificate_parse(der, &certificate, &err));
		issuer_id_of_spki(certificate.spki, ids[kind]);
		rows[kind] = (struct issuer_row){
		    .kind = (enum issuer_kind)kind,
		    .certificate = der,
		    .shard_count = authority_plan((enum issuer_kind)kind)->shard_count,
		    .in_keeper = authority_plan((enum issuer_kind)kind)->ring == RING_KEEPER,
		    .ocsp = kind == ISSUER_DEVICE_CA,
		    .state = ISSUER_ACTIVE,
		};
		if (kind != ISSUER_DEVICE_ROOT && kind != ISSUER_OPERATIONS_ROOT)
			rows[kind].parent = bytes_of(ids[parents[kind]], ISSUER_ID_BYTES);
	}
}

static inline void
authorities_init(struct authorities *out)
{
	const struct clock clock = clock_fixed(TEST_NOW_S);
	const struct rng rng = rng_system();
	const struct ceremony_request request = {.name = "Moniker",
	    .http_url = TEST_HTTP_URL,
	    .origin = "moniker.example/node1-2026",
	    .clock = &clock,
	    .rng = &rng};
	struct issuer_row rows[ISSUER_KIND_COUNT];
	uint8_t ids[ISSUER_KIND_COUNT][ISSUER_ID_BYTES];
	struct error err = {0};

	assert_true(ceremony_run(&request, &out->ceremony, &err));
	authorities_rows(&out->ceremony, ids, rows);
	assert_true(issuers_new(rows, COUNT(rows), TEST_HTTP_URL, &out->issuers, &err));
}

static inline void
authorities_clear(struct authorities *authorities)
{
	issuers_free(authorities->issuers);
	ceremony_clear(&authorities->ceremony);
}
DEFER_DECLARE_CLEAR(struct authorities, authorities_clear)

/* The ring that holds an authority's key. */
static inline const struct keyring *
authorities_ring(const struct authorities *authorities, enum issuer_kind kind)
{
	if (kind == ISSUER_DEVICE_ROOT || kind == ISSUER_OPERATIONS_ROOT)
		return authorities->ceremony.roots;
	return kind == ISSUER_OPERATORS_CA ? authorities->ceremony.operators
					   : authorities->ceremony.keeper;
}

/* The private key of an authority; the caller frees it. */
static inline struct key *
authorities_key(const struct authorities *authorities, enum issuer_kind kind)
{
	const struct issuer *issuer = issuers_active(authorities->issuers, kind);
	char name[KEYRING_NAME_MAX + 1];
	struct key *key = NULL;
	struct error err = {0};

	snprintf(name, sizeof name, "issuer:%s", issuer->id_text);
	assert_true(key_open(
	    secret_bytes(keyring_find(authorities_ring(authorities, kind), name)), &key, &err));
	return key;
}

/* Signs a TBS with an authority's key and appends the certificate. */
static inline void
authorities_sign(
    const struct authorities *authorities, enum issuer_kind kind, struct bytes tbs, struct buf *out)
{
	DEFER(buf_clear_public) struct buf signature = {0};
	const struct issuer *issuer = issuers_active(authorities->issuers, kind);
	struct error err = {0};

	assert_true(
	    ceremony_sign(authorities_ring(authorities, kind), issuer->id, tbs, &signature, &err));
	certificate_assemble(tbs, buf_bytes(&signature), out);
}

/* A fresh P-256 key's SubjectPublicKeyInfo. */
static inline void
test_spki(struct buf *out)
{
	DEFER(secret_free) struct secret *pkcs8 = NULL;
	DEFER(key_free) struct key *key = NULL;
	struct error err = {0};

	assert_true(key_generate(&pkcs8, &err));
	assert_true(key_open(secret_bytes(pkcs8), &key, &err));
	buf_append(out, key_spki(key));
}

#endif
