/*
 * disclose_sample: the package of an escrow audit, opened: which of the drawn records open.
 *
 * What was sealed is decrypted, looked at, wiped, and not told: an audit lifts nobody's pseudonym.
 */
#ifndef CMD_DISCLOSE_SAMPLE_H
#define CMD_DISCLOSE_SAMPLE_H

#include "cmd/disclose_open.h"
#include "provisioning/disclosure.h"

/*
 * {"log", "size", "drawn", "opened", "erased", "other_seats", "faults": [{"leaf", "why"}]}; the
 * caller frees. `erased`: the service has no key of their wraps; `other_seats`: of a role, none of
 * the given seats was in the set that it was sealed to.
 * E_BAD_PROOF   these are not the leaves that the log draws, or they are not in it
 */
MUST_CHECK bool disclose_sample_open(const struct disclose_open *with, const json_t *package,
    const struct disclosure_text *text, json_t **out, struct error *err);

#endif
