/* log_parts: what reads the published log in the background, as the settings say: the maker of
 * exports, and the inspection. */
#ifndef CMD_LOG_PARTS_H
#define CMD_LOG_PARTS_H

#include "api/app.h"
#include "cmd/settings.h"

/* Fills app->exports and app->inspection from the rest of `app`. E_FILE_FAILED, E_INTERNAL */
MUST_CHECK bool log_parts_open(struct app *app, const struct settings *settings, struct error *err);
void log_parts_close(struct app *app); /* whatever of it was opened */

#endif
