/* est_ask: requests of EST, and what has to hold of their refusal. */
#ifndef TESTS_HOSTILE_EST_ASK_H
#define TESTS_HOSTILE_EST_ASK_H

#include "tests/integration/hostile/world.h"

#define EST_ENROLL_EVENT "enroll.refused"

struct ask {              /* zero: nobody's simpleenroll into the batch, on the port of the API */
	SSL_CTX *context; /* NULL: `who`'s */
	enum who who;
	bool legacy;
	const char *operation;     /* NULL: simpleenroll */
	const char *type;          /* NULL: application/pkcs10 */
	const char *authorization; /* NULL: none */
	struct bytes body;
};

int est_port(const struct world *world, const struct ask *ask);
void est_connect(const struct world *world, const struct ask *ask, struct raw *out);
/* Status 0: there was no answer. */
void est_send(
    const struct world *world, struct raw *raw, const struct ask *ask, struct raw_answer *out);

/* Refused as wanted, recorded as wanted, nothing changed, others served. */
void judge_est(
    struct world *world, const char *claim, const struct ask *ask, const struct refusal *wanted);
void judge_est_enrolled(struct world *world, const char *claim, const struct ask *ask);

/* Authorization fields; a station's names new hardware. */
void est_basic(const char *user, const char *password, struct buf *out);
void est_of_station(struct buf *out);
void est_request(struct buf *out); /* a request for a new key, DER */

#endif
