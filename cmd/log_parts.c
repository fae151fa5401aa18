#include "cmd/log_parts.h"

#include "audit/export.h"
#include "audit/inspection.h"
#include "base/mem.h"

static bool
open_exports(struct app *app, const struct settings *settings, struct error *err)
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

static bool
open_inspection(struct app *app, const struct settings *settings, struct error *err)
{
	if (settings->inspect_per_s == 0)
		return true;
	return inspection_new(&(struct inspection_options){.db = app->db,
				  .ledger = app->ledger,
				  .clock = app->clock,
				  .origin = audit_origin(app->audit),
				  .dir = settings->audit_dir,
				  .node = settings->node,
				  .per_s = settings->inspect_per_s,
				  .rest_s = settings->inspect_rest_s},
	    &app->inspection, err);
}

bool
log_parts_open(struct app *app, const struct settings *settings, struct error *err)
{
	return open_exports(app, settings, err) && open_inspection(app, settings, err);
}

void
log_parts_close(struct app *app)
{
	inspection_free(app->inspection);
	exports_free(app->exports);
}
