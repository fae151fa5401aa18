/*
 * publish: the newest checkpoint as a static file, "<dir>/<log>/checkpoint".
 *
 * A thread of its own writes it, PUBLISH_GAP_MS apart at least: what the ledger signed in between
 * is coalesced, and a slow disk never holds the ledger up.
 */
#ifndef AUDIT_PUBLISH_H
#define AUDIT_PUBLISH_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/defer.h"
#include "base/error.h"

#define PUBLISH_GAP_MS                                                            \
	50 /* with the write itself below the 100 ms after growth that we promise \
	    */

struct publisher;

/*
 * Makes the folder (mode 0755) and starts the thread.
 * E_FILE_FAILED     the folder cannot be made
 * E_CONFIG_INVALID  the path is too long, or the origin's last part is no name for a folder
 */
MUST_CHECK bool publisher_new(const char *dir, const char *origin, const struct clock *clock,
    struct publisher **out, struct error *err);
void publisher_free(struct publisher *publisher); /* writes what is pending first */
DEFER_DECLARE(struct publisher, publisher_free)

/* A newer checkpoint note; copied. Any thread, never blocks on a disk. */
void publisher_offer(struct publisher *publisher, struct bytes note);

/* Appends the newest that is on disk. E_NOT_FOUND before the first. */
MUST_CHECK bool publisher_get(struct publisher *publisher, struct buf *out, struct error *err);
int64_t publisher_age_s(struct publisher *publisher); /* -1: none yet */

#endif
