/* moniker: administration on the host, and the reference client of stations, devices, verifiers,
 * officers and auditors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/secret.h"
#include "cmd/cli.h"

static const struct subcommand *const COMMANDS[] = {&INIT_COMMAND, &MIGRATE_COMMAND, &CA_COMMAND,
    &OPERATOR_COMMAND, &BATCH_COMMAND, &TOKEN_COMMAND, &MANIFEST_COMMAND, &TAG_COMMAND,
    &ENROLL_COMMAND, &RENEW_COMMAND, &ROTATE_COMMAND, &VERIFY_COMMAND, &BUNDLE_COMMAND,
    &REVOKE_COMMAND, &AUDIT_COMMAND, &LOG_COMMAND, &RESTORE_COMMAND, &WITNESS_COMMAND,
    &SEAT_COMMAND, &DISCLOSE_COMMAND, &ERASE_COMMAND, &DOCTOR_COMMAND, &COMPLETION_COMMAND};

const char CLI_API_HELP[] = "  --url URL          the service; default $MONIKER_URL\n"
			    "  --cacert FILE      its trust anchor; default $MONIKER_CACERT\n"
			    "  --cert FILE        your certificate; default $MONIKER_<ROLE>_CERT\n"
			    "  --key FILE         its key; default $MONIKER_<ROLE>_KEY\n"
			    "  --json             the answer as JSON\n";

const struct subcommand *const *
cli_commands(size_t *out_count)
{
	*out_count = COUNT(COMMANDS);
	return COMMANDS;
}

static void
print_help(FILE *out)
{
	(void)fputs("usage: moniker COMMAND [OPTIONS]\n\n", out);
	for (size_t i = 0; i < COUNT(COMMANDS); i++)
		(void)fprintf(out, "  %-10s %s\n", COMMANDS[i]->name, COMMANDS[i]->summary);
	(void)fputs("\n`moniker COMMAND --help` says more. Options of every command that calls the "
		    "service:\n",
	    out);
	(void)fputs(CLI_API_HELP, out);
}

int
main(int argc, char **argv)
{
	secret_process_init();
	if (sodium_init() < 0)
		return EXIT_FAILURE;
	if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
		(void)puts("moniker " MONIKER_VERSION);
		return EXIT_SUCCESS;
	}
	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
		print_help(stdout);
		return EXIT_SUCCESS;
	}
	for (size_t i = 0; argc >= 2 && i < COUNT(COMMANDS); i++) {
		if (strcmp(argv[1], COMMANDS[i]->name) != 0)
			continue;
		for (int j = 2; j < argc; j++)
			if (strcmp(argv[j], "--help") == 0) {
				(void)fputs(COMMANDS[i]->help, stdout);
				return EXIT_SUCCESS;
			}
		return COMMANDS[i]->run(argc - 1, argv + 1);
	}
	print_help(stderr);
	return EXIT_USAGE;
}
