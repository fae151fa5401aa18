#include "tests/integration/hostile/world.h"

#include <openssl/pem.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>

#include "base/defer_openssl.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"
#include "tests/unit/ca/request.h"

const char *
who_name(enum who who)
{
	static const char *const names[WHO_COUNT] = {[NOBODY] = "nobody",
	    [STATION] = "station",
	    [STATION2] = "station2",
	    [VERIFIER] = "verifier",
	    [OFFICER] = "officer",
	    [AUDITOR] = "auditor",
	    [LEGAL] = "legal",
	    [ADMIN] = "admin",
	    [DEVICE] = "device"};

	return names[who];
}

const char *
world_env(const char *name)
{
	const char *value = getenv(name);

	if (value == NULL)
		fail_msg("%s is not set: run this through run.sh", name);
	return value;
}

static int
port_of(const char *url)
{
	const char *colon = strrchr(url, ':');

	assert_non_null(colon);
	return (int)strtol(colon + 1, NULL, 10);
}

SSL_CTX *
world_context(X509 *certificate, EVP_PKEY *key)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	assert_non_null(context);
	/* What it sends is the service's business, not that of this library. */
	SSL_CTX_set_security_level(context, 0);
	if (certificate != NULL) {
		assert_int_equal(SSL_CTX_use_certificate(context, certificate), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(context, key), 1);
	}
	return context;
}

static SSL_CTX *
context_from_files(enum who who)
{
	SSL_CTX *context = world_context(NULL, NULL);
	char name[64];

	(void)snprintf(name, sizeof name, "MONIKER_%s_CERT", who_name(who));
	for (char *c = name; *c != '\0'; c++)
		if (*c >= 'a' && *c <= 'z')
			*c = (char)(*c - 'a' + 'A');
	assert_int_equal(SSL_CTX_use_certificate_chain_file(context, world_env(name)), 1);
	memcpy(strstr(name, "_CERT"), "_KEY", sizeof "_KEY");
	assert_int_equal(
	    SSL_CTX_use_PrivateKey_file(context, world_env(name), SSL_FILETYPE_PEM), 1);
	return context;
}

/* ---- the database ---- */

static PGresult *
query(const struct world *world, const char *sql, const char *const *values, int count)
{
	PGresult *result = PQexecParams(world->db, sql, count, NULL, values, NULL, NULL, 0);

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQerrorMessage(world->db));
	return result;
}

int64_t
world_count(const struct world *world, const char *sql)
{
	PGresult *result = query(world, sql, NULL, 0);
	const int64_t value = strtoll(PQgetvalue(result, 0, 0), NULL, 10);

	PQclear(result);
	return value;
}

static void
read_state(const struct world *world, char out[static STATE_MAX])
{
	/* clang-format off */
	static const char sql[] =
	    "SELECT concat_ws(' ',"
	    " 'devices', (SELECT count(*) FROM device),"
	    " 'keys', (SELECT count(*) FROM device_key),"
	    " 'tags', (SELECT count(*) FROM device_tag),"
	    " 'certificates', (SELECT count(*) FROM certificate),"
	    " 'renewals', (SELECT count(*) FROM renewal),"
	    " 'tokens', (SELECT concat(count(*), '/', count(*) FILTER (WHERE state = 'spent'), '/', count(*) FILTER (WHERE state = 'burnt')) FROM token),"
	    " 'batches', (SELECT concat(count(*), '/', sum(issued), '/', sum(quota)) FROM batch),"
	    " 'persons', (SELECT concat(count(*), '/', count(*) FILTER (WHERE active)) FROM person),"
	    " 'roles', (SELECT count(*) FROM person_role),"
	    " 'operators', (SELECT concat(count(*), '/', count(revoked_at_s)) FROM operator_certificate),"
	    " 'revocations', (SELECT count(*) FROM revocation),"
	    " 'changes', (SELECT concat(count(*), '/', (SELECT seq FROM status_head)) FROM status_change))";
	/* clang-format on */
	PGresult *result = query(world, sql, NULL, 0);

	(void)snprintf(out, STATE_MAX, "%s", PQgetvalue(result, 0, 0));
	PQclear(result);
}

void
state_remember(struct world *world)
{
	read_state(world, world->state);
}

void
judge_state(struct world *world, const char *claim)
{
	char now[STATE_MAX];

	read_state(world, now);
	JUDGE(world, claim, strcmp(now, world->state) == 0,
	    "the state changed\n  from %s\n  to   %s", world->state, now);
	memcpy(world->state, now, sizeof now);
}

void
recorded_read(const struct world *world, const char *event, const char *code, struct recorded *out)
{
	/* clang-format off */
	static const char sql[] =
	    "WITH one AS ("
	    " SELECT leaf->>'ev' AS ev, leaf->>'rc' AS rc, leaf->>'act' AS act, coalesce((leaf->>'cnt')::bigint, 1) AS n"
	    "  FROM (SELECT convert_from(body, 'UTF8')::jsonb AS leaf FROM audit_leaf WHERE seq >= $1) AS l"
	    "  WHERE leaf->>'out' = 'failure'"
	    " UNION ALL SELECT event, code, actor, refused_count FROM refusal_window)"
	    " SELECT coalesce(sum(n), 0), coalesce(sum(n) FILTER (WHERE ev = $2 AND rc = $3), 0)"
	    " FROM one WHERE act <> 'nobody'";
	/* clang-format on */
	char first[24];
	const char *const values[] = {first, event != NULL ? event : "", code != NULL ? code : ""};
	PGresult *result;

	(void)snprintf(first, sizeof first, "%lld", (long long)world->first_seq);
	result = query(world, sql, values, COUNT(values));
	out->all = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	out->wanted = strtoll(PQgetvalue(result, 0, 1), NULL, 10);
	PQclear(result);
}

void
judge_recorded(struct world *world, const char *claim, const char *event, const char *code,
    const struct recorded *before, int64_t count)
{
	struct recorded now;

	recorded_read(world, event, code, &now);
	JUDGE(world, claim, now.all - before->all == count && now.wanted - before->wanted == count,
	    "%lld refusals were recorded, %lld of them as %s %s; wanted %lld",
	    (long long)(now.all - before->all), (long long)(now.wanted - before->wanted),
	    event != NULL ? event : "-", code != NULL ? code : "-", (long long)count);
}

/* ---- requests ---- */

void
world_connect(const struct world *world, enum who who, struct raw *out)
{
	if (!raw_connect(out, world->tls_port, 0) || !raw_handshake(out, world->contexts[who]))
		fail_msg("no connection as %s: %s", who_name(who), raw_end_name(out->end));
}

/* Between requests nothing arrives but the end of an idle connection. */
static bool
is_kept(const struct raw *raw)
{
	struct pollfd one = {.fd = raw->fd, .events = POLLIN};

	return raw->fd > 0 && raw->end == RAW_OPEN && poll(&one, 1, 0) == 0;
}

static void
send_request(
    struct raw *raw, const char *method, const char *path, const char *type, struct bytes body)
{
	DEFER(buf_clear_public) struct buf out = {0};

	buf_append_format(
	    &out, "%s %s HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n", method, path);
	if (type != NULL)
		buf_append_format(
		    &out, "Content-Type: %s\r\nContent-Length: %zu\r\n", type, body.len);
	buf_append_text(&out, "\r\n");
	buf_append(&out, body);
	(void)raw_send(raw, buf_bytes(&out));
}

static bool
says_close(const struct raw_answer *answer)
{
	char value[16];

	raw_header(answer, "Connection", value, sizeof value);
	return strcmp(value, "close") == 0;
}

void
world_call(struct world *world, enum who who, const char *method, const char *path,
    const char *type, struct bytes body, struct raw_answer *out)
{
	struct raw *raw = &world->kept[who];

	if (!is_kept(raw)) {
		raw_clear(raw);
		world_connect(world, who, raw);
	}
	buf_truncate(&raw->got, 0);
	raw->read = 0;
	send_request(raw, method, path, type, body);
	if (!raw_answer(raw, strcmp(method, "HEAD") == 0, out))
		JUDGE(world, path, false, "no answer to %s as %s: %s", method, who_name(who),
		    raw_end_name(raw->end));
	else if (says_close(out))
		raw->end = RAW_CLOSED;
}

json_t *
answer_json(const struct raw_answer *answer)
{
	return json_loadb((const char *)answer->body.data, answer->body.len, 0, NULL);
}

json_t *
world_json(struct world *world, enum who who, const char *method, const char *path, json_t *body,
    int *out_status)
{
	char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
	struct raw_answer answer;

	world_call(world, who, method, path, text != NULL ? JSON_TYPE : NULL,
	    text != NULL ? bytes_of_text(text) : (struct bytes){0}, &answer);
	free(text);
	json_decref(body);
	*out_status = answer.status;
	return answer_json(&answer);
}

/* ---- enrollments ---- */

EVP_PKEY *
key_fresh(void)
{
	return request_key("prime256v1", 256);
}

void
csr_pem(struct bytes der, struct buf *out)
{
	pem_encode(out, "CERTIFICATE REQUEST", der);
}

void
mac_new(char out[static 18])
{
	const struct rng rng = rng_system();
	uint8_t octets[5];

	rng_fill(&rng, octets, sizeof octets);
	(void)snprintf(out, 18, "02:%02x:%02x:%02x:%02x:%02x", octets[0], octets[1], octets[2],
	    octets[3], octets[4]);
}

json_t *
enrollment_new(const struct world *world, EVP_PKEY *key)
{
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(buf_clear_public) struct buf pem = {0};
	EVP_PKEY *own = key != NULL ? NULL : key_fresh();
	char mac[18];

	request_make(key != NULL ? key : own, EVP_sha256(), &der);
	EVP_PKEY_free(own);
	csr_pem(buf_bytes(&der), &pem);
	mac_new(mac);
	return json_pack("{s:s, s:s, s:[{s:s, s:s}]}", "batch", world->batch, "csr", buf_text(&pem),
	    "hardware_ids", "type", "mac48", "value", mac);
}

/* ---- judgments ---- */

void
judge_problem_json(
    struct world *world, const char *claim, const json_t *problem, const struct refusal *wanted)
{
	const struct error_info *info = error_info(error_code_of(wanted->code));
	const char *type = json_string_value(json_object_get(problem, "type"));
	const char *title = json_string_value(json_object_get(problem, "title"));
	const char *code = json_string_value(json_object_get(problem, "code"));
	const char *id = json_string_value(json_object_get(problem, "request_id"));
	const json_t *errors = json_object_get(problem, "errors");
	const char *pointer =
	    json_string_value(json_object_get(json_array_get(errors, 0), "pointer"));
	static const char prefix[] = "urn:moniker:problem:";

	JUDGE(world, claim, code != NULL && strcmp(code, wanted->code) == 0, "code %s, wanted %s",
	    code != NULL ? code : "none", wanted->code);
	JUDGE(world, claim,
	    type != NULL && strncmp(type, prefix, sizeof prefix - 1) == 0 &&
		strcmp(type + sizeof prefix - 1, info->slug) == 0,
	    "type %s", type != NULL ? type : "none");
	JUDGE(world, claim, title != NULL && strcmp(title, info->title) == 0, "title %s",
	    title != NULL ? title : "none");
	JUDGE(world, claim,
	    json_integer_value(json_object_get(problem, "status")) == wanted->status,
	    "status %lld in the document, wanted %d",
	    (long long)json_integer_value(json_object_get(problem, "status")), wanted->status);
	JUDGE(world, claim, id != NULL && strlen(id) == 16, "request_id %s",
	    id != NULL ? id : "none");
	JUDGE(world, claim, json_is_string(json_object_get(problem, "detail")), "no detail");
	if (wanted->pointer == NULL)
		JUDGE(
		    world, claim, errors == NULL, "a pointer: %s", pointer != NULL ? pointer : "");
	else
		JUDGE(world, claim,
		    json_array_size(errors) == 1 && pointer != NULL && pointer[0] == '#' &&
			strcmp(pointer + 1, wanted->pointer) == 0,
		    "pointer %s, wanted #%s", pointer != NULL ? pointer : "none", wanted->pointer);
}

void
judge_problem(struct world *world, const char *claim, const struct raw_answer *answer,
    const struct refusal *wanted)
{
	char type[64], id[64];
	json_t *problem;

	JUDGE(world, claim, answer->status == wanted->status, "status %d, wanted %d: %.*s",
	    answer->status, wanted->status, (int)answer->body.len, (const char *)answer->body.data);
	if (answer->status != wanted->status)
		return;
	raw_header(answer, "Content-Type", type, sizeof type);
	raw_header(answer, "Moniker-Request-Id", id, sizeof id);
	problem = answer_json(answer);
	JUDGE(world, claim, strcmp(type, "application/problem+json") == 0, "content type %s", type);
	JUDGE(world, claim, problem != NULL, "no JSON: %.*s", (int)answer->body.len,
	    (const char *)answer->body.data);
	if (problem == NULL)
		return;
	judge_problem_json(world, claim, problem, wanted);
	JUDGE(world, claim,
	    strcmp(id, json_string_value(json_object_get(problem, "request_id"))) == 0,
	    "request_id is not that of the header, %s", id);
	json_decref(problem);
}

static bool
is_alive(struct raw *raw)
{
	struct raw_answer answer;

	send_request(raw, "GET", "/healthz", NULL, (struct bytes){0});
	return raw_answer(raw, false, &answer) && answer.status == 200;
}

void
judge_service(struct world *world, const char *claim)
{
	DEFER(raw_clear) struct raw fresh = {0};
	DEFER(buf_clear_public) struct buf path = {0};
	struct raw_answer answer;

	world_connect(world, NOBODY, &fresh);
	JUDGE(world, claim, is_alive(&fresh), "a new connection is not served");
	buf_append_format(&path, "/v1/batches/%s", world->batch);
	world_call(world, STATION, "GET", buf_text(&path), NULL, (struct bytes){0}, &answer);
	JUDGE(world, claim, answer.status == 200, "the station is not served: %d", answer.status);
}

void
judge_refused(struct world *world, const char *claim, enum who who, const char *method,
    const char *path, const char *type, struct bytes body, const struct refusal *wanted)
{
	struct raw *raw = &world->kept[who];
	struct recorded before;
	struct raw_answer answer;

	recorded_read(world, wanted->event, wanted->code, &before);
	world_call(world, who, method, path, type, body, &answer);
	judge_problem(world, claim, &answer, wanted);
	JUDGE(world, claim, raw->read == raw->got.len, "octets follow the answer");
	if (raw->end == RAW_OPEN)
		JUDGE(world, claim, is_alive(raw), "the connection serves no more");
	judge_recorded(
	    world, claim, wanted->event, wanted->code, &before, wanted->event != NULL ? 1 : 0);
	judge_state(world, claim);
	judge_service(world, claim);
}

/* ---- begin and end ---- */

static void
open_batch(struct world *world)
{
	const struct rng rng = rng_system();
	uint8_t random[6];
	char hex[13];
	int status;

	rng_fill(&rng, random, sizeof random);
	hex_encode(hex, bytes_of(random, sizeof random));
	(void)snprintf(world->batch, sizeof world->batch, "hostile-%s", hex);
	json_decref(world_json(world, ADMIN, "POST", "/v1/batches",
	    json_pack("{s:s, s:s, s:i}", "id", world->batch, "model", "Hostile", "quota", 10000),
	    &status));
	assert_int_equal(status, 201);
}

static void
enroll_device(struct world *world)
{
	json_t *answer;
	BIO *bio;
	int status;

	world->device_key = key_fresh();
	answer = world_json(world, STATION, "POST", "/v1/enrollments",
	    enrollment_new(world, world->device_key), &status);
	assert_int_equal(status, 201);
	bio = BIO_new_mem_buf(json_string_value(json_object_get(answer, "certificate")), -1);
	world->device = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	assert_non_null(world->device);
	BIO_free(bio);
	json_decref(answer);
	world->contexts[DEVICE] = world_context(world->device, world->device_key);
}

int
world_set_up(void **state)
{
	struct world *world = xcalloc(1, sizeof *world);

	*state = world;
	(void)signal(SIGPIPE, SIG_IGN); /* of OpenSSL, when the service has closed */
	world->tls_port = port_of(world_env("MONIKER_URL"));
	world->http_port = port_of(world_env("MONIKER_HTTP_URL"));
	world->contexts[NOBODY] = world_context(NULL, NULL);
	for (enum who who = STATION; who <= ADMIN; who++)
		world->contexts[who] = context_from_files(who);
	world->db = PQconnectdb(world_env("MONIKER_PGURL"));
	if (PQstatus(world->db) != CONNECTION_OK)
		fail_msg("%s", PQerrorMessage(world->db));
	world->first_seq = world_count(world, "SELECT max(size) FROM audit_log");
	open_batch(world);
	enroll_device(world);
	state_remember(world);
	return 0;
}

int
world_tear_down(void **state)
{
	struct world *world = *state;
	const unsigned failures = world->failures;

	for (int who = 0; who < WHO_COUNT; who++) {
		raw_clear(&world->kept[who]);
		SSL_CTX_free(world->contexts[who]);
	}
	X509_free(world->device);
	EVP_PKEY_free(world->device_key);
	PQfinish(world->db);
	free(world);
	return failures == 0 ? 0 : -1;
}
