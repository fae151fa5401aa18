#include "keeper/key.h"

#include <assert.h>

#include "base/hash.h"
#include "base/mem.h"
#include "keeper/key_ops.h"

struct key {
	const struct key_ops *ops;
	void *self;
	uint8_t spki[KEY_SPKI_MAX];
	size_t spki_len;
};

struct key *
key_new(const struct key_ops *ops, void *self, struct bytes spki)
{
	struct key *key = xcalloc(1, sizeof(*key));

	assert(spki.len <= sizeof(key->spki));
	key->ops = ops;
	key->self = self;
	memcpy(key->spki, spki.data, spki.len);
	key->spki_len = spki.len;
	return key;
}

void
key_free(struct key *key)
{
	if (key == NULL)
		return;
	key->ops->free(key->self);
	mem_free(key);
}

struct bytes
key_spki(const struct key *key)
{
	return bytes_of(key->spki, key->spki_len);
}

void
issuer_id_of_spki(struct bytes spki, uint8_t out[static ISSUER_ID_BYTES])
{
	uint8_t digest[SHA256_BYTES];

	sha256(spki, digest);
	memcpy(out, digest, ISSUER_ID_BYTES);
}

void
key_issuer_id(const struct key *key, uint8_t out[static ISSUER_ID_BYTES])
{
	issuer_id_of_spki(key_spki(key), out);
}

bool
key_sign(const struct key *key, struct bytes message, uint8_t out[static KEY_SIGNATURE_MAX],
    size_t *out_len, struct error *err)
{
	uint8_t digest[SHA256_BYTES];

	sha256(message, digest);
	return key_sign_digest(key, digest, out, out_len, err);
}

bool
key_sign_digest(const struct key *key, const uint8_t digest[static 32],
    uint8_t out[static KEY_SIGNATURE_MAX], size_t *out_len, struct error *err)
{
	return key->ops->sign_digest(key->self, digest, out, out_len, err);
}
