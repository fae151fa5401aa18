/*
 * serial: certificate serial numbers that carry the month of notBefore.
 *
 * 20 octets: 0x40 | 6 random bits, month since January 2020 (2, big endian), 17 random: always
 * positive, always 20 octets, 142 random bits (RFC 5280 section 4.1.2.2). The month is no
 * secret, notBefore shows it; it leads every lookup to one small index.
 */
#ifndef CA_SERIAL_H
#define CA_SERIAL_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/rng.h"
#include "db/ledger.h"

#define SERIAL_BYTES 20
#define SERIAL_TEXT_LEN 40

void serial_make(uint8_t out[static SERIAL_BYTES], uint16_t month, const struct rng *rng);
/* Moves it, by the least octet, into this shard. At most 128 shards. */
void serial_move(uint8_t serial[static SERIAL_BYTES], int shard, int shard_count);
/* False: the first octet is not 0x40 to 0x7f, or there is no such month: not one of ours. */
MUST_CHECK bool serial_month(const uint8_t serial[static SERIAL_BYTES], uint16_t *out_month);
/* Lower- or upper-case hex of exactly 20 octets. E_UNKNOWN_CERTIFICATE: it cannot be one of ours */
MUST_CHECK bool serial_parse(
    struct bytes text, uint8_t out[static SERIAL_BYTES], struct error *err);
/* month and serial as the ledger keys signatures. */
void serial_ref(
    uint8_t out[static CERTIFICATE_REF_BYTES], const uint8_t serial[static SERIAL_BYTES]);
/* The CRL that the certificate would be on: the serial modulo 1 to 9999 shards. */
int serial_shard(const uint8_t serial[static SERIAL_BYTES], int shard_count);

#endif
