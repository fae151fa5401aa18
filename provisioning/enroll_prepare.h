/* enroll_prepare: requests become proposals, a few at a time. */
#ifndef PROVISIONING_ENROLL_PREPARE_H
#define PROVISIONING_ENROLL_PREPARE_H

#include "provisioning/enroll_kind.h"

#define ENROLL_PREPARE_MAX 8 /* requests whose tags are one message to the keeper */

/*
 * outs[i] is ready for the ledger unless errs[i] is set: then the request ends with that, and
 * leaves no record here. `outs` and `errs` come in zeroed.
 */
void enroll_prepare(const struct enroll_service *service, const struct enroll_request *requests,
    struct enroll_proposal *outs, struct error *errs, size_t count);

#endif
