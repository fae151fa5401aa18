/*
 * monikerd: what a user starts: the supervisor of the keeper and of the service.
 *
 * It holds the keeper's passphrase, so it links no library of networks or databases, which it
 * would not use (tests/programs/monikerd.sh). What needs them is in moniker-service.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "cmd/program_path.h"
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

static bool
supervise(const char *config_path, struct error *err)
{
	DEFER(settings_clear) struct settings settings = {0};
	char log_name[LOG_NAME_MAX + 1] = "";
	enum log_level level;

	if (!settings_read(config_path, &settings, err) ||
	    !settings_log_level(&settings, &level, err))
		return false;
	log_set_level(level);
	if (!settings_log_name(&settings, log_name, err))
		return false;
	/* For the service: only we may read the keeper's folder. */
	(void)setenv("MONIKER_LOG_NAME", log_name, 1);
	return supervisor_run(
	    &(struct supervisor_options){
		.settings = &settings, .config_path = config_path, .log_name = log_name},
	    err);
}

/* Becomes the service's program, which can ask the database. */
static bool
check(const char *config_path, struct error *err)
{
	DEFER(mem_free) char *program = program_path("moniker-service");
	DEFER(mem_free) char *config = xstrdup(config_path);
	char *argv[] = {program, (char[]){"--config"}, config, (char[]){"--check"}, NULL};

	(void)execv(program, argv);
	(void)error_set(err, E_FILE_FAILED, "cannot run %s", program);
	error_cause_errno(err);
	return false;
}

int
main(int argc, char **argv)
{
	static const struct option OPTIONS[] = {{"config", required_argument, NULL, 'c'},
	    {"check", no_argument, NULL, 'k'}, {"help-config", no_argument, NULL, 'p'},
	    {"version", no_argument, NULL, 'v'}, {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0}};
	const char *config_path = NULL;
	bool check_only = false;
	struct error err = {0};
	int option;

	secret_process_init();
	while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1)
		switch (option) {
		case 'c': config_path = optarg; break;
		case 'k': check_only = true; break;
		case 'p': settings_print(); return EXIT_SUCCESS;
		case 'v': (void)puts("monikerd " MONIKER_VERSION); return EXIT_SUCCESS;
		case 'h': (void)fputs(HELP, stdout); return EXIT_SUCCESS;
		default: (void)fputs(HELP, stderr); return EXIT_USAGE;
		}
	if (config_path == NULL || optind != argc) {
		(void)fputs(HELP, stderr);
		return EXIT_USAGE;
	}
	if (check_only ? check(config_path, &err) : supervise(config_path, &err))
		return EXIT_SUCCESS;
	log_error(LOG_LEVEL_ERROR, "monikerd", NULL, &err);
	return EXIT_FAILURE;
}
