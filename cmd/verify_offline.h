/* verify_offline: the verdict on a certificate by a trust bundle, without the service. */
#ifndef CMD_VERIFY_OFFLINE_H
#define CMD_VERIFY_OFFLINE_H

#include <jansson.h>

#include "base/error.h"

struct verify_offline {
	const char *bundle;      /* file */
	const char *trust;       /* file with the Device Root; NULL: the bundle's is believed */
	const char *certificate; /* file, PEM or DER */
	const char *max_age_s;   /* decimal, or NULL */
	bool accept_stale;
};
/*
 * *out has the members of an answer to POST /v1/verifications, and `explain`, `as_of`, `stale`.
 * Its verdict may also be "stale": cannot tell. The caller frees it.
 * E_FILE_FAILED   one of the files cannot be read
 * E_BAD_SYNTAX    no bundle, no root, or no number
 * E_BAD_PROOF     a bundle of another root, or a signature in it that does not hold
 */
MUST_CHECK bool verify_offline(
    const struct verify_offline *options, json_t **out, struct error *err);

#endif
