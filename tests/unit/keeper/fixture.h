/* fixture: what several tests of keeper/ build: folders, leaves, DER, a policy. */
#ifndef TESTS_UNIT_KEEPER_FIXTURE_H
#define TESTS_UNIT_KEEPER_FIXTURE_H

/* clang-format off */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/der.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "keeper/check.h"
#include "keeper/key.h"
#include "keeper/policy.h"
#include "proof/leaf.h"

#define UNUSED __attribute__((unused))

#define NOW_S INT64_C(1781524800) /* 2026-06-15T12:00:00Z */
#define DAY_S INT64_C(86400)
#define TODAY_S (NOW_S - 43200)
#define MONTH 77 /* June 2026, since January 2020 */

/* ---- folders ---- */

struct folder {
	char path[64];
	struct buf names[16]; /* of the files to remove */
	size_t count;
};

UNUSED static void
folder_init(struct folder *folder)
{
	*folder = (struct folder){.path = "/tmp/keeper-test-XXXXXX"};
	assert_non_null(mkdtemp(folder->path));
}

UNUSED static const char *
folder_file(struct folder *folder, const char *name)
{
	struct buf *path = &folder->names[folder->count];

	assert_true(folder->count++ < COUNT(folder->names));
	buf_append_format(path, "%s/%s", folder->path, name);
	return buf_text(path);
}

UNUSED static void
folder_clear(struct folder *folder)
{
	for (size_t i = 0; i < folder->count; i++) {
		(void)unlink(buf_text(&folder->names[i]));
		buf_clear_public(&folder->names[i]);
	}
	(void)rmdir(folder->path);
}
DEFER_DECLARE_CLEAR(struct folder, folder_clear)

UNUSED static struct secret *
secret_text(const char *text)
{
	return secret_new(bytes_of_text(text));
}

UNUSED static struct secret *
secret_filled(uint8_t value)
{
	uint8_t octets[32];

	memset(octets, value, sizeof(octets));
	return secret_new(bytes_of(octets, sizeof(octets)));
}

#define assert_ok(call, err)                                                     \
	do {                                                                     \
		if (!(call)) {                                                   \
			char text_[512];                                         \
			fail_msg("%s", error_text((err), text_, sizeof(text_))); \
		}                                                                \
	} while (0)

/* ---- leaves ---- */

UNUSED static struct leaf
leaf_plain(uint64_t seq)
{
	struct leaf leaf = {.seq = (int64_t)seq,
	    .sequenced_at_s = NOW_S + (int64_t)seq,
	    .event = LEAF_SVC_HEARTBEAT,
	    .severity = 1,
	    .at_s = NOW_S,
	    .actor = "system:node1"};

	leaf.nonce[0] = (uint8_t)seq;
	return leaf;
}

UNUSED static void
leaf_put(const struct leaf *leaf, struct buf *out)
{
	struct error err = {0};

	assert_ok(leaf_encode(leaf, out, &err), &err);
}

/* ---- DER ---- */

struct tlv { /* a few elements, by value */
	uint8_t data[4096];
	size_t len;
};

UNUSED static struct bytes
tlv_bytes(const struct tlv *tlv)
{
	return bytes_of(tlv->data, tlv->len);
}

UNUSED static struct tlv
tlv_raw(const void *data, size_t len)
{
	struct tlv out = {.len = len};

	assert_true(len <= sizeof(out.data));
	memcpy(out.data, data, len);
	return out;
}

UNUSED static struct tlv
tlv_of(int tag, const void *data, size_t len)
{
	DEFER(der_writer_clear) struct der_writer writer = {0};
	struct bytes octets;

	der_writer_init(&writer, 64);
	der_put_element(&writer, tag, bytes_of(data, len));
	octets = der_written(&writer);
	return tlv_raw(octets.data, octets.len);
}

UNUSED static struct tlv
tlv_wrap(int tag, struct tlv contents)
{
	return tlv_of(tag, contents.data, contents.len);
}

UNUSED static void
tlv_add(struct tlv *to, struct tlv more)
{
	assert_true(to->len + more.len <= sizeof(to->data));
	memcpy(to->data + to->len, more.data, more.len);
	to->len += more.len;
}

UNUSED static struct tlv
tlv_text(int tag, const char *text)
{
	return tlv_of(tag, text, strlen(text));
}

UNUSED static struct tlv
tlv_time(int64_t at_s)
{
	DEFER(der_writer_clear) struct der_writer writer = {0};
	struct bytes octets;

	der_writer_init(&writer, 32);
	der_put_time(&writer, at_s);
	octets = der_written(&writer);
	return tlv_raw(octets.data, octets.len);
}

UNUSED static struct tlv
tlv_times(int64_t first_s, int64_t second_s)
{
	struct tlv both = tlv_time(first_s);

	tlv_add(&both, tlv_time(second_s));
	return both;
}

/* A Name of one commonName. */
UNUSED static struct tlv
tlv_name(int tag, const char *common_name)
{
	struct tlv pair = tlv_of(DER_OID, "\x55\x04\x03", 3);

	tlv_add(&pair, tlv_text(tag, common_name));
	return tlv_wrap(DER_SEQUENCE, tlv_wrap(DER_SET, tlv_wrap(DER_SEQUENCE, pair)));
}

/* An Extension under 2.5.29.n. */
UNUSED static struct tlv
tlv_extension(uint8_t n, bool critical, struct tlv value)
{
	const uint8_t oid[3] = {0x55, 0x1d, n};
	struct tlv out = tlv_of(DER_OID, oid, sizeof(oid));

	if (critical)
		tlv_add(&out, tlv_of(DER_BOOLEAN, "\xff", 1));
	tlv_add(&out, tlv_wrap(DER_OCTET_STRING, value));
	return tlv_wrap(DER_SEQUENCE, out);
}

UNUSED static struct tlv
tlv_ecdsa_sha256(void)
{
	return tlv_wrap(DER_SEQUENCE, tlv_of(DER_OID, "\x2a\x86\x48\xce\x3d\x04\x03\x02", 8));
}

/* DistributionPointName [0] of one URI, as in CDP and IDP. */
UNUSED static struct tlv
tlv_point(const char *url)
{
	return tlv_wrap(DER_CONTEXT_CONSTRUCTED(0),
	    tlv_wrap(DER_CONTEXT_CONSTRUCTED(0), tlv_text(DER_CONTEXT(6), url)));
}

UNUSED static struct tlv
tlv_authority_key(uint8_t fill)
{
	uint8_t identifier[20];

	memset(identifier, fill, sizeof(identifier));
	return tlv_wrap(DER_SEQUENCE, tlv_of(DER_CONTEXT(0), identifier, sizeof(identifier)));
}

/* ---- a policy ---- */

#define ISSUER_NAME "Device CA"
#define CRL_PREFIX "http://pki.example/crl/00/"
#define CRL_URL CRL_PREFIX "0000.crl"
#define DELTA_URL CRL_PREFIX "0000/delta.crl"
#define CA_URL "http://pki.example/ca/00.cer"
#define OCSP_URL "http://pki.example/ocsp"
#define KEY_FILL 0xa5

UNUSED static void
issuer_init(struct policy_issuer *out)
{
	uint8_t identifier[20];
	struct tlv name = tlv_name(DER_UTF8_STRING, ISSUER_NAME);

	memset(identifier, KEY_FILL, sizeof(identifier));
	*out = (struct policy_issuer){
	    .form = POLICY_FORM_DEVICE,
	    .events = UINT64_C(1) << LEAF_ENROLL_OK | UINT64_C(1) << LEAF_RENEW_OK,
	    .key_types = POLICY_KEY_P256 | POLICY_KEY_ED25519 | POLICY_KEY_RSA,
	    .ekus = POLICY_EKU_CLIENT_AUTH,
	    .validity_max_s = 366 * DAY_S,
	    .not_before_s = TODAY_S - 500 * DAY_S,
	    .not_after_s = TODAY_S + 3650 * DAY_S,
	    .shard_count = 1,
	};
	buf_append(&out->subject, tlv_bytes(&name));
	buf_append(&out->key_identifier, bytes_of(identifier, sizeof(identifier)));
	buf_append_text(&out->crl_url_prefix, CRL_PREFIX);
	buf_append_text(&out->ca_url, CA_URL);
}

/* ---- a TBSCertificate in parts, so that a test can replace one ---- */

enum tbs_extension { X_AKI, X_SKI, X_KU, X_SAN, X_BC, X_EKU, X_CDP, X_AIA, X_MORE, X_COUNT };

struct tbs_parts { /* whole elements; an empty one is left out */
	struct tlv version, serial, algorithm, issuer, validity, subject, spki;
	struct tlv extensions[X_COUNT];
	struct tlv after_extensions; /* inside the TBSCertificate */
	struct tlv trailing;         /* after it */
};

#define PSEUDONYM "3f2b8c1e-9d47-4a60-8e15-0b6c7d2a9f31"

UNUSED static struct tlv
spki_p256(void)
{
	uint8_t point[66] = {0, 4};
	struct tlv algorithm = tlv_of(DER_OID, "\x2a\x86\x48\xce\x3d\x02\x01", 7), out;

	memset(point + 2, 0x11, 64);
	tlv_add(&algorithm, tlv_of(DER_OID, "\x2a\x86\x48\xce\x3d\x03\x01\x07", 8));
	out = tlv_wrap(DER_SEQUENCE, algorithm);
	tlv_add(&out, tlv_of(DER_BIT_STRING, point, sizeof(point)));
	return tlv_wrap(DER_SEQUENCE, out);
}

UNUSED static struct tlv
serial_of(uint8_t first, uint16_t month)
{
	uint8_t serial[20];

	memset(serial, 0x33, sizeof(serial));
	serial[0] = first;
	serial[1] = (uint8_t)(month >> 8);
	serial[2] = (uint8_t)month;
	return tlv_of(DER_INTEGER, serial, sizeof(serial));
}

UNUSED static struct tlv
access_of(uint8_t method, const char *url)
{
	const uint8_t oid[] = {0x2b, 6, 1, 5, 5, 7, 0x30, method};
	struct tlv out = tlv_of(DER_OID, oid, sizeof(oid));

	tlv_add(&out, tlv_text(DER_CONTEXT(6), url));
	return tlv_wrap(DER_SEQUENCE, out);
}

/* An authorityInfoAccess extension with these AccessDescriptions. */
UNUSED static struct tlv
information_of(struct tlv descriptions)
{
	struct tlv out = tlv_of(DER_OID, "\x2b\x06\x01\x05\x05\x07\x01\x01", 8);

	tlv_add(&out, tlv_wrap(DER_OCTET_STRING, tlv_wrap(DER_SEQUENCE, descriptions)));
	return tlv_wrap(DER_SEQUENCE, out);
}

/* An extKeyUsage of id-kp purposes, given by their last arcs. */
UNUSED static struct tlv
purposes_of(const char *arcs)
{
	struct tlv list = {.len = 0};

	for (; *arcs != '\0'; arcs++) {
		const uint8_t oid[] = {0x2b, 6, 1, 5, 5, 7, 3, (uint8_t)*arcs};

		tlv_add(&list, tlv_of(DER_OID, oid, sizeof(oid)));
	}
	return tlv_wrap(DER_SEQUENCE, list);
}

UNUSED static struct tlv
uri_name(const char *uri)
{
	return tlv_wrap(DER_SEQUENCE, tlv_text(DER_CONTEXT(6), uri));
}

UNUSED static struct tlv
points_of(const char *url)
{
	return tlv_wrap(DER_SEQUENCE, tlv_wrap(DER_SEQUENCE, tlv_point(url)));
}

UNUSED static void
tbs_parts_init(struct tbs_parts *p)
{
	uint8_t identifier[20] = {1, 2, 3};
	struct tlv *x = p->extensions;

	memset(p, 0, sizeof(*p));
	p->version = tlv_wrap(DER_CONTEXT_CONSTRUCTED(0), tlv_of(DER_INTEGER, "\2", 1));
	p->serial = serial_of(0x41, MONTH);
	p->algorithm = tlv_ecdsa_sha256();
	p->issuer = tlv_name(DER_UTF8_STRING, ISSUER_NAME);
	p->validity = tlv_wrap(DER_SEQUENCE, tlv_times(TODAY_S, TODAY_S + 365 * DAY_S));
	p->subject = tlv_name(DER_UTF8_STRING, PSEUDONYM);
	p->spki = spki_p256();
	x[X_AKI] = tlv_extension(0x23, false, tlv_authority_key(KEY_FILL));
	x[X_SKI] = tlv_extension(0x0e, false, tlv_of(DER_OCTET_STRING, identifier, 20));
	x[X_KU] = tlv_extension(0x0f, true, tlv_of(DER_BIT_STRING, "\x07\x80", 2));
	x[X_SAN] = tlv_extension(0x11, false, uri_name("urn:uuid:" PSEUDONYM));
	x[X_BC] = tlv_extension(0x13, true, tlv_of(DER_SEQUENCE, "", 0));
	x[X_EKU] = tlv_extension(0x25, false, purposes_of("\2"));
	x[X_CDP] = tlv_extension(0x1f, false, points_of(CRL_URL));
	x[X_AIA] = information_of(access_of(2, CA_URL));
}

UNUSED static struct tlv
tbs_join(const struct tbs_parts *p)
{
	struct tlv all = p->version, extensions = {.len = 0};

	tlv_add(&all, p->serial);
	tlv_add(&all, p->algorithm);
	tlv_add(&all, p->issuer);
	tlv_add(&all, p->validity);
	tlv_add(&all, p->subject);
	tlv_add(&all, p->spki);
	for (size_t i = 0; i < X_COUNT; i++)
		tlv_add(&extensions, p->extensions[i]);
	tlv_add(&all, tlv_wrap(DER_CONTEXT_CONSTRUCTED(3), tlv_wrap(DER_SEQUENCE, extensions)));
	tlv_add(&all, p->after_extensions);
	all = tlv_wrap(DER_SEQUENCE, all);
	tlv_add(&all, p->trailing);
	return all;
}

#endif
