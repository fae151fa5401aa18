/*
 * status_notes: pages of changes, the status set and the trust bundle, signed by the status key
 * (docs/status.md). Each is made and signed once, and shared by all who ask for the same.
 *
 * Any thread; those who ask for what is being made wait for it.
 */
#ifndef CA_STATUS_NOTES_H
#define CA_STATUS_NOTES_H

#include "ca/issuer.h"
#include "ca/status_index.h"
#include "keeper/client.h"
#include "proof/status_note.h"

#define STATUS_NOTES_BEHIND_MAX 100000 /* changes: who is further behind takes the snapshot */
#define STATUS_NOTES_SHARED_S 60       /* how old a note that is given out may be */

struct status_notes;
struct status_notes_options {
	struct db *db;
	struct issuers *issuers;
	struct status_index *statuses;
	struct keeper_client *keeper;
	const struct clock *clock;
	const char *name; /* [audit] name: the origin is "<name>/status" */
	int64_t fresh_s;  /* fresh_until = issued + this */
};
struct status_notes *status_notes_new(const struct status_notes_options *options);
void status_notes_free(struct status_notes *notes);
DEFER_DECLARE(struct status_notes, status_notes_free)

struct status_notes_page {
	struct buf note; /* of at most NOTE_MAX octets */
	int64_t to;
	char cursor[STATUS_CURSOR_LEN + 1]; /* of `to` */
	bool empty;                         /* there is nothing new */
};
void status_notes_page_clear(struct status_notes_page *page);
DEFER_DECLARE_CLEAR(struct status_notes_page, status_notes_page_clear)
/*
 * The page after the cursor; NULL: after the beginning.
 * E_BAD_SYNTAX          not a cursor
 * E_CURSOR_GONE         of a history that is not this one, or too far behind
 * E_KEEPER_UNAVAILABLE, E_KEEPER_REFUSED, E_DATABASE_UNAVAILABLE
 */
MUST_CHECK bool status_notes_page(struct status_notes *notes, const char *cursor,
    struct status_notes_page *out, struct error *err);

/* A file that is shared by those who send it. */
struct status_file;
struct bytes status_file_bytes(const struct status_file *file);
const char *status_file_cursor(const struct status_file *file); /* of its place */
void status_file_free(struct status_file *file);
DEFER_DECLARE(struct status_file, status_file_free)
/* The status set of now, or of less than STATUS_NOTES_SHARED_S ago if nothing has changed since. */
MUST_CHECK bool status_notes_set(
    struct status_notes *notes, struct status_file **out, struct error *err);
/* The trust bundle with it. E_NOT_FOUND: no status signer was certified yet */
MUST_CHECK bool status_notes_bundle(
    struct status_notes *notes, struct status_file **out, struct error *err);

const struct stmt *const *status_notes_statements(void);

#endif
