/*
 * moniker-keeper: the process that holds the long-term secrets.
 *
 * Started by the supervisor with its control socket on CONTROL_FD: it takes the passphrase,
 * opens what is in its folder, shuts itself in, and serves the channels it is handed until the
 * control socket closes.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/secret.h"
#include "keeper/control.h"
#include "keeper/server.h"

#define EXIT_USAGE 3
#define LOG_NAME_MAX 64 /* characters */

struct options {
	const char *dir, *log;
};

static int
usage(FILE *to, int status)
{
	(void)fputs("usage: moniker-keeper --dir DIR --log NAME\n"
		    "The key keeper of monikerd, which starts it.\n"
		    "  --dir DIR   folder of keeper.ring, policy.json, journal/ and crl-numbers\n"
		    "  --log NAME  the open log: its journal is DIR/journal/NAME.journal\n",
	    to);
	return status;
}

/* A file name that stays inside its folder. */
static bool
log_name_valid(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > LOG_NAME_MAX || name[0] == '.')
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
	       len;
}

static bool
options_parse(int argc, char **argv, struct options *out)
{
	static const struct option known[] = {
	    {"dir", required_argument, NULL, 'd'},
	    {"log", required_argument, NULL, 'l'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
		switch (option) {
		case 'd': out->dir = optarg; break;
		case 'l': out->log = optarg; break;
		case 'h': exit(usage(stdout, EXIT_SUCCESS));
		default: return false;
		}
	return optind == argc && out->dir != NULL && out->log != NULL && log_name_valid(out->log);
}

/* ---- starting ---- */

/* The first message has to be the passphrase. */
static bool
passphrase_receive(struct secret **out, struct error *err)
{
	struct control_received received = {0};
	bool closed = false;

	if (!control_receive(CONTROL_FD, &received, &closed, err))
		return false;
	if (closed)
		return error_set(err, E_INTERNAL, "the supervisor is gone");
	if (received.type == CONTROL_PASSPHRASE) {
		*out = received.passphrase;
		return true;
	}
	if (received.type == CONTROL_CHANNEL_SET)
		for (size_t i = 0; i < CONTROL_CHANNELS; i++)
			(void)close(received.channels[i]);
	return error_set(err, E_INTERNAL, "the passphrase has to come first");
}

static bool
open_folder(const struct options *options, const struct secret *passphrase,
    const struct clock *clock, struct keeper **out, struct error *err)
{
	DEFER(buf_clear_public) struct buf keyring = {0};
	DEFER(buf_clear_public) struct buf policy = {0};
	DEFER(buf_clear_public) struct buf journal = {0};
	DEFER(buf_clear_public) struct buf crl_numbers = {0};
	struct keeper_paths paths;

	buf_append_format(&keyring, "%s/keeper.ring", options->dir);
	buf_append_format(&policy, "%s/policy.json", options->dir);
	buf_append_format(&journal, "%s/journal/%s.journal", options->dir, options->log);
	buf_append_format(&crl_numbers, "%s/crl-numbers", options->dir);
	paths = (struct keeper_paths){
	    .keyring = buf_text(&keyring),
	    .policy = buf_text(&policy),
	    .journal = buf_text(&journal),
	    .crl_numbers = buf_text(&crl_numbers),
	};
	return keeper_open(&paths, passphrase, clock, out, err);
}

/* The passphrase is wiped as soon as the keyring is open. */
static bool
start(const struct options *options, const struct clock *clock, struct keeper **out,
    struct error *err)
{
	DEFER(secret_free) struct secret *passphrase = NULL;
	DEFER(keeper_free) struct keeper *keeper = NULL;

	if (!passphrase_receive(&passphrase, err) ||
	    !open_folder(options, passphrase, clock, &keeper, err) || !sandbox_enter(err) ||
	    !keeper_verify_begin(keeper, err) || !control_send(CONTROL_FD, CONTROL_READY, err))
		return false;
	*out = TAKE(keeper);
	return true;
}

/* ---- serving ---- */

/* Waits for the supervisor; fails when the keeper has to be started again. */
static bool
wait_for_control(const struct keeper *keeper, struct error *err)
{
	struct pollfd events[2] = {
	    {.fd = CONTROL_FD, .events = POLLIN},
	    {.fd = keeper_failure_fd(keeper), .events = POLLIN},
	};

	while (poll(events, 2, -1) < 0)
		if (errno != EINTR)
			return error_set(err, E_INTERNAL, "nothing to wait for");
	if (events[1].revents != 0)
		return error_set(err, E_FILE_FAILED, "the journal's state is in doubt");
	return true;
}

static bool
serve_until_stopped(struct keeper *keeper, struct error *err)
{
	for (;;) {
		struct control_received received = {0};
		bool closed = false;

		if (!wait_for_control(keeper, err) ||
		    !control_receive(CONTROL_FD, &received, &closed, err))
			return false;
		if (closed || received.type == CONTROL_STOP)
			return true;
		if (received.type == CONTROL_CHANNEL_SET) {
			if (!keeper_serve(keeper, received.channels, err))
				return false;
			continue;
		}
		secret_free(received.passphrase);
		return error_set(err, E_INTERNAL, "not a message for a keeper that serves");
	}
}

int
main(int argc, char **argv)
{
	const struct clock clock = clock_system();
	struct options options = {0};
	DEFER(keeper_free) struct keeper *keeper = NULL;
	struct error err = {0};

	secret_process_init();
	(void)signal(
	    SIGXFSZ, SIG_IGN); /* a limit on files is an error of write(), as a full disk is */
	if (!options_parse(argc, argv, &options))
		return usage(stderr, EXIT_USAGE);
	if (!start(&options, &clock, &keeper, &err)) {
		log_error(LOG_LEVEL_ERROR, "keeper.start", NULL, &err);
		return EXIT_FAILURE;
	}
	log_info("keeper.ready", "serving log %s", options.log);
	if (!serve_until_stopped(keeper, &err)) {
		log_error(LOG_LEVEL_ERROR, "keeper.failed", NULL, &err);
		return EXIT_FAILURE;
	}
	keeper_stop(keeper);
	return EXIT_SUCCESS;
}
