/* verify: is this certificate good now? And what is known of a device. */
#ifndef PROVISIONING_VERIFY_H
#define PROVISIONING_VERIFY_H

#include "base/clock.h"
#include "ca/certificate_store.h"
#include "ca/issuer.h"
#include "ca/status.h"
#include "ca/status_index.h"

#define VERIFY_MANY_MAX 1000
#define VERIFY_FRESH_S 86400 /* fresh_until = as_of + this, at most notAfter */

enum verdict {
	VERDICT_GOOD,
	VERDICT_REVOKED,
	VERDICT_HELD,
	VERDICT_EXPIRED,
	VERDICT_NOT_YET_VALID,
	VERDICT_UNTRUSTED,
	VERDICT_MALFORMED,
	VERDICT_UNKNOWN
};
const char *verdict_name(enum verdict verdict);

struct verification {
	enum verdict verdict;
	char pseudonym[UUID_TEXT_LEN + 1]; /* "" when untrusted, malformed or unknown */
	char serial[SERIAL_TEXT_LEN + 1];  /* "" when malformed */
	enum reason reason;                /* revoked, held */
	int64_t revoked_at_s;              /* 0: not */
	int64_t as_of_s;                   /* when the status that it rests on was read */
	int64_t fresh_until_s;
};

/*
 * The verdict on a certificate that one of our Device CAs signed, valid from not_before_s to
 * not_after_s: unknown, revoked, held, not_yet_valid, expired, good, in this order. Pure.
 * What is on record under this serial with another validity is not this certificate: unknown.
 */
enum verdict verify_judge(const struct certificate_status *status, int64_t not_before_s,
    int64_t not_after_s, int64_t now_s);

struct verify_cache; /* provisioning/verify_cache.h */
struct work_pool;    /* base/work.h */
struct verify_service {
	struct db *db;
	const struct issuers *issuers;
	struct status_index *statuses;
	struct verify_cache *cache;
	struct work_pool *work; /* checks the signatures of many */
	const struct clock *clock;
};

/* A certificate as it came: PEM (of a chain, the first) or base64 DER. */
struct verify_text {
	struct bytes text;
	bool escaped; /* what stands between the quotes of a JSON string, unread */
};
/* Appends what an escaped text stands for. False: not plain, see verify_many(). */
MUST_CHECK bool verify_unescape(struct bytes escaped, struct buf *out);

/*
 * Only certificates of a Device CA (or Pseudonym CA) are ever good. Of one that is in the cache,
 * the signature is not checked and the database not asked again: its status is the index's, and
 * as_of_s says of when. Of all others the signatures are checked on all cores, and one query asks
 * the database for what is on record.
 * E_TOO_LARGE    more than VERIFY_MANY_MAX
 * E_BAD_SYNTAX   an escaped text is no plain ASCII, or has another escape than \\n \\r \\t \\/:
 *                a JSON reader has to read it first
 */
MUST_CHECK bool verify_many(const struct verify_service *service, const struct verify_text *texts,
    size_t count, struct verification *out, struct error *err);

#define VERIFY_DEVICE_CERTIFICATES_MAX 100
struct device_view {
	char pseudonym[UUID_TEXT_LEN + 1];
	enum device_state state;
	size_t certificate_count;
	struct device_certificate {
		uint8_t serial[SERIAL_BYTES];
		char handle[HANDLE_TEXT_LEN + 1];
		int64_t not_before_s, not_after_s;
		bool held, revoked;
		enum reason reason;
		int64_t revoked_at_s;
	} certificates[VERIFY_DEVICE_CERTIFICATES_MAX];
};
/* E_UNKNOWN_DEVICE, E_BAD_SYNTAX (not a UUID) */
MUST_CHECK bool device_get(
    struct db *db, const char *pseudonym, struct device_view *out, struct error *err);

struct certificate_view {
	char pseudonym[UUID_TEXT_LEN + 1];
	struct device_certificate certificate;
};
/* One certificate by its serial, hex: for who hears of it in a CRL or the feed, and knows no more.
 * E_UNKNOWN_CERTIFICATE */
MUST_CHECK bool certificate_get(
    struct db *db, const char *serial, struct certificate_view *out, struct error *err);

const struct stmt *const *verify_statements(void);

#endif
