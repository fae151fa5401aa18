#include "ca/issuer.h"

#include <pthread.h>
#include <stdlib.h>

#include <openssl/err.h>

#include "base/defer_openssl.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "ca/ecdsa.h"
#include "ca/oid.h"

struct issuers {
	struct issuer *items[ISSUERS_MAX];
	_Atomic(size_t) count; /* of items that readers may look at */
	_Atomic(const struct issuer *) active[ISSUER_KIND_COUNT];
	_Atomic(int64_t) version;
	char *http_url;          /* every item's tbs borrows it */
	pthread_mutex_t updates; /* one at a time */
};

/* clang-format off */
static const char *const KIND_NAMES[ISSUER_KIND_COUNT] = {
	[ISSUER_DEVICE_ROOT]     = "device-root",
	[ISSUER_OPERATIONS_ROOT] = "operations-root",
	[ISSUER_DEVICE_CA]       = "device-ca",
	[ISSUER_SERVICE_CA]      = "service-ca",
	[ISSUER_OPERATORS_CA]    = "operators-ca",
	[ISSUER_BIRTH_CA]        = "birth-ca",
	[ISSUER_PSEUDONYM_CA]    = "pseudonym-ca",
};

static const char *const STATE_NAMES[ISSUER_STATE_COUNT] = {
	[ISSUER_NEXT]    = "next",
	[ISSUER_ACTIVE]  = "active",
	[ISSUER_ROLLED]  = "rolled",
	[ISSUER_RETIRED] = "retired",
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

const char *
issuer_state_name(enum issuer_state state)
{
	return STATE_NAMES[state];
}

bool
issuer_state_of(const char *name, enum issuer_state *out)
{
	for (int state = 0; state < ISSUER_STATE_COUNT; state++) {
		if (strcmp(STATE_NAMES[state], name) == 0) {
			*out = (enum issuer_state)state;
			return true;
		}
	}
	return false;
}

enum issuer_state
issuer_state(const struct issuer *issuer)
{
	return atomic_load(&issuer->state);
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
	issuer->ocsp = row->ocsp && row->in_keeper;
	atomic_init(&issuer->state, row->state);
	issuer_id_of_spki(issuer->certificate.spki, issuer->id);
	hex_encode(issuer->id_text, bytes_of(issuer->id, ISSUER_ID_BYTES));
	issuer->tbs = (struct tbs_issuer){
	    .subject = issuer->certificate.subject,
	    .key_identifier = issuer->certificate.key_identifier,
	    .http_url = http_url,
	    .id_text = issuer->id_text,
	    .shard_count = row->shard_count,
	    .ocsp = issuer->ocsp,
	};
	if (!issuer->certificate.is_ca || issuer->certificate.key_identifier.len == 0)
		return error_set(
		    err, E_CONFIG_INVALID, "%s is not an authority's certificate", issuer->id_text);
	return read_public_key(issuer, err);
}

static void
issuer_free(struct issuer *issuer)
{
	if (issuer == NULL)
		return;
	buf_clear_public(&issuer->der);
	EVP_PKEY_free(issuer->public_key);
	free(issuer);
}
DEFER_DECLARE(struct issuer, issuer_free)

/* ---- taking up rows: all is made and checked before anything is seen ---- */

struct update {
	struct issuer *of[ISSUERS_MAX]; /* rows[i]'s authority, there before or fresh */
	struct issuer *fresh[ISSUERS_MAX];
	size_t fresh_count;
	const struct issuer *active[ISSUER_KIND_COUNT];
};

static void
update_clear(struct update *update)
{
	for (size_t i = 0; i < update->fresh_count; i++)
		issuer_free(update->fresh[i]);
}
DEFER_DECLARE_CLEAR(struct update, update_clear)

static bool
update_row(const struct issuers *issuers, struct update *update, const struct issuer_row *row,
    struct issuer **out, struct error *err)
{
	DEFER(issuer_free) struct issuer *made = xcalloc(1, sizeof *made);
	const size_t count = issuers_count(issuers);

	if (!issuer_init(made, row, issuers->http_url, err))
		return false;
	for (size_t i = 0; i < count; i++)
		if (memcmp(issuers->items[i]->id, made->id, ISSUER_ID_BYTES) == 0) {
			*out = issuers->items[i];
			return true;
		}
	if (count + update->fresh_count == ISSUERS_MAX)
		return error_set(err, E_CONFIG_INVALID, "more than %d authorities", ISSUERS_MAX);
	*out = update->fresh[update->fresh_count++] = TAKE(made);
	return true;
}

static bool
is_of(const struct issuer *issuer, struct bytes id)
{
	return bytes_equal(bytes_of(issuer->id, ISSUER_ID_BYTES), id);
}

/* Of fresh ones only: the others have theirs. */
static bool
link_parents(struct update *update, const struct issuer_row *rows, size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		struct issuer *issuer = update->of[i];

		for (size_t j = 0; j < count && issuer->parent == NULL; j++)
			if (is_of(update->of[j], rows[i].parent))
				issuer->parent = update->of[j];
		if (rows[i].parent.len > 0 && issuer->parent == NULL)
			return error_set(err, E_CONFIG_INVALID, "the authority %s has no parent",
			    issuer->id_text);
	}
	return true;
}

static bool
find_active(struct update *update, const struct issuer_row *rows, size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++)
		if (rows[i].state == ISSUER_ACTIVE)
			update->active[rows[i].kind] = update->of[i];
	for (int kind = 0; kind <= ISSUER_OPERATORS_CA; kind++)
		if (update->active[kind] == NULL)
			return error_set(err, E_CONFIG_INVALID, "there is no active authority: %s",
			    KIND_NAMES[kind]);
	return true;
}

static void
publish(struct issuers *issuers, struct update *update, const struct issuer_row *rows, size_t count)
{
	const size_t before = issuers_count(issuers);

	for (size_t i = 0; i < update->fresh_count; i++)
		issuers->items[before + i] = update->fresh[i];
	for (size_t i = 0; i < count; i++)
		atomic_store(&update->of[i]->state, rows[i].state);
	atomic_store(&issuers->count, before + update->fresh_count);
	update->fresh_count = 0; /* handed over */
	for (int kind = 0; kind < ISSUER_KIND_COUNT; kind++)
		atomic_store(&issuers->active[kind], update->active[kind]);
}

static bool
update_locked(
    struct issuers *issuers, const struct issuer_row *rows, size_t count, struct error *err)
{
	DEFER(update_clear) struct update update = {0};

	if (count > ISSUERS_MAX)
		return error_set(err, E_CONFIG_INVALID, "more than %d authorities", ISSUERS_MAX);
	for (size_t i = 0; i < count; i++)
		if (!update_row(issuers, &update, &rows[i], &update.of[i], err))
			return false;
	if (!link_parents(&update, rows, count, err) || !find_active(&update, rows, count, err))
		return false;
	publish(issuers, &update, rows, count);
	return true;
}

bool
issuers_update(struct issuers *issuers, const struct issuer_row *rows, size_t count,
    int64_t version, struct error *err)
{
	bool updated;

	(void)pthread_mutex_lock(&issuers->updates);
	updated = update_locked(issuers, rows, count, err);
	if (updated)
		atomic_store(&issuers->version, version);
	(void)pthread_mutex_unlock(&issuers->updates);
	return updated;
}

bool
issuers_new(const struct issuer_row *rows, size_t count, const char *http_url, struct issuers **out,
    struct error *err)
{
	DEFER(issuers_free) struct issuers *issuers = xcalloc(1, sizeof *issuers);

	issuers->http_url = xstrdup(http_url);
	(void)pthread_mutex_init(&issuers->updates, NULL);
	if (!issuers_update(issuers, rows, count, 0, err))
		return false;
	*out = TAKE(issuers);
	return true;
}

void
issuers_free(struct issuers *issuers)
{
	if (issuers == NULL)
		return;
	for (size_t i = 0; i < issuers_count(issuers); i++)
		issuer_free(issuers->items[i]);
	(void)pthread_mutex_destroy(&issuers->updates);
	free(issuers->http_url);
	free(issuers);
}

/* ---- reading ---- */

size_t
issuers_count(const struct issuers *issuers)
{
	return atomic_load(&issuers->count);
}

int64_t
issuers_version(const struct issuers *issuers)
{
	return atomic_load(&issuers->version);
}

const struct issuer *
issuers_at(const struct issuers *issuers, size_t index)
{
	return issuers->items[index];
}

const struct issuer *
issuers_active(const struct issuers *issuers, enum issuer_kind kind)
{
	return atomic_load(&issuers->active[kind]);
}

const struct issuer *
issuers_for_device(const struct issuers *issuers, const struct profile *profile)
{
	return issuers_active(issuers, profile->birth ? ISSUER_BIRTH_CA : ISSUER_DEVICE_CA);
}

const struct issuer *
issuers_find(const struct issuers *issuers, const uint8_t id[static ISSUER_ID_BYTES])
{
	const size_t count = issuers_count(issuers);

	for (size_t i = 0; i < count; i++)
		if (memcmp(issuers->items[i]->id, id, ISSUER_ID_BYTES) == 0)
			return issuers->items[i];
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
	const size_t count = issuers_count(issuers);
	uint8_t digest[SHA256_BYTES];

	if (!bytes_equal(certificate->signature_algorithm, ALGORITHM_ECDSA_SHA256))
		return NULL;
	for (size_t i = 0; i < count; i++) {
		const struct issuer *issuer = issuers->items[i];

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
