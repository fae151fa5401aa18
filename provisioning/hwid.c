#include "provisioning/hwid.h"

#include <assert.h>

#include <sodium.h>

#include "base/text.h"

#define POINTER "/hardware_ids"
#define PREFIX "MONIKER-HWID\x01"
#define PREFIX_LEN (sizeof PREFIX - 1)
#define HEAD_LEN (PREFIX_LEN + 3) /* type(1) length(2) */
#define VALUE_MAX 32              /* octets */
#define IMEI_DIGITS 15

static_assert(HEAD_LEN + VALUE_MAX == HWID_MESSAGE_MAX, "the longest value fills a message");

/* clang-format off */
static const struct kind {
	const char *name;
	enum hwid_type type;
	bool digits; /* decimal digits, kept as ASCII; else hex */
	size_t len_min, len_max;
} KINDS[] = {
	{"mac48",     HWID_MAC48,     false, 6,           6          },
	{"eui64",     HWID_EUI64,     false, 8,           8          },
	{"imei",      HWID_IMEI,      true,  IMEI_DIGITS, IMEI_DIGITS},
	{"soc_uid",   HWID_SOC_UID,   false, 4,           VALUE_MAX  },
	{"se_serial", HWID_SE_SERIAL, false, 4,           VALUE_MAX  },
	{"tpm_ek",    HWID_TPM_EK,    false, 32,          32         },
	{"idevid",    HWID_IDEVID,    false, 32,          32         },
};
/* clang-format on */

/* A spelled value without its separators; wiped by its owner. */
struct plain {
	uint8_t text[HWID_TEXT_MAX];
	size_t len;
};

static void
plain_clear(struct plain *plain)
{
	sodium_memzero(plain, sizeof *plain);
}
DEFER_DECLARE_CLEAR(struct plain, plain_clear)

static const struct kind *
kind_find(struct bytes name)
{
	for (size_t i = 0; i < COUNT(KINDS); i++)
		if (bytes_equal(name, bytes_of_text(KINDS[i].name)))
			return &KINDS[i];
	return NULL;
}

static bool
is_separator(uint8_t c)
{
	return c == ':' || c == '-' || c == '.' || c == ' ';
}

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static void
strip(struct bytes value, struct plain *out)
{
	out->len = 0;
	for (size_t i = 0; i < value.len; i++)
		if (!is_separator(value.data[i]))
			out->text[out->len++] = value.data[i];
}

static bool
all_are(const uint8_t *octets, size_t len, uint8_t value)
{
	for (size_t i = 0; i < len; i++)
		if (octets[i] != value)
			return false;
	return true;
}

/* ISO/IEC 7812-1 annex B: every second digit from the right, the check digit not counted, doubled.
 */
static bool
luhn_holds(const uint8_t *digits, size_t len)
{
	int sum = 0;

	for (size_t i = 0; i < len; i++) {
		int digit = digits[len - 1 - i] - '0';

		if (i % 2 == 1)
			digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
		sum += digit;
	}
	return sum % 10 == 0;
}

static bool
decode_digits(const struct plain *plain, uint8_t *out, struct error *err)
{
	for (size_t i = 0; i < plain->len; i++)
		if (!is_digit(plain->text[i]))
			return error_set_field(
			    err, E_HARDWARE_ID_INVALID, POINTER, "it must be decimal digits");
	if (!luhn_holds(plain->text, plain->len) || all_are(plain->text, plain->len, '0'))
		return error_set_field(err, E_HARDWARE_ID_INVALID, POINTER,
		    "its check digit (Luhn) does not fit: read it again");

	memcpy(out, plain->text, plain->len);
	return true;
}

static bool
decode_hex(const struct plain *plain, size_t len, uint8_t *out, struct error *err)
{
	if (!hex_decode(bytes_of(plain->text, plain->len), out, len))
		return error_set_field(
		    err, E_HARDWARE_ID_INVALID, POINTER, "it must be hexadecimal digits");
	if (all_are(out, len, 0x00) || all_are(out, len, 0xff))
		return error_set_field(
		    err, E_HARDWARE_ID_INVALID, POINTER, "all zeros or all ones is no hardware id");
	return true;
}

bool
hwid_parse(struct bytes type, struct bytes value, struct hwid *out, struct error *err)
{
	const struct kind *kind = kind_find(type);
	DEFER(hwid_clear) struct hwid hwid = {0};
	DEFER(plain_clear) struct plain plain;
	size_t len;

	if (kind == NULL)
		return error_set_field(err, E_HARDWARE_ID_INVALID, POINTER,
		    "types: mac48 eui64 imei soc_uid se_serial tpm_ek idevid");
	if (value.len > HWID_TEXT_MAX)
		return error_set_field(err, E_HARDWARE_ID_INVALID, POINTER,
		    "longer than %d characters", HWID_TEXT_MAX);

	strip(value, &plain);
	len = kind->digits ? plain.len : plain.len / 2;
	if (len < kind->len_min || len > kind->len_max || (!kind->digits && plain.len % 2 != 0))
		return error_set_field(err, E_HARDWARE_ID_INVALID, POINTER,
		    "it has the wrong length for a %s", kind->name);

	memcpy(hwid.message, PREFIX, PREFIX_LEN);
	hwid.message[PREFIX_LEN] = (uint8_t)kind->type;
	hwid.message[PREFIX_LEN + 1] = 0;
	hwid.message[PREFIX_LEN + 2] = (uint8_t)len;
	hwid.len = HEAD_LEN + len;
	if (kind->digits ? !decode_digits(&plain, hwid.message + HEAD_LEN, err)
			 : !decode_hex(&plain, len, hwid.message + HEAD_LEN, err))
		return false;

	*out = hwid;
	return true;
}

void
hwid_clear(struct hwid *hwid)
{
	sodium_memzero(hwid, sizeof *hwid);
}
