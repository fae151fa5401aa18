/* revoke: an officer changes the status of a device, all its certificates with it. */
#ifndef PROVISIONING_REVOKE_H
#define PROVISIONING_REVOKE_H

#include "ca/crl.h"
#include "ca/status.h"
#include "ca/status_index.h"
#include "provisioning/enroll.h"

enum revoke_select { REVOKE_BY_SERIAL, REVOKE_BY_PSEUDONYM, REVOKE_BY_HANDLE };
enum revoke_detail {
	REVOKE_NO_DETAIL,
	REVOKE_LOST,
	REVOKE_CLONE,
	REVOKE_POLICY,
	REVOKE_REGULATOR,
	REVOKE_DECOMMISSIONED
};
bool revoke_detail_of(const char *name, enum revoke_detail *out);
const char *revoke_detail_name(enum revoke_detail detail); /* NULL: none */

struct revoke_later; /* provisioning/revoke_later.h */

struct pseudonym_revoker; /* provisioning/pseudonym_revoke.h */
struct revoke_service {
	struct db *db;
	struct ledger *ledger;
	const struct ledger_kind *kind;
	struct crl_publisher *crls;    /* woken after a change; may be NULL */
	struct status_index *statuses; /* answers by a change before this returns; may be NULL */
	const struct pseudonym_revoker *pseudonyms; /* of the unlinkable mode; may be NULL */
	const struct clock *clock;
	const struct rng *rng;
	struct revoke_later *later; /* takes what cannot be recorded now; NULL: that is refused */
};
struct revoke_request {
	enum revoke_select select;
	const char *value; /* as given: hex serial, UUID, handle */
	enum status_action action;
	enum reason reason;
	enum revoke_detail detail;
	bool dry_run;
	int64_t officer_person; /* 0: nobody's request, so none is kept to be asked for */
	const char *actor;      /* "officer:<handle>"; "system:<node>" */
	const char
	    *spooled_id; /* accepted before, and not on record then, under this id; or NULL */
	int64_t since_s; /* in force since then already; 0: from now on */
};
struct revoke_result {
	char id[HANDLE_TEXT_LEN + 1];
	bool applied;              /* false: a preview, or: */
	bool spooled;              /* in force here, and recorded as soon as that is possible */
	int64_t certificate_count; /* that change state: CRL growth in entries */
	int64_t first_seq;         /* of its leaves in this node's log, in a row */
	size_t leaf_count;         /* 0: it was so already */
	char pseudonym[UUID_TEXT_LEN + 1];
	enum device_state before, after;
};
/*
 * Not just `revoke`: <unistd.h> has a function of that name.
 * E_UNKNOWN_DEVICE, E_UNKNOWN_CERTIFICATE, E_STATE_CONFLICT, E_BAD_SYNTAX (the value's form, or a
 * hold as the reason of a revocation). While nothing can be recorded, the revocation of a serial
 * number is spooled; anything else is E_DATABASE_UNAVAILABLE or E_RECORD_UNAVAILABLE.
 */
MUST_CHECK bool revoke_device(const struct revoke_service *service,
    const struct revoke_request *request, struct revoke_result *out, struct error *err);
/*
 * Records what was spooled, once: a request that is on record already, applied or refused, is true
 * again. *out_refused: what there was against it, on record too; or E_NONE.
 * E_DATABASE_UNAVAILABLE, E_RECORD_UNAVAILABLE, E_KEEPER_UNAVAILABLE, E_BUSY: not yet
 */
MUST_CHECK bool revoke_replay(const struct revoke_service *service,
    const struct revoke_request *request, struct error *out_refused, struct error *err);
/*
 * Records again what an older database has lost (ca/status_copy.h): a serial number that was
 * revoked or held. The rest as above.
 */
MUST_CHECK bool revoke_again(const struct revoke_service *service,
    const struct revoke_request *request, struct error *out_refused, struct error *err);
/* A request by its id. E_NOT_FOUND */
struct revoke_record {
	char id[HANDLE_TEXT_LEN + 1];
	enum revoke_outcome { REVOKE_APPLIED, REVOKE_REFUSED, REVOKE_SPOOLED } outcome;
	enum status_action action;
	enum reason reason;
	int64_t count;
	int64_t at_s;
};
MUST_CHECK bool revoke_get(const struct revoke_service *service, const char *id,
    struct revoke_record *out, struct error *err);

struct ledger_kind *revoke_kind_new(void);
void revoke_kind_free(struct ledger_kind *kind);
const struct stmt *const *revoke_statements(void);

#endif
