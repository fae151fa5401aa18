/*
 * issuer: the certificate authorities this service knows, read from the database.
 *
 * The set only grows: an authority, once read, stays where it is until issuers_free(), and all of
 * it but its state is immutable. So any thread may keep a `const struct issuer *` while another
 * takes up a new authority. Who a certificate belongs to is decided by the exact issuing key,
 * never by a name or a chain alone.
 */
#ifndef CA_ISSUER_H
#define CA_ISSUER_H

#include <stdatomic.h>

#include <openssl/evp.h>

#include "base/defer.h"
#include "base/error.h"
#include "ca/certificate.h"
#include "ca/tbs.h"
#include "db/db.h"
#include "keeper/key.h"

enum issuer_kind {
	ISSUER_DEVICE_ROOT,
	ISSUER_OPERATIONS_ROOT,
	ISSUER_DEVICE_CA,
	ISSUER_SERVICE_CA,
	ISSUER_OPERATORS_CA,
	/* Of the unlinkable mode; an installation that is older than these has none at first. */
	ISSUER_BIRTH_CA,
	ISSUER_PSEUDONYM_CA,
	ISSUER_KIND_COUNT
};
const char *issuer_kind_name(enum issuer_kind kind); /* "device-ca" */
bool issuer_kind_of(const char *name, enum issuer_kind *out);

enum issuer_state {
	ISSUER_NEXT,    /* its CRLs are built; it issues nothing before they are there */
	ISSUER_ACTIVE,  /* new certificates of its kind come from it: one of a kind */
	ISSUER_ROLLED,  /* issues no more; its certificates are good, its CRLs go on */
	ISSUER_RETIRED, /* all that it issued has expired, and its key is destroyed */
	ISSUER_STATE_COUNT
};
const char *issuer_state_name(enum issuer_state state); /* "active" */
bool issuer_state_of(const char *name, enum issuer_state *out);

struct issuer {
	enum issuer_kind kind;
	uint8_t id[ISSUER_ID_BYTES];
	char id_text[ISSUER_ID_TEXT_LEN + 1];
	struct buf der;                 /* its certificate */
	struct certificate certificate; /* parsed, borrowed from der */
	const struct issuer *parent;    /* NULL: a root */
	EVP_PKEY *public_key;
	struct tbs_issuer tbs; /* for what it issues */
	int shard_count;
	bool in_keeper;
	bool ocsp; /* a responder answers for what it issues: its policy allows one */
	_Atomic(enum issuer_state) state; /* issuer_state() */
};
enum issuer_state issuer_state(const struct issuer *issuer);

struct issuers;

struct issuer_row { /* one authority as the database has it; all borrowed */
	enum issuer_kind kind;
	struct bytes certificate; /* DER */
	struct bytes parent;      /* ISSUER_ID_BYTES, or empty: a root */
	int shard_count;
	bool in_keeper;
	bool ocsp;
	enum issuer_state state;
};
#define ISSUERS_MAX 64
/* The set these rows make, without a database. E_CONFIG_INVALID: a row is broken, or a kind has no
 * active one */
MUST_CHECK bool issuers_new(const struct issuer_row *rows, size_t count, const char *http_url,
    struct issuers **out, struct error *err);
/* `http_url`: the public HTTP address burned into certificates. E_CONFIG_INVALID: no active one of
 * a kind */
MUST_CHECK bool issuers_load(
    struct db *db, const char *http_url, struct issuers **out, struct error *err);
/*
 * Takes up what the rows have that the set lacks, and the states. On false the set is as before.
 * E_CONFIG_INVALID: as issuers_new()
 */
MUST_CHECK bool issuers_update(struct issuers *issuers, const struct issuer_row *rows, size_t count,
    int64_t version, struct error *err);
/* The same from the database, if anything has changed there. Any thread, any time. */
MUST_CHECK bool issuers_reload(struct issuers *issuers, struct db *db, struct error *err);
/* Of the last update: for caches of what was concluded from the set. */
int64_t issuers_version(const struct issuers *issuers);
void issuers_free(struct issuers *issuers);
DEFER_DECLARE(struct issuers, issuers_free)

size_t issuers_count(const struct issuers *issuers); /* a prefix stays as it is */
const struct issuer *issuers_at(const struct issuers *issuers, size_t index);
/* NULL for an authority of the unlinkable mode that is not there. */
const struct issuer *issuers_active(const struct issuers *issuers, enum issuer_kind kind);
const struct issuer *issuers_find(
    const struct issuers *issuers, const uint8_t id[static ISSUER_ID_BYTES]); /* or NULL */

/*
 * The issuer whose key really signed `certificate`, or NULL: looked up by authority key identifier
 * and issuer name, then the signature is verified. Thread-safe. About 75 us.
 */
const struct issuer *issuers_verify(
    const struct issuers *issuers, const struct certificate *certificate);

/* Who issues to a device under a profile that a batch may name; NULL as above. */
const struct issuer *issuers_for_device(
    const struct issuers *issuers, const struct profile *profile);

/* PEM of the issuing CA (and so on), root left out, as interface "chain" says. */
void issuer_chain_pem(const struct issuer *issuer, struct buf *out);

const struct stmt *const *issuer_statements(void); /* NULL-ended; for the test that prepares all */

#endif
