/*
 * world: the running service as these tests meet it: who may call, what is in its database, and
 * how a refusal has to look. Judgments count failures and go on, so that one run names every row
 * that is wrong; the teardown fails the test when there was one.
 */
#ifndef TESTS_HOSTILE_WORLD_H
#define TESTS_HOSTILE_WORLD_H

#include "tests/support/cmocka_all.h"

#include <jansson.h>
#include <libpq-fe.h>

#include "tests/integration/hostile/rawhttp.h"

enum who { NOBODY, STATION, STATION2, VERIFIER, OFFICER, AUDITOR, LEGAL, ADMIN, DEVICE, WHO_COUNT };
const char *who_name(enum who who); /* as audit leaves spell the role */

#define STATE_MAX 512
struct world {
	int tls_port, http_port;
	SSL_CTX *contexts[WHO_COUNT];
	struct raw kept[WHO_COUNT]; /* a connection that all requests of this caller share */
	PGconn *db;
	int64_t first_seq; /* leaves from here on are ours */
	char batch[64];    /* open, of our own */
	EVP_PKEY *device_key;
	X509 *device;
	char state[STATE_MAX];
	unsigned failures;
};

/* Set up: a batch is open and DEVICE is enrolled. Torn down: fails the test if a judgment did. */
int world_set_up(void **state);
int world_tear_down(void **state);
#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)
const char *world_env(const char *name); /* of the service's environment file; it has to be there */
SSL_CTX *world_context(X509 *certificate, EVP_PKEY *key); /* NULL, NULL: nobody's */

/* Says what is wrong and counts it. */
#define JUDGE(world, claim, holds, ...)               \
	do {                                          \
		if (!(holds)) {                       \
			(world)->failures++;          \
			print_error("%s: ", (claim)); \
			print_error(__VA_ARGS__);     \
			print_error("\n");            \
		}                                     \
	} while (0)

/* ---- requests ---- */

void world_connect(const struct world *world, enum who who, struct raw *out); /* new */
/* On the caller's kept connection, which is made anew only where the service may have closed it
 * for idleness. The answer is borrowed until the next request. `type` NULL: no body. */
void world_call(struct world *world, enum who who, const char *method, const char *path,
    const char *type, struct bytes body, struct raw_answer *out);
#define JSON_TYPE "application/json"
#define NDJSON_TYPE "application/x-ndjson"
/* The same with JSON, which is taken over; the answer's JSON is the caller's to free, or NULL. */
json_t *world_json(struct world *world, enum who who, const char *method, const char *path,
    json_t *body, int *out_status);
json_t *answer_json(const struct raw_answer *answer);

/* The body of a good enrollment into the batch: a new key, new hardware. */
json_t *enrollment_new(const struct world *world, EVP_PKEY *key);
EVP_PKEY *key_fresh(void); /* P-256 */
void csr_pem(struct bytes der, struct buf *out);
void mac_new(char out[static 18]);

/* ---- what has to hold ---- */

struct refusal {
	int status;
	const char *code;
	const char *pointer; /* of errors[0], "/csr"; NULL: there is no `errors` */
	const char *event;   /* of the leaf that it leaves; NULL: none in a known caller's name */
};

/* A problem document (RFC 9457) that says exactly this. */
void judge_problem(struct world *world, const char *claim, const struct raw_answer *answer,
    const struct refusal *wanted);
void judge_problem_json(
    struct world *world, const char *claim, const json_t *problem, const struct refusal *wanted);

/* What the log holds against known callers: all, and of this event and reason. */
struct recorded {
	int64_t all, wanted;
};
void recorded_read(
    const struct world *world, const char *event, const char *code, struct recorded *out);
/* Since `before`: `count` more of them, and nothing else. */
void judge_recorded(struct world *world, const char *claim, const char *event, const char *code,
    const struct recorded *before, int64_t count);

/* Devices, certificates, keys, tags, tokens, quota, persons, status: as when last remembered. */
void state_remember(struct world *world);
void judge_state(struct world *world, const char *claim);
/* A new connection is served, and so is the station's kept one. */
void judge_service(struct world *world, const char *claim);

/* One request: refused as wanted, recorded as wanted, nothing changed, others served. */
void judge_refused(struct world *world, const char *claim, enum who who, const char *method,
    const char *path, const char *type, struct bytes body, const struct refusal *wanted);

int64_t world_count(const struct world *world, const char *sql); /* one row, one column */

#endif
