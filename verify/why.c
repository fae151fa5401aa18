#include "verify/why.h"

#include <stdarg.h>
#include <stdio.h>

bool
mv_fail(struct why *why, enum moniker_load code, const char *format, ...)
{
	va_list arguments;

	why->code = code;
	va_start(arguments, format);
	(void)vsnprintf(why->text, sizeof why->text, format, arguments);
	va_end(arguments);
	return false;
}
