/* tier: what a device may do with the certificate that it showed. */
#ifndef API_TIER_H
#define API_TIER_H

#include "api/caller.h"

/* E_PROFILE_DENIED: not of the unlinkable mode. E_CALLER_EXPIRED: renew the birth certificate */
MUST_CHECK bool tier_may_take_pseudonyms(const struct caller *caller, struct error *err);
/* E_PROFILE_DENIED: a pseudonym is not renewed, another one is taken */
MUST_CHECK bool tier_may_renew(const struct caller *caller, struct error *err);
/* The same over EST, where the name may not change: E_PROFILE_DENIED also for a birth certificate.
 */
MUST_CHECK bool tier_may_reenroll(const struct caller *caller, struct error *err);

#endif
