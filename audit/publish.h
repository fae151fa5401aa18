/*
 * publish: this node's log as static files, "<dir>/<log>/": the folder is the log.
 *
 * A thread of its own reads the committed leaves and writes them (audit/tiles.h), PUBLISH_GAP_MS
 * apart at least: what the ledger signed in between is coalesced, and neither a slow disk nor a
 * slow reader ever holds the ledger up.
 */
#ifndef AUDIT_PUBLISH_H
#define AUDIT_PUBLISH_H

#include "audit/cosign.h"
#include "audit/tiles.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/defer.h"
#include "base/error.h"

/* Between two beginnings: with the write itself below the 100 ms after growth that we promise. */
#define PUBLISH_GAP_MS 80
#define PUBLISH_REST_MS 10     /* at least, from an end to the next beginning */
#define PUBLISH_RETRY_MS 1000  /* after a failure */
#define PUBLISH_QUORUM_MS 5000 /* while what is published has no quorum */
#define PUBLISH_FAULT_MS 60000 /* after leaves that are not those that were signed */

struct publisher;

/* Witnesses that cosign each checkpoint before it is published. */
struct publisher_witnesses {
	const struct tlog_policy *policy; /* whose quorum it takes; borrowed. NULL: no witnesses */
	const char *ca_file;              /* PEM, or NULL */
	int64_t timeout_ms;
	int64_t gap_ms; /* between two checkpoints, at least */
	bool withhold;  /* without a quorum nothing is published; false: it is, and is told */
};

struct publisher_options {
	const char *dir;
	const char *origin; /* the folder is the part after the last slash */
	const struct clock *clock;
	struct tiles_source source;
	struct publisher_witnesses witnesses;
};

/*
 * Makes the folder (mode 0755) and starts the thread.
 * E_FILE_FAILED     the folder cannot be made
 * E_CONFIG_INVALID  the path is too long, or the origin's last part is no name for a folder;
 *                   or what cosigners_new() says
 */
MUST_CHECK bool publisher_new(
    const struct publisher_options *options, struct publisher **out, struct error *err);
void publisher_free(struct publisher *publisher); /* writes what is pending first */
DEFER_DECLARE(struct publisher, publisher_free)

/* A newer checkpoint note; copied. Any thread, never blocks on a disk. */
void publisher_offer(struct publisher *publisher, struct bytes note);

/* Appends the newest that is on disk. E_NOT_FOUND before the first. */
MUST_CHECK bool publisher_get(struct publisher *publisher, struct buf *out, struct error *err);
int64_t publisher_age_s(struct publisher *publisher); /* -1: none yet */

/*
 * Waits up to `wait_ms` for a published checkpoint of more than `seq` leaves, and appends it.
 * E_RECORD_UNAVAILABLE   not in time
 */
MUST_CHECK bool publisher_wait(
    struct publisher *publisher, uint64_t seq, int64_t wait_ms, struct buf *out, struct error *err);

uint64_t publisher_size(struct publisher *publisher); /* leaves of it; 0: none yet */

/* Its last attempt failed: something that is signed is not published. */
bool publisher_failing(struct publisher *publisher);

/* What is wrong with the log itself, not with a disk: told once. False: nothing new. */
bool publisher_take_fault(struct publisher *publisher, struct error *out);

/* How the witnesses did the last time. False: there are none, or none was asked yet. */
bool publisher_witnesses(struct publisher *publisher, struct cosign_health *out);

/* The log's folder, for reading what is published. */
const char *publisher_folder(const struct publisher *publisher);

#endif
