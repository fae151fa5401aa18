/* verify: is this certificate good now? And what is known of a device. */
#ifndef PROVISIONING_VERIFY_H
#define PROVISIONING_VERIFY_H

#include "base/clock.h"
#include "ca/certificate_store.h"
#include "ca/issuer.h"
#include "ca/status.h"

#define VERIFY_MANY_MAX 1000
#define VERIFY_FRESH_S 86400 /* fresh_until = now + this, at most notAfter */

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
	int64_t fresh_until_s;
};

/*
 * The verdict on a certificate that one of our Device CAs signed, valid from not_before_s to
 * not_after_s: unknown, revoked, held, not_yet_valid, expired, good, in this order. Pure.
 * What is on record under this serial with another validity is not this certificate: unknown.
 */
enum verdict verify_judge(const struct certificate_status *status, int64_t not_before_s,
    int64_t not_after_s, int64_t now_s);

/* texts[i]: PEM (of a chain, the first) or base64 DER. Only certificates of a Device CA (or
 * Pseudonym CA) are ever good. One query for all. */
MUST_CHECK bool verify_many(struct db *db, const struct issuers *issuers, const struct clock *clock,
    const struct bytes *texts, size_t count, struct verification *out, struct error *err);

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

const struct stmt *const *verify_statements(void);

#endif
