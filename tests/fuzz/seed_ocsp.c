/* OCSP requests: all that the unit test knows, good and bad, each under what is said of it. */
#include "tests/fuzz/seed.h"
#include "tests/support/der_text.h"
#include "tests/support/ocsp_text.h"

void
seed_ocsp(void)
{
	for (size_t i = 0; i < COUNT(OCSP_TEXTS); i++) {
		DEFER(buf_clear_public) struct buf der = {0};
		DEFER(buf_clear_public) struct buf name = {0};

		der_text(OCSP_TEXTS[i].text, &der);
		for (const char *c = OCSP_TEXTS[i].what; *c != '\0'; c++)
			if (*c != ',')
				buf_append_u8(&name, (uint8_t)(*c == ' ' ? '-' : *c));
		if (i == 4)
			seed_put_hurt("ocsp_request", buf_text(&name), buf_bytes(&der));
		else
			seed_put("ocsp_request", buf_text(&name), buf_bytes(&der));
	}
}
