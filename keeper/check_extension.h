/* check_extension: the keeper's reading of an Extensions list against a table. Pure. */
#ifndef KEEPER_CHECK_EXTENSION_H
#define KEEPER_CHECK_EXTENSION_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/der.h"
#include "base/error.h"
#include "keeper/policy.h"

#define CHECK_OID_CE(n) BYTES_LITERAL("\x55\x1d" n) /* 2.5.29.n */

enum criticality { CRITICAL_NEVER, CRITICAL_ALWAYS, CRITICAL_EITHER };

struct extension_rule {
	struct bytes oid; /* contents octets */
	const char *name;
	enum criticality critical;
	/* Whether an extnValue is what `context` wants; the caller names the extension. */
	bool (*matches)(const void *context, struct bytes value);
	/* Whether it must be there; otherwise it must not. NULL: it must. */
	bool (*wanted)(const void *context);
};

/*
 * Takes the extensions, in any order, each exactly once; none that the rules do not name.
 * At most 32 rules. E_KEEPER_REFUSED
 */
MUST_CHECK bool check_extensions(struct der *list, const struct extension_rule *rules,
    size_t rule_count, const void *context, struct error *err);

/* A GeneralName that is exactly the URI `url`, and nothing after it. */
MUST_CHECK bool check_uri_only(struct der *names, struct bytes url);
/* "<crl_url_prefix>NNNN.crl" appended to `out`. */
void check_crl_url(const struct policy_issuer *issuer, unsigned shard, struct buf *out);
/* An AuthorityKeyIdentifier with exactly the issuer's keyIdentifier (RFC 5280 section 4.2.1.1). */
MUST_CHECK bool check_authority_key(const struct policy_issuer *issuer, struct bytes value);
/* The remainder of a big-endian number. */
unsigned check_shard_of(struct bytes serial, unsigned shard_count);

#define CHECK_SERIAL_BYTES 20
/* 20 octets, the first 0x40 to 0x7f. */
MUST_CHECK bool check_serial_form(struct bytes serial);

/* AlgorithmIdentifier ecdsa-with-SHA256 (RFC 5758 section 3.2), whole. */
extern const struct bytes CHECK_ECDSA_SHA256;

#endif
