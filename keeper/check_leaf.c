#include "keeper/check.h"

bool
check_leaf(const struct policy_issuer *issuer, const struct leaf_view *leaf,
    const uint8_t nonce[static COMMITMENT_NONCE_BYTES], struct bytes tbs, struct error *err)
{
	uint8_t commitment[SHA256_BYTES];

	if ((issuer->events & UINT64_C(1) << leaf->event) == 0)
		return error_set(err, E_KEEPER_REFUSED, "this event may not issue for this issuer");
	if (!leaf->has_commitment)
		return error_set(err, E_KEEPER_REFUSED, "the leaf commits to nothing");
	leaf_commit(commitment, nonce, tbs);
	if (memcmp(commitment, leaf->commitment, sizeof(commitment)) != 0)
		return error_set(err, E_KEEPER_REFUSED, "the leaf commits to something else");
	return true;
}
