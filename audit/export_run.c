#include "audit/export_run.h"

#include "audit/export_store.h"
#include "audit/log_folder.h"

#define BUNDLES_AT_ONCE 16 /* of 256 leaves: some milliseconds */

static bool
keep(const struct export_run *run, const struct export_job *job, const struct export_writer *writer,
    enum export_run_end *out, struct error *err)
{
	bool there = false;

	if (!export_store_progress(run->db, job->id, export_writer_progress(writer), &there, err))
		return false;
	if (!there)
		*out = EXPORT_RUN_REMOVED;
	else if (!run->go_on(run->context))
		*out = EXPORT_RUN_STOPPED;
	return true;
}

bool
export_run(const struct export_run *run, const struct export_job *job, struct bytes note,
    const struct note_key *key, enum export_run_end *out, struct error *err)
{
	const struct tile_files files = log_folder_files(run->log_folder);
	const struct export_plan plan = {.files = &files,
	    .note = note,
	    .key = key,
	    .scope = &job->scope,
	    .folder = run->folder,
	    .name = run->name,
	    .len_max = run->len_max};
	DEFER(export_writer_free) struct export_writer *writer = NULL;
	enum export_run_end end = EXPORT_RUN_DONE;
	struct export_result result;
	bool done = false;

	if (!export_writer_open(&plan, &job->progress, &writer, err))
		return false;
	while (!done && end == EXPORT_RUN_DONE)
		if (!export_writer_step(writer, BUNDLES_AT_ONCE, &done, err) ||
		    !keep(run, job, writer, &end, err))
			return false;
	if (end == EXPORT_RUN_DONE &&
	    (!export_writer_finish(writer, &result, err) ||
		!export_store_done(run->db, job->id, &result, clock_now_s(run->clock), err)))
		return false;
	*out = end;
	return true;
}
