/*
 * supervisor: the small single-threaded parent of the keeper and the service.
 *
 * It reads the passphrase, starts both under their own uids, gives them channels to each
 * other, and starts whichever dies again, with fresh channels for both.
 */
#ifndef CMD_SUPERVISOR_H
#define CMD_SUPERVISOR_H

#include "base/error.h"
#include "cmd/settings.h"

struct supervisor_options {
	const struct settings *settings;
	const char *config_path;
	const char *log_name;
};
/* Runs until SIGTERM or SIGINT has stopped both children. */
MUST_CHECK bool supervisor_run(const struct supervisor_options *options, struct error *err);

#endif
