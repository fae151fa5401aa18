#include "cmd/export_parts.h"

#include "base/mem.h"

bool
export_parts_open(struct app *app, const struct settings *settings, struct error *err)
{
	DEFER(mem_free) char *dir = settings_path(settings->state_dir, "exports");

	return exports_new(&(struct exports_options){.db = app->db,
			       .ledger = app->ledger,
			       .audit = app->audit,
			       .clock = app->clock,
			       .rng = app->rng,
			       .node = settings->node,
			       .audit_dir = settings->audit_dir,
			       .dir = dir,
			       .keep_s = settings->export_keep_h * 3600,
			       .len_max = (uint64_t)settings->export_max_mib << 20},
	    &app->exports, err);
}
