/* EST: bodies, credentials and sessions that are not what they should be, on both its ports. */
#include "tests/integration/hostile/forge.h"

#include <stdlib.h>

#include "base/text.h"
#include "ca/csr_binding.h"
#include "ca/oid.h"
#include "tests/unit/ca/request.h"

#define ENROLL_EVENT "enroll.refused"
#define LOGIN_EVENT "admin.login.refused"

struct ask {              /* zero: nobody's simpleenroll into the batch, on the port of the API */
	SSL_CTX *context; /* NULL: `who`'s */
	enum who who;
	bool legacy;
	const char *operation;     /* NULL: simpleenroll */
	const char *type;          /* NULL: application/pkcs10 */
	const char *authorization; /* NULL: none */
	struct bytes body;
};

static int
port_of(const struct world *world, const struct ask *ask)
{
	return ask->legacy
		   ? (int)strtol(strrchr(world_env("MONIKER_EST_LEGACY_URL"), ':') + 1, NULL, 10)
		   : world->tls_port;
}

static void
connect_for(const struct world *world, const struct ask *ask, struct raw *out)
{
	SSL_CTX *context = ask->context != NULL ? ask->context : world->contexts[ask->who];

	if (!raw_connect(out, port_of(world, ask), 0) || !raw_handshake(out, context))
		fail_msg("no connection: %s", raw_end_name(out->end));
}

static void
send_on(const struct world *world, struct raw *raw, const struct ask *ask, struct raw_answer *out)
{
	DEFER(buf_clear_public) struct buf request = {0};

	buf_append_format(&request,
	    "POST /.well-known/est/%s/%s HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n",
	    world->batch, ask->operation != NULL ? ask->operation : "simpleenroll");
	if (ask->authorization != NULL)
		buf_append_format(&request, "Authorization: %s\r\n", ask->authorization);
	buf_append_format(&request, "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n",
	    ask->type != NULL ? ask->type : "application/pkcs10", ask->body.len);
	buf_append(&request, ask->body);
	(void)raw_send(raw, buf_bytes(&request));
	if (!raw_answer(raw, false, out))
		*out = (struct raw_answer){0};
}

/* Refused as wanted, recorded as wanted, nothing changed, others served. */
static void
judge_est(
    struct world *world, const char *claim, const struct ask *ask, const struct refusal *wanted)
{
	DEFER(raw_clear) struct raw raw = {0};
	struct raw_answer answer;
	struct recorded before;

	recorded_read(world, wanted->event, wanted->code, &before);
	connect_for(world, ask, &raw);
	send_on(world, &raw, ask, &answer);
	judge_problem(world, claim, &answer, wanted);
	judge_recorded(
	    world, claim, wanted->event, wanted->code, &before, wanted->event != NULL ? 1 : 0);
	judge_state(world, claim);
	judge_service(world, claim);
}

static void
judge_enrolled(struct world *world, const char *claim, const struct ask *ask)
{
	DEFER(raw_clear) struct raw raw = {0};
	struct raw_answer answer;

	connect_for(world, ask, &raw);
	send_on(world, &raw, ask, &answer);
	JUDGE(world, claim, answer.status == 200, "status %d: %.*s", answer.status,
	    (int)answer.body.len, (const char *)answer.body.data);
	state_remember(world);
}

static void
basic(const char *user, const char *password, struct buf *out)
{
	DEFER(buf_clear_public) struct buf plain = {0};

	buf_append_format(&plain, "%s:%s", user, password);
	buf_truncate(out, 0);
	buf_append_text(out, "Basic ");
	base64_encode(out, buf_bytes(&plain));
	(void)buf_text(out);
}

/* A station's, with new hardware. */
static void
of_station(struct buf *out)
{
	char mac[18], user[32];

	mac_new(mac);
	(void)snprintf(user, sizeof user, "mac48=%s", mac);
	basic(user, "", out);
}

static void
new_request(struct buf *out)
{
	DEFER(EVP_PKEY_free) EVP_PKEY *key = key_fresh();

	request_make(key, EVP_sha256(), out);
}

static char *
mint(struct world *world)
{
	DEFER(buf_clear_public) struct buf path = {0};
	json_t *answer;
	char *token;
	int status;

	buf_append_format(&path, "/v1/batches/%s/tokens", world->batch);
	answer = world_json(
	    world, ADMIN, "POST", buf_text(&path), json_pack("{s:i}", "count", 1), &status);
	assert_int_equal(status, 201);
	token = strdup(json_string_value(json_array_get(json_object_get(answer, "tokens"), 0)));
	json_decref(answer);
	state_remember(world);
	return token;
}

/* ---- bodies ---- */

static void
judge_body(struct world *world, const char *claim, struct bytes body)
{
	static const struct refusal bad = {400, "BAD_SYNTAX", NULL, ENROLL_EVENT};
	DEFER(buf_clear_public) struct buf station = {0};

	of_station(&station);
	judge_est(world, claim,
	    &(struct ask){.who = STATION, .authorization = buf_text(&station), .body = body}, &bad);
}

static void
bodies_that_are_no_request(void **state)
{
	struct world *world = *state;
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(buf_clear_public) struct buf other = {0};
	DEFER(buf_clear_public) struct buf text = {0};
	DEFER(buf_clear_public) struct buf two = {0};

	new_request(&der);
	new_request(&other);
	base64_encode(&text, buf_bytes(&der));
	judge_body(world, "nothing", (struct bytes){0});
	judge_body(world, "a line's end", bytes_of_text("\r\n"));
	judge_body(world, "no base64", bytes_of_text("!!!!"));
	judge_body(world, "base64 of nothing much", bytes_of_text("AAAA"));
	judge_body(world, "base64 cut short", bytes_of(text.data, text.len - 3));
	judge_body(world, "padding in the middle", bytes_of_text("MIIB=AAA"));
	judge_body(world, "JSON", bytes_of_text("{\"csr\":\"x\"}"));
	judge_body(world, "a NUL", bytes_of("\0", 1));

	buf_append(&two, buf_bytes(&text));
	buf_append(&two, buf_bytes(&text));
	judge_body(world, "base64 twice", buf_bytes(&two));
	buf_truncate(&two, 0);
	buf_append(&two, buf_bytes(&der));
	buf_append_u8(&two, 0);
	judge_body(world, "DER and an octet", buf_bytes(&two));
	buf_truncate(&two, 0);
	buf_append(&two, buf_bytes(&der));
	buf_append(&two, buf_bytes(&other));
	judge_body(world, "two requests in DER", buf_bytes(&two));
	buf_truncate(&two, 0);
	csr_pem(buf_bytes(&der), &two);
	csr_pem(buf_bytes(&other), &two);
	judge_body(world, "two requests in PEM", buf_bytes(&two));
	buf_truncate(&two, 0);
	pem_encode(&two, "CERTIFICATE", buf_bytes(&der));
	judge_body(world, "PEM of something else", buf_bytes(&two));
}

static void
requests_of_another_kind(void **state)
{
	static const struct refusal type = {415, "BAD_TYPE", NULL, ENROLL_EVENT};
	static const struct refusal proof = {422, "BAD_PROOF", NULL, ENROLL_EVENT};
	static const struct refusal large = {413, "TOO_LARGE", NULL, NULL};
	struct world *world = *state;
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(buf_clear_public) struct buf station = {0};
	DEFER(buf_clear_public) struct buf much = {0};
	struct ask ask = {.who = STATION, .type = "application/json"};

	new_request(&der);
	of_station(&station);
	ask.authorization = buf_text(&station);
	ask.body = buf_bytes(&der);
	judge_est(world, "another type", &ask, &type);
	ask.type = "application/pkcs10x";
	judge_est(world, "a type that begins alike", &ask, &type);
	ask.type = NULL;
	der.data[der.len - 1] ^= 1;
	judge_est(world, "not signed by its key", &ask, &proof);
	memset(buf_extend(&much, 16385), 'A', 16385);
	ask.body = buf_bytes(&much);
	judge_est(world, "more than is taken", &ask, &large);
}

/* ---- credentials ---- */

static void
credentials_that_are_none(void **state)
{
	static const struct refusal needed = {401, "CALLER_MISSING", NULL, NULL};
	static const struct refusal syntax = {400, "BAD_SYNTAX", NULL, NULL};
	static const struct refusal forged = {403, "TOKEN_INVALID", NULL, NULL};
	static const struct refusal hardware = {422, "HARDWARE_ID_INVALID", NULL, ENROLL_EVENT};
	static const struct refusal role = {403, "ROLE_DENIED", NULL, LOGIN_EVENT};
	struct world *world = *state;
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(buf_clear_public) struct buf field = {0};
	struct ask ask = {.who = NOBODY};
	char *token = mint(world);

	new_request(&der);
	ask.body = buf_bytes(&der);
	judge_est(world, "nothing", &ask, &needed);
	ask.authorization = "Bearer mk1.AAAA";
	judge_est(world, "another scheme", &ask, &needed);
	ask.authorization = "Basic ====";
	judge_est(world, "no base64", &ask, &syntax);
	ask.authorization = "Basic QUFB";
	judge_est(world, "no colon", &ask, &syntax);
	ask.authorization = "Basic eDp5\r\nAuthorization: Basic eDp6";
	judge_est(world, "two of them", &ask, &syntax);
	basic("mac48=02aabbccdd10", "", &field);
	ask.authorization = buf_text(&field);
	judge_est(world, "hardware is no credential", &ask, &needed);
	basic("x", "secret", &field);
	ask.authorization = buf_text(&field);
	judge_est(world, "a password", &ask, &forged);
	basic(token, "x", &field);
	ask.authorization = buf_text(&field);
	judge_est(world, "the token for a name", &ask, &forged);
	token[8] = token[8] == 'A' ? 'B' : 'A';
	basic("x", token, &field);
	ask.authorization = buf_text(&field);
	judge_est(world, "a forged token", &ask, &forged);
	buf_truncate(&field, 0);
	buf_append_text(&field, "Basic ");
	while (field.len < 4000)
		buf_append_text(&field, "eDp5");
	ask.authorization = buf_text(&field);
	judge_est(world, "more than is read", &ask, &syntax);

	ask.who = STATION;
	basic("mac48=02aabbccdd10,serial=7", "", &field);
	ask.authorization = buf_text(&field);
	judge_est(world, "hardware that there is not", &ask, &hardware);
	basic("mac48=00:00:00:00:00:00", "", &field);
	ask.authorization = buf_text(&field);
	judge_est(world, "hardware that nobody has", &ask, &hardware);
	ask.who = VERIFIER;
	ask.authorization = NULL;
	judge_est(world, "a verifier", &ask, &role);
	free(token);
}

static void
certificates_that_renew_nothing(void **state)
{
	static const struct refusal needed = {401, "CALLER_MISSING", NULL, NULL};
	static const struct refusal unknown = {403, "CALLER_UNKNOWN", NULL, NULL};
	static const struct refusal role = {403, "ROLE_DENIED", NULL, LOGIN_EVENT};
	static const struct refusal not_due = {409, "NOT_DUE", NULL, "renew.refused"};
	static const struct refusal held = {403, "DEVICE_HELD", NULL, "renew.refused"};
	static const struct refusal revoked = {403, "CALLER_REVOKED", NULL, NULL};
	static const char *const actions[] = {"hold", "revoke"};
	struct world *world = *state;
	DEFER(X509_free) X509 *certificate = NULL;
	DEFER(EVP_PKEY_free) EVP_PKEY *key = NULL;
	DEFER(buf_clear_public) struct buf der = {0};
	struct ask ask = {.operation = "simplereenroll"};
	char pseudonym[64];

	new_request(&der);
	ask.body = buf_bytes(&der);
	judge_est(world, "nobody's", &ask, &needed);
	ask.who = STATION;
	judge_est(world, "a station's", &ask, &role);
	forge(
	    &(struct forgery){.subject = X509_get_subject_name(world->device)}, &certificate, &key);
	ask.context = world_context(certificate, key);
	judge_est(world, "one that has the device's name", &ask, &unknown);
	SSL_CTX_free(ask.context);
	ask.context = NULL;
	ask.who = DEVICE;
	judge_est(world, "the device's, too early", &ask, &not_due);
	assert_true(X509_NAME_get_text_by_NID(X509_get_subject_name(world->device), NID_commonName,
			pseudonym, sizeof pseudonym) > 0);
	for (size_t i = 0; i < COUNT(actions); i++) {
		int status;

		json_decref(world_json(world, OFFICER, "POST", "/v1/revocations",
		    json_pack(
			"{s:{s:s}, s:s}", "select", "pseudonym", pseudonym, "action", actions[i]),
		    &status));
		assert_int_equal(status, 201);
		state_remember(world);
		judge_est(world, actions[i], &ask, i == 0 ? &held : &revoked);
	}
}

/* Who was never ours counts as nobody, and may have a token. */
static void
a_stranger_s_certificate_does_not_spoil_a_token(void **state)
{
	static const struct refusal unknown = {403, "CALLER_UNKNOWN", NULL, NULL};
	struct world *world = *state;
	DEFER(X509_free) X509 *certificate = NULL;
	DEFER(EVP_PKEY_free) EVP_PKEY *key = NULL;
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(buf_clear_public) struct buf field = {0};
	char *token = mint(world);
	struct ask ask = {0};
	char mac[18], user[32];

	forge(&(struct forgery){0}, &certificate, &key);
	ask.context = world_context(certificate, key);
	new_request(&der);
	ask.body = buf_bytes(&der);
	judge_est(world, "without a token", &ask, &unknown);
	mac_new(mac);
	(void)snprintf(user, sizeof user, "mac48=%s", mac);
	basic(user, token, &field);
	ask.authorization = buf_text(&field);
	judge_enrolled(world, "with one", &ask);
	SSL_CTX_free(ask.context);
	free(token);
}

/* ---- the same leaves as by JSON ---- */

/* Event, reason, severity and actor of the newest leaf. */
static void
read_leaf(const struct world *world, char out[static 256])
{
	PGresult *result = PQexec(world->db, "SELECT concat_ws(' ', leaf->>'ev', leaf->>'rc', "
					     "leaf->>'sev', leaf->>'act', leaf->>'sub',"
					     " leaf->>'out') FROM (SELECT convert_from(body, "
					     "'UTF8')::jsonb AS leaf, seq FROM audit_leaf)"
					     " AS l ORDER BY seq DESC LIMIT 1");

	assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
	(void)snprintf(out, 256, "%s", PQgetvalue(result, 0, 0));
	PQclear(result);
}

/* As JSON the same station, the same batch, the same hardware. */
static void
judge_alike(struct world *world, const char *claim, struct bytes der, const char *mac, int status)
{
	DEFER(buf_clear_public) struct buf pem = {0};
	DEFER(buf_clear_public) struct buf field = {0};
	DEFER(raw_clear) struct raw raw = {0};
	struct ask ask = {.who = STATION, .body = der};
	struct raw_answer answer;
	char user[64], by_json[256], by_est[256];
	int json_status;

	csr_pem(der, &pem);
	json_decref(world_json(world, STATION, "POST", "/v1/enrollments",
	    json_pack("{s:s, s:s, s:[{s:s, s:s}]}", "batch", world->batch, "csr", buf_text(&pem),
		"hardware_ids", "type", "mac48", "value", mac),
	    &json_status));
	read_leaf(world, by_json);
	(void)snprintf(user, sizeof user, "mac48=%s", mac);
	basic(user, "", &field);
	ask.authorization = buf_text(&field);
	connect_for(world, &ask, &raw);
	send_on(world, &raw, &ask, &answer);
	read_leaf(world, by_est);
	JUDGE(world, claim, json_status == status && answer.status == status, "status %d and %d",
	    json_status, answer.status);
	JUDGE(world, claim, strcmp(by_json, by_est) == 0 && strstr(by_est, "failure") != NULL,
	    "the leaves differ\n  %s\n  %s", by_json, by_est);
}

static void
refusals_leave_the_leaves_of_the_api(void **state)
{
	struct world *world = *state;
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(buf_clear_public) struct buf twin = {0};
	DEFER(buf_clear_public) struct buf field = {0};
	struct ask ask = {.who = STATION};
	char mac[18], user[64];

	mac_new(mac);
	(void)snprintf(user, sizeof user, "mac48=%s", mac);
	basic(user, "", &field);
	new_request(&der);
	new_request(&twin);
	ask.body = buf_bytes(&der);
	ask.authorization = buf_text(&field);
	judge_enrolled(world, "the first of its hardware", &ask);
	judge_alike(world, "a duplicate", buf_bytes(&twin), mac, 409);
	judge_alike(world, "a key for other hardware", buf_bytes(&der), "02:0d:0e:0f:00:01", 409);
	judge_alike(world, "no hardware", buf_bytes(&twin), "02:00", 422);
	twin.data[twin.len - 1] ^= 1;
	judge_alike(world, "no proof", buf_bytes(&twin), "02:0d:0e:0f:00:02", 422);
}

/* ---- the TLS session ---- */

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
	static const struct refusal mismatch = {422, "BINDING_MISMATCH", NULL, ENROLL_EVENT};
	DEFER(raw_clear) struct raw raw = {0};
	DEFER(raw_clear) struct raw other = {0};
	DEFER(buf_clear_public) struct buf own = {0};
	DEFER(buf_clear_public) struct buf foreign = {0};
	DEFER(buf_clear_public) struct buf station = {0};
	struct recorded before;
	struct raw_answer answer;
	struct ask ask = *asked;
	uint8_t octets[64];

	of_station(&station);
	ask.authorization = buf_text(&station);
	connect_for(world, &ask, &raw);
	connect_for(world, &ask, &other);
	bound_request(binding_of(raw.session, octets), &own);
	bound_request(binding_of(other.session, octets), &foreign);

	recorded_read(world, ENROLL_EVENT, mismatch.code, &before);
	ask.body = buf_bytes(&foreign);
	send_on(world, &raw, &ask, &answer);
	judge_problem(world, claim, &answer, &mismatch);
	judge_recorded(world, claim, ENROLL_EVENT, mismatch.code, &before, 1);
	judge_state(world, claim);
	ask.body = buf_bytes(&own);
	send_on(world, &raw, &ask, &answer);
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
		assert_true(raw_connect(&old, port_of(world, &ask), 0));
		JUDGE(world, "older versions", !raw_handshake(&old, context), "version %x",
		    versions[i]);
		SSL_CTX_free(context);
	}
	ask.context = context_of_1_2(world, STATION, 0);
	connect_for(world, &ask, &raw);
	(void)raw_send(&raw, bytes_of_text("GET /v1/batches HTTP/1.1\r\nHost: a\r\n\r\n"));
	JUDGE(world, "the API", raw_answer(&raw, false, &answer) && answer.status == 404,
	    "status %d", answer.status);
	SSL_CTX_free(ask.context);
	judge_service(world, "the port for old clients");
}

/* Whoever listens sees the certificate of TLS 1.2: it must not lead to what nobody may link. */
static void
an_unlinkable_batch_is_refused_there(void **state)
{
	static const struct refusal denied = {422, "PROFILE_DENIED", NULL, ENROLL_EVENT};
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
	new_request(&der);
	of_station(&station);
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

	connect_for(world, &ask, &raw);
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
	    WORLD_TEST(bodies_that_are_no_request),
	    WORLD_TEST(requests_of_another_kind),
	    WORLD_TEST(credentials_that_are_none),
	    WORLD_TEST(certificates_that_renew_nothing),
	    WORLD_TEST(a_stranger_s_certificate_does_not_spoil_a_token),
	    WORLD_TEST(refusals_leave_the_leaves_of_the_api),
	    WORLD_TEST(a_request_belongs_to_its_tls_session),
	    WORLD_TEST(the_port_for_old_clients_has_no_more_than_it_says),
	    WORLD_TEST(an_unlinkable_batch_is_refused_there),
	    WORLD_TEST(the_body_comes_in_one_record),
	};

	return cmocka_run_group_tests_name("hostile EST", tests, NULL, NULL);
}
