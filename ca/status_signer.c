#include "ca/status_signer.h"

#include "ca/ceremony.h"

void
status_signer_clear(struct status_signer *signer)
{
	buf_clear_public(&signer->tbs);
}

bool
status_signer_prepare(const struct issuers *issuers,
    const uint8_t public_key[static AUTHORITY_ED25519_BYTES], int number, int64_t now_s,
    const struct rng *rng, struct status_signer *out, struct error *err)
{
	const struct issuer *root = issuers_active(issuers, ISSUER_DEVICE_ROOT);
	uint8_t spki[AUTHORITY_ED25519_SPKI_BYTES];
	const struct authority_request request = {.parent = root->tbs,
	    .parent_not_after_s = root->certificate.not_after_s,
	    .spki = bytes_of(spki, sizeof spki),
	    .now_s = now_s};
	DEFER(status_signer_clear) struct status_signer signer = {0};

	authority_ed25519_spki(spki, public_key);
	memcpy(signer.public_key, public_key, sizeof signer.public_key);
	memcpy(signer.parent, root->id, sizeof signer.parent);
	rng_fill(rng, signer.nonce, sizeof signer.nonce);
	if (!authority_status_signer_tbs(
		&request, AUTHORITY_ORGANIZATION, number, rng, &signer.tbs, err))
		return false;
	*out = signer;
	signer.tbs = (struct buf){0};
	return true;
}

bool
status_signer_sign(const struct status_signer *signer, const struct keyring *roots,
    struct buf *out_der, struct error *err)
{
	DEFER(buf_clear_public) struct buf signature = {0};

	if (!ceremony_sign(roots, signer->parent, buf_bytes(&signer->tbs), &signature, err))
		return false;
	certificate_assemble(buf_bytes(&signer->tbs), buf_bytes(&signature), out_der);
	return true;
}
