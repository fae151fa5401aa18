/*
 * crl: certificate revocation lists, RFC 5280 section 5, streamed as DER and signed by the keeper.
 *
 * A publisher thread rebuilds a CRL after a change (at most once a second) and every hour;
 * thisUpdate now, nextUpdate 24 h. Numbers come from the database and never go back; one node
 * holds the lease while it builds. Readers get the newest from memory. A failed build never fails
 * a revocation: it is logged, recorded as crl.fail, and tried again.
 */
#ifndef CA_CRL_H
#define CA_CRL_H

#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"
#include "ca/issuer.h"
#include "db/ledger.h"
#include "keeper/client.h"

struct crl_publisher;
struct crl_options {
	struct db *db;
	struct issuers *issuers; /* read again here, when they have changed */
	struct keeper_client *keeper;
	struct ledger *ledger; /* for crl.publish and crl.fail leaves (audit/note.h: note_record) */
	const struct clock *clock;
	const char *node; /* names the lease and the leaf's actor */
};
MUST_CHECK bool crl_publisher_new(
    const struct crl_options *options, struct crl_publisher **out, struct error *err);
void crl_publisher_free(struct crl_publisher *publisher);
DEFER_DECLARE(struct crl_publisher, crl_publisher_free)
/* A status has changed: build soon. Any thread; never blocks. */
void crl_publisher_wake(struct crl_publisher *publisher);

/* Appends the DER in force. E_NOT_FOUND: no such issuer or shard, or none built yet */
struct crl_info {
	uint64_t number;
	int64_t this_update_s, next_update_s;
	size_t der_len; /* octets */
};
MUST_CHECK bool crl_get(struct crl_publisher *publisher, const char *issuer_id_text, int shard,
    struct buf *out_der, struct crl_info *out_info, struct error *err);
/*
 * The i-th CRL that this service answers for; false: there are no more. *out_info is zero while
 * it has not been built.
 */
bool crl_at(struct crl_publisher *publisher, size_t i, const struct issuer **out_issuer,
    int *out_shard, struct crl_info *out_info);
/* The oldest thisUpdate among the CRLs that this service builds, for /readyz; 0 while one is
 * missing. */
int64_t crl_oldest_update_s(struct crl_publisher *publisher);

/*
 * A root's CRL, made offline with its key (moniker init, moniker ca crl). Appends the signed DER.
 * It has no issuingDistributionPoint: verifiers that check all CRLs (OpenSSL, nginx) look the root
 * itself up in it, and the root has no CDP that such a point could match.
 */
struct key;
MUST_CHECK bool crl_build_root(const struct tbs_issuer *root, const struct key *key,
    uint64_t number, int64_t this_update_s, int64_t next_update_s, struct buf *out_der,
    struct error *err);

const struct stmt *const *crl_statements(void);

#endif
