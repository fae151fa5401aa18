/* Octets in place of a client certificate. OpenSSL sends none, so here GnuTLS is the client. */
#include "tests/integration/hostile/world.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>

#include "tests/unit/ca/request.h"

/* clang-format off */
static const struct row {
	const char *claim;
	struct bytes certificate;
} ROWS[] = {
	{ "one octet", OCTETS("\0") },
	{ "an empty sequence", OCTETS("\x30\x00") },
	{ "a sequence cut short", OCTETS("\x30\x82\x02\x00\x30") },
	{ "a length of 4 GiB", OCTETS("\x30\x84\xff\xff\xff\xff\x30\x00") },
	{ "an indefinite length", OCTETS("\x30\x80\x30\x80\x00\x00\x00\x00") },
	{ "sequences in sequences", OCTETS("\x30\x82\x00\x10\x30\x0e\x30\x0c\x30\x0a\x30\x08\x30\x06\x30\x04\x30\x02\x05\x00") },
	{ "text", OCTETS("-----BEGIN CERTIFICATE-----\n") },
};
/* clang-format on */

struct attempt {
	gnutls_pcert_st certificate;
	gnutls_privkey_t key;
};

/* Called for the certificate: whatever was asked for, this one. */
static int
give(gnutls_session_t session, const gnutls_datum_t *names, int name_count,
    const gnutls_pk_algorithm_t *algorithms, int algorithm_count, gnutls_pcert_st **out,
    unsigned *out_count, gnutls_privkey_t *out_key)
{
	struct attempt *attempt = gnutls_session_get_ptr(session);

	(void)names;
	(void)name_count;
	(void)algorithms;
	(void)algorithm_count;
	*out = &attempt->certificate;
	*out_count = 1;
	*out_key = attempt->key;
	return 0;
}

/* A good certificate and its key, whose octets are then others. */
static void
make_attempt(struct attempt *attempt, const struct row *row)
{
	gnutls_x509_privkey_t key;

	assert_int_equal(gnutls_x509_privkey_init(&key), 0);
	assert_int_equal(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
			     GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
	    0);
	assert_int_equal(gnutls_privkey_init(&attempt->key), 0);
	assert_int_equal(
	    gnutls_privkey_import_x509(attempt->key, key, GNUTLS_PRIVKEY_IMPORT_COPY), 0);
	assert_int_equal(gnutls_pubkey_init(&attempt->certificate.pubkey), 0);
	assert_int_equal(
	    gnutls_pubkey_import_privkey(attempt->certificate.pubkey, attempt->key, 0, 0), 0);
	attempt->certificate.type = GNUTLS_CRT_X509;
	attempt->certificate.cert.data = gnutls_malloc(row->certificate.len);
	memcpy(attempt->certificate.cert.data, row->certificate.data, row->certificate.len);
	attempt->certificate.cert.size = (unsigned)row->certificate.len;
	gnutls_x509_privkey_deinit(key);
}

/* Octets of an answer, if any came. */
static ssize_t
ask(gnutls_session_t session, char *out, size_t out_len)
{
	static const char request[] = "GET /v1/batches HTTP/1.1\r\nHost: a\r\n\r\n";
	int done;

	do
		done = gnutls_handshake(session);
	while (done < 0 && gnutls_error_is_fatal(done) == 0);
	if (done < 0)
		return done;
	(void)gnutls_record_send(session, request, sizeof request - 1);
	return gnutls_record_recv(session, out, out_len);
}

static void
judge_attempt(struct world *world, const struct row *row)
{
	DEFER(raw_clear) struct raw raw = {0};
	gnutls_certificate_credentials_t credentials;
	struct attempt attempt = {0};
	gnutls_session_t session;
	char answer[512] = "";
	ssize_t len;

	make_attempt(&attempt, row);
	assert_int_equal(gnutls_certificate_allocate_credentials(&credentials), 0);
	gnutls_certificate_set_retrieve_function2(credentials, give);
	assert_int_equal(gnutls_init(&session, GNUTLS_CLIENT), 0);
	gnutls_session_set_ptr(session, &attempt);
	assert_int_equal(gnutls_set_default_priority(session), 0);
	assert_int_equal(gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials), 0);
	assert_true(raw_connect(&raw, world->tls_port, 0));
	gnutls_transport_set_int(session, raw.fd);
	len = ask(session, answer, sizeof answer - 1);
	/* The service ends the handshake, or whoever it is, is nobody. */
	JUDGE(world, row->claim,
	    len == GNUTLS_E_FATAL_ALERT_RECEIVED || len == GNUTLS_E_PREMATURE_TERMINATION ||
		strstr(answer, "HTTP/1.1 403") != NULL,
	    "%s: %s", len < 0 ? gnutls_strerror((int)len) : "answered", answer);
	gnutls_deinit(session);
	gnutls_certificate_free_credentials(credentials);
	gnutls_pcert_deinit(&attempt.certificate);
	gnutls_privkey_deinit(attempt.key);
	judge_state(world, row->claim);
	judge_service(world, row->claim);
}

static void
octets_in_place_of_a_certificate_are_no_credential(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < COUNT(ROWS); i++)
		judge_attempt(world, &ROWS[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WORLD_TEST(octets_in_place_of_a_certificate_are_no_credential),
	};

	return cmocka_run_group_tests_name("hostile malformed", tests, NULL, NULL);
}
