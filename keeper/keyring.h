/*
 * keyring: named secrets in one file, wrapped with Argon2id and XChaCha20-Poly1305.
 *
 *   "MKRING" version(1)=1 0(1) opslimit(4) memlimit_kib(4) salt(16) nonce(24) ciphertext
 *
 * The header is the associated data. The plaintext is entries of
 * name_len(1) name secret_len(2) secret, in the order they were added.
 * Names in use: "issuer:<16 hex>" (PKCS#8), "log" (Ed25519 seed), "tag:<kid>" (32),
 * "token:<kid>" (32), "link:<kid>" (32), "block:1" (32), "status:<kid>" (Ed25519 seed), "journal"
 * (32).
 */
#ifndef KEEPER_KEYRING_H
#define KEEPER_KEYRING_H

#include <sys/types.h>

#include "base/defer.h"
#include "base/error.h"
#include "base/secret.h"

#define KEYRING_FILE_MAX 65536 /* octets */
#define KEYRING_ENTRIES_MAX 128
#define KEYRING_NAME_MAX 63 /* characters */

struct keyring_cost { /* of Argon2id */
	uint32_t operations;
	uint32_t memory_kib; /* 8192 at least */
};
#define KEYRING_COST_DEFAULT ((struct keyring_cost){.operations = 3, .memory_kib = 262144})

struct keyring;

struct keyring *keyring_new(void);
void keyring_free(struct keyring *ring); /* wipes; NULL is fine */
DEFER_DECLARE(struct keyring, keyring_free)

/* Takes over `secret`. The name is new, and the ring not full: asserted. */
void keyring_add(struct keyring *ring, const char *name, struct secret *secret);
/* Wipes it, if it is there. */
void keyring_remove(struct keyring *ring, const char *name);
const struct secret *keyring_find(const struct keyring *ring, const char *name); /* or NULL */
size_t keyring_count(const struct keyring *ring);
const char *keyring_name(const struct keyring *ring, size_t index);

/*
 * E_FILE_FAILED      the file cannot be read or written
 * E_BAD_SYNTAX       not a keyring
 * E_PASSPHRASE_WRONG it does not open, or was changed
 */
MUST_CHECK bool keyring_read(
    const char *path, const struct secret *passphrase, struct keyring **out, struct error *err);
/* What the file is wrapped with, to write it again at the same cost. E_FILE_FAILED, E_BAD_SYNTAX */
MUST_CHECK bool keyring_read_cost(const char *path, struct keyring_cost *out, struct error *err);
MUST_CHECK bool keyring_write(const struct keyring *ring, const char *path,
    const struct secret *passphrase, struct keyring_cost cost, struct error *err); /* mode 0600 */

#endif
