/* status_notes_store: what ca/status_notes.c reads. */
#ifndef CA_STATUS_NOTES_STORE_H
#define CA_STATUS_NOTES_STORE_H

#include "ca/status_notes.h"

/*
 * The page after the cursor, without its times: `lines` owns its lines.
 * E_CURSOR_GONE   the database has no such place
 */
MUST_CHECK bool status_notes_read_page(struct db *db, const struct status_cursor *cursor,
    struct status_page *out, struct buf *lines, struct error *err);
/* PEM of all status signers, newest first. E_NOT_FOUND: there is none */
MUST_CHECK bool status_notes_read_signers(struct db *db, struct buf *out_pem, struct error *err);

#endif
