#include "base/error.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct error_info INFO[E_COUNT] = {
    [E_NONE] = {ERROR_KIND_NONE, 1, false, "OK", "ok", "No error"},
#define ERROR(name, kind, severity, audit, slug, title) \
	[E_##name] = {ERROR_KIND_##kind, severity, audit, #name, slug, title},
#include "base/error.def"
#undef ERROR
};

const struct error_info *
error_info(enum error_code code)
{
	return &INFO[code];
}

enum error_code
error_code_of(const char *name)
{
	for (int code = E_NONE + 1; code < E_COUNT; code++)
		if (strcmp(INFO[code].name, name) == 0)
			return (enum error_code)code;
	return E_NONE;
}

/* A client may have chosen these octets; JSON and terminals must survive them. */
static void
make_printable(char *text)
{
	for (char *c = text; *c != '\0'; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
}

void
error_set_at(struct error *err, enum error_code code, const char *pointer, const char *site,
    const char *detail_fmt, ...)
{
	va_list ap;

	/* The first cause is the useful one: never overwrite it. */
	assert(err->code == E_NONE);

	err->code = code;
	err->pointer = pointer;
	err->site = site;
	va_start(ap, detail_fmt);
	(void)vsnprintf(err->detail, sizeof err->detail, detail_fmt, ap);
	va_end(ap);
	make_printable(err->detail);
}

void
error_cause(struct error *err, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(err->cause, sizeof err->cause, format, ap);
	va_end(ap);
	make_printable(err->cause);
}

void
error_cause_errno(struct error *err)
{
	char text[128];

	error_cause(err, "%s", strerror_r(errno, text, sizeof text));
}

const char *
error_text(const struct error *err, char *out, unsigned out_len)
{
	(void)snprintf(out, out_len, "%s: %s%s%s%s at %s", INFO[err->code].name, err->detail,
	    err->cause[0] != '\0' ? " (" : "", err->cause, err->cause[0] != '\0' ? ")" : "",
	    err->site != NULL ? err->site : "?");
	return out;
}
