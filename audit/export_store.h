/* export_store: the rows of exports. */
#ifndef AUDIT_EXPORT_STORE_H
#define AUDIT_EXPORT_STORE_H

#include "audit/export.h"

MUST_CHECK bool export_store_count(
    struct tx *tx, const char *node, int64_t *out, struct error *err);
MUST_CHECK bool export_store_insert(
    struct tx *tx, const struct export_job *job, struct bytes note, struct error *err);
/* *out_found false: there is none. */
MUST_CHECK bool export_store_read(
    struct db *db, const char *id, struct export_job *out, bool *out_found, struct error *err);
MUST_CHECK bool export_store_list(struct db *db, struct export_job out[static EXPORT_LIST_MAX],
    size_t *out_count, struct error *err);
/* The oldest of this node that runs, with its note appended. */
MUST_CHECK bool export_store_next(struct db *db, const char *node, struct export_job *out,
    struct buf *out_note, bool *out_found, struct error *err);
/* *out_there false: it was removed meanwhile. */
MUST_CHECK bool export_store_progress(struct db *db, const char *id,
    const struct export_progress *progress, bool *out_there, struct error *err);
MUST_CHECK bool export_store_done(struct db *db, const char *id, const struct export_result *result,
    int64_t now_s, struct error *err);
MUST_CHECK bool export_store_failed(
    struct db *db, const char *id, const struct error *why, int64_t now_s, struct error *err);
MUST_CHECK bool export_store_remove(
    struct db *db, const char *id, bool *out_found, struct error *err);
/* Those of this node that ended at this time or before. */
MUST_CHECK bool export_store_expire(
    struct db *db, const char *node, int64_t ended_s, struct error *err);
/* The ids of this node, the octets of its archives. */
MUST_CHECK bool export_store_ids(
    struct db *db, const char *node, struct rows **out_ids, struct error *err);

#endif
