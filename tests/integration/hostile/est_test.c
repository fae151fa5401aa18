/* EST: bodies and credentials that are not what they should be. */
#include "base/defer_openssl.h"
#include "tests/integration/hostile/est_ask.h"
#include "tests/integration/hostile/forge.h"

#include <stdlib.h>

#include "base/text.h"

#define LOGIN_EVENT "admin.login.refused"

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
	static const struct refusal bad = {400, "BAD_SYNTAX", NULL, EST_ENROLL_EVENT};
	DEFER(buf_clear_public) struct buf station = {0};

	est_of_station(&station);
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

	est_request(&der);
	est_request(&other);
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
	static const struct refusal type = {415, "BAD_TYPE", NULL, EST_ENROLL_EVENT};
	static const struct refusal proof = {422, "BAD_PROOF", NULL, EST_ENROLL_EVENT};
	static const struct refusal large = {413, "TOO_LARGE", NULL, NULL};
	struct world *world = *state;
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(buf_clear_public) struct buf station = {0};
	DEFER(buf_clear_public) struct buf much = {0};
	struct ask ask = {.who = STATION, .type = "application/json"};

	est_request(&der);
	est_of_station(&station);
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
	static const struct refusal hardware = {422, "HARDWARE_ID_INVALID", NULL, EST_ENROLL_EVENT};
	static const struct refusal role = {403, "ROLE_DENIED", NULL, LOGIN_EVENT};
	struct world *world = *state;
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(buf_clear_public) struct buf field = {0};
	struct ask ask = {.who = NOBODY};
	char *token = mint(world);

	est_request(&der);
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
	est_basic("mac48=02aabbccdd10", "", &field);
	ask.authorization = buf_text(&field);
	judge_est(world, "hardware is no credential", &ask, &needed);
	est_basic("x", "secret", &field);
	ask.authorization = buf_text(&field);
	judge_est(world, "a password", &ask, &forged);
	est_basic(token, "x", &field);
	ask.authorization = buf_text(&field);
	judge_est(world, "the token for a name", &ask, &forged);
	token[8] = token[8] == 'A' ? 'B' : 'A';
	est_basic("x", token, &field);
	ask.authorization = buf_text(&field);
	judge_est(world, "a forged token", &ask, &forged);
	buf_truncate(&field, 0);
	buf_append_text(&field, "Basic ");
	while (field.len < 4000)
		buf_append_text(&field, "eDp5");
	ask.authorization = buf_text(&field);
	judge_est(world, "more than is read", &ask, &syntax);

	ask.who = STATION;
	est_basic("mac48=02aabbccdd10,serial=7", "", &field);
	ask.authorization = buf_text(&field);
	judge_est(world, "hardware that there is not", &ask, &hardware);
	est_basic("mac48=00:00:00:00:00:00", "", &field);
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

	est_request(&der);
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
	est_request(&der);
	ask.body = buf_bytes(&der);
	judge_est(world, "without a token", &ask, &unknown);
	mac_new(mac);
	(void)snprintf(user, sizeof user, "mac48=%s", mac);
	est_basic(user, token, &field);
	ask.authorization = buf_text(&field);
	judge_est_enrolled(world, "with one", &ask);
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
	est_basic(user, "", &field);
	ask.authorization = buf_text(&field);
	est_connect(world, &ask, &raw);
	est_send(world, &raw, &ask, &answer);
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
	est_basic(user, "", &field);
	est_request(&der);
	est_request(&twin);
	ask.body = buf_bytes(&der);
	ask.authorization = buf_text(&field);
	judge_est_enrolled(world, "the first of its hardware", &ask);
	judge_alike(world, "a duplicate", buf_bytes(&twin), mac, 409);
	judge_alike(world, "a key for other hardware", buf_bytes(&der), "02:0d:0e:0f:00:01", 409);
	judge_alike(world, "no hardware", buf_bytes(&twin), "02:00", 422);
	twin.data[twin.len - 1] ^= 1;
	judge_alike(world, "no proof", buf_bytes(&twin), "02:0d:0e:0f:00:02", 422);
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
	};

	return cmocka_run_group_tests_name("hostile EST", tests, NULL, NULL);
}
