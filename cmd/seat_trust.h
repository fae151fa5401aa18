/* seat_trust: a seat set, held offline against the Operations Root that signed it. */
#ifndef CMD_SEAT_TRUST_H
#define CMD_SEAT_TRUST_H

#include "provisioning/seat_set.h"

/*
 * `cacert`: PEM file of the roots that may sign.
 * E_FILE_FAILED   it cannot be read, or holds no certificate
 * E_BAD_PROOF     none of them has signed these octets, or they are no seat set
 */
MUST_CHECK bool seat_trust_verify(const char *cacert, struct bytes body, struct bytes signature,
    struct seat_set *out, struct error *err);

#endif
