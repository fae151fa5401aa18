/*
 * ocsp_signers: the OCSP responders of this process: for each authority with OCSP a key that lives
 * in this memory alone, new at every start, and a certificate for it that the authority has signed
 * (RFC 6960 section 4.2.2.2: id-kp-OCSPSigning, 7 days). Renewed with a new key at half its time.
 */
#ifndef CA_OCSP_SIGNERS_H
#define CA_OCSP_SIGNERS_H

#include <stdatomic.h>

#include "base/clock.h"
#include "ca/issuer.h"
#include "ca/ocsp_request.h"
#include "ca/ocsp_response.h"
#include "ca/own.h"

struct ocsp_signer { /* immutable */
	struct key *key;
	struct buf certificate; /* DER */
	uint8_t key_hash[OCSP_KEY_HASH_BYTES];
	int64_t not_after_s, renew_at_s;
	atomic_int references;
};
void ocsp_signer_release(struct ocsp_signer *signer); /* or NULL */
DEFER_DECLARE(struct ocsp_signer, ocsp_signer_release)

struct ocsp_signers;
struct ocsp_signers_options {
	const struct issuers *issuers;
	struct ledger *ledger;
	const struct clock *clock;
	const struct rng *rng;
	const char *node;
	int64_t validity_s; /* 0: the profile's */
};
struct ocsp_signers *ocsp_signers_new(const struct ocsp_signers_options *options);
void ocsp_signers_free(struct ocsp_signers *signers);
DEFER_DECLARE(struct ocsp_signers, ocsp_signers_free)

/*
 * Takes up authorities that are new, and certifies responders that are missing or due. What fails
 * is logged and tried again after a minute. Cheap when nothing is due; one thread, any time.
 */
void ocsp_signers_look(struct ocsp_signers *signers);

/* Places in the set of authorities: the same for ever. */
#define OCSP_SLOT_NONE ISSUERS_MAX
/* Whom the identifier's hashes are of; OCSP_SLOT_NONE: of none that is known here. */
size_t ocsp_signers_find(const struct ocsp_signers *signers, const struct ocsp_certid *certid);
/* The active Device CA, if it has OCSP: for what nobody else is asked. */
size_t ocsp_signers_default(const struct ocsp_signers *signers);
const struct issuer *ocsp_signers_issuer(const struct ocsp_signers *signers, size_t slot);
/* Whether a responder should be there: the authority has OCSP, and has issued or does. */
bool ocsp_signers_answers(const struct ocsp_signers *signers, size_t slot);
/* One that is valid at now_s, to be released; NULL: there is none (yet). Any thread. */
struct ocsp_signer *ocsp_signers_borrow(struct ocsp_signers *signers, size_t slot, int64_t now_s);

struct ocsp_signers_health {
	size_t wanted, missing; /* authorities with OCSP; of them those without a valid responder */
	int64_t not_after_s, renew_at_s; /* of the responder that lapses first; 0: there is none */
};
void ocsp_signers_health(struct ocsp_signers *signers, struct ocsp_signers_health *out);

#endif
