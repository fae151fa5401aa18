/*
 * operator_grant: adding a person or a certificate, by whichever way: the rules, the TBS, the
 * leaves and the rows. What differs is who writes the leaves: the ledger, or a tool through the
 * outbox.
 */
#ifndef PROVISIONING_OPERATOR_GRANT_H
#define PROVISIONING_OPERATOR_GRANT_H

#include "ca/csr.h"
#include "provisioning/operator_store.h"

enum operator_decision {
	OPERATOR_REFUSE,
	OPERATOR_REPLAY,      /* this key is this person's already */
	OPERATOR_CERTIFICATE, /* one more certificate for a person with these roles */
	OPERATOR_PERSON,      /* a new person, or one who was removed and comes back */
};
/* *err is set for OPERATOR_REFUSE only; see operator_add() and operator_renew(). */
enum operator_decision operator_judge(
    const struct operator_known *known, const struct operator_request *request, struct error *err);

/* ^[A-Za-z0-9._@-]{1,64}$ E_BAD_SYNTAX with pointer /name */
MUST_CHECK bool operator_check_name(const char *name, struct error *err);

struct operator_grant {
	const struct operator_request *request;
	struct operator_known known; /* as prepared, and in the end as read under lock */
	char handle[HANDLE_TEXT_LEN +
		    1]; /* that the person has, or will have: it stands in the TBS */
	struct issued issued;
};
void operator_grant_begin(struct operator_grant *grant, const struct operator_request *request,
    const struct operator_known *known, const struct rng *rng);
void operator_grant_clear(struct operator_grant *grant);
DEFER_DECLARE_CLEAR(struct operator_grant, operator_grant_clear)

/* The certificate to be: checks the key and builds the TBS. E_WEAK_KEY, E_BAD_ALGORITHM */
MUST_CHECK bool operator_grant_issue(struct operator_grant *grant,
    const struct issuer *operators_ca, int64_t now_s, const struct rng *rng, struct error *err);

void operator_grant_leaf(struct leaf *out, const struct operator_grant *grant, int64_t now_s);
/* The keeper does not hold this authority's key: the commitment is all that goes into the log. */
void operator_grant_issue_leaf(struct leaf *out, const struct operator_grant *grant, int64_t now_s);

/* Person, roles and certificate. *out_written false: somebody else was first. */
MUST_CHECK bool operator_grant_write(struct tx *tx, const struct operator_grant *grant,
    int64_t now_s, bool *out_written, struct error *err);

#endif
