/* In a file of its own: a program that has no use for libcrypto does not link it. */
#include "base/error.h"

#include <openssl/err.h>

void
error_cause_openssl(struct error *err)
{
	const unsigned long code = ERR_get_error();
	char text[128];

	ERR_error_string_n(code, text, sizeof text);
	error_cause(err, "%s", code == 0 ? "no reason given" : text);
	ERR_clear_error();
}
