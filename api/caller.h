/*
 * caller: who sent a request, from the client certificate of its connection.
 *
 * Decided by the exact issuing CA key: the Operators CA's certificates are persons and stations,
 * whose roles are read from the database; a Device CA's are devices. What was decided is kept
 * per connection for one generation of callers; a device's state is read with every request.
 */
#ifndef API_CALLER_H
#define API_CALLER_H

#include "base/clock.h"
#include "ca/issuer.h"
#include "ca/status_index.h"
#include "provisioning/operator.h"
#include "provisioning/pseudonym.h"
#include "provisioning/renew.h"

/* Bits of a route's caller mask, above those of enum operator_role. */
#define CALLER_DEVICE (1U << 8)
#define CALLER_ANY (1U << 9)    /* no credential is needed */
#define CALLER_LOCAL (1U << 10) /* none is needed by who asks from this host itself */
#define CALLER_TOKEN (1U << 11) /* a one-time token in HTTP Basic will do */
/* While the database is away, roles are as they were when it was last there. */
#define CALLER_REMEMBERED (1U << 12)

enum caller_kind { CALLER_IS_NOBODY, CALLER_IS_OPERATOR, CALLER_IS_DEVICE };

/* Which certificate a device showed: its one, or of the unlinkable mode that of its birth, or one
 * of its pseudonyms'. */
enum caller_tier { CALLER_TIER_DEVICE, CALLER_TIER_BIRTH, CALLER_TIER_PSEUDONYM };

struct caller {
	enum caller_kind kind;
	struct error refused; /* E_NONE, or why the certificate that was shown is no credential */
	unsigned mask;        /* roles, or CALLER_DEVICE */
	uint8_t serial[SERIAL_BYTES]; /* of the certificate */
	uint8_t issuer[ISSUER_ID_BYTES];
	/* persons and stations */
	int64_t person;
	/* devices */
	enum caller_tier tier;
	uint8_t spki_sha256[SHA256_BYTES];
	struct renew_presented device; /* read with this request; or of a pseudonym's: */
	struct pseudonym_presented pseudonym;
	bool expired; /* a device's, within the grace period: good for renewal only */
	/* both */
	char handle[HANDLE_TEXT_LEN + 1]; /* of the person, or of the certificate */
};

/* "officer:<handle>": the first role of `wanted` that the caller has; "device:<handle>"; "nobody".
 * Of the unlinkable mode just "device": what it showed must not stand beside what it asked for. */
#define CALLER_ACTOR_LEN 40
void caller_actor(const struct caller *caller, unsigned wanted, char out[static CALLER_ACTOR_LEN]);

struct caller_cache;
/* `statuses`: what is revoked here, also before it is on record; or NULL. */
struct caller_cache *caller_cache_new(struct db *db, const struct issuers *issuers,
    struct status_index *statuses, const struct clock *clock);
void caller_cache_free(struct caller_cache *cache);
DEFER_DECLARE(struct caller_cache, caller_cache_free)
/* A grant or removal on this node: the next request looks again. */
void caller_cache_bump(struct caller_cache *cache);

/* Reads who there is, if that changed since: at start, and then now and then. */
MUST_CHECK bool caller_cache_remember(struct caller_cache *cache, struct error *err);

/* What was read by that, for a start without a database (api/remembered.h): a copy that the caller
 * frees, and the generation that it is of; -1: nothing was read yet. */
void caller_cache_known(
    struct caller_cache *cache, struct operator_caller **out, size_t *out_count, int64_t *out_of);
/* Takes such a copy over, in a cache whose database is away. */
void caller_cache_know(struct caller_cache *cache, struct operator_caller **known, size_t count);

/* What a connection remembers. Zero-initialised: nothing yet. One request at a time uses it. */
struct caller_memory {
	struct buf certificate; /* DER of the client certificate; empty: none was shown */
	bool resolved;
	int64_t generation, issuers_version;
	int64_t holds_until_s; /* from then on its validity has to be looked at again */
	struct caller caller;
};
void caller_memory_clear(struct caller_memory *memory);

/*
 * True: *out says who it is, or out->refused why not. False: it cannot be told now.
 * E_DATABASE_UNAVAILABLE
 */
MUST_CHECK bool caller_resolve(struct caller_cache *cache, struct caller_memory *memory,
    struct caller *out, struct error *err);
/*
 * The same without a database: persons and stations that were read before are known.
 * E_DATABASE_UNAVAILABLE   it may be anybody else
 */
MUST_CHECK bool caller_recall(struct caller_cache *cache, const struct caller_memory *memory,
    struct caller *out, struct error *err);

#endif
