/*
 * export: exports of the audit log as jobs. Asked for with a leaf, made one after another by a
 * thread, taken up after a restart where they were; kept for a while, then removed.
 *
 * A job belongs to the node that was asked, and so do its files: <dir>/<id>/. Every node can tell
 * of every job.
 */
#ifndef AUDIT_EXPORT_H
#define AUDIT_EXPORT_H

#include "audit/audit.h"
#include "audit/export_write.h"
#include "base/rng.h"
#include "base/text.h"

#define EXPORT_JOBS_MAX 16  /* of one node, whatever their state */
#define EXPORT_LIST_MAX 100 /* of all nodes, the newest first */
#define EXPORT_NODE_MAX 64

struct exports;
struct exports_options {
	struct db *db;
	struct ledger *ledger;
	struct audit *audit;
	const struct clock *clock;
	const struct rng *rng;
	const char *node;
	const char *audit_dir; /* the logs' folders */
	const char *dir;       /* of the exports; made, mode 0700 */
	int64_t keep_s;        /* a finished one */
	uint64_t len_max;      /* octets of one */
};
/* Starts the thread. E_FILE_FAILED */
MUST_CHECK bool exports_new(
    const struct exports_options *options, struct exports **out, struct error *err);
void exports_free(struct exports *exports); /* a job that runs goes on at the next start */
DEFER_DECLARE(struct exports, exports_free)

enum export_state { EXPORT_RUNNING, EXPORT_DONE, EXPORT_FAILED };
struct export_job {
	char id[HANDLE_TEXT_LEN + 1];
	char node[EXPORT_NODE_MAX + 1];
	char actor[LEAF_VALUE_MAX + 1]; /* who asked */
	int log;
	char origin[CHECKPOINT_ORIGIN_MAX + 1];
	int64_t size; /* of the log that it is pinned to */
	struct export_scope scope;
	enum export_state state;
	struct export_progress progress;
	struct export_result result; /* EXPORT_DONE */
	char failure[33];            /* EXPORT_FAILED: a reason code */
	char detail[201];
	int64_t created_at_s;
	int64_t finished_at_s, expires_at_s; /* 0: not yet */
};

/*
 * Begins one; `log` as for events_read(). Recorded as `log.export`, refused or not.
 * E_BAD_SYNTAX, E_INCOMPLETE, E_NOT_FOUND   the scope, the log
 * E_STATE_CONFLICT   there are EXPORT_JOBS_MAX
 */
MUST_CHECK bool export_begin(struct exports *exports, const char *actor, const char *log,
    const struct export_scope *scope, struct export_job *out, struct error *err);
/* E_NOT_FOUND */
MUST_CHECK bool export_get(
    struct exports *exports, const char *id, struct export_job *out, struct error *err);
MUST_CHECK bool export_list(struct exports *exports, struct export_job out[static EXPORT_LIST_MAX],
    size_t *out_count, struct error *err);
/* Stops it, if it runs, and removes what it made. E_NOT_FOUND */
MUST_CHECK bool export_remove(struct exports *exports, const char *id, struct error *err);
/*
 * Opens the archive; the caller closes *out_fd, and may read on when it is removed meanwhile.
 * E_NOT_FOUND
 * E_STATE_CONFLICT   it is not done, or another node has it
 */
MUST_CHECK bool export_open(struct exports *exports, const char *id, struct export_job *out_job,
    int *out_fd, struct error *err);

/* Of this node, since the start; octets: of all that is there. */
struct exports_health {
	int64_t done, failed, running, bytes;
};
void exports_health(const struct exports *exports, struct exports_health *out);

const struct stmt *const *export_statements(void);

#endif
