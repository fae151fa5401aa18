/*
 * own: a certificate of the service's own (its TLS, its OCSP responders), through the same line as
 * any other: a cert.issue leaf that commits to the TBS is recorded first, then the keeper signs.
 */
#ifndef CA_OWN_H
#define CA_OWN_H

#include "ca/issue.h"

struct own_request { /* all borrowed */
	const struct issue_request *issue;
	struct ledger *ledger;
	const struct rng *rng;
	const char *node; /* the leaf's actor */
};
/* Appends the certificate's DER. E_INTERNAL (see issue_prepare()), and the ledger's */
MUST_CHECK bool own_issue(
    const struct own_request *request, struct buf *out_der, struct error *err);

#endif
