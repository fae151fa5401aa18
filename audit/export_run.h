/* export_run: one job of an export, from where it stands to its end. */
#ifndef AUDIT_EXPORT_RUN_H
#define AUDIT_EXPORT_RUN_H

#include "audit/export.h"

struct export_run {
	struct db *db;
	const struct clock *clock;
	const char *log_folder; /* the log's files */
	const char *folder;     /* of this export */
	const char *name;       /* of the folder in the archive */
	uint64_t len_max;
	bool (*go_on)(void *context); /* between two steps: false, the service stops */
	void *context;
};

enum export_run_end { EXPORT_RUN_DONE, EXPORT_RUN_STOPPED, EXPORT_RUN_REMOVED };
/*
 * `job` is as it was read, with its note; its row is kept up to date, and `done` when all is.
 * What export_writer_step() says, or E_DATABASE_UNAVAILABLE: try again later.
 */
MUST_CHECK bool export_run(const struct export_run *run, const struct export_job *job,
    struct bytes note, const struct note_key *key, enum export_run_end *out, struct error *err);

#endif
