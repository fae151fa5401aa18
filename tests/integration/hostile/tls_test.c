/* Client certificates that are no credentials, and TLS that is not spoken here. */
#include "tests/integration/hostile/forge.h"

#include <openssl/pem.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/defer_openssl.h"
#include "tests/unit/ca/request.h"

#define OPERATORS "operators-ca", "ca/operators.ring", "operators.passphrase"
#define DEVICES "device-ca", "keeper/keeper.ring", "keeper.passphrase"
#define ASK "GET /v1/batches HTTP/1.1\r\nHost: a\r\n\r\n"
#define UNKNOWN                                   \
	{                                         \
		403, "CALLER_UNKNOWN", NULL, NULL \
	}
#define EXPIRED                                   \
	{                                         \
		403, "CALLER_EXPIRED", NULL, NULL \
	}

/* One request on a new connection of this context. */
static void
judge_context(struct world *world, const char *claim, SSL_CTX *context, const char *request,
    const struct refusal *wanted)
{
	DEFER(raw_clear) struct raw raw = {0};
	struct raw_answer answer;
	struct recorded before;

	recorded_read(world, wanted->event, wanted->code, &before);
	JUDGE(world, claim, raw_connect(&raw, world->tls_port, 0) && raw_handshake(&raw, context),
	    "no handshake: %s", raw_end_name(raw.end));
	(void)raw_send(&raw, bytes_of_text(request));
	(void)raw_answer(&raw, false, &answer);
	if (wanted->status == 200)
		JUDGE(world, claim, answer.status == 200, "status %d", answer.status);
	else
		judge_problem(world, claim, &answer, wanted);
	judge_recorded(
	    world, claim, wanted->event, wanted->code, &before, wanted->event != NULL ? 1 : 0);
	judge_state(world, claim);
	judge_service(world, claim);
}

static void
judge_forgery(struct world *world, const char *claim, const struct forgery *forgery,
    const struct refusal *wanted)
{
	DEFER(X509_free) X509 *certificate = NULL;
	DEFER(EVP_PKEY_free) EVP_PKEY *key = NULL;
	SSL_CTX *context;

	forge(forgery, &certificate, &key);
	context = world_context(certificate, key);
	judge_context(world, claim, context, ASK, wanted);
	SSL_CTX_free(context);
}

static X509 *
certificate_of(const struct world *world, enum who who)
{
	return SSL_CTX_get0_certificate(world->contexts[who]);
}

/* ---- who is not known ---- */

static void
strangers_are_told_that_they_are(void **state)
{
	static const struct refusal missing = {401, "CALLER_MISSING", NULL, NULL};
	static const struct refusal unknown = UNKNOWN;
	struct world *world = *state;
	X509 *station = certificate_of(world, STATION);
	DEFER(EVP_PKEY_free) EVP_PKEY *rsa = request_key("RSA", 2048);
	DEFER(EVP_PKEY_free) EVP_PKEY *rsa_large = request_key("RSA", 4096);
	DEFER(EVP_PKEY_free) EVP_PKEY *edwards = request_key("ED25519", 0);
	DEFER(EVP_PKEY_free) EVP_PKEY *p521 = request_key("P-521", 521);
	DEFER(X509_free) X509 *ca = NULL;
	DEFER(EVP_PKEY_free) EVP_PKEY *ca_key = NULL;
	DEFER(X509_free) X509 *real = NULL;
	DEFER(EVP_PKEY_free) EVP_PKEY *real_key = NULL;

	judge_context(world, "no certificate", world->contexts[NOBODY], ASK, &missing);
	judge_forgery(world, "self-signed", &(struct forgery){0}, &unknown);
	judge_forgery(world, "self-signed with the station's name",
	    &(struct forgery){.subject = X509_get_subject_name(station)}, &unknown);
	judge_forgery(world, "an RSA key", &(struct forgery){.key = rsa}, &unknown);
	judge_forgery(
	    world, "an RSA key of 4096 bits", &(struct forgery){.key = rsa_large}, &unknown);
	judge_forgery(world, "an Ed25519 key", &(struct forgery){.key = edwards}, &unknown);
	judge_forgery(world, "a P-521 key", &(struct forgery){.key = p521}, &unknown);

	/* Another authority of the same name. */
	forge_authority(world, OPERATORS, &real, &real_key);
	forge(&(struct forgery){.subject = X509_get_subject_name(real)}, &ca, &ca_key);
	judge_forgery(world, "an authority of the same name",
	    &(struct forgery){
		.subject = X509_get_subject_name(station), .issuer = ca, .signer = ca_key},
	    &unknown);
}

static void
what_our_authorities_signed_is_not_enough(void **state)
{
	static const struct refusal unknown = UNKNOWN;
	static const struct refusal expired = EXPIRED;
	struct world *world = *state;
	const X509_NAME *station = X509_get_subject_name(certificate_of(world, STATION));
	DEFER(X509_free) X509 *ca = NULL;
	DEFER(EVP_PKEY_free) EVP_PKEY *key = NULL;
	DEFER(X509_free) X509 *devices = NULL;
	DEFER(EVP_PKEY_free) EVP_PKEY *devices_key = NULL;

	forge_authority(world, OPERATORS, &ca, &key);
	forge_authority(world, DEVICES, &devices, &devices_key);
	judge_forgery(world, "not on record",
	    &(struct forgery){
		.subject = station, .issuer = ca, .signer = key, .usage = "clientAuth"},
	    &unknown);
	judge_forgery(world, "for servers",
	    &(struct forgery){
		.subject = station, .issuer = ca, .signer = key, .usage = "serverAuth"},
	    &unknown);
	judge_forgery(world, "expired",
	    &(struct forgery){
		.subject = station, .issuer = ca, .signer = key, .from_s = -7200, .until_s = -60},
	    &expired);
	judge_forgery(world, "not valid yet",
	    &(struct forgery){
		.subject = station, .issuer = ca, .signer = key, .from_s = 3600, .until_s = 7200},
	    &expired);
	judge_forgery(world, "a device that is not on record",
	    &(struct forgery){.issuer = devices, .signer = devices_key}, &unknown);
	judge_forgery(world, "a device, expired beyond its grace",
	    &(struct forgery){.issuer = devices,
		.signer = devices_key,
		.from_s = -40 * 86400,
		.until_s = -31 * 86400},
	    &expired);
	judge_forgery(world, "an operator's name under the Device CA",
	    &(struct forgery){.subject = station, .issuer = devices, .signer = devices_key},
	    &unknown);
}

static void
the_services_own_certificate_is_no_callers(void **state)
{
	static const struct refusal unknown = UNKNOWN;
	struct world *world = *state;
	DEFER(buf_clear_public) struct buf path = {0};
	SSL_CTX *context = world_context(NULL, NULL);

	buf_append_format(&path, "%s/service/tls.pem", world_env("MONIKER_TEST_STATE"));
	assert_int_equal(SSL_CTX_use_certificate_chain_file(context, buf_text(&path)), 1);
	buf_truncate(&path, 0);
	buf_append_format(&path, "%s/service/tls.key", world_env("MONIKER_TEST_STATE"));
	assert_int_equal(
	    SSL_CTX_use_PrivateKey_file(context, buf_text(&path), SSL_FILETYPE_PEM), 1);
	judge_context(world, "the service's own", context, ASK, &unknown);
	SSL_CTX_free(context);
}

/* ---- who is known, and may not ---- */

static void
known_callers_are_refused_by_name(void **state)
{
	static const struct refusal denied = {403, "ROLE_DENIED", NULL, "admin.login.refused"};
	static const struct refusal revoked = {403, "CALLER_REVOKED", NULL, NULL};
	struct world *world = *state;
	BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(world->device), NULL);
	char *hex = BN_bn2hex(number);
	json_t *body;
	int status;

	judge_context(world, "a device", world->contexts[DEVICE], ASK, &denied);
	judge_context(world, "a verifier", world->contexts[VERIFIER], ASK, &denied);

	for (char *c = hex; *c != '\0'; c++)
		*c = (char)(*c >= 'A' && *c <= 'F' ? *c - 'A' + 'a' : *c);
	body = json_pack("{s:{s:s}, s:s}", "select", "serial", hex, "action", "revoke");
	json_decref(world_json(world, OFFICER, "POST", "/v1/revocations", body, &status));
	assert_int_equal(status, 201);
	state_remember(world);
	judge_context(world, "a revoked device", world->contexts[DEVICE], ASK, &revoked);
	judge_context(world, "a revoked device that renews", world->contexts[DEVICE],
	    "POST /v1/renewals HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
	    "Content-Length: 11\r\n\r\n{\"csr\":\"x\"}",
	    &revoked);
	OPENSSL_free(hex);
	BN_free(number);
}

/* ---- certificates that are large, and many ---- */

static void
large_certificates_are_not_read(void **state)
{
	static const struct refusal unknown = UNKNOWN;
	struct world *world = *state;

	judge_forgery(world, "1,000 names", &(struct forgery){.names = 1000}, &unknown);
	judge_forgery(world, "1,000 extensions", &(struct forgery){.extensions = 1000}, &unknown);
	judge_forgery(world, "60 KiB", &(struct forgery){.padding = 61440}, &unknown);
}

/* The station's certificate, and behind it so many; each names the one before its issuer. */
static SSL_CTX *
chain_context(const struct world *world, size_t count, size_t padding)
{
	SSL_CTX *context = world_context(
	    certificate_of(world, STATION), SSL_CTX_get0_privatekey(world->contexts[STATION]));
	X509 *before = X509_dup(certificate_of(world, STATION));

	for (size_t i = 0; i < count; i++) {
		EVP_PKEY *key = NULL;
		X509 *next = NULL;

		forge(&(struct forgery){.subject = X509_get_issuer_name(before),
			  .issuer = before,
			  .padding = padding},
		    &next, &key);
		assert_int_equal(SSL_CTX_add1_chain_cert(context, next), 1);
		X509_free(before);
		EVP_PKEY_free(key);
		before = next;
	}
	X509_free(before);
	return context;
}

static void
only_the_first_certificate_counts(void **state)
{
	static const struct refusal served = {200, NULL, NULL, NULL};
	struct world *world = *state;
	static const size_t COUNTS[] = {1, 10, 100};

	/* Each is issued by the one before and the other way round: a cycle. */
	for (size_t i = 0; i < COUNT(COUNTS); i++) {
		SSL_CTX *context = chain_context(world, COUNTS[i], 0);

		judge_context(world, "a long chain", context, ASK, &served);
		SSL_CTX_free(context);
	}
}

/* No handshake, and nothing carried out. */
static void
judge_no_handshake(struct world *world, const char *claim, SSL_CTX *context)
{
	DEFER(raw_clear) struct raw raw = {0};
	struct raw_answer answer = {0};

	assert_true(raw_connect(&raw, world->tls_port, 0));
	/* In TLS 1.3 a client learns after its own Finished that its certificate is not taken. */
	if (raw_handshake(&raw, context)) {
		(void)raw_send(&raw, bytes_of_text(ASK));
		(void)raw_answer(&raw, false, &answer);
	}
	JUDGE(world, claim, answer.status == 0, "served: %d", answer.status);
	JUDGE(world, claim, raw.end != RAW_OPEN && raw.end != RAW_TIMEOUT, "the connection is %s",
	    raw_end_name(raw.end));
	judge_state(world, claim);
	judge_service(world, claim);
}

/* Their key usage does not let them sign a handshake. */
static void
authorities_are_no_clients(void **state)
{
	struct world *world = *state;
	DEFER(X509_free) X509 *operators = NULL;
	DEFER(EVP_PKEY_free) EVP_PKEY *operators_key = NULL;
	DEFER(X509_free) X509 *devices = NULL;
	DEFER(EVP_PKEY_free) EVP_PKEY *devices_key = NULL;
	SSL_CTX *context;

	forge_authority(world, OPERATORS, &operators, &operators_key);
	forge_authority(world, DEVICES, &devices, &devices_key);
	context = world_context(operators, operators_key);
	judge_no_handshake(world, "the Operators CA itself", context);
	SSL_CTX_free(context);
	context = world_context(devices, devices_key);
	judge_no_handshake(world, "the Device CA itself", context);
	SSL_CTX_free(context);
}

static void
a_chain_beyond_all_bounds_ends_the_handshake(void **state)
{
	struct world *world = *state;
	SSL_CTX *context = chain_context(world, 10, 60000);

	judge_no_handshake(world, "600 KB of certificates", context);
	SSL_CTX_free(context);
}

/* ---- TLS ---- */

static void
older_versions_are_refused(void **state)
{
	static const struct {
		const char *claim;
		int version;
	} rows[] = {
	    {"TLS 1.2", TLS1_2_VERSION}, {"TLS 1.1", TLS1_1_VERSION}, {"TLS 1.0", TLS1_VERSION}};
	struct world *world = *state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		SSL_CTX *context = world_context(NULL, NULL);

		SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0");
		SSL_CTX_set_min_proto_version(context, rows[i].version);
		SSL_CTX_set_max_proto_version(context, rows[i].version);
		judge_no_handshake(world, rows[i].claim, context);
		SSL_CTX_free(context);
	}
}

/* clang-format off */
static const struct record {
	const char *claim;
	struct bytes octets;
} RECORDS[] = {
	{ "plain HTTP", OCTETS("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ "zeros", OCTETS("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0") },
	{ "a record of 64 KiB", OCTETS("\x16\x03\x01\xff\xff\x01\x00\x00\x00") },
	{ "an empty handshake record", OCTETS("\x16\x03\x01\x00\x00\x16\x03\x01\x00\x00") },
	{ "a greeting of 16 MiB", OCTETS("\x16\x03\x01\x00\x04\x01\xff\xff\xff\x15\x03\x01\x00\x02\x02\x00") },
	{ "data before the handshake", OCTETS("\x17\x03\x03\x00\x05hello") },
	{ "an alert", OCTETS("\x15\x03\x03\x00\x02\x02\x28") },
	{ "the greeting of SSL 2", OCTETS("\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10\x07\x00\xc0") },
};
/* clang-format on */

static void
octets_that_are_no_tls_end_the_connection(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < COUNT(RECORDS); i++) {
		DEFER(raw_clear) struct raw raw = {0};

		assert_true(raw_connect(&raw, world->tls_port, 0));
		(void)raw_send(&raw, RECORDS[i].octets);
		(void)shutdown(raw.fd, SHUT_WR);
		(void)raw_drain(&raw, 30000);
		JUDGE(world, RECORDS[i].claim, raw.end == RAW_CLOSED || raw.end == RAW_RESET,
		    "the connection is %s", raw_end_name(raw.end));
		JUDGE(world, RECORDS[i].claim, strstr(buf_text(&raw.got), "HTTP/1.1 2") == NULL,
		    "served");
		judge_service(world, RECORDS[i].claim);
	}
}

/* ---- what TLS 1.3 could do besides ---- */

/* A session that the service never gave. */
static int
claim_session(
    SSL *session, const EVP_MD *md, const unsigned char **id, size_t *id_len, SSL_SESSION **out)
{
	static const unsigned char secret[32] = {1};
	const unsigned char aes_128_gcm[] = {0x13, 0x01};

	(void)md;
	*out = SSL_SESSION_new();
	SSL_SESSION_set1_master_key(*out, secret, sizeof secret);
	SSL_SESSION_set_cipher(*out, SSL_CIPHER_find(session, aes_128_gcm));
	SSL_SESSION_set_protocol_version(*out, TLS1_3_VERSION);
	SSL_SESSION_set_max_early_data(*out, 16384);
	*id = (const unsigned char *)"hostile";
	*id_len = 7;
	return 1;
}

static void
early_data_is_never_carried_out(void **state)
{
	struct world *world = *state;
	SSL_CTX *context = world_context(
	    certificate_of(world, STATION), SSL_CTX_get0_privatekey(world->contexts[STATION]));
	DEFER(raw_clear) struct raw raw = {0};
	json_t *body = enrollment_new(world, NULL);
	char *text = json_dumps(body, JSON_COMPACT);
	DEFER(buf_clear_public) struct buf request = {0};
	size_t written = 0;

	buf_append_format(&request,
	    "POST /v1/enrollments HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n%s",
	    strlen(text), text);
	SSL_CTX_set_psk_use_session_callback(context, claim_session);
	assert_true(raw_connect(&raw, world->tls_port, 0));
	raw.session = SSL_new(context);
	SSL_set_fd(raw.session, raw.fd);
	JUDGE(world, "early data",
	    SSL_write_early_data(raw.session, request.data, request.len, &written) == 1,
	    "it was not sent");
	(void)SSL_connect(raw.session);
	JUDGE(world, "early data",
	    SSL_get_early_data_status(raw.session) != SSL_EARLY_DATA_ACCEPTED, "it was accepted");
	(void)raw_drain(&raw, 2000);
	JUDGE(world, "early data", strstr(buf_text(&raw.got), "HTTP/1.1 2") == NULL, "served");
	judge_state(world, "early data");
	judge_service(world, "early data");
	free(text);
	json_decref(body);
	SSL_CTX_free(context);
}

/* Counts requests for a certificate and session tickets once the handshake is over. */
static void
look_at_message(
    int sent, int version, int type, const void *octets, size_t len, SSL *session, void *context)
{
	unsigned *count = context;

	(void)version;
	if (sent == 0 && type == SSL3_RT_HANDSHAKE && len > 0 && SSL_is_init_finished(session))
		*count += *(const uint8_t *)octets == SSL3_MT_CERTIFICATE_REQUEST ||
			  *(const uint8_t *)octets == SSL3_MT_NEWSESSION_TICKET;
}

static void
no_certificate_is_asked_for_later_and_no_ticket_given(void **state)
{
	static const struct refusal missing = {401, "CALLER_MISSING", NULL, NULL};
	struct world *world = *state;
	SSL_CTX *context = world_context(NULL, NULL);
	unsigned count = 0;

	SSL_CTX_set_post_handshake_auth(context, 1);
	SSL_CTX_set_msg_callback(context, look_at_message);
	SSL_CTX_set_msg_callback_arg(context, &count);
	judge_context(world, "who offers a certificate later", context, ASK, &missing);
	JUDGE(world, "after the handshake", count == 0, "%u messages", count);
	SSL_CTX_free(context);
}

/* Whoever asks for new keys over and over is cut off; there is nothing to renegotiate. */
static void
a_flood_of_new_keys_ends_the_connection(void **state)
{
	struct world *world = *state;
	DEFER(raw_clear) struct raw raw = {0};

	world_connect(world, STATION, &raw);
	JUDGE(world, "renegotiation", SSL_renegotiate(raw.session) != 1, "it is offered");
	for (int i = 0; i < 100 && SSL_key_update(raw.session, SSL_KEY_UPDATE_REQUESTED) == 1; i++)
		(void)SSL_do_handshake(raw.session);
	(void)raw_drain(&raw, 30000);
	JUDGE(world, "new keys", raw.end != RAW_OPEN && raw.end != RAW_TIMEOUT,
	    "the connection is %s", raw_end_name(raw.end));
	judge_state(world, "new keys");
	judge_service(world, "new keys");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WORLD_TEST(strangers_are_told_that_they_are),
	    WORLD_TEST(what_our_authorities_signed_is_not_enough),
	    WORLD_TEST(the_services_own_certificate_is_no_callers),
	    WORLD_TEST(known_callers_are_refused_by_name),
	    WORLD_TEST(large_certificates_are_not_read),
	    WORLD_TEST(only_the_first_certificate_counts),
	    WORLD_TEST(authorities_are_no_clients),
	    WORLD_TEST(a_chain_beyond_all_bounds_ends_the_handshake),
	    WORLD_TEST(older_versions_are_refused),
	    WORLD_TEST(octets_that_are_no_tls_end_the_connection),
	    WORLD_TEST(early_data_is_never_carried_out),
	    WORLD_TEST(no_certificate_is_asked_for_later_and_no_ticket_given),
	    WORLD_TEST(a_flood_of_new_keys_ends_the_connection),
	};

	return cmocka_run_group_tests_name("hostile tls", tests, NULL, NULL);
}
