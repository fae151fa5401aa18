#include "fixture.h"

#include <pthread.h>

#include "base/defer_openssl.h"
#include "base/hash.h"

static bool
verifies(const struct key *key, struct bytes message, const uint8_t *signature, size_t len)
{
	struct bytes spki = key_spki(key);
	const uint8_t *at = spki.data;
	DEFER(EVP_PKEY_free) EVP_PKEY *pkey = d2i_PUBKEY(NULL, &at, (long)spki.len);
	DEFER(EVP_MD_CTX_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	return pkey != NULL && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pkey) == 1 &&
	       EVP_DigestVerify(ctx, signature, len, message.data, message.len) == 1;
}

static struct key *
key_new_opened(void)
{
	DEFER(secret_free) struct secret *pkcs8 = NULL;
	struct key *key = NULL;
	struct error err = {0};

	assert_ok(key_generate(&pkcs8, &err), &err);
	assert_ok(key_open(secret_bytes(pkcs8), &key, &err), &err);
	return key;
}

static void
a_generated_key_opens_and_signs_what_openssl_verifies(void **state)
{
	static const struct bytes MESSAGE = BYTES_LITERAL("a TBSCertificate");
	DEFER(key_free) struct key *key = key_new_opened();
	uint8_t signature[KEY_SIGNATURE_MAX], digest[SHA256_BYTES];
	size_t len = 0;
	struct error err = {0};

	(void)state;
	assert_ok(key_sign(key, MESSAGE, signature, &len, &err), &err);
	assert_true(verifies(key, MESSAGE, signature, len));
	sha256(MESSAGE, digest);
	assert_ok(key_sign_digest(key, digest, signature, &len, &err), &err);
	assert_true(verifies(key, MESSAGE, signature, len));
	assert_false(verifies(key, (struct bytes)BYTES_LITERAL("another"), signature, len));
}

static void
the_issuer_id_begins_the_hash_of_the_public_key(void **state)
{
	DEFER(key_free) struct key *key = key_new_opened();
	uint8_t id[ISSUER_ID_BYTES], digest[SHA256_BYTES];

	(void)state;
	key_issuer_id(key, id);
	sha256(key_spki(key), digest);
	assert_memory_equal(id, digest, sizeof(id));
}

static void
anything_but_one_p256_key_is_refused(void **state)
{
	DEFER(secret_free) struct secret *pkcs8 = NULL;
	DEFER(buf_clear) struct buf octets = {0};
	struct key *key = NULL;
	struct error err = {0};

	(void)state;
	assert_ok(key_generate(&pkcs8, &err), &err);
	buf_append(&octets, secret_bytes(pkcs8));
	for (size_t len = 0; len < octets.len; len++) {
		err = (struct error){0};
		assert_false(key_open(bytes_of(octets.data, len), &key, &err));
		assert_int_equal(err.code, E_BAD_SYNTAX);
	}
	err = (struct error){0};
	buf_append_u8(&octets, 0);
	assert_false(key_open(buf_bytes(&octets), &key, &err));
	assert_int_equal(err.code, E_BAD_SYNTAX);
}

static void
a_key_of_another_curve_is_refused(void **state)
{
	DEFER(EVP_PKEY_free) EVP_PKEY *pkey = EVP_EC_gen("P-384");
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
	uint8_t *octets = NULL;
	int len = i2d_PKCS8_PRIV_KEY_INFO(info, &octets);
	struct key *key = NULL;
	struct error err = {0};

	(void)state;
	assert_false(key_open(bytes_of(octets, (size_t)len), &key, &err));
	assert_int_equal(err.code, E_BAD_SYNTAX);
	OPENSSL_free(octets);
	PKCS8_PRIV_KEY_INFO_free(info);
}

static void *
sign_many(void *argument)
{
	const struct key *key = argument;
	uint8_t signature[KEY_SIGNATURE_MAX];
	size_t len = 0;
	struct error err = {0};

	for (int i = 0; i < 50; i++) {
		struct bytes message = bytes_of(&i, sizeof(i));

		if (!key_sign(key, message, signature, &len, &err) ||
		    !verifies(key, message, signature, len))
			return argument;
	}
	return NULL;
}

static void
threads_share_a_key(void **state)
{
	DEFER(key_free) struct key *key = key_new_opened();
	pthread_t threads[12]; /* more than contexts are kept */

	(void)state;
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, sign_many, key), 0);
	for (size_t i = 0; i < COUNT(threads); i++) {
		void *failed = NULL;

		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_generated_key_opens_and_signs_what_openssl_verifies),
	    cmocka_unit_test(the_issuer_id_begins_the_hash_of_the_public_key),
	    cmocka_unit_test(anything_but_one_p256_key_is_refused),
	    cmocka_unit_test(a_key_of_another_curve_is_refused),
	    cmocka_unit_test(threads_share_a_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
