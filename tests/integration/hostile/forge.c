#include "tests/integration/hostile/forge.h"

#include <openssl/x509v3.h>

#include "base/mem.h"
#include "base/text.h"
#include "keeper/key.h"
#include "keeper/keyring.h"

static void
add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

/* Not critical, 1.3.6.1.4.1.99999.`number`, with so many octets. */
static void
add_unknown(X509 *certificate, size_t number, size_t octets)
{
	DEFER(mem_free) uint8_t *zeros = xcalloc(1, octets + 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *extension;
	ASN1_OBJECT *id;
	char text[64];

	(void)snprintf(text, sizeof text, "1.3.6.1.4.1.99999.%zu", number);
	id = OBJ_txt2obj(text, 1);
	assert_int_equal(ASN1_OCTET_STRING_set(value, zeros, (int)octets), 1);
	extension = X509_EXTENSION_create_by_OBJ(NULL, id, 0, value);
	assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(id);
}

static void
add_names(X509 *certificate, size_t count)
{
	DEFER(buf_clear_public) struct buf names = {0};

	for (size_t i = 0; i < count; i++)
		buf_append_format(&names, "%sDNS:n%zu.example", i > 0 ? "," : "", i);
	if (count > 0)
		add_extension(certificate, NULL, NID_subject_alt_name, buf_text(&names));
}

static void
put_names(X509 *certificate, const struct forgery *forgery)
{
	X509_NAME *own = X509_NAME_new();

	X509_NAME_add_entry_by_txt(
	    own, "CN", MBSTRING_ASC, (const unsigned char *)"hostile", -1, -1, 0);
	X509_set_subject_name(certificate, forgery->subject != NULL ? forgery->subject : own);
	X509_set_issuer_name(certificate, forgery->issuer != NULL
					      ? X509_get_subject_name(forgery->issuer)
					      : X509_get_subject_name(certificate));
	X509_NAME_free(own);
}

/* 20 octets, positive, as the service's own. */
static void
put_serial(X509 *certificate)
{
	BIGNUM *serial = BN_new();

	assert_int_equal(BN_rand(serial, 158, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY), 1);
	BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate));
	BN_free(serial);
}

void
forge(const struct forgery *forgery, X509 **out_certificate, EVP_PKEY **out_key)
{
	const bool dated = forgery->from_s != 0 || forgery->until_s != 0;
	X509 *certificate = X509_new();
	EVP_PKEY *key = forgery->key != NULL ? forgery->key : key_fresh();
	EVP_PKEY *signer = forgery->signer != NULL ? forgery->signer : key;
	const bool digests = !EVP_PKEY_is_a(signer, "ED25519");

	if (forgery->key != NULL)
		EVP_PKEY_up_ref(key);
	X509_set_version(certificate, X509_VERSION_3);
	put_serial(certificate);
	put_names(certificate, forgery);
	X509_gmtime_adj(X509_getm_notBefore(certificate), dated ? forgery->from_s : -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), dated ? forgery->until_s : 3600);
	X509_set_pubkey(certificate, key);
	if (forgery->usage != NULL)
		add_extension(certificate, NULL, NID_ext_key_usage, forgery->usage);
	/* What tells the service which key to verify with. */
	if (forgery->issuer != NULL && X509_get0_subject_key_id(forgery->issuer) != NULL)
		add_extension(
		    certificate, forgery->issuer, NID_authority_key_identifier, "keyid:always");
	add_names(certificate, forgery->names);
	for (size_t i = 0; i < forgery->extensions; i++)
		add_unknown(certificate, i + 1, 1);
	if (forgery->padding > 0)
		add_unknown(certificate, 0, forgery->padding);
	assert_true(X509_sign(certificate, signer, digests ? EVP_sha256() : NULL) > 0);
	*out_certificate = certificate;
	*out_key = key;
}

static void
read_authority(const struct world *world, const char *kind, X509 **out, char *out_name, size_t len)
{
	DEFER(buf_clear_public) struct buf sql = {0};
	PGresult *result;
	const unsigned char *der;
	unsigned char *octets;
	size_t der_len;

	buf_append_format(&sql,
	    "SELECT certificate, 'issuer:' || encode(id, 'hex') FROM ca_issuer "
	    "WHERE state = 'active' AND kind = '%s'",
	    kind);
	result = PQexec(world->db, buf_text(&sql));
	assert_int_equal(PQntuples(result), 1);
	octets = PQunescapeBytea((const unsigned char *)PQgetvalue(result, 0, 0), &der_len);
	der = octets;
	*out = d2i_X509(NULL, &der, (long)der_len);
	assert_non_null(*out);
	(void)snprintf(out_name, len, "%s", PQgetvalue(result, 0, 1));
	PQfreemem(octets);
	PQclear(result);
}

void
forge_authority(const struct world *world, const char *kind, const char *ring,
    const char *passphrase, X509 **out_certificate, EVP_PKEY **out_key)
{
	DEFER(keyring_free) struct keyring *keys = NULL;
	DEFER(secret_free) struct secret *word = NULL;
	DEFER(buf_clear_public) struct buf path = {0};
	const char *state = world_env("MONIKER_TEST_STATE");
	char name[KEYRING_NAME_MAX + 1];
	struct error err = {0};
	const unsigned char *der;
	struct bytes pkcs8;

	read_authority(world, kind, out_certificate, name, sizeof name);
	buf_append_format(&path, "%s/%s", state, passphrase);
	if (!secret_read_file(buf_text(&path), &word, &err))
		fail_msg("%s: %s", buf_text(&path), err.detail);
	buf_truncate(&path, 0);
	buf_append_format(&path, "%s/%s", state, ring);
	if (!keyring_read(buf_text(&path), word, &keys, &err))
		fail_msg("%s: %s", buf_text(&path), err.detail);
	assert_non_null(keyring_find(keys, name));
	pkcs8 = secret_bytes(keyring_find(keys, name));
	der = pkcs8.data;
	*out_key = d2i_AutoPrivateKey(NULL, &der, (long)pkcs8.len);
	assert_non_null(*out_key);
}
