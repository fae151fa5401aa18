#include "base/log.h"

#include <assert.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

#define LINE_MAX_OCTETS 1024
/* Bounds of the parts: together they leave room for the frame within a line. */
#define EVENT_MAX 40
#define REQUEST_ID_MAX 40
#define TEXT_MAX (LINE_MAX_OCTETS - 200)

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
	char member[sizeof ",\"request_id\":\"\"" + REQUEST_ID_MAX] = "";
	char id[REQUEST_ID_MAX + 1];
	int len;

	clean(text);
	if (request_id != NULL) {
		(void)snprintf(id, sizeof id, "%s", request_id);
		clean(id);
		(void)snprintf(member, sizeof member, ",\"request_id\":\"%s\"", id);
	}
	time_encode(time, clock_now_s(&clock));
	len = snprintf(line, sizeof line,
	    "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%.*s\"%s,\"text\":\"%s\"}\n", time,
	    LEVELS[level], EVENT_MAX, event, member, text);
	assert(len > 0 && (size_t)len < sizeof line);
	(void)!write(STDERR_FILENO, line, (size_t)len); /* nobody to tell when this fails */
}

void
log_write(enum log_level level, const char *event, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	if ((int)level > atomic_load(&log_level))
		return;
	va_start(ap, format);
	(void)vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	put(level, event, NULL, text);
}

void
log_request(
    enum log_level level, const char *event, const char *request_id, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	if ((int)level > atomic_load(&log_level))
		return;
	va_start(ap, format);
	(void)vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	put(level, event, request_id, text);
}

void
log_error(enum log_level level, const char *event, const char *request_id, const struct error *err)
{
	char text[TEXT_MAX];

	if ((int)level > atomic_load(&log_level))
		return;
	(void)error_text(err, text, sizeof text);
	put(level, event, request_id, text);
}
