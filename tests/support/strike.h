/*
 * strike: ends a process at a named point of the line, without a line of test code in the product.
 *
 * libstrike.so is preloaded (LD_PRELOAD, STRIKE_BOARD=FILE) into monikerd, moniker-service and
 * moniker-keeper. It stands before a few functions of the C library, libpq and GnuTLS, and counts
 * at each point what is shared with `strike` in FILE: a page that the processes map at their start,
 * since the keeper may open nothing later. Its clock is ahead of the system's by the board's shift.
 */
#ifndef TESTS_SUPPORT_STRIKE_H
#define TESTS_SUPPORT_STRIKE_H

#include <stdatomic.h>
#include <stdint.h>

enum strike_role { STRIKE_NONE, STRIKE_SUPERVISOR, STRIKE_SERVICE, STRIKE_KEEPER };

/* clang-format off */
#define STRIKE_POINTS(X) \
	/* the service and PostgreSQL: the transaction of the ledger that has leaves */ \
	X(COMMIT_BEFORE,     SERVICE,    "commit-before")     /* nothing of the fence and COMMIT is sent */ \
	X(COMMIT_SENT,       SERVICE,    "commit-sent")       /* sent, not answered */ \
	X(COMMIT_DONE,       SERVICE,    "commit-done")       /* answered, the keeper knows nothing */ \
	X(SIGNATURES_BEFORE, SERVICE,    "signatures-before") /* certificates are out, signatures not stored */ \
	X(TAKEOVER_SENT,     SERVICE,    "takeover-sent")     /* COMMIT of the take-over, not answered */ \
	/* the service and the shred keys' database: an erasure is on record */ \
	X(ERASE_RECORDED,    SERVICE,    "erase-recorded")    /* no key is deleted */ \
	X(ERASE_DELETED,     SERVICE,    "erase-deleted")     /* the pages that had them are still there */ \
	X(ERASE_REWRITTEN,   SERVICE,    "erase-rewritten")   /* the write-ahead log has them */ \
	X(ERASE_FLUSHED,     SERVICE,    "erase-flushed")     /* nothing has them, and it is not noted */ \
	/* the service and the keeper */ \
	X(APPEND_BEFORE,     SERVICE,    "append-before")     /* nothing of the append is sent */ \
	X(APPEND_HALF,       SERVICE,    "append-half")       /* all but its end is sent */ \
	X(APPEND_SENT,       SERVICE,    "append-sent")       /* sent, not answered */ \
	X(RESULTS_TAKEN,     SERVICE,    "results-taken")     /* signatures are here, nobody has them */ \
	X(RESIGN_SENT,       SERVICE,    "resign-sent")       /* a signature that was lost is asked for */ \
	/* the service and its callers */ \
	X(REPLY_BEFORE,      SERVICE,    "reply-before")      /* of a certificate: 201 */ \
	X(REPLY_HALF,        SERVICE,    "reply-half") \
	X(REPLY_SENT,        SERVICE,    "reply-sent") \
	/* the publisher: tiles and entries, then the checkpoint that counts them */ \
	X(PUBLISH_STAGED,    SERVICE,    "publish-staged")    /* a file is written beside, not durable */ \
	X(PUBLISH_TILE,      SERVICE,    "publish-tile")      /* all are durable; a tile is not in its place */ \
	X(PUBLISH_TILED,     SERVICE,    "publish-tiled")     /* a tile is, and no checkpoint counts it */ \
	X(PUBLISH_NOTE,      SERVICE,    "publish-note")      /* all tiles are; the checkpoint is not */ \
	X(PUBLISH_NOTED,     SERVICE,    "publish-noted")     /* it is, and its folder is not synced */ \
	/* the keeper */ \
	X(JOURNAL_BEFORE,    KEEPER,     "journal-before")    /* nothing of the record is written */ \
	X(JOURNAL_TORN,      KEEPER,     "journal-torn")      /* half of it */ \
	X(JOURNAL_WRITTEN,   KEEPER,     "journal-written")   /* written, not durable */ \
	X(JOURNAL_SYNCED,    KEEPER,     "journal-synced")    /* durable, nothing signed */ \
	X(RESULTS_BEFORE,    KEEPER,     "results-before")    /* signed, not told */ \
	X(CHECKPOINT_BEFORE, KEEPER,     "checkpoint-before") /* signatures told, the checkpoint not */ \
	X(CHECKPOINT_SENT,   KEEPER,     "checkpoint-sent") \
	X(RESIGN_TAKEN,      KEEPER,     "resign-taken")      /* asked for a signature that was lost */ \
	/* the supervisor */ \
	X(CHILD_REAPED,      SUPERVISOR, "child-reaped")      /* one has ended, and is not started again */ \
	X(CHANNELS_HALF,     SUPERVISOR, "channels-half")     /* the keeper has its channels, the service not */
/* clang-format on */

#define STRIKE_ENUM(name, role, text) STRIKE_##name,
enum strike_point { STRIKE_POINTS(STRIKE_ENUM) STRIKE_POINT_COUNT };

enum strike_action {
	STRIKE_OFF,
	STRIKE_KILL, /* SIGKILL */
	STRIKE_DROP, /* shuts the socket of this point down */
	STRIKE_HOLD, /* waits for `strike release`: the test does something to another process */
};

struct strike_slot {
	_Atomic uint32_t action; /* enum strike_action */
	_Atomic uint32_t left;   /* strikes when it comes to 0 */
	_Atomic uint32_t seen;   /* how often a process came by */
	_Atomic uint32_t struck;
	_Atomic uint32_t passed; /* those that were held and let go by `strike next` */
};

struct strike_board {
	_Atomic int64_t shift_s;
	struct strike_slot slots[STRIKE_POINT_COUNT];
};

#endif
