/* shapes: how values look in JSON; one function per resource. docs/api.md and api/openapi.yaml
 * describe them. */
#ifndef API_SHAPES_H
#define API_SHAPES_H

#include <jansson.h>

#include "audit/events.h"
#include "audit/export.h"
#include "ca/expiry.h"
#include "provisioning/batch.h"
#include "provisioning/enroll.h"
#include "provisioning/operator.h"
#include "provisioning/revoke.h"
#include "provisioning/verify.h"

json_t *shape_time(int64_t at_s);                /* RFC 3339; 0: null */
json_t *shape_hex(const void *data, size_t len); /* lower-case */
json_t *shape_pem(struct bytes der);
json_t *shape_proof(struct bytes text); /* empty: null */

/* As text: a tree of values that is made to be dumped at once costs as much as the rest of an
 * answer. */
void shape_enrolled(const struct enrolled *enrolled, struct buf *out);
/* Appends it. `times`, zero at first: the last ones, since many verdicts have the same. */
struct shape_time_memo {
	int64_t at_s; /* 0: none */
	char text[TIME_TEXT_LEN + 1];
};
struct shape_times {
	struct shape_time_memo revoked_at, as_of, fresh_until;
};
#define SHAPE_VERIFICATION_ROOM 256 /* octets, as many as most have */
#define SHAPE_VERIFICATION_MAX 384  /* octets, more than any has */
void shape_verification(
    const struct verification *verification, struct shape_times *times, struct buf *out);
json_t *shape_device(const struct device_view *device);
json_t *shape_certificate(const struct certificate_view *view);
json_t *shape_revocation(const struct revoke_result *result);
json_t *shape_revocation_record(const struct revoke_record *record);
json_t *shape_batch(const struct batch *batch);
/* `certificate`: DER, or empty while it waits for its signature. */
json_t *shape_operator(const struct operator_person *person);
/* `issuer`: whose certificate is the chain; NULL: this node does not know it yet. */
json_t *shape_operator_renewal(const struct operator_renewal *renewal, const struct issuer *issuer);
json_t *shape_export(const struct export_job *job);
json_t *shape_expiry(const struct expiry *expiry);
json_t *shape_list(json_t *items, json_t *next); /* both taken over; next NULL: null */

#endif
