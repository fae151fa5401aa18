/*
 * revoke_later: an officer's revocation holds although nothing can be recorded now.
 *
 * What is added is durable (provisioning/spool.h) and in force in this node before this returns:
 * verdicts, OCSP and the status set say revoked, and the next CRL has it (ca/crl_spooled.h). A
 * thread records it as soon as the ledger takes it: once, since the database knows the request's
 * id. Then come what needs the database: the device's other certificates, its tags, the leaves
 * (their `t` is when it was accepted) and the feed.
 */
#ifndef PROVISIONING_REVOKE_LATER_H
#define PROVISIONING_REVOKE_LATER_H

#include "ca/issuer.h"
#include "ca/status_copy.h"
#include "provisioning/revoke.h"

#define REVOKE_LATER_TRY_MS 1000 /* between two looks whether it can be recorded */

struct revoke_later_options {
	const char *path;              /* of the spool */
	const struct issuers *issuers; /* a serial number does not say whose it is */
	struct status_index *statuses;
	const struct clock *clock;
	/* What an older database has lost: in force at once, and recorded first. Borrowed during
	 * revoke_later_new(). */
	const struct status_entry *lost;
	size_t lost_count;
	struct status_copy *copy; /* told when that is on record; or NULL */
	const char *node;         /* in whose name that is recorded; may be NULL where none is */
};
/* Reads the spool, and puts what is in it in force. E_FILE_FAILED */
MUST_CHECK bool revoke_later_new(
    const struct revoke_later_options *options, struct revoke_later **out, struct error *err);
/* Starts to record. `service` is borrowed until revoke_later_end(). */
MUST_CHECK bool revoke_later_begin(
    struct revoke_later *later, const struct revoke_service *service, struct error *err);
void revoke_later_end(struct revoke_later *later); /* before its ledger goes; NULL is fine */
void revoke_later_free(struct revoke_later *later);

/* Whether such a request can be spooled: one serial number, to be revoked. `later` may be NULL. */
bool revoke_later_may(const struct revoke_later *later, const struct revoke_request *request);
/* E_UNKNOWN_CERTIFICATE (it cannot be a serial number of ours), E_RECORD_UNAVAILABLE */
MUST_CHECK bool revoke_later_add(struct revoke_later *later, const struct revoke_request *request,
    const char *id, struct error *err);
/* One that is not on record yet. `later` may be NULL. */
bool revoke_later_find(struct revoke_later *later, const char *id, struct revoke_record *out);

struct revoke_later_health { /* for /readyz and /metrics */
	size_t count;
	int64_t oldest_at_s; /* 0: none */
	bool damaged;
};
/* `later` may be NULL. */
void revoke_later_health(struct revoke_later *later, struct revoke_later_health *out);

#endif
