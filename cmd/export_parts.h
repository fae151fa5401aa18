/* export_parts: the maker of exports, as the settings say. */
#ifndef CMD_EXPORT_PARTS_H
#define CMD_EXPORT_PARTS_H

#include "api/app.h"
#include "audit/export.h"
#include "cmd/settings.h"

/* Fills app->exports from the rest of `app`; exports_free() stops it. E_FILE_FAILED */
MUST_CHECK bool export_parts_open(
    struct app *app, const struct settings *settings, struct error *err);

#endif
