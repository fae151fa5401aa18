/*
 * crl: certificate revocation lists, RFC 5280 section 5, streamed as DER and signed by the keeper.
 *
 * A publisher thread builds for each shard of each authority a full CRL and a delta CRL to an
 * earlier full one: after a change (the delta within a second; the full one, too, if it is short,
 * see BUILD_EVERY_MS) and every hour; thisUpdate now, nextUpdate 24 h. Numbers come from the
 * database, are shared by both and never go back; one node holds the lease while it builds.
 * Without database or log, what is spooled is put on lists that are made from those in force
 * (ca/crl_spooled.h). Readers get the newest from the page cache. A failed build never fails a
 * revocation: it is logged, recorded as crl.fail, told by /readyz and metrics, and tried again.
 */
#ifndef CA_CRL_H
#define CA_CRL_H

#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"
#include "ca/crl_build.h"
#include "ca/crl_file.h"
#include "ca/crl_store.h"
#include "ca/issuer.h"
#include "ca/status_index.h"
#include "db/ledger.h"
#include "keeper/client.h"

struct crl_publisher;
struct crl_options {
	/* NULL: none is there. What was kept of the lists is served (ca/crl_kept.h), and none is
	 * built; `keeper` and `ledger` are not used. */
	struct db *db;
	struct issuers *issuers; /* read again here, when they have changed */
	struct keeper_client *keeper;
	struct status_index *statuses; /* what is spooled; or NULL: nothing */
	struct ledger *ledger; /* for crl.publish and crl.fail leaves (audit/note.h: note_record) */
	const struct clock *clock;
	const char *node; /* names the lease and the leaf's actor */
	const char *dir;  /* where finished lists lie, in files without a name, and are kept */
};
MUST_CHECK bool crl_publisher_new(
    const struct crl_options *options, struct crl_publisher **out, struct error *err);
void crl_publisher_free(struct crl_publisher *publisher);
DEFER_DECLARE(struct crl_publisher, crl_publisher_free)
/* A status has changed: build soon. Any thread; never blocks. */
void crl_publisher_wake(struct crl_publisher *publisher);

struct crl_info {
	uint64_t number; /* 0: none yet */
	int64_t this_update_s, next_update_s;
	size_t der_len; /* octets */
	struct crl_ours ours;
};
/* A list in force, for as long as it is held. */
struct crl_view {
	struct crl_file *der;
	struct crl_file *gzip; /* the same, compressed; NULL: not yet, or not worth it */
	struct crl_info info;
};
void crl_view_clear(struct crl_view *view);
DEFER_DECLARE_CLEAR(struct crl_view, crl_view_clear)
/* No copy. E_NOT_FOUND: no such issuer or shard, or none built yet */
MUST_CHECK bool crl_get(struct crl_publisher *publisher, const char *issuer_id_text, int shard,
    enum crl_kind kind, struct crl_view *out, struct error *err);

struct crl_state { /* of one shard */
	const struct issuer *issuer;
	int shard;
	struct crl_info lists[CRL_KIND_COUNT];
	int64_t failures;        /* builds that failed since the start */
	enum error_code failing; /* why the last one did; E_NONE: it did not */
};
/* The i-th that this service answers for; false: there are no more. */
bool crl_at(struct crl_publisher *publisher, size_t i, struct crl_state *out);
/* The oldest thisUpdate among the full CRLs that this service builds, for /readyz; 0 while one is
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
