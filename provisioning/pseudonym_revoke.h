/*
 * pseudonym_revoke: the end of a device of the unlinkable mode, by any one of its certificates.
 *
 * Whoever reads feed and CRLs must not learn from it which pseudonyms were one device's. So only
 * the certificate that was named is revoked at once; the device is blocked by a keyed hash, in a
 * transaction of its own, and gets no more pseudonyms; the others that it holds follow at the next
 * tick (provisioning/pseudonym_ticks.h), with those of all who were blocked since the last.
 */
#ifndef PROVISIONING_PSEUDONYM_REVOKE_H
#define PROVISIONING_PSEUDONYM_REVOKE_H

#include "provisioning/pseudonym.h"
#include "provisioning/revoke.h"

#define PSEUDONYM_TICK_DEFAULT_S 300

struct pseudonym_revoker {
	struct db *db;
	struct ledger *ledger;
	struct keeper_client *keeper;
	struct crl_publisher *crls;    /* woken after a change; may be NULL */
	struct status_index *statuses; /* answers by a change before this returns; may be NULL */
	int64_t tick_s;
	const struct clock *clock;
	const struct rng *rng;
};

/*
 * *out_found false: the request names no certificate of a Pseudonym CA, and nothing was done.
 * E_STATE_CONFLICT: the action is not revoke. The value's form is the caller's to check.
 */
MUST_CHECK bool pseudonym_revoke(const struct pseudonym_revoker *service,
    const struct revoke_request *request, struct revoke_result *out, bool *out_found,
    struct error *err);

/* ---- what the ticks do ---- */

struct pseudonym_block {
	int64_t device;                  /* when link is NULL */
	const uint8_t *link, *of_serial; /* or a link of it, and whose that is */
	const char *actor;  /* of the leaf; NULL: none, the device's revocation has one */
	enum reason reason; /* of the leaf */
};
MUST_CHECK bool pseudonym_block(const struct pseudonym_revoker *service,
    const struct pseudonym_block *block, struct error *err);

struct pseudonym_target { /* a certificate that is to be revoked */
	uint8_t serial[SERIAL_BYTES];
	uint8_t issuer[ISSUER_ID_BYTES];
	char handle[HANDLE_TEXT_LEN + 1];
	uint8_t pseudonym[UUID_BYTES];
	uint8_t link[LINK_BYTES];
	int64_t not_after_s;
	enum reason reason;
};
MUST_CHECK bool pseudonym_revoke_all(const struct pseudonym_revoker *service,
    const struct pseudonym_target *targets, size_t count, struct error *err);

const struct stmt *const *pseudonym_revoke_statements(void);

#endif
