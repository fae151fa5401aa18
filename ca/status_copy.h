/*
 * status_copy: every change of status a second time, in a file, so that a database that is restored
 * from a backup does not forget what was revoked after it.
 *
 * Lines of base/chain_file.h, each "<place> <issuer> <serial> <state> <reason> <at>": the place in
 * the one order of status changes, as it was when the line was written. A line is durable when
 * status_index_sync() has returned true for its change: the index tells its watchers first.
 *
 * At a start the copy and the index are compared. What the copy lacks is added: it has all that is
 * held or revoked. Where the database's order ends before the copy's, it is an older one, and what
 * it lacks is lost: the caller puts it in force, and records it again
 * (provisioning/revoke_later.h).
 *
 * When it has more than twice as many lines as certificates that they leave held or revoked, and
 * STATUS_COPY_SPARE more, it is written anew with one line for each: a new file says the same as
 * the old one, octets apart, and takes its place whole or not at all. One that is damaged is left
 * as it is, for whoever looks into that.
 */
#ifndef CA_STATUS_COPY_H
#define CA_STATUS_COPY_H

#include "ca/status_index.h"

#define STATUS_COPY_SPARE 4096 /* lines */

/* ---- a line, pure ---- */

struct status_copy_line {
	int64_t seq;
	bool settled; /* up to here all that was lost is on record again; no entry: */
	struct status_entry entry;
};
void status_copy_encode(const struct status_copy_line *line, struct buf *out);
/* E_BAD_SYNTAX */
MUST_CHECK bool status_copy_parse(
    struct bytes text, struct status_copy_line *out, struct error *err);

/* ---- the file ---- */

struct status_copy_lost { /* by an older database: held and revoked ones; in no order */
	struct status_entry *entries;
	size_t count;
};
void status_copy_lost_clear(struct status_copy_lost *lost);
DEFER_DECLARE_CLEAR(struct status_copy_lost, status_copy_lost_clear)

struct status_copy;
/* Reads, compares, completes; from here on it follows the index. E_FILE_FAILED */
MUST_CHECK bool status_copy_new(const char *path, struct status_index *statuses,
    struct status_copy **out, struct status_copy_lost *out_lost, struct error *err);
void status_copy_free(struct status_copy *copy); /* before its index; NULL is fine */
DEFER_DECLARE(struct status_copy, status_copy_free)
/* Without a database: all that was ever revoked is in force in the index. E_FILE_FAILED */
MUST_CHECK bool status_copy_force(
    const char *path, struct status_index *statuses, struct error *err);

/* What was lost is on record again. Any thread. */
void status_copy_settle(struct status_copy *copy);
/* Tries again to write what could not be, and writes the file anew where it has grown too large.
 * Now and then; any thread. */
void status_copy_look(struct status_copy *copy);

struct status_copy_health { /* for /readyz */
	size_t behind;      /* changes that could not be written yet */
	bool damaged;
};
/* `copy` may be NULL. */
void status_copy_health(struct status_copy *copy, struct status_copy_health *out);

#endif
