/* note_signer: the key whose notes the target takes for good. */
#ifndef TESTS_FUZZ_NOTE_SIGNER_H
#define TESTS_FUZZ_NOTE_SIGNER_H

#include <sodium.h>

#include "proof/note.h"
#include "tests/fuzz/fuzz.h"

static inline void
note_signer(struct note_key *out, uint8_t seed[static NOTE_SEED_BYTES])
{
	uint8_t public_key[NOTE_PUBLIC_BYTES], secret_key[crypto_sign_SECRETKEYBYTES];
	struct error err = {0};

	memset(seed, 7, NOTE_SEED_BYTES);
	MUST(crypto_sign_seed_keypair(public_key, secret_key, seed) == 0);
	MUST(note_key_init(out, "moniker.example/fuzz", public_key, &err));
}

#endif
