/* Certificates that a leaf commits to and that are refused all the same, by the real keeper. */
#include "attack.h"

#include <time.h>

/* Replaces one attribute of what is otherwise an honest attempt. */
typedef void (*change)(struct attempt *attempt);

/* Seconds from now. */
static void
put_validity(struct attempt *attempt, int64_t from_s, int64_t until_s)
{
	const int64_t now_s = (int64_t)time(NULL);

	attempt->parts.validity =
	    tlv_wrap(DER_SEQUENCE, tlv_times(now_s + from_s, now_s + until_s));
	attempt->parts.serial = serial_of(0x41, (uint16_t)time_month(now_s + from_s));
}

static struct tlv
spki_of(const char *parameters, size_t parameters_len, size_t point_len, uint8_t form)
{
	uint8_t point[140] = {0, form};
	struct tlv algorithm = tlv_of(DER_OID, "\x2a\x86\x48\xce\x3d\x02\x01", 7), out;

	memset(point + 2, 0x11, point_len - 1);
	tlv_add(&algorithm, tlv_of(DER_OID, parameters, parameters_len));
	out = tlv_wrap(DER_SEQUENCE, algorithm);
	tlv_add(&out, tlv_of(DER_BIT_STRING, point, 1 + point_len));
	return tlv_wrap(DER_SEQUENCE, out);
}

static struct tlv
spki_rsa(size_t modulus_len, const char *exponent, size_t exponent_len)
{
	uint8_t modulus[513] = {0}, bits[700] = {0};
	struct tlv key, out = tlv_of(DER_OID, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9);

	memset(modulus + 1, 0xc5, modulus_len);
	key = tlv_of(DER_INTEGER, modulus, 1 + modulus_len);
	tlv_add(&key, tlv_of(DER_INTEGER, exponent, exponent_len));
	key = tlv_wrap(DER_SEQUENCE, key);
	memcpy(bits + 1, key.data, key.len);
	tlv_add(&out, tlv_of(DER_NULL, "", 0));
	out = tlv_wrap(DER_SEQUENCE, out);
	tlv_add(&out, tlv_of(DER_BIT_STRING, bits, 1 + key.len));
	return tlv_wrap(DER_SEQUENCE, out);
}

static struct tlv
name_of_two(const char *common_name, const char *organization)
{
	struct tlv pair = tlv_of(DER_OID, "\x55\x04\x03", 3), rdn, more;

	tlv_add(&pair, tlv_text(DER_UTF8_STRING, common_name));
	rdn = tlv_wrap(DER_SET, tlv_wrap(DER_SEQUENCE, pair));
	more = tlv_of(DER_OID, "\x55\x04\x0a", 3);
	tlv_add(&more, tlv_text(DER_UTF8_STRING, organization));
	tlv_add(&rdn, tlv_wrap(DER_SET, tlv_wrap(DER_SEQUENCE, more)));
	return tlv_wrap(DER_SEQUENCE, rdn);
}

/* clang-format off */
#define CHANGE(name, ...) static void name(struct attempt *a) { __VA_ARGS__; }

CHANGE(commits_to_nothing,   a->no_commitment = true)
CHANGE(another_tbs,          a->other_tbs = true)
CHANGE(another_nonce,        a->other_nonce = true)
CHANGE(of_a_heartbeat,       a->leaf.event = LEAF_SVC_HEARTBEAT)
CHANGE(of_a_refusal,         a->leaf.event = LEAF_ENROLL_REFUSED)
CHANGE(of_another_event,     a->leaf.event = LEAF_CERT_ISSUE)
CHANGE(ca_true,              a->parts.extensions[X_BC] = tlv_extension(0x13, true, tlv_of(DER_SEQUENCE, "\x01\x01\xff", 3)))
CHANGE(ca_true_path,         a->parts.extensions[X_BC] = tlv_extension(0x13, true, tlv_of(DER_SEQUENCE, "\x01\x01\xff\x02\x01\x00", 6)))
CHANGE(ca_false_spelt,       a->parts.extensions[X_BC] = tlv_extension(0x13, true, tlv_of(DER_SEQUENCE, "\x01\x01\x00", 3)))
CHANGE(no_constraints,       a->parts.extensions[X_BC].len = 0)
CHANGE(signs_certificates,   a->parts.extensions[X_KU] = tlv_extension(0x0f, true, tlv_of(DER_BIT_STRING, "\x02\x84", 2)))
CHANGE(signs_crls,           a->parts.extensions[X_KU] = tlv_extension(0x0f, true, tlv_of(DER_BIT_STRING, "\x01\x82", 2)))
CHANGE(valid_too_long,       put_validity(a, -3600, -3600 + 366 * DAY_S + 1))
CHANGE(valid_backward,       put_validity(a, -3600, -3600))
CHANGE(valid_from_later,     put_validity(a, DAY_S + 3600, 30 * DAY_S))
CHANGE(valid_from_long_ago,  put_validity(a, -401 * DAY_S, -401 * DAY_S + 360 * DAY_S))
CHANGE(valid_before_issuer,  put_validity(a, -501 * DAY_S, -200 * DAY_S))
CHANGE(another_issuer_name,  a->parts.issuer = tlv_name(DER_UTF8_STRING, "Operations Root"))
CHANGE(issuer_name_type,     a->parts.issuer = tlv_name(DER_PRINTABLE_STRING, ISSUER_NAME))
CHANGE(authority_key,        a->parts.extensions[X_AKI] = tlv_extension(0x23, false, tlv_authority_key(KEY_FILL ^ 1)))
CHANGE(server_auth,          a->parts.extensions[X_EKU] = tlv_extension(0x25, false, purposes_of("\1")))
CHANGE(both_purposes,        a->parts.extensions[X_EKU] = tlv_extension(0x25, false, purposes_of("\1\2")))
CHANGE(code_signing,         a->parts.extensions[X_EKU] = tlv_extension(0x25, false, purposes_of("\3")))
CHANGE(ocsp_signing,         a->parts.extensions[X_EKU] = tlv_extension(0x25, false, purposes_of("\x09")))
CHANGE(any_purpose,          a->parts.extensions[X_EKU] = tlv_extension(0x25, false, tlv_wrap(DER_SEQUENCE, tlv_of(DER_OID, "\x55\x1d\x25\x00", 4))))
CHANGE(no_purpose,           a->parts.extensions[X_EKU].len = 0)
CHANGE(unknown_critical,     a->parts.extensions[X_MORE] = tlv_extension(0x7b, true, tlv_of(DER_OCTET_STRING, "", 0)))
CHANGE(unknown,              a->parts.extensions[X_MORE] = tlv_extension(0x7b, false, tlv_of(DER_OCTET_STRING, "", 0)))
CHANGE(name_constraints,     a->parts.extensions[X_MORE] = tlv_extension(0x1e, true, tlv_of(DER_SEQUENCE, "", 0)))
CHANGE(twice,                a->parts.extensions[X_MORE] = a->parts.extensions[X_KU])
CHANGE(no_crl,               a->parts.extensions[X_CDP].len = 0)
CHANGE(another_crl,          a->parts.extensions[X_CDP] = tlv_extension(0x1f, false, points_of("http://evil.example/0000.crl")))
CHANGE(another_shard,        a->parts.extensions[X_CDP] = tlv_extension(0x1f, false, points_of(CRL_PREFIX "0001.crl")))
CHANGE(another_ca_url,       a->parts.extensions[X_AIA] = information_of(access_of(2, "http://evil.example/ca.cer")))
CHANGE(serial_short,         a->parts.serial.data[1] = 19; a->parts.serial.len = 21)
CHANGE(serial_negative,      a->parts.serial.data[2] = 0x80)
CHANGE(serial_first_bits,    a->parts.serial.data[2] = 0x01)
CHANGE(serial_month,         a->parts.serial.data[4] ^= 1)
CHANGE(serial_one,           a->parts.serial = tlv_of(DER_INTEGER, "\1", 1))
CHANGE(sha1,                 a->parts.algorithm = tlv_wrap(DER_SEQUENCE, tlv_of(DER_OID, "\x2a\x86\x48\xce\x3d\x04\x01", 7)))
CHANGE(key_p384,             a->parts.spki = spki_of("\x2b\x81\x04\x00\x22", 5, 97, 4))
CHANGE(key_secp256k1,        a->parts.spki = spki_of("\x2b\x81\x04\x00\x0a", 5, 65, 4))
CHANGE(key_compressed,       a->parts.spki = spki_of("\x2a\x86\x48\xce\x3d\x03\x01\x07", 8, 33, 2))
CHANGE(key_rsa_1024,         a->parts.spki = spki_rsa(128, "\1\0\1", 3))
CHANGE(key_rsa_exponent,     a->parts.spki = spki_rsa(256, "\3", 1))
CHANGE(name_no_uuid,         a->parts.subject = tlv_name(DER_UTF8_STRING, "alice"))
CHANGE(name_hardware_id,     a->parts.subject = tlv_name(DER_UTF8_STRING, "02:42:ac:11:00:02"))
CHANGE(name_more,            a->parts.subject = name_of_two(PSEUDONYM, "Example"))
CHANGE(name_empty,           a->parts.subject = tlv_of(DER_SEQUENCE, "", 0))
CHANGE(name_of_another,      a->parts.extensions[X_SAN] = tlv_extension(0x11, false, uri_name("urn:uuid:00000000-0000-4000-8000-000000000000")))
CHANGE(name_dns,             a->parts.extensions[X_SAN] = tlv_extension(0x11, false, tlv_wrap(DER_SEQUENCE, tlv_text(DER_CONTEXT(2), "localhost"))))
CHANGE(version_1,            a->parts.version.len = 0)
CHANGE(trailing,             a->parts.trailing = tlv_of(DER_NULL, "", 0))
CHANGE(more_fields,          a->parts.after_extensions = tlv_of(DER_NULL, "", 0))

static const struct row { const char *what; change change; const char *why; } ROWS[] = {
	{"a leaf that commits to nothing",            commits_to_nothing,  "the leaf commits to nothing"},
	{"another TBSCertificate than committed",     another_tbs,         "the leaf commits to something else"},
	{"a wrong nonce",                             another_nonce,       "the leaf commits to something else"},
	{"a heartbeat's leaf",                        of_a_heartbeat,      "this event may not issue for this issuer"},
	{"a refusal's leaf",                          of_a_refusal,        "this event may not issue for this issuer"},
	{"an event of another issuer's",              of_another_event,    "this event may not issue for this issuer"},
	{"CA:TRUE",                                   ca_true,             "basicConstraints is not the one allowed"},
	{"CA:TRUE with a path length",                ca_true_path,        "basicConstraints is not the one allowed"},
	{"CA:FALSE spelt out (not DER)",              ca_false_spelt,      "basicConstraints is not the one allowed"},
	{"no basicConstraints",                       no_constraints,      "basicConstraints is missing"},
	{"keyUsage keyCertSign",                      signs_certificates,  "keyUsage is not the one allowed"},
	{"keyUsage cRLSign",                          signs_crls,          "keyUsage is not the one allowed"},
	{"a validity a second too long",              valid_too_long,      "valid for more than"},
	{"notAfter not after notBefore",              valid_backward,      "notAfter is not after notBefore"},
	{"notBefore more than a day ahead",           valid_from_later,    "notBefore is more than a day ahead"},
	{"notBefore more than 400 days ago",          valid_from_long_ago, "notBefore is more than 400 days ago"},
	{"notBefore before the issuer's",             valid_before_issuer, "the validity is not inside the issuer's own"},
	{"another issuer's name",                     another_issuer_name, "the issuer's name is another"},
	{"the issuer's name in another string type",  issuer_name_type,    "the issuer's name is another"},
	{"another authority key identifier",          authority_key,       "authorityKeyIdentifier is not the one allowed"},
	{"EKU serverAuth",                            server_auth,         "extKeyUsage is not the one allowed"},
	{"EKU clientAuth and serverAuth",             both_purposes,       "extKeyUsage is not the one allowed"},
	{"EKU codeSigning",                           code_signing,        "extKeyUsage is not the one allowed"},
	{"EKU OCSPSigning for a device",              ocsp_signing,        "extKeyUsage is not the one allowed"},
	{"EKU anyExtendedKeyUsage",                   any_purpose,         "extKeyUsage is not the one allowed"},
	{"no EKU",                                    no_purpose,          "extKeyUsage is missing"},
	{"an unknown critical extension",             unknown_critical,    "an extension is not allowed"},
	{"an unknown extension",                      unknown,             "an extension is not allowed"},
	{"nameConstraints",                           name_constraints,    "an extension is not allowed"},
	{"an extension twice",                        twice,               "keyUsage is there twice"},
	{"no CDP",                                    no_crl,              "cRLDistributionPoints is missing"},
	{"a foreign CDP",                             another_crl,         "cRLDistributionPoints is not the one allowed"},
	{"the CDP of another shard",                  another_shard,       "cRLDistributionPoints is not the one allowed"},
	{"a foreign caIssuers",                       another_ca_url,      "authorityInfoAccess is not the one allowed"},
	{"a serial of 19 octets",                     serial_short,        "the serial number is not 20 octets of our form"},
	{"a negative serial",                         serial_negative,     "the serial number is not 20 octets of our form"},
	{"a serial without our first bits",           serial_first_bits,   "the serial number is not 20 octets of our form"},
	{"the serial 1",                              serial_one,          "the serial number is not 20 octets of our form"},
	{"a serial of another month",                 serial_month,        "the serial number's month is not notBefore's"},
	{"ecdsa-with-SHA1",                           sha1,                "the signature algorithm is not ecdsa-with-SHA256"},
	{"a P-384 key where it is not allowed",       key_p384,            "the subject's key is of a type that is not allowed"},
	{"a secp256k1 key",                           key_secp256k1,       "the subject's key is of an unknown type"},
	{"a compressed point",                        key_compressed,      "the subject's key is malformed or weak"},
	{"RSA 1024",                                  key_rsa_1024,        "the subject's key is malformed or weak"},
	{"RSA with exponent 3",                       key_rsa_exponent,    "the subject's key is malformed or weak"},
	{"a name that is no pseudonym",               name_no_uuid,        "the commonName is not a UUID"},
	{"a hardware id as name",                     name_hardware_id,    "the commonName is not a UUID"},
	{"a name with an organization",               name_more,           "the subject is not one commonName"},
	{"an empty name",                             name_empty,          "the subject is not one commonName"},
	{"another pseudonym in the SAN",              name_of_another,     "subjectAltName is not the one allowed"},
	{"a dNSName in the SAN",                      name_dns,            "subjectAltName is not the one allowed"},
	{"version 1",                                 version_1,           "not exactly one TBSCertificate of version 3"},
	{"octets after the TBSCertificate",           trailing,            "not exactly one TBSCertificate of version 3"},
	{"a field after the extensions",              more_fields,         "not exactly one TBSCertificate of version 3"},
};
/* clang-format on */

/* Takes an append's result, which has to be a refusal, and its checkpoint. */
static void
assert_result_refused(const struct row *row, int fd)
{
	DEFER(answer_clear) struct answer answer = {0};

	attack_result(row->what, fd, &answer);
	if (answer.type != WIRE_RESULT_REFUSED || strstr(answer.detail, row->why) == NULL)
		fail_msg("%s: result %u: %s", row->what, answer.type, answer.detail);
}

/* The leaf stays in the log: it is the certificate that is refused. */
static void
a_certificate_that_is_not_allowed_is_refused_by_name(void **state)
{
	DEFER(attack_clear) struct attack attack;

	(void)state;
	attack_init(&attack);
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		DEFER(answer_clear) struct answer note = {0};
		DEFER(buf_clear_public) struct buf entry = {0};
		struct attempt attempt;

		attempt_init(&attack, attack.size, &attempt);
		ROWS[i].change(&attempt);
		attempt_encode(&attempt, &entry);
		attack_append(attack.fds[0], attack.size++, 1, buf_bytes(&entry));
		assert_result_refused(&ROWS[i], attack.fds[0]);
		attack_hear(attack.fds[0], &note);
		assert_int_equal(note.type, WIRE_APPENDED);
		attack_honest(ROWS[i].what, &attack);
	}
}

/* The same, when the signature of a leaf in the journal is asked for again. */
static void
what_was_refused_once_is_refused_again(void **state)
{
	DEFER(attack_clear) struct attack attack;

	(void)state;
	attack_init(&attack);
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		DEFER(answer_clear) struct answer ignored = {0};
		DEFER(buf_clear_public) struct buf entry = {0};
		struct attempt attempt;

		attempt_init(&attack, attack.size, &attempt);
		ROWS[i].change(&attempt);
		attempt_encode(&attempt, &entry);
		attack_append(attack.fds[0], attack.size, 1, buf_bytes(&entry));
		attack_hear(attack.fds[0], &ignored);
		attack_hear(attack.fds[0], &ignored);
		attack_say_recorded(attack.fds[0], attack.size, &attempt);
		assert_result_refused(&ROWS[i], attack.fds[0]);
		attack.size++;
	}
	attack_honest("all of them", &attack);
}

/* That key is not here: nothing final, for another keeper may have it. */
static void
an_issuer_without_a_key_is_refused(void **state)
{
	static const struct row ROW = {"an unknown issuer", NULL, "no key of this issuer is here"};
	DEFER(attack_clear) struct attack attack;
	DEFER(answer_clear) struct answer answer = {0};
	DEFER(buf_clear_public) struct buf entry = {0};
	struct attempt attempt;

	(void)state;
	attack_init(&attack);
	attempt_init(&attack, 0, &attempt);
	attempt.issuer[0] ^= 1;
	attempt_encode(&attempt, &entry);
	attack_append(attack.fds[0], attack.size++, 1, buf_bytes(&entry));
	attack_result(ROW.what, attack.fds[0], &answer);
	assert_int_equal(answer.type, WIRE_RESULT_NOT_NOW);
	assert_string_equal(answer.detail, ROW.why);
	attack_hear(attack.fds[0], &answer);
	assert_int_equal(answer.type, WIRE_APPENDED);
	attack_honest(ROW.what, &attack);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_certificate_that_is_not_allowed_is_refused_by_name),
	    cmocka_unit_test(what_was_refused_once_is_refused_again),
	    cmocka_unit_test(an_issuer_without_a_key_is_refused),
	};

	secret_process_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
