/*
 * hwid: hardware ids, from any usual spelling to one canonical message. Pure.
 *
 * message = "MONIKER-HWID" 0x01 type(1) length(2, big endian) value. A struct hwid is wiped after
 * use: it must never reach the database, a log, a URL, a metric or an error text.
 */
#ifndef PROVISIONING_HWID_H
#define PROVISIONING_HWID_H

#include "base/bytes.h"
#include "base/defer.h"
#include "base/error.h"

#define HWID_COUNT_MAX 4    /* ids a device */
#define HWID_TEXT_MAX 128   /* octets of a value as spelled */
#define HWID_MESSAGE_MAX 48 /* octets */

enum hwid_type {
	HWID_MAC48 = 1, /* 6 octets */
	HWID_EUI64,     /* 8 octets */
	HWID_IMEI,      /* 15 digits, Luhn checked */
	HWID_SOC_UID,   /* 4 to 32 octets, hex */
	HWID_SE_SERIAL, /* 4 to 32 octets, hex */
	HWID_TPM_EK,    /* 32 octets, hex: SHA-256 of the endorsement key's SPKI */
	HWID_IDEVID,    /* 32 octets, hex: SHA-256 of issuer DER and serial DER */
};

struct hwid {
	uint8_t message[HWID_MESSAGE_MAX];
	size_t len;
};

/*
 * `type` is the name ("mac48"), `value` any usual spelling: case and : - . space are ignored.
 * E_HARDWARE_ID_INVALID   unknown type, wrong length, not hex or digits, Luhn, all zeros, all ones.
 *                         The detail never repeats the value.
 */
MUST_CHECK bool hwid_parse(
    struct bytes type, struct bytes value, struct hwid *out, struct error *err);
void hwid_clear(struct hwid *hwid); /* wipes */
DEFER_DECLARE_CLEAR(struct hwid, hwid_clear)

#endif
