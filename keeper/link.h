/*
 * link: what ties a certificate of the Pseudonym CA to its device, for the keeper alone to read.
 *
 *   link  = kid(1) nonce(24) XChaCha20-Poly1305(K_link, device(8)); associated data: kid, and the
 *           serial number of the certificate whose row it stands in, so that it fits no other
 *   block = BLAKE2b-256(K_block, device), personalized "moniker-block"
 *   slot  = BLAKE2b-128(K_block, epoch(4) place(1) device), personalized "moniker-slot"
 *
 * Integers are big endian. A link is another one each time; blocks and slots are the same each
 * time, and without the key look like nothing of the same device. Pure.
 */
#ifndef KEEPER_LINK_H
#define KEEPER_LINK_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

#define LINK_KEY_BYTES 32
#define LINK_NONCE_BYTES 24
#define LINK_BYTES 49
#define LINK_SERIAL_BYTES 20
#define LINK_BLOCK_BYTES 32
#define LINK_SLOT_BYTES 16

void link_seal(uint8_t out[static LINK_BYTES], uint8_t kid, struct bytes key,
    const uint8_t serial[static LINK_SERIAL_BYTES], uint64_t device);
/* E_KEEPER_REFUSED: it was changed, or is another certificate's. The kid is the caller's to read.
 */
MUST_CHECK bool link_open(const uint8_t link[static LINK_BYTES], struct bytes key,
    const uint8_t serial[static LINK_SERIAL_BYTES], uint64_t *out_device, struct error *err);

void link_block(uint8_t out[static LINK_BLOCK_BYTES], struct bytes key, uint64_t device);
void link_slot(uint8_t out[static LINK_SLOT_BYTES], struct bytes key, uint64_t device,
    uint32_t epoch, uint8_t place);

#endif
