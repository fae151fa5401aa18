/* service: the process that serves the API: builds every part, runs until it is told to stop. */
#ifndef CMD_SERVICE_H
#define CMD_SERVICE_H

#include "base/error.h"
#include "cmd/settings.h"

/* `settings` are those of the file, which SIGHUP reads again. With its control socket on
 * CONTROL_FD. Returns when stopped. */
MUST_CHECK bool service_run(const char *config_path, const struct settings *settings,
    const char *log_name, struct error *err);
/* monikerd --check: configuration, database, schema, issuers. */
MUST_CHECK bool service_check(const struct settings *settings, struct error *err);

#endif
