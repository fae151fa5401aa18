/* reason: why a certificate is revoked (RFC 5280 section 5.3.1), by number and by both spellings.
 */
#ifndef CA_REASON_H
#define CA_REASON_H

#include "base/bytes.h"

enum reason {
	REASON_UNSPECIFIED = 0,
	REASON_KEY_COMPROMISE = 1,
	REASON_CA_COMPROMISE = 2,
	REASON_AFFILIATION_CHANGED = 3,
	REASON_SUPERSEDED = 4,
	REASON_CESSATION = 5,
	REASON_HOLD = 6, /* certificateHold */
	REASON_PRIVILEGE_WITHDRAWN = 9,
};

const char *reason_code(enum reason reason); /* "KEY_COMPROMISE": rc of leaves and JSON */
const char *reason_name(enum reason reason); /* "keyCompromise" */
/* Either spelling; false: neither. */
bool reason_of(const char *text, enum reason *out);

#endif
