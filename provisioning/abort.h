/*
 * abort: what a certificate took that the keeper refused for ever is free again.
 *
 * Of a first certificate: the batch's quota, the token, the tags, the key; the device was never
 * one. Of a renewal: the new key, and the certificate before it may be renewed again. What an
 * officer or a later request decided on meanwhile stays as it is (db/migrations/0005_abort.sql).
 */
#ifndef PROVISIONING_ABORT_H
#define PROVISIONING_ABORT_H

#include "db/ledger.h"

/* The ledger's hook (db/ledger.h): context is unused. One that is aborted already stays so. */
bool abort_write(void *context, struct tx *tx, const uint8_t (*refs)[CERTIFICATE_REF_BYTES],
    size_t count, struct error *err);

const struct stmt *const *abort_statements(void);

#endif
