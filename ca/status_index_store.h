/* status_index_store: what ca/status_index.c reads. */
#ifndef CA_STATUS_INDEX_STORE_H
#define CA_STATUS_INDEX_STORE_H

#include "base/error.h"
#include "ca/status_index.h"
#include "db/db.h"

#define STATUS_INDEX_PAGE_MAX 10000   /* revocations in one read */
#define STATUS_INDEX_CHANGES_MAX 1000 /* changes in one read */

/* A snapshot for reading all: the last place, and how many entries there are about. */
MUST_CHECK bool status_index_store_begin(struct db *db, struct tx **out,
    struct status_index_place *out_place, size_t *out_count, struct error *err);
/* The next page by (month, serial): `inout_serial` is the last of the page before, all zero at
 * first. `out` has room for STATUS_INDEX_PAGE_MAX. */
MUST_CHECK bool status_index_store_page(struct tx *tx, uint8_t inout_serial[static SERIAL_BYTES],
    struct status_entry *out, size_t *out_count, struct error *err);

/*
 * The changes after the place, in order, and the place after them; `out` has room for
 * STATUS_INDEX_CHANGES_MAX. *out_gap: they do not follow on it one by one, or by another chain.
 */
MUST_CHECK bool status_index_store_changes(struct db *db, struct status_index_place *inout_place,
    struct status_entry *out, size_t *out_count, bool *out_gap, struct error *err);

#endif
