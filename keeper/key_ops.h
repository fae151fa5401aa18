/* key_ops: what a kind of private key must be able to do; a backend is one file that fills this. */
#ifndef KEEPER_KEY_OPS_H
#define KEEPER_KEY_OPS_H

#include "base/bytes.h"
#include "base/error.h"
#include "keeper/key.h"

struct key_ops {
	/* An ECDSA-Sig-Value over the digest. Thread-safe. E_INTERNAL */
	bool (*sign_digest)(void *self, const uint8_t digest[static 32],
	    uint8_t out[static KEY_SIGNATURE_MAX], size_t *out_len, struct error *err);
	void (*free)(void *self);
};

/* Takes `self` over. `spki` is copied; at most KEY_SPKI_MAX octets: asserted. */
struct key *key_new(const struct key_ops *ops, void *self, struct bytes spki);

#endif
