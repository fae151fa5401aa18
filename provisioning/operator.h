/*
 * operator: persons and stations, their roles and their certificates of the Operators CA.
 *
 * A certificate carries CN=<person handle> and nothing else; roles are read from the database.
 * A CSR is recorded as pending with its TBS and its cert.issue leaf; `moniker operator sign`, on
 * the host that holds the Operators CA key, signs exactly the pending TBSs.
 */
#ifndef PROVISIONING_OPERATOR_H
#define PROVISIONING_OPERATOR_H

#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"
#include "ca/issue.h"
#include "db/ledger.h"

#define OPERATOR_NAME_MAX 64

enum operator_role {
	ROLE_STATION = 1 << 0,
	ROLE_VERIFIER = 1 << 1,
	ROLE_OFFICER = 1 << 2,
	ROLE_AUDITOR = 1 << 3,
	ROLE_LEGAL = 1 << 4,
	ROLE_ADMIN = 1 << 5,
};
#define ROLE_COUNT 6
const char *operator_role_name(unsigned role); /* one bit */
bool operator_role_of(const char *name, unsigned *out);

struct operator_person {
	int64_t id;
	char handle[HANDLE_TEXT_LEN + 1];
	char name[OPERATOR_NAME_MAX + 1];
	unsigned roles;
	bool active;
	int64_t created_at_s;
	int64_t not_after_s; /* of the newest signed certificate; 0: none */
	bool pending;        /* a certificate waits for `moniker operator sign` */
};

struct operator_service {
	struct db *db;
	struct ledger *ledger;
	const struct issuers *issuers;
	const struct clock *clock;
	const struct rng *rng;
};
struct operator_request {
	const char *name;
	unsigned roles; /* may be 0 for another certificate of an existing person */
	const struct csr *csr;
	const char *actor; /* "admin:<handle>" */
	/* A renewal: serial of the person's certificate that asks for it; or NULL. */
	const uint8_t *renews;
};
struct operator_pending {
	struct operator_person person;
	uint8_t serial[SERIAL_BYTES];
	bool created; /* false: the same request again */
};
/*
 * Records person, roles and a pending certificate: leaves admin.grant (when roles are given) and
 * cert.issue. A person who was removed comes back under the same handle.
 * E_STATE_CONFLICT  the person has other roles; E_INCOMPLETE a new person without roles;
 * E_BAD_SYNTAX (the name); E_KEY_REUSED; E_WEAK_KEY, E_BAD_ALGORITHM
 */
MUST_CHECK bool operator_add(const struct operator_service *service,
    const struct operator_request *request, struct operator_pending *out, struct error *err);
/*
 * The next certificate of whoever holds the one with the serial `request->renews`, which stays good
 * until its end; name and roles are found, not asked for. A key has one certificate for ever: the
 * next one needs another key, and the same key again gets what is recorded (created false).
 * E_KEY_REUSED; E_STATE_CONFLICT   another certificate of the person waits for its signature;
 * E_CALLER_UNKNOWN, E_CALLER_REVOKED; E_WEAK_KEY, E_BAD_ALGORITHM
 */
MUST_CHECK bool operator_renew(const struct operator_service *service,
    const struct operator_request *request, struct operator_pending *out, struct error *err);

struct operator_renewal {
	uint8_t serial[SERIAL_BYTES];
	uint8_t issuer[ISSUER_ID_BYTES];
	int64_t not_after_s;
	struct buf certificate; /* DER; empty while it waits for its signature */
};
void operator_renewal_clear(struct operator_renewal *renewal);
DEFER_DECLARE_CLEAR(struct operator_renewal, operator_renewal_clear)
/* Of this person's certificates the one with this serial. E_NOT_FOUND: or it was taken away */
MUST_CHECK bool operator_renewal_find(struct db *db, int64_t person,
    const uint8_t serial[static SERIAL_BYTES], struct operator_renewal *out, struct error *err);

/* Takes roles and certificates away: leaf admin.grant (d: removed 1). E_NOT_FOUND;
 * E_STATE_CONFLICT: the last admin */
MUST_CHECK bool operator_remove(
    const struct operator_service *service, const char *name, const char *actor, struct error *err);
/* In order of id, after `after_id`; those who were removed are among them (active false). */
MUST_CHECK bool operator_list(struct db *db, int64_t after_id, size_t limit,
    struct operator_person *out, size_t *out_count, struct error *err);
/* E_NOT_FOUND */
MUST_CHECK bool operator_get(
    struct db *db, const char *name, struct operator_person *out, struct error *err);
/* Appends the certificate's DER; nothing while it is pending. E_NOT_FOUND */
MUST_CHECK bool operator_certificate_find(struct db *db, const uint8_t serial[static SERIAL_BYTES],
    struct buf *out_der, struct error *err);
/* The newest signed certificate of the person; nothing while there is none. */
MUST_CHECK bool operator_certificate_newest(
    struct db *db, const char *name, struct buf *out_der, struct error *err);

/* Who holds the certificate with this serial: E_CALLER_UNKNOWN (no row), E_CALLER_REVOKED. */
MUST_CHECK bool operator_find_caller(struct db *db, const uint8_t serial[static SERIAL_BYTES],
    struct operator_person *out, struct error *err);
MUST_CHECK bool operator_generation(struct db *db, int64_t *out, struct error *err);
/* The certificates of all persons and stations now, by serial: at most OPERATOR_CALLERS_MAX. The
 * caller frees *out (mem_free). */
#define OPERATOR_CALLERS_MAX 16384
struct operator_caller {
	uint8_t serial[SERIAL_BYTES];
	int64_t person;
	unsigned roles;
	char handle[HANDLE_TEXT_LEN + 1];
};
MUST_CHECK bool operator_list_callers(
    struct db *db, struct operator_caller **out, size_t *out_count, struct error *err);

/* ---- on the host, without the service: `moniker init` and `moniker operator sign` ---- */

/* Person, roles, pending certificate and outbox leaves, in the caller's transaction. */
MUST_CHECK bool operator_add_offline(struct tx *tx, const struct issuer *operators_ca,
    const struct operator_request *request, const struct clock *clock, const struct rng *rng,
    struct operator_pending *out, struct error *err);

struct operator_unsigned {
	uint8_t serial[SERIAL_BYTES];
	uint8_t issuer[ISSUER_ID_BYTES];
	struct buf tbs; /* the caller clears it */
	char name[OPERATOR_NAME_MAX + 1];
	unsigned roles;
};
MUST_CHECK bool operator_list_unsigned(
    struct tx *tx, struct operator_unsigned *out, size_t max, size_t *out_count, struct error *err);
/* E_NOT_FOUND: no such certificate, or it has its signature, or it was taken away meanwhile */
MUST_CHECK bool operator_keep_signature(struct tx *tx, const uint8_t serial[static SERIAL_BYTES],
    struct bytes signature, struct error *err);

const struct stmt *const *operator_statements(void);

#endif
