/*
 * verify_scan: the body of a verification in its plain form, read without a document tree:
 * {"certificate": "..."} or {"certificates": ["...", ...]}, white space where JSON allows it.
 *
 * It finds where the strings begin and end, and does not look into them: whoever does not know a
 * string's octets by their hash has to (provisioning/verify.h: struct verify_text). Anything else,
 * right or wrong, is left to the JSON reader (api/decode.h), which says precisely what is wrong.
 */
#ifndef API_VERIFY_SCAN_H
#define API_VERIFY_SCAN_H

#include "provisioning/verify.h"

/* False: not this form, or more than VERIFY_MANY_MAX, or one beyond CERTIFICATE_TEXT_MAX. `out` has
 * room for VERIFY_MANY_MAX; its texts are borrowed from `body`. */
bool verify_scan(struct bytes body, struct verify_text *out, size_t *out_count, bool *out_is_list);

#endif
