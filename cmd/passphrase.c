#include "cmd/passphrase.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <sodium.h>

#include "base/mem.h"
#include "cmd/settings.h"

#define LINE_MAX_OCTETS 1024

static bool
read_line(int tty, struct secret **out, struct error *err)
{
	char line[LINE_MAX_OCTETS];
	const ssize_t len = read(tty, line, sizeof line);
	bool good = len > 1 && line[len - 1] == '\n';

	if (good)
		*out = secret_new(bytes_of(line, (size_t)len - 1));
	sodium_memzero(line, sizeof line);
	return good || error_set(err, E_FILE_FAILED, "no passphrase was typed");
}

static bool
ask(const char *prompt, struct secret **out, struct error *err)
{
	struct termios before;
	struct termios silent;
	const int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	bool good;

	if (tty < 0 || tcgetattr(tty, &before) != 0) {
		if (tty >= 0)
			(void)close(tty);
		return error_set(err, E_FILE_FAILED,
		    "no passphrase file, no systemd credential, and no terminal to ask on");
	}
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	(void)tcsetattr(tty, TCSAFLUSH, &silent);
	(void)!write(tty, prompt, strlen(prompt));
	good = read_line(tty, out, err);
	(void)!write(tty, "\n", 1);
	(void)tcsetattr(tty, TCSAFLUSH, &before);
	(void)close(tty);
	return good;
}

bool
passphrase_read(const char *path, const char *prompt, struct secret **out, struct error *err)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");

	if (path != NULL && path[0] != '\0')
		return secret_read_file(path, out, err);
	if (credentials != NULL) {
		DEFER(mem_free) char *file = settings_path(credentials, "passphrase");

		return secret_read_file(file, out, err);
	}
	return ask(prompt, out, err);
}
