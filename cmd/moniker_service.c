/* moniker-service: the process that serves the API. monikerd starts it. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/secret.h"
#include "cmd/service.h"
#include "keeper/control.h"

#define EXIT_USAGE 2

static const char HELP[] =
    "usage: moniker-service --config FILE {--service | --check}\n"
    "\n"
    "The service of monikerd(8), which starts it: it is not run by hand.\n"
    "\n"
    "  --config FILE   the configuration, see moniker.conf(5)\n"
    "  --service       serve, with the supervisor's control socket as descriptor 3\n"
    "  --check         what monikerd --check does\n"
    "  --version       print the version\n"
    "  --help          print this\n";

enum mode { MODE_NONE, MODE_CHECK, MODE_SERVICE };

/* What the supervisor gives: a control socket, and the name of the open log, which it alone may
 * read from the keeper's folder. */
static bool
take_log_name(const char **out, struct error *err)
{
	struct stat control;
	const char *name = getenv("MONIKER_LOG_NAME");

	if (name == NULL || fstat(CONTROL_FD, &control) != 0 || !S_ISSOCK(control.st_mode))
		return error_set(err, E_CONFIG_INVALID,
		    "the service is started by monikerd, not by hand: run monikerd --config FILE");
	*out = name;
	return true;
}

static bool
run(enum mode mode, const char *config_path, struct error *err)
{
	DEFER(settings_clear) struct settings settings = {0};
	const char *log_name = NULL;
	enum log_level level;

	if ((mode == MODE_SERVICE && !take_log_name(&log_name, err)) ||
	    !settings_read(config_path, &settings, err) ||
	    !settings_log_level(&settings, &level, err))
		return false;
	log_set_level(level);
	return mode == MODE_CHECK ? service_check(&settings, err)
				  : service_run(config_path, &settings, log_name, err);
}

int
main(int argc, char **argv)
{
	static const struct option OPTIONS[] = {{"config", required_argument, NULL, 'c'},
	    {"check", no_argument, NULL, 'k'}, {"service", no_argument, NULL, 's'},
	    {"version", no_argument, NULL, 'v'}, {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0}};
	const char *config_path = NULL;
	enum mode mode = MODE_NONE;
	struct error err = {0};
	int option;

	secret_process_init();
	while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1)
		switch (option) {
		case 'c': config_path = optarg; break;
		case 'k': mode = MODE_CHECK; break;
		case 's': mode = MODE_SERVICE; break;
		case 'v': (void)puts("moniker-service " MONIKER_VERSION); return EXIT_SUCCESS;
		case 'h': (void)fputs(HELP, stdout); return EXIT_SUCCESS;
		default: (void)fputs(HELP, stderr); return EXIT_USAGE;
		}
	if (config_path == NULL || mode == MODE_NONE || optind != argc) {
		(void)fputs(HELP, stderr);
		return EXIT_USAGE;
	}
	if (run(mode, config_path, &err))
		return EXIT_SUCCESS;
	log_error(LOG_LEVEL_ERROR, "moniker-service", NULL, &err);
	return EXIT_FAILURE;
}
