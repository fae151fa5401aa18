/* why: what is wrong with a bundle: a code for programs and a line for people. */
#ifndef VERIFY_WHY_H
#define VERIFY_WHY_H

#include <stdbool.h>

#include "verify/moniker_verify.h"

struct why {
	enum moniker_load code;
	char text[MONIKER_WHY_MAX];
};
/* Sets it; always false. */
__attribute__((format(printf, 3, 4))) bool mv_fail(
    struct why *why, enum moniker_load code, const char *format, ...);

#endif
