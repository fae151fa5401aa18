#include "keeper/link.h"

#include <assert.h>
#include <sodium.h>

enum {
	DEVICE_BYTES = 8,
	HEAD_BYTES = 1 + LINK_NONCE_BYTES,
	BOUND_BYTES = 1 + LINK_SERIAL_BYTES, /* kid, serial */
};

_Static_assert(
    LINK_BYTES == HEAD_BYTES + DEVICE_BYTES + crypto_aead_xchacha20poly1305_ietf_ABYTES, "a link");
_Static_assert(LINK_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "a key");

static void
put_number(uint8_t *out, uint64_t value, size_t len)
{
	for (size_t i = len; i > 0; i--, value >>= 8)
		out[i - 1] = (uint8_t)(value & 0xff);
}

static void
bind_to(uint8_t out[static BOUND_BYTES], uint8_t kid, const uint8_t *serial)
{
	out[0] = kid;
	memcpy(out + 1, serial, LINK_SERIAL_BYTES);
}

void
link_seal(uint8_t out[static LINK_BYTES], uint8_t kid, struct bytes key,
    const uint8_t serial[static LINK_SERIAL_BYTES], uint64_t device)
{
	uint8_t plain[DEVICE_BYTES], bound[BOUND_BYTES];

	assert(key.len == LINK_KEY_BYTES);
	put_number(plain, device, sizeof plain);
	bind_to(bound, kid, serial);
	out[0] = kid;
	randombytes_buf(out + 1, LINK_NONCE_BYTES);
	(void)crypto_aead_xchacha20poly1305_ietf_encrypt(out + HEAD_BYTES, NULL, plain,
	    sizeof plain, bound, sizeof bound, NULL, out + 1, key.data);
	sodium_memzero(plain, sizeof plain);
}

bool
link_open(const uint8_t link[static LINK_BYTES], struct bytes key,
    const uint8_t serial[static LINK_SERIAL_BYTES], uint64_t *out_device, struct error *err)
{
	uint8_t plain[DEVICE_BYTES], bound[BOUND_BYTES];
	uint64_t device = 0;

	assert(key.len == LINK_KEY_BYTES);
	bind_to(bound, link[0], serial);
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, link + HEAD_BYTES,
		LINK_BYTES - HEAD_BYTES, bound, sizeof bound, link + 1, key.data) != 0)
		return error_set(err, E_KEEPER_REFUSED, "the link does not open");
	for (size_t i = 0; i < sizeof plain; i++)
		device = device << 8 | plain[i];
	sodium_memzero(plain, sizeof plain);
	*out_device = device;
	return true;
}

/* Personal strings are of 16 octets exactly. */
static void
keyed_hash(uint8_t *out, size_t out_len, struct bytes message, struct bytes key,
    const char personal[static crypto_generichash_blake2b_PERSONALBYTES])
{
	int failed = crypto_generichash_blake2b_salt_personal(out, out_len, message.data,
	    message.len, key.data, key.len, NULL, (const uint8_t *)personal);

	assert(failed == 0); /* lengths alone could make it fail */
}

void
link_block(uint8_t out[static LINK_BLOCK_BYTES], struct bytes key, uint64_t device)
{
	uint8_t message[DEVICE_BYTES];

	put_number(message, device, sizeof message);
	keyed_hash(
	    out, LINK_BLOCK_BYTES, bytes_of(message, sizeof message), key, "moniker-block\0\0");
}

void
link_slot(uint8_t out[static LINK_SLOT_BYTES], struct bytes key, uint64_t device, uint32_t epoch,
    uint8_t place)
{
	uint8_t message[4 + 1 + DEVICE_BYTES];

	put_number(message, epoch, 4);
	message[4] = place;
	put_number(message + 5, device, DEVICE_BYTES);
	keyed_hash(
	    out, LINK_SLOT_BYTES, bytes_of(message, sizeof message), key, "moniker-slot\0\0\0");
}
