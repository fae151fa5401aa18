/*
 * remembered: what the service has to know when it starts and its database is away: whose
 * certificates are whose, and who may call. Read from the database while that was there, and kept
 * as one JSON object in a file of the service's own.
 *
 * It is not trusted further than the file: whoever can write there has the service's TLS key, too.
 */
#ifndef API_REMEMBERED_H
#define API_REMEMBERED_H

#include "base/defer.h"
#include "base/error.h"
#include "ca/issuer.h"
#include "provisioning/operator.h"

#define REMEMBERED_MAX (16u << 20) /* octets */
#define REMEMBERED_CALLERS_MAX 100000

struct remembered {
	struct issuers *issuers;
	struct operator_caller *callers; /* sorted by serial number */
	size_t caller_count;
};
void remembered_clear(struct remembered *remembered);
DEFER_DECLARE_CLEAR(struct remembered, remembered_clear)

/* Appends the text. */
void remembered_encode(const struct issuers *issuers, const struct operator_caller *callers,
    size_t caller_count, struct buf *out);
/*
 * `http_url`: as of issuers_load().
 * E_BAD_SYNTAX, E_INCOMPLETE, E_CONFIG_INVALID   it is not what remembered_encode() writes
 */
MUST_CHECK bool remembered_parse(
    struct bytes text, const char *http_url, struct remembered *out, struct error *err);

#endif
