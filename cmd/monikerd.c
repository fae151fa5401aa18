/* monikerd: the service. Started once; it is the supervisor of the keeper and of itself as the
 * service. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/secret.h"
#include "cmd/service.h"
#include "cmd/supervisor.h"

#define EXIT_USAGE 2

static const char HELP[] =
    "usage: monikerd --config FILE [--check]\n"
    "\n"
    "Runs Moniker: a supervisor that starts the key keeper and the service.\n"
    "\n"
    "  --config FILE   the configuration, see moniker.conf(5)\n"
    "  --check         validate configuration, database and schema, then exit\n"
    "  --help-config   print every configuration key with its default\n"
    "  --version       print the version\n"
    "  --help          print this\n"
    "\n"
    "Signals: TERM or INT drains and stops; HUP reloads and renews what is due.\n"
    "Exit status: 0 stopped or checked, 1 failed, 2 usage.\n";

enum mode { MODE_SUPERVISE, MODE_CHECK, MODE_SERVICE };

static bool
run(enum mode mode, const char *config_path, struct error *err)
{
	DEFER(settings_clear) struct settings settings = {0};
	char log_name[LOG_NAME_MAX + 1] = "";
	enum log_level level;

	if (!settings_read(config_path, &settings, err) ||
	    !settings_log_level(&settings, &level, err))
		return false;
	log_set_level(level);
	switch (mode) {
	case MODE_CHECK: return service_check(&settings, err);
	case MODE_SERVICE: {
		/* Told by the supervisor, which alone may read the keeper's folder. */
		const char *name = getenv("MONIKER_LOG_NAME");

		if (name == NULL)
			return error_set(
			    err, E_CONFIG_INVALID, "--service is for the supervisor only");
		return service_run(config_path, &settings, name, err);
	}
	case MODE_SUPERVISE: break;
	}
	if (!settings_log_name(&settings, log_name, err))
		return false;
	(void)setenv("MONIKER_LOG_NAME", log_name, 1);
	return supervisor_run(
	    &(struct supervisor_options){
		.settings = &settings, .config_path = config_path, .log_name = log_name},
	    err);
}

int
main(int argc, char **argv)
{
	static const struct option OPTIONS[] = {{"config", required_argument, NULL, 'c'},
	    {"check", no_argument, NULL, 'k'}, {"service", no_argument, NULL, 's'},
	    {"help-config", no_argument, NULL, 'p'}, {"version", no_argument, NULL, 'v'},
	    {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	const char *config_path = NULL;
	enum mode mode = MODE_SUPERVISE;
	struct error err = {0};
	int option;

	secret_process_init();
	while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1)
		switch (option) {
		case 'c': config_path = optarg; break;
		case 'k': mode = MODE_CHECK; break;
		case 's': mode = MODE_SERVICE; break;
		case 'p': settings_print(); return EXIT_SUCCESS;
		case 'v': (void)puts("monikerd " MONIKER_VERSION); return EXIT_SUCCESS;
		case 'h': (void)fputs(HELP, stdout); return EXIT_SUCCESS;
		default: (void)fputs(HELP, stderr); return EXIT_USAGE;
		}
	if (config_path == NULL || optind != argc) {
		(void)fputs(HELP, stderr);
		return EXIT_USAGE;
	}
	if (run(mode, config_path, &err))
		return EXIT_SUCCESS;
	log_error(LOG_LEVEL_ERROR, "monikerd", NULL, &err);
	return EXIT_FAILURE;
}
