#include "ca/issuer.h"

#include <stdlib.h>

#include <openssl/err.h>

#include "base/defer_openssl.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "ca/ecdsa.h"
#include "ca/oid.h"

struct issuers {
	struct issuer *items;
	size_t count;
	char *http_url; /* every item's tbs borrows it */
};

/* clang-format off */
static const char *const KIND_NAMES[ISSUER_KIND_COUNT] = {
	[ISSUER_DEVICE_ROOT]     = "device-root",
	[ISSUER_OPERATIONS_ROOT] = "operations-root",
	[ISSUER_DEVICE_CA]       = "device-ca",
	[ISSUER_SERVICE_CA]      = "service-ca",
	[ISSUER_OPERATORS_CA]    = "operators-ca",
};
/* clang-format on */

const char *
issuer_kind_name(enum issuer_kind kind)
{
	return KIND_NAMES[kind];
}

bool
issuer_kind_of(const char *name, enum issuer_kind *out)
{
	for (int kind = 0; kind < ISSUER_KIND_COUNT; kind++) {
		if (strcmp(KIND_NAMES[kind], name) == 0) {
			*out = (enum issuer_kind)kind;
			return true;
		}
	}
	return false;
}

/* Once per authority and start, so OpenSSL's slow decoder is good enough. */
static bool
read_public_key(struct issuer *issuer, struct error *err)
{
	struct bytes spki = issuer->certificate.spki;
	const uint8_t *at = spki.data;

	issuer->public_key = d2i_PUBKEY(NULL, &at, (long)spki.len);
	if (issuer->public_key != NULL && EVP_PKEY_is_a(issuer->public_key, "EC"))
		return true;
	error_cause_openssl(err);
	return error_set(
	    err, E_CONFIG_INVALID, "the key of the authority %s cannot be used", issuer->id_text);
}

static bool
issuer_init(
    struct issuer *issuer, const struct issuer_row *row, const char *http_url, struct error *err)
{
	struct error ignored = {0};

	buf_append(&issuer->der, row->certificate);
	if (!certificate_parse(buf_bytes(&issuer->der), &issuer->certificate, &ignored))
		return error_set(err, E_CONFIG_INVALID, "an authority of kind %s is no certificate",
		    KIND_NAMES[row->kind]);
	issuer->kind = row->kind;
	issuer->shard_count = row->shard_count;
	issuer->in_keeper = row->in_keeper;
	issuer->active = row->active;
	issuer_id_of_spki(issuer->certificate.spki, issuer->id);
	hex_encode(issuer->id_text, bytes_of(issuer->id, ISSUER_ID_BYTES));
	issuer->tbs = (struct tbs_issuer){
	    .subject = issuer->certificate.subject,
	    .key_identifier = issuer->certificate.key_identifier,
	    .http_url = http_url,
	    .id_text = issuer->id_text,
	    .shard_count = row->shard_count,
	};
	if (!issuer->certificate.is_ca || issuer->certificate.key_identifier.len == 0)
		return error_set(
		    err, E_CONFIG_INVALID, "%s is not an authority's certificate", issuer->id_text);
	return read_public_key(issuer, err);
}

static bool
link_parents(struct issuers *issuers, const struct issuer_row *rows, struct error *err)
{
	for (size_t i = 0; i < issuers->count; i++) {
		if (rows[i].parent.len == 0)
			continue;
		if (rows[i].parent.len == ISSUER_ID_BYTES)
			issuers->items[i].parent = issuers_find(issuers, rows[i].parent.data);
		if (issuers->items[i].parent == NULL)
			return error_set(err, E_CONFIG_INVALID, "the authority %s has no parent",
			    issuers->items[i].id_text);
	}
	return true;
}

bool
issuers_new(const struct issuer_row *rows, size_t count, const char *http_url, struct issuers **out,
    struct error *err)
{
	DEFER(issuers_free) struct issuers *issuers = xcalloc(1, sizeof *issuers);

	if (count > ISSUERS_MAX)
		return error_set(err, E_CONFIG_INVALID, "more than %d authorities", ISSUERS_MAX);
	issuers->http_url = xstrdup(http_url);
	issuers->items = xcalloc(count + 1, sizeof *issuers->items);
	for (; issuers->count < count; issuers->count++) {
		struct issuer *issuer = &issuers->items[issuers->count];

		if (!issuer_init(issuer, &rows[issuers->count], issuers->http_url, err)) {
			issuers->count++; /* to be freed, too */
			return false;
		}
	}
	for (int kind = 0; kind < ISSUER_KIND_COUNT; kind++)
		if (issuers_active(issuers, (enum issuer_kind)kind) == NULL)
			return error_set(err, E_CONFIG_INVALID, "there is no active authority: %s",
			    KIND_NAMES[kind]);
	if (!link_parents(issuers, rows, err))
		return false;
	*out = TAKE(issuers);
	return true;
}

void
issuers_free(struct issuers *issuers)
{
	if (issuers == NULL)
		return;
	for (size_t i = 0; i < issuers->count; i++) {
		buf_clear_public(&issuers->items[i].der);
		EVP_PKEY_free(issuers->items[i].public_key);
	}
	free(issuers->items);
	free(issuers->http_url);
	free(issuers);
}

size_t
issuers_count(const struct issuers *issuers)
{
	return issuers->count;
}

const struct issuer *
issuers_at(const struct issuers *issuers, size_t index)
{
	return &issuers->items[index];
}

const struct issuer *
issuers_active(const struct issuers *issuers, enum issuer_kind kind)
{
	for (size_t i = 0; i < issuers->count; i++)
		if (issuers->items[i].kind == kind && issuers->items[i].active)
			return &issuers->items[i];
	return NULL;
}

const struct issuer *
issuers_find(const struct issuers *issuers, const uint8_t id[static ISSUER_ID_BYTES])
{
	for (size_t i = 0; i < issuers->count; i++)
		if (memcmp(issuers->items[i].id, id, ISSUER_ID_BYTES) == 0)
			return &issuers->items[i];
	return NULL;
}

static bool
claims_issuer(const struct certificate *certificate, const struct issuer *issuer)
{
	return bytes_equal(certificate->authority_key_identifier, issuer->tbs.key_identifier) &&
	       bytes_equal(certificate->issuer, issuer->tbs.subject);
}

const struct issuer *
issuers_verify(const struct issuers *issuers, const struct certificate *certificate)
{
	uint8_t digest[SHA256_BYTES];

	if (!bytes_equal(certificate->signature_algorithm, ALGORITHM_ECDSA_SHA256))
		return NULL;
	for (size_t i = 0; i < issuers->count; i++) {
		const struct issuer *issuer = &issuers->items[i];

		if (!claims_issuer(certificate, issuer))
			continue;
		sha256(certificate->tbs, digest);
		if (ecdsa_verify(issuer->public_key, bytes_of(digest, sizeof digest),
			certificate->signature))
			return issuer;
	}
	return NULL;
}

void
issuer_chain_pem(const struct issuer *issuer, struct buf *out)
{
	for (; issuer->parent != NULL; issuer = issuer->parent)
		pem_encode(out, "CERTIFICATE", buf_bytes(&issuer->der));
}
