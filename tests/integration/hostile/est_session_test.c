/* EST: requests of another TLS session, and the port for clients that speak TLS 1.2 at most. */
#include "tests/integration/hostile/est_ask.h"

#include <stdlib.h>

#include "base/text.h"
#include "ca/csr_binding.h"
#include "ca/oid.h"
#include "tests/unit/ca/request.h"

static SSL_CTX *
context_of_1_2(const struct world *world, enum who who, uint64_t options)
{
	SSL_CTX *context = world_context(SSL_CTX_get0_certificate(world->contexts[who]),
	    SSL_CTX_get0_privatekey(world->contexts[who]));

	assert_int_equal(SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION), 1);
	(void)SSL_CTX_set_options(context, options);
	return context;
}

/* A request that names these octets as its channel binding. */
static void
bound_request(struct bytes binding, struct buf *out)
{
	DEFER(EVP_PKEY_free) EVP_PKEY *key = key_fresh();
	DEFER(buf_clear_public) struct buf spki = {0};
	DEFER(buf_clear_public) struct buf text = {0};
	DEFER(der_writer_clear) struct der_writer w;

	base64_encode(&text, binding);
	der_writer_init(&w, 256);
	der_put_element(&w, DER_PRINTABLE_STRING, buf_bytes(&text));
	der_wrap(&w, DER_SET, 0);
	der_put_element(&w, DER_OID, OID_CHALLENGE_PASSWORD);
	der_wrap(&w, DER_SEQUENCE, 0);
	request_spki(key, &spki);
	request_assemble(&(struct request_parts){.spki = buf_bytes(&spki),
			     .algorithm = ALGORITHM_ECDSA_SHA256,
			     .attributes = der_written(&w),
			     .signer = key,
			     .md = EVP_sha256()},
	    out);
}

/* tls-exporter (RFC 9266), or tls-unique (RFC 5929): the first Finished, which is the client's. */
static struct bytes
binding_of(SSL *session, uint8_t out[static 64])
{
	if (SSL_version(session) == TLS1_3_VERSION) {
		assert_int_equal(
		    SSL_export_keying_material(session, out, CSR_BINDING_EXPORTER_BYTES,
			"EXPORTER-Channel-Binding", 24, NULL, 0, 0),
		    1);
		return bytes_of(out, CSR_BINDING_EXPORTER_BYTES);
	}
	return bytes_of(out, SSL_get_finished(session, out, 64));
}

/* One connection: its own binding is taken, another's is not. */
static void
judge_binding(struct world *world, const char *claim, const struct ask *asked, bool good)
{
	static const struct refusal mismatch = {422, "BINDING_MISMATCH", NULL, EST_ENROLL_EVENT};
	DEFER(raw_clear) struct raw raw = {0};
	DEFER(raw_clear) struct raw other = {0};
	DEFER(buf_clear_public) struct buf own = {0};
	DEFER(buf_clear_public) struct buf foreign = {0};
	DEFER(buf_clear_public) struct buf station = {0};
	struct recorded before;
	struct raw_answer answer;
	struct ask ask = *asked;
	uint8_t octets[64];

	est_of_station(&station);
	ask.authorization = buf_text(&station);
	est_connect(world, &ask, &raw);
	est_connect(world, &ask, &other);
	bound_request(binding_of(raw.session, octets), &own);
	bound_request(binding_of(other.session, octets), &foreign);

	recorded_read(world, EST_ENROLL_EVENT, mismatch.code, &before);
	ask.body = buf_bytes(&foreign);
	est_send(world, &raw, &ask, &answer);
	judge_problem(world, claim, &answer, &mismatch);
	judge_recorded(world, claim, EST_ENROLL_EVENT, mismatch.code, &before, 1);
	judge_state(world, claim);
	ask.body = buf_bytes(&own);
	est_send(world, &raw, &ask, &answer);
	JUDGE(
	    world, claim, answer.status == (good ? 200 : 422), "its own: status %d", answer.status);
	state_remember(world);
}

static void
a_request_belongs_to_its_tls_session(void **state)
{
	struct world *world = *state;
	struct ask ask = {.who = STATION};

	judge_binding(world, "TLS 1.3", &ask, true);
	ask.legacy = true;
	judge_binding(world, "TLS 1.3, the port for old clients", &ask, true);
	ask.context = context_of_1_2(world, STATION, 0);
	judge_binding(world, "TLS 1.2", &ask, true);
	SSL_CTX_free(ask.context);
	/* Without it a tls-unique may be had in two sessions (RFC 7627). */
	ask.context = context_of_1_2(world, STATION, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	judge_binding(world, "TLS 1.2 without an extended master secret", &ask, false);
	SSL_CTX_free(ask.context);
}

/* ---- the port for old clients ---- */

static void
the_port_for_old_clients_has_no_more_than_it_says(void **state)
{
	static const int versions[] = {TLS1_VERSION, TLS1_1_VERSION};
	struct world *world = *state;
	struct ask ask = {.legacy = true, .who = STATION};
	DEFER(raw_clear) struct raw raw = {0};
	struct raw_answer answer;

	for (size_t i = 0; i < COUNT(versions); i++) {
		DEFER(raw_clear) struct raw old = {0};
		SSL_CTX *context = context_of_1_2(world, STATION, 0);

		(void)SSL_CTX_set_min_proto_version(context, versions[i]);
		(void)SSL_CTX_set_max_proto_version(context, versions[i]);
		assert_true(raw_connect(&old, est_port(world, &ask), 0));
		JUDGE(world, "older versions", !raw_handshake(&old, context), "version %x",
		    versions[i]);
		SSL_CTX_free(context);
	}
	ask.context = context_of_1_2(world, STATION, 0);
	est_connect(world, &ask, &raw);
	(void)raw_send(&raw, bytes_of_text("GET /v1/batches HTTP/1.1\r\nHost: a\r\n\r\n"));
	JUDGE(world, "the API", raw_answer(&raw, false, &answer) && answer.status == 404,
	    "status %d", answer.status);
	SSL_CTX_free(ask.context);
	judge_service(world, "the port for old clients");
}

/* A second handshake would give the session a second tls-unique: there is none. */
static void
nothing_is_renegotiated_there(void **state)
{
	struct world *world = *state;
	struct ask ask = {.legacy = true, .who = STATION};
	DEFER(raw_clear) struct raw raw = {0};

	ask.context = context_of_1_2(world, STATION, 0);
	est_connect(world, &ask, &raw);
	assert_int_equal(SSL_renegotiate(raw.session), 1);
	JUDGE(world, "renegotiation", SSL_do_handshake(raw.session) != 1, "a second handshake");
	(void)raw_drain(&raw, 30000);
	JUDGE(world, "renegotiation", raw.end != RAW_OPEN && raw.end != RAW_TIMEOUT,
	    "the connection is %s", raw_end_name(raw.end));
	SSL_CTX_free(ask.context);
	judge_state(world, "renegotiation");
	judge_service(world, "renegotiation");
}

/* Whoever listens sees the certificate of TLS 1.2: it must not lead to what nobody may link. */
static void
an_unlinkable_batch_is_refused_there(void **state)
{
	static const struct refusal denied = {422, "PROFILE_DENIED", NULL, EST_ENROLL_EVENT};
	struct world *world = *state;
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(buf_clear_public) struct buf station = {0};
	struct ask ask = {.legacy = true, .who = STATION};
	char sql[512];

	(void)snprintf(world->batch, sizeof world->batch, "unlinkable-%lld",
	    (long long)world_count(world, "SELECT count(*) FROM batch"));
	(void)snprintf(sql, sizeof sql,
	    "INSERT INTO batch (name, handle, model, mode, profile, quota, opens_at_s,"
	    " created_at_s, hardware_ids, replace_policy)"
	    " SELECT '%s', translate(md5(random()::text)::char(16), '0189', 'abcd'), 'x',"
	    " 'unlinkable', 'device', 1, 0, 0, 'required', 'never' RETURNING 1",
	    world->batch);
	assert_int_equal(world_count(world, sql), 1);
	state_remember(world);
	est_request(&der);
	est_of_station(&station);
	ask.body = buf_bytes(&der);
	ask.authorization = buf_text(&station);
	judge_est(world, "an unlinkable batch", &ask, &denied);
}

/* The octets that one record of TLS brought. */
static size_t
read_record(SSL *session, char *out, size_t out_len)
{
	const int len = SSL_read(session, out, (int)out_len);

	return len > 0 ? (size_t)len : 0;
}

/* Some clients read once: head and body come whole. */
static void
the_body_comes_in_one_record(void **state)
{
	struct world *world = *state;
	DEFER(raw_clear) struct raw raw = {0};
	const struct ask ask = {0};
	char octets[16385] = "";
	const char *length, *body;
	size_t got;

	est_connect(world, &ask, &raw);
	(void)raw_send(
	    &raw, bytes_of_text("GET /.well-known/est/cacerts HTTP/1.1\r\nHost: a\r\n\r\n"));
	assert_true(raw_readable(&raw, RAW_PATIENCE_MS));
	got = read_record(raw.session, octets, sizeof octets - 1);
	octets[got] = '\0';
	body = strstr(octets, "\r\n\r\n");
	length = strstr(octets, "Content-Length: ");
	assert_non_null(body);
	assert_non_null(length);
	JUDGE(world, "the head", body - octets < 1024, "%zu octets", (size_t)(body - octets));
	if (body[4] == '\0') { /* in a record of its own */
		char more[16385];

		assert_true(raw_readable(&raw, RAW_PATIENCE_MS));
		got = read_record(raw.session, more, sizeof more);
	} else {
		got = strlen(body + 4);
	}
	JUDGE(world, "the body", (size_t)strtol(length + 16, NULL, 10) == got, "%zu octets came",
	    got);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WORLD_TEST(a_request_belongs_to_its_tls_session),
	    WORLD_TEST(the_port_for_old_clients_has_no_more_than_it_says),
	    WORLD_TEST(nothing_is_renegotiated_there),
	    WORLD_TEST(an_unlinkable_batch_is_refused_there),
	    WORLD_TEST(the_body_comes_in_one_record),
	};

	return cmocka_run_group_tests_name("hostile EST sessions", tests, NULL, NULL);
}
