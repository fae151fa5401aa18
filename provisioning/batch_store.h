/* batch_store: the rows of batch and batch_station. */
#ifndef PROVISIONING_BATCH_STORE_H
#define PROVISIONING_BATCH_STORE_H

#include "provisioning/batch.h"

/* By name, or by id when name is NULL. */
MUST_CHECK bool batch_store_find_facts(struct db *db, const char *name, int64_t id,
    struct batch_facts *out, bool *out_found, struct error *err);
MUST_CHECK bool batch_store_find(
    struct db *db, const char *name, struct batch *out, bool *out_found, struct error *err);
MUST_CHECK bool batch_store_list(struct db *db, int64_t after_id, int64_t station_person,
    size_t limit, struct batch *out, size_t *out_count, struct error *err);
/* Fills stations, and sorts station_names along; *out_found: how many of the names exist. */
MUST_CHECK bool batch_store_find_stations(
    struct db *db, struct batch *batch, size_t *out_found, struct error *err);

/* out_exist[i]: there is a batch of the i-th name. */
MUST_CHECK bool batch_store_names_exist(
    struct tx *tx, const struct bytes *names, size_t count, bool *out_exist, struct error *err);
/* Sets batch->id; *out_inserted is false when there is such a batch already. */
MUST_CHECK bool batch_store_insert(
    struct tx *tx, struct batch *batch, bool *out_inserted, struct error *err);
/* Locks in order of id. out_closed[i]: the i-th is closed. */
MUST_CHECK bool batch_store_lock(
    struct tx *tx, const int64_t *ids, size_t count, bool *out_closed, struct error *err);
MUST_CHECK bool batch_store_close(
    struct tx *tx, const int64_t *ids, size_t count, int64_t now_s, struct error *err);

#endif
