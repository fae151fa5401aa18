#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

#define LINE_MAX_OCTETS 1024

static const char *const LEVELS[] = {"error", "warning", "info", "debug"};

/* The one mutable global of the program. */
static _Atomic int log_level = LOG_LEVEL_INFO;

void
log_set_level(enum log_level level)
{
	atomic_store(&log_level, (int)level);
}

bool
log_level_of(const char *name, enum log_level *out)
{
	for (size_t i = 0; i < COUNT(LEVELS); i++)
		if (strcmp(LEVELS[i], name) == 0) {
			*out = (enum log_level)i;
			return true;
		}
	return false;
}

/* Text as the inside of a JSON string: printable ASCII, quotes and backslashes made harmless. */
static void
clean(char *text)
{
	for (char *c = text; *c != '\0'; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
		else if (*c == '"' || *c == '\\')
			*c = '\'';
}

/* One write(2) a line, so that lines of several threads and processes do not mix. */
static void
put(enum log_level level, const char *event, const char *request_id, char *text)
{
	const struct clock clock = clock_system();
	char time[TIME_TEXT_LEN + 1];
	char line[LINE_MAX_OCTETS];
	int len;

	clean(text);
	time_encode(time, clock_now_s(&clock));
	len = snprintf(line, sizeof line - 1,
	    "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"%s%s%s,\"text\":\"%s\"}", time,
	    LEVELS[level], event, request_id != NULL ? ",\"request_id\":\"" : "",
	    request_id != NULL ? request_id : "", request_id != NULL ? "\"" : "", text);
	if (len < 0)
		return;
	if ((size_t)len > sizeof line - 2)
		len = (int)sizeof line - 2;
	line[len++] = '\n';
	(void)!write(STDERR_FILENO, line, (size_t)len);
}

void
log_write(enum log_level level, const char *event, const char *format, ...)
{
	char text[LINE_MAX_OCTETS - 200];
	va_list ap;

	if ((int)level > atomic_load(&log_level))
		return;
	va_start(ap, format);
	(void)vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	put(level, event, NULL, text);
}

void
log_error(enum log_level level, const char *event, const char *request_id, const struct error *err)
{
	char text[LINE_MAX_OCTETS - 200];

	if ((int)level > atomic_load(&log_level))
		return;
	(void)error_text(err, text, sizeof text);
	put(level, event, request_id, text);
}
