/*
 * enroll: from a station's or token holder's request to a recorded, signed certificate.
 *
 * The straight line: who asks, what batch, whose key, which hardware, draw and build, submit to the
 * ledger (decide.c judges there, against the locked rows), encode.
 */
#ifndef PROVISIONING_ENROLL_H
#define PROVISIONING_ENROLL_H

#include "ca/csr.h"
#include "ca/issue.h"
#include "ca/status_index.h"
#include "keeper/client.h"
#include "provisioning/batch.h"
#include "provisioning/hwid.h"
#include "provisioning/seats.h"
#include "provisioning/shred.h"

struct enroll_service {
	struct db *db;
	struct ledger *ledger;
	struct keeper_client *keeper;
	const struct issuers *issuers;
	struct batch_cache *batches;
	const struct ledger_kind *kind; /* enroll_kind_new() */
	struct status_index *statuses;  /* answers by a replacement before this returns; or NULL */
	const struct clock *clock;
	const struct rng *rng;
	struct seats *seats; /* for batches with escrow; NULL, and `shred`: there are none */
	struct shred *shred;
};

struct enroll_hardware_id {
	struct bytes type, value;
}; /* borrowed from the request */

/* What a station that keeps hardware ids to itself sends instead of them. */
struct enroll_hardware_tags {
	uint8_t kid;
	uint8_t tags[HWID_COUNT_MAX][TAG_BYTES];
	size_t count; /* 0: hardware ids, or nothing */
};

struct enroll_request {
	/* who: a station (person id and handle), or nobody and a token */
	int64_t station_person;     /* 0: none */
	const char *station_handle; /* for the leaf's actor */
	const char *token;          /* or NULL; with a station and a token, the token counts */
	const char *batch;          /* name; NULL with a token: the token's own */
	struct bytes csr;           /* PEM or base64 or DER */
	struct enroll_hardware_id hardware_ids[HWID_COUNT_MAX];
	size_t hardware_id_count;
	struct enroll_hardware_tags hardware_tags;
	struct bytes sealed; /* base64 of the record that a blind station sealed; empty: none */
	bool replace;
	const char *profile; /* or NULL: the batch's */
	/* of the TLS session, or NULL: a channel binding in the CSR is not looked at (csr.h) */
	const struct bytes *binding;
	bool shown; /* who asks is seen by all that listen: no unlinkable batch */
};

struct enrolled {
	bool created; /* false: a replay, this is the recorded certificate */
	char pseudonym[UUID_TEXT_LEN + 1];
	uint8_t serial[SERIAL_BYTES];
	struct buf certificate; /* DER */
	const struct issuer *issuer;
	int64_t not_before_s, not_after_s, renew_after_s;
	bool has_proof; /* asked for; empty: it cannot be had now */
	struct buf proof;
};
void enrolled_clear(struct enrolled *enrolled);
DEFER_DECLARE_CLEAR(struct enrolled, enrolled_clear)

/* One request. Refusals have err->recorded set when the ledger wrote them. */
MUST_CHECK bool enroll(const struct enroll_service *service, const struct enroll_request *request,
    struct enrolled *out, struct error *err);

/* Many at once (NDJSON): prepared on a few threads, submitted together; errs[i] is each one's
 * outcome. */
#define ENROLL_MANY_MAX 1000
struct work_pool; /* base/work.h */
MUST_CHECK bool enroll_many(const struct enroll_service *service, struct work_pool *pool,
    const struct enroll_request *requests, size_t count, struct enrolled *outs, struct error *errs,
    struct error *err);

/* The ledger kind of enrollments; lives as long as the service. */
struct ledger_kind *enroll_kind_new(void);
void enroll_kind_free(struct ledger_kind *kind);
const struct stmt *const *enroll_statements(void);
const struct stmt *const *enroll_write_statements(void);

#endif
