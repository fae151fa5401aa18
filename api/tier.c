#include "api/tier.h"

bool
tier_may_take_pseudonyms(const struct caller *caller, struct error *err)
{
	if (caller->tier == CALLER_TIER_DEVICE)
		return error_set(err, E_PROFILE_DENIED,
		    "the device is of a pseudonymous batch: an officer can readmit it, to enroll "
		    "into "
		    "an unlinkable one");
	return !caller->expired ||
	       error_set(err, E_CALLER_EXPIRED, "the birth certificate has expired: renew it");
}

bool
tier_may_renew(const struct caller *caller, struct error *err)
{
	return caller->tier != CALLER_TIER_PSEUDONYM ||
	       error_set(err, E_PROFILE_DENIED,
		   "a pseudonym is not renewed: take another one, POST /v1/pseudonyms");
}

bool
tier_may_reenroll(const struct caller *caller, struct error *err)
{
	return caller->tier == CALLER_TIER_DEVICE || error_set(err, E_PROFILE_DENIED,
							 "EST does not serve the unlinkable mode: "
							 "POST /v1/pseudonyms, or /v1/renewals for "
							 "a birth certificate");
}
