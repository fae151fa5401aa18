#include "provisioning/escrow_keep.h"

#include <sodium.h>

#include "base/mem.h"

#define WRAP_NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define WRAP_TAG_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES

void
escrow_sealed_free(struct escrow_sealed *sealed)
{
	if (sealed == NULL)
		return;
	buf_clear_public(&sealed->wrapped);
	sodium_memzero(sealed, sizeof *sealed);
	mem_free(sealed);
}

/* nonce(24) ciphertext. The key is for this one record. */
static void
wrap(struct bytes record, const uint8_t key[static SHRED_KEY_BYTES], const struct rng *rng,
    struct buf *out)
{
	uint8_t nonce[WRAP_NONCE_BYTES];

	rng_fill(rng, nonce, sizeof nonce);
	buf_append(out, bytes_of(nonce, sizeof nonce));
	(void)crypto_aead_xchacha20poly1305_ietf_encrypt(
	    buf_extend(out, record.len + WRAP_TAG_BYTES), NULL, record.data, record.len, NULL, 0,
	    NULL, nonce, key);
}

bool
escrow_unwrap(struct bytes wrapped, const uint8_t key[static SHRED_KEY_BYTES], struct buf *out,
    struct error *err)
{
	const size_t before = out->len;
	size_t len;

	if (wrapped.len < WRAP_NONCE_BYTES + WRAP_TAG_BYTES)
		return error_set(err, E_ESCROW_UNREADABLE, "the wrap is cut short");
	len = wrapped.len - WRAP_NONCE_BYTES - WRAP_TAG_BYTES;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(buf_extend(out, len), NULL, NULL,
		wrapped.data + WRAP_NONCE_BYTES, wrapped.len - WRAP_NONCE_BYTES, NULL, 0,
		wrapped.data, key) != 0) {
		buf_truncate(out, before);
		return error_set(err, E_ESCROW_UNREADABLE, "the wrap does not open");
	}
	return true;
}

void
escrow_keep_brought(
    struct bytes record, uint32_t seat_set, const struct rng *rng, struct escrow_sealed **out)
{
	struct escrow_sealed *sealed = xcalloc(1, sizeof *sealed);

	sealed->seat_set = seat_set;
	rng_fill(rng, sealed->nonce, sizeof sealed->nonce);
	leaf_commit(sealed->commitment, sealed->nonce, record);
	rng_fill(rng, sealed->shred_key, sizeof sealed->shred_key);
	wrap(record, sealed->shred_key, rng, &sealed->wrapped);
	*out = sealed;
}

bool
escrow_keep(const struct escrow_identity *identity, const struct seat_set *set,
    const struct rng *rng, struct escrow_sealed **out, struct error *err)
{
	DEFER(buf_clear_public) struct buf record = {0};

	buf_reserve(&record, ESCROW_MAX);
	if (!escrow_seal(identity, set, rng, &record, err))
		return false;
	escrow_keep_brought(buf_bytes(&record), set->number, rng, out);
	return true;
}
