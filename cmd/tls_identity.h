/*
 * tls_identity: the service's own TLS key and certificate.
 *
 * The certificate comes from the Service TLS CA through the same line as any other: a cert.issue
 * leaf that commits to the TBS is recorded first, then the keeper signs. Renewed at two thirds.
 */
#ifndef CMD_TLS_IDENTITY_H
#define CMD_TLS_IDENTITY_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "ca/issuer.h"
#include "db/ledger.h"

struct tls_identity_options {
	const char *state_dir;    /* tls.key, tls.pem */
	const char *server_names; /* comma-separated DNS names and addresses */
	const char *node;
	int64_t validity_s; /* 0: the profile's */
	const struct issuers *issuers;
	struct ledger *ledger; /* NULL: none can be made, and one that is due will do */
	const struct clock *clock;
	const struct rng *rng;
};
struct tls_identity {
	struct buf certificate_pem; /* chain, leaf first */
	struct buf key_pem;
	int64_t not_after_s, renew_at_s;
	const struct issuer *issuer; /* borrowed; due as well when another one is active */
};
void tls_identity_clear(struct tls_identity *identity); /* wipes */
/* Moves *fresh, which is empty after. */
void tls_identity_replace(struct tls_identity *identity, struct tls_identity *fresh);
DEFER_DECLARE_CLEAR(struct tls_identity, tls_identity_clear)

/*
 * The one in state_dir, or a new one when there is none, it is due, or it names other hosts.
 * E_FILE_FAILED, E_CONFIG_INVALID (server_names), and the ledger's; E_DATABASE_UNAVAILABLE: one is
 * needed, and there is no ledger
 */
MUST_CHECK bool tls_identity_get(
    const struct tls_identity_options *options, struct tls_identity *out, struct error *err);

#endif
