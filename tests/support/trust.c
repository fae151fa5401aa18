#include "tests/support/trust.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include "base/mem.h"

#define DAY_S INT64_C(86400)
#define STATUS_EKU "2.25.243892281092800931247565613106880441676"
#define ORIGIN "moniker.test/status"

static void
must(bool good)
{
	if (!good) {
		(void)fprintf(stderr, "trust.c: OpenSSL refuses\n");
		abort();
	}
}

static void
add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;

	if (value[0] == '\0')
		return;
	X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	must(extension != NULL && X509_add_ext(certificate, extension, -1) == 1);
	X509_EXTENSION_free(extension);
}

static const char *
or_else(const char *text, const char *otherwise)
{
	return text != NULL ? text : otherwise;
}

static void
set_serial(X509 *certificate, const struct trust_certificate *what)
{
	static const uint8_t ONE[TRUST_SERIAL_BYTES] = {0x40, [TRUST_SERIAL_BYTES - 1] = 1};
	const size_t len = what->serial_len != 0 ? what->serial_len : TRUST_SERIAL_BYTES;
	DEFER(BN_free)
	BIGNUM *number = BN_bin2bn(what->serial != NULL ? what->serial : ONE, (int)len, NULL);

	must(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL);
}

static void
set_names(X509 *certificate, const char *common_name, X509 *issuer)
{
	X509_NAME *subject = X509_get_subject_name(certificate);

	must(X509_NAME_add_entry_by_txt(
		 subject, "CN", MBSTRING_UTF8, (const uint8_t *)common_name, -1, -1, 0) == 1);
	must(X509_set_issuer_name(certificate,
		 issuer == certificate ? subject : X509_get_subject_name(issuer)) == 1);
}

/* Signed with issuer_key as issuer; issuer NULL: itself. */
static X509 *
make(const struct trust *trust, const struct trust_certificate *what, X509 *issuer,
    EVP_PKEY *issuer_key)
{
	X509 *out = X509_new();
	DEFER(EVP_PKEY_free) EVP_PKEY *made = what->key != NULL ? NULL : EVP_EC_gen("P-256");
	const int64_t from_s = what->not_before_s, to_s = what->not_after_s;

	if (issuer == NULL)
		issuer = out;
	must(out != NULL && X509_set_version(out, X509_VERSION_3) == 1);
	set_serial(out, what);
	set_names(out, or_else(what->common_name, TRUST_PSEUDONYM), issuer);
	must(ASN1_TIME_set(X509_getm_notBefore(out),
		 (time_t)(from_s != 0 ? from_s : trust->now_s - DAY_S)) != NULL &&
	     ASN1_TIME_set(X509_getm_notAfter(out),
		 (time_t)(to_s != 0 ? to_s : trust->now_s + 365 * DAY_S)) != NULL);
	must(X509_set_pubkey(out, made != NULL ? made : what->key) == 1);
	add_extension(
	    out, issuer, NID_basic_constraints, or_else(what->basic, "critical,CA:FALSE"));
	add_extension(
	    out, issuer, NID_key_usage, or_else(what->usage, "critical,digitalSignature"));
	add_extension(out, issuer, NID_ext_key_usage, or_else(what->extended, "clientAuth"));
	add_extension(out, issuer, NID_subject_key_identifier, "hash");
	add_extension(out, issuer, NID_authority_key_identifier, "keyid:always");
	must(X509_sign(out, issuer_key, EVP_sha256()) > 0);
	return out;
}

X509 *
trust_issue(const struct trust *trust, const struct trust_certificate *what)
{
	return make(trust, what, what->issuer != NULL ? what->issuer : trust->ca,
	    what->issuer_key != NULL ? what->issuer_key : trust->ca_key);
}

void
trust_init(struct trust *trust, int64_t now_s)
{
	static const char CA[] = "critical,CA:TRUE", SIGN[] = "critical,keyCertSign,cRLSign";
	uint8_t hash[SHA256_DIGEST_LENGTH];
	uint8_t *der = NULL;
	int len;

	*trust = (struct trust){.now_s = now_s,
	    .root_key = EVP_EC_gen("P-256"),
	    .ca_key = EVP_EC_gen("P-256"),
	    .signer_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")};
	trust->root = make(trust,
	    &(struct trust_certificate){.common_name = "Test Device Root",
		.basic = CA,
		.usage = SIGN,
		.extended = "",
		.key = trust->root_key},
	    NULL, trust->root_key);
	trust->ca = make(trust,
	    &(struct trust_certificate){.common_name = "Test Device CA",
		.basic = "critical,CA:TRUE,pathlen:0",
		.usage = SIGN,
		.extended = "",
		.key = trust->ca_key},
	    trust->root, trust->root_key);
	trust->signer = make(trust,
	    &(struct trust_certificate){.common_name = "Test Status Signer",
		.extended = "critical," STATUS_EKU,
		.key = trust->signer_key},
	    trust->root, trust->root_key);
	len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(trust->ca), &der);
	must(len > 0);
	(void)SHA256(der, (size_t)len, hash);
	OPENSSL_free(der);
	memcpy(trust->ca_id, hash, sizeof trust->ca_id);
}

void
trust_clear(struct trust *trust)
{
	X509_free(trust->root);
	X509_free(trust->ca);
	X509_free(trust->signer);
	EVP_PKEY_free(trust->root_key);
	EVP_PKEY_free(trust->ca_key);
	EVP_PKEY_free(trust->signer_key);
}

/* ---- text ---- */

static void
put_base64(struct buf *out, const void *octets, size_t len)
{
	const size_t room = (len + 2) / 3 * 4;

	(void)EVP_EncodeBlock(buf_extend(out, room + 1), octets, (int)len);
	buf_truncate(out, out->len - 1);
}

void
trust_armor(const char *label, struct bytes octets, struct buf *out)
{
	buf_append_format(out, "-----BEGIN %s-----\n", label);
	for (size_t at = 0; at < octets.len; at += 48) {
		put_base64(out, octets.data + at, octets.len - at < 48 ? octets.len - at : 48);
		buf_append_text(out, "\n");
	}
	buf_append_format(out, "-----END %s-----\n", label);
}

void
trust_der(X509 *certificate, struct buf *out)
{
	uint8_t *der = NULL;
	const int len = i2d_X509(certificate, &der);

	must(len > 0);
	buf_append(out, bytes_of(der, (size_t)len));
	OPENSSL_free(der);
}

void
trust_pem(X509 *certificate, struct buf *out)
{
	DEFER(buf_clear_public) struct buf der = {0};

	trust_der(certificate, &der);
	trust_armor("CERTIFICATE", buf_bytes(&der), out);
}

static void
put_records(const struct trust_set *what, struct buf *out)
{
	if (what->records.data != NULL)
		buf_append(out, what->records);
	for (size_t i = 0; what->records.data == NULL && i < what->count; i++) {
		buf_append_u8(out, 0);
		buf_append(out, bytes_of(what->entries[i].serial, TRUST_SERIAL_BYTES));
		buf_append_u8(out, what->entries[i].state);
		buf_append_u32(out, what->entries[i].since_s);
	}
}

void
trust_seal(struct bytes records, struct buf *out)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];

	buf_append_format(out, "count %zu\nsha256 ", records.len / 26);
	(void)SHA256(records.data, records.len, hash);
	put_base64(out, hash, sizeof hash);
	buf_append_text(out, "\n");
}

static void
put_header(
    const struct trust *trust, const struct trust_set *what, struct bytes records, struct buf *out)
{
	static const uint8_t ZEROS[SHA256_DIGEST_LENGTH];
	const int64_t issued_s = what->issued_s != 0 ? what->issued_s : trust->now_s;
	const int64_t fresh_s = what->fresh_until_s != 0 ? what->fresh_until_s : issued_s + DAY_S;

	buf_append_format(
	    out, ORIGIN "\nset 1\nseq %lld\nhash ", (long long)(what->seq != 0 ? what->seq : 1));
	put_base64(out, ZEROS, sizeof ZEROS);
	buf_append_format(out, "\ncursor AAAAAAAAAAEAAAAA\nissued %lld\nfresh_until %lld\nissuer ",
	    (long long)issued_s, (long long)fresh_s);
	for (size_t i = 0; i < sizeof trust->ca_id; i++)
		buf_append_format(out, "%02x", trust->ca_id[i]);
	buf_append_text(out, "\n");
	trust_seal(records, out);
}

static void
edit(const struct trust_set *what, struct buf *header)
{
	DEFER(buf_clear_public) struct buf edited = {0};
	const char *text = buf_text(header);
	const char *at = what->find == NULL ? NULL : strstr(text, what->find);

	if (what->find == NULL)
		return;
	must(at != NULL);
	buf_append(&edited, bytes_of(text, (size_t)(at - text)));
	buf_append_text(&edited, what->replace);
	buf_append_text(&edited, at + strlen(what->find));
	buf_truncate(header, 0);
	buf_append(header, buf_bytes(&edited));
}

void
trust_sign(struct bytes text, EVP_PKEY *key, struct buf *out)
{
	DEFER(EVP_MD_CTX_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t hashed[sizeof ORIGIN + 1 + 32] = ORIGIN "\n\x01";
	uint8_t mark[4 + 64], hash[SHA256_DIGEST_LENGTH];
	size_t len = 32;

	must(EVP_PKEY_get_raw_public_key(key, hashed + sizeof ORIGIN + 1, &len) == 1);
	(void)SHA256(hashed, sizeof hashed, hash);
	memcpy(mark, hash, 4);
	len = 64;
	must(EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
	     EVP_DigestSign(ctx, mark + 4, &len, text.data, text.len) == 1);
	buf_append(out, text);
	buf_append_text(out, "\n\xe2\x80\x94 " ORIGIN " ");
	put_base64(out, mark, sizeof mark);
	buf_append_text(out, "\n");
}

void
trust_set(const struct trust *trust, const struct trust_set *what, struct buf *out)
{
	DEFER(buf_clear_public) struct buf records = {0};
	DEFER(buf_clear_public) struct buf header = {0};

	put_records(what, &records);
	put_header(trust, what, buf_bytes(&records), &header);
	edit(what, &header);
	trust_sign(buf_bytes(&header),
	    what->signer_key != NULL ? what->signer_key : trust->signer_key, out);
	buf_append(out, buf_bytes(&records));
}

void
trust_bundle(const struct trust *trust, const struct trust_set *what, X509 *const *certificates,
    size_t certificate_count, struct buf *out)
{
	X509 *const ours[] = {trust->root, trust->ca, trust->signer};
	DEFER(buf_clear_public) struct buf set = {0};

	if (certificate_count == 0) {
		certificates = ours;
		certificate_count = COUNT(ours);
	}
	for (size_t i = 0; i < certificate_count; i++)
		trust_pem(certificates[i], out);
	trust_set(trust, what, &set);
	trust_armor("MONIKER STATUS SET", buf_bytes(&set), out);
}
