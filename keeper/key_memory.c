/*
 * A key whose private half is in this process's memory.
 *
 * Setting a signing context up costs more than the arithmetic around a signature, so contexts
 * are made once and kept: a thread borrows one, or makes one more when all are in use.
 */
#include <assert.h>
#include <openssl/ec.h>
#include <pthread.h>

#include "base/defer_openssl.h"
#include "base/mem.h"
#include "keeper/key.h"
#include "keeper/key_ops.h"

#define SPARE_MAX 8 /* contexts kept; there are fewer signing threads */

struct key_memory {
	EVP_PKEY *pkey;
	pthread_mutex_t lock; /* over the two below */
	EVP_PKEY_CTX *spare[SPARE_MAX];
	size_t spare_count;
};

static bool
context_new(const struct key_memory *key, EVP_PKEY_CTX **out, struct error *err)
{
	DEFER(EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->pkey, NULL);

	if (ctx == NULL || EVP_PKEY_sign_init(ctx) != 1) {
		(void)error_set(err, E_INTERNAL, "no signing context");
		error_cause_openssl(err);
		return false;
	}
	*out = TAKE(ctx);
	return true;
}

static bool
context_borrow(struct key_memory *key, EVP_PKEY_CTX **out, struct error *err)
{
	EVP_PKEY_CTX *ctx = NULL;

	pthread_mutex_lock(&key->lock);
	if (key->spare_count > 0)
		ctx = key->spare[--key->spare_count];
	pthread_mutex_unlock(&key->lock);
	if (ctx == NULL)
		return context_new(key, out, err);
	*out = ctx;
	return true;
}

static void
context_return(struct key_memory *key, EVP_PKEY_CTX *ctx)
{
	pthread_mutex_lock(&key->lock);
	if (key->spare_count < SPARE_MAX) {
		key->spare[key->spare_count++] = ctx;
		ctx = NULL;
	}
	pthread_mutex_unlock(&key->lock);
	EVP_PKEY_CTX_free(ctx);
}

static bool
memory_sign(void *self, const uint8_t digest[static 32], uint8_t out[static KEY_SIGNATURE_MAX],
    size_t *out_len, struct error *err)
{
	struct key_memory *key = self;
	DEFER(EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = NULL;
	size_t len = KEY_SIGNATURE_MAX;

	if (!context_borrow(key, &ctx, err))
		return false;
	if (EVP_PKEY_sign(ctx, out, &len, digest, 32) != 1) {
		(void)error_set(err, E_INTERNAL, "signing failed");
		error_cause_openssl(err);
		return false;
	}
	context_return(key, TAKE(ctx));
	*out_len = len;
	return true;
}

static void
memory_free(void *self)
{
	struct key_memory *key = self;

	for (size_t i = 0; i < key->spare_count; i++)
		EVP_PKEY_CTX_free(key->spare[i]);
	EVP_PKEY_free(key->pkey);
	pthread_mutex_destroy(&key->lock);
	mem_free(key);
}

static const struct key_ops MEMORY_OPS = {.sign_digest = memory_sign, .free = memory_free};

static void
pkcs8_free(PKCS8_PRIV_KEY_INFO *info)
{
	PKCS8_PRIV_KEY_INFO_free(info);
}
DEFER_DECLARE(PKCS8_PRIV_KEY_INFO, pkcs8_free)

static void
octets_wipe(struct bytes *octets) /* what i2d gave */
{
	OPENSSL_clear_free((void *)(uintptr_t)octets->data, octets->len); /* NOLINT: ours to free */
}
DEFER_DECLARE_CLEAR(struct bytes, octets_wipe)

bool
key_generate(struct secret **out_pkcs8, struct error *err)
{
	DEFER(EVP_PKEY_free) EVP_PKEY *pkey = EVP_EC_gen("P-256");
	DEFER(pkcs8_free) PKCS8_PRIV_KEY_INFO *info = pkey != NULL ? EVP_PKEY2PKCS8(pkey) : NULL;
	DEFER(octets_wipe) struct bytes der = {0};
	uint8_t *octets = NULL;
	int len = info != NULL ? i2d_PKCS8_PRIV_KEY_INFO(info, &octets) : -1;

	if (len <= 0) {
		(void)error_set(err, E_INTERNAL, "no key was made");
		error_cause_openssl(err);
		return false;
	}
	der = bytes_of(octets, (size_t)len);
	*out_pkcs8 = secret_new(der);
	return true;
}

/* Exactly one PKCS#8 PrivateKeyInfo of a P-256 key, or NULL. */
static EVP_PKEY *
pkey_parse(struct bytes pkcs8)
{
	const uint8_t *at = pkcs8.data;
	DEFER(pkcs8_free) PKCS8_PRIV_KEY_INFO *info = NULL;
	DEFER(EVP_PKEY_free) EVP_PKEY *pkey = NULL;
	char group[32] = "";
	size_t group_len = 0;

	info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)pkcs8.len);
	if (info == NULL || at != pkcs8.data + pkcs8.len)
		return NULL;
	pkey = EVP_PKCS82PKEY(info);
	if (pkey == NULL || !EVP_PKEY_is_a(pkey, "EC") ||
	    EVP_PKEY_get_group_name(pkey, group, sizeof(group), &group_len) != 1 ||
	    strcmp(group, "prime256v1") != 0)
		return NULL;
	return TAKE(pkey);
}

bool
key_open(struct bytes pkcs8, struct key **out, struct error *err)
{
	DEFER(EVP_PKEY_free) EVP_PKEY *pkey = NULL;
	EVP_PKEY_CTX *first = NULL;
	uint8_t spki[KEY_SPKI_MAX], *at = spki;
	struct key_memory *key;
	int spki_len;

	if (pkcs8.len > KEY_PKCS8_MAX)
		return error_set(err, E_BAD_SYNTAX, "longer than a P-256 key");
	pkey = pkey_parse(pkcs8);
	spki_len = pkey != NULL ? i2d_PUBKEY(pkey, NULL) : -1;
	if (spki_len <= 0 || spki_len > KEY_SPKI_MAX || i2d_PUBKEY(pkey, &at) != spki_len) {
		(void)error_set(err, E_BAD_SYNTAX, "not a P-256 private key");
		error_cause_openssl(err);
		return false;
	}
	key = xcalloc(1, sizeof(*key));
	pthread_mutex_init(&key->lock, NULL);
	key->pkey = TAKE(pkey);
	if (!context_new(key, &first, err)) {
		memory_free(key);
		return false;
	}
	context_return(key, first);
	*out = key_new(&MEMORY_OPS, key, bytes_of(spki, (size_t)spki_len));
	return true;
}
