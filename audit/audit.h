/*
 * audit: what the log needs around the ledger: coalescing of refusals, the outbox, heartbeats,
 * checkpoints on disk.
 *
 * The first REFUSALS_PER_WINDOW refusals of one (actor, event, reason) and minute are leaves; the
 * rest count in refusal_window in the same transaction, and one summary leaf (cnt, win) follows
 * when the minute is over, or on recovery. Unauthenticated failures are counted in memory only,
 * one summary leaf a minute; up to a minute of them may be lost in a crash.
 */
#ifndef AUDIT_AUDIT_H
#define AUDIT_AUDIT_H

#include "audit/component.h"
#include "audit/forward.h"
#include "audit/publish.h"
#include "audit/tiles.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"
#include "db/ledger.h"
#include "proof/tile.h"

#define REFUSALS_PER_WINDOW 10
#define REFUSAL_WINDOW_S 60
#define HEARTBEAT_S 60

struct audit;

struct audit_options {
	struct db *db;
	const struct clock *clock;
	const struct tiles_source *leaves; /* NULL: the database's */
	const char *dir;                   /* MONIKER_AUDIT_DIR: one folder a log, "<dir>/<log>/" */
	const char *origin; /* "<name>/<log>": the folder is the part after the last slash */
	const char *node;   /* handle of the node, for actors "system:<node>" */
	struct publisher_witnesses witnesses;
	const struct syslog_target *syslog; /* the log is forwarded there, or NULL; borrowed */
	const char *syslog_cursor;          /* file: how far that is */
	struct keeper_client *keeper;       /* watched; NULL: not */
	const char *const *disks; /* folders that need room, and a NULL; NULL: none is watched */
	int64_t room_min_bytes;   /* below this a disk is full */
};
MUST_CHECK bool audit_new(
    const struct audit_options *options, struct audit **out, struct error *err);
void audit_free(struct audit *audit);
DEFER_DECLARE(struct audit, audit_free)

/*
 * Before the ledger takes the log over: whether it has to be opened, and what it continues.
 * What opening_read() says (audit/opening.h).
 */
MUST_CHECK bool audit_prepare(struct audit *audit, struct error *err);

/* The ledger's audit hooks; context is the audit. */
void audit_hooks(struct audit *audit, struct ledger_hooks *hooks);

/* Begins svc.start, heartbeats and window summaries; ends with svc.stop in audit_end(). */
MUST_CHECK bool audit_begin(struct audit *audit, struct ledger *ledger, struct error *err);
void audit_end(struct audit *audit);

/*
 * Records a refusal at the edge: a caller that was denied, a body that could not be read.
 * `actor` "" or "nobody": counted in memory, one summary leaf a minute; true at once.
 * On true err_refused->recorded is set.
 */
MUST_CHECK bool audit_refuse(struct audit *audit, enum leaf_event event, const char *actor,
    struct error *err_refused, struct error *err);
/* The same of many by one actor, in one commit. */
struct audit_refusal {
	enum leaf_event event;
	struct error *refused;
};
MUST_CHECK bool audit_refuse_all(struct audit *audit, const char *actor,
    const struct audit_refusal *refusals, size_t count, struct error *err);

/* The newest published checkpoint note; E_NOT_FOUND before the first. */
MUST_CHECK bool audit_checkpoint(struct audit *audit, struct buf *out_note, struct error *err);
/*
 * A log in the audit folder by its name, the last part of its origin: this node's, or one that was
 * closed. Appends its newest checkpoint, or the file of one tile.
 * E_NOT_FOUND
 */
MUST_CHECK bool audit_log_checkpoint(
    struct audit *audit, const char *log, struct buf *out_note, struct error *err);
MUST_CHECK bool audit_log_tile(struct audit *audit, const char *log, const struct tile *tile,
    struct buf *out, struct error *err);
/*
 * What a log proves at its newest checkpoint; `log` is an origin or its last part, NULL: this
 * node's. Or once this node's leaf number `seq` is published.
 * E_NOT_FOUND            no such log here, or nothing is published yet
 * E_RECORD_UNAVAILABLE   not in time
 */
struct proofs; /* audit/proofs.h */
MUST_CHECK bool audit_proofs(
    struct audit *audit, const char *log, struct proofs **out, struct error *err);
MUST_CHECK bool audit_proofs_with(
    struct audit *audit, uint64_t seq, int64_t wait_ms, struct proofs **out, struct error *err);
const char *audit_origin(const struct audit *audit); /* of this node's log */
int64_t audit_checkpoint_age_s(struct audit *audit); /* -1: none yet */
/* How the log's witnesses do. False: it has none, or none was asked yet. */
bool audit_witnesses(struct audit *audit, struct cosign_health *out);
/* Parts of the service that are watched: since when it does not operate, 0: it does. False: it is
 * not watched. */
bool audit_component(struct audit *audit, enum component_id id, int64_t *out_down_s);
/* How forwarding goes. False: there is none. */
bool audit_forwarding(struct audit *audit, struct forward_health *out);
/* Refusals that became counts instead of leaves, since the start. */
int64_t audit_refusals_windowed(const struct audit *audit);

const struct stmt *const *audit_statements(void);

#endif
