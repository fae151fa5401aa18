/* Exports of a log of 300 leaves, by the key of the known answers. */
#include "audit/export_write.h"
#include "audit/log_folder.h"
#include "base/file.h"
#include "proof/tar.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/seed.h"
#include "tests/support/folder.h"
#include "tests/support/signed_log.h"

#define SIZE 300

static void
publish(struct signed_log *log, const char *folder, struct buf *out_note)
{
	const struct tiles_source source = signed_log_source(log);
	DEFER(tiles_free) struct tiles *tiles = NULL;
	struct error err = {0};

	signed_log_add(log, (struct leaf){.event = LEAF_LOG_OPEN});
	signed_log_add(log, (struct leaf){.event = LEAF_ENROLL_REFUSED, .actor = "station:a"});
	signed_log_grow(log, SIZE);
	signed_log_note(log, SIZE, out_note);
	MUST(tiles_open(folder, SIGNED_LOG_ORIGIN, &source, &tiles, &err));
	MUST(tiles_publish(tiles, buf_bytes(out_note), &err));
}

static void
put_export(const struct export_plan *plan, const char *name, struct folder *folder)
{
	DEFER(export_writer_free) struct export_writer *writer = NULL;
	DEFER(buf_clear_public) struct buf archive = {0};
	struct export_result result;
	struct tar_entry entry = {0};
	struct error err = {0};
	struct bytes rest;
	bool done = false, end = false;

	MUST(export_writer_open(plan, &(struct export_progress){0}, &writer, &err));
	while (!done)
		MUST(export_writer_step(writer, 1, &done, &err));
	MUST(export_writer_finish(writer, &result, &err));
	MUST(file_read(folder_file(folder, EXPORT_ARCHIVE), 1 << 20, &archive, &err));
	seed_put_hurt("export", name, buf_bytes(&archive));
	for (rest = buf_bytes(&archive); tar_take(&rest, &entry, &end, &err) && !end;)
		if (strcmp(entry.name, "log/" EXPORT_MANIFEST) == 0)
			seed_put_hurt("export_manifest", name, entry.contents);
}

void
seed_export(void)
{
	DEFER(folder_clear) struct folder log_folder = {0};
	DEFER(folder_clear) struct folder folder = {0};
	DEFER(signed_log_clear) struct signed_log log = {0};
	DEFER(buf_clear_public) struct buf note = {0};
	struct export_scope scope = {.after = -1, .limit = -1, .from_s = -1, .to_s = -1};
	struct tile_files files;
	struct export_plan plan;

	folder_init(&log_folder);
	folder_init(&folder);
	signed_log_init(&log);
	publish(&log, log_folder.path, &note);
	files = log_folder_files(log_folder.path);
	plan = (struct export_plan){.files = &files,
	    .note = buf_bytes(&note),
	    .key = &log.key,
	    .scope = &scope,
	    .folder = folder.path,
	    .name = "log",
	    .len_max = 1 << 30};
	scope.after = 290;
	put_export(&plan, "page", &folder);
	scope.after = -1;
	scope.limit = 3;
	put_export(&plan, "first", &folder);
	scope.limit = -1;
	(void)snprintf(scope.actor, sizeof scope.actor, "station:a");
	put_export(&plan, "picked", &folder);
}
