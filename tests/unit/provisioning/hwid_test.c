#include "tests/unit/provisioning/cmocka_all.h"

#include <string.h>

#include "base/text.h"
#include "provisioning/hwid.h"

#define SHA "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define PREFIX "4d4f4e494b45522d4857494401"

/* clang-format off */
static const struct accept {
	const char *why, *type, *value, *message; /* message in hex, after the prefix */
} ACCEPTS[] = {
	{"a MAC address with colons",        "mac48", "02:42:ac:11:00:02",  "0100060242ac110002"},
	{"with dashes and in upper case",    "mac48", "02-42-AC-11-00-02",  "0100060242ac110002"},
	{"in groups of four",                "mac48", "0242.ac11.0002",     "0100060242ac110002"},
	{"bare",                             "mac48", "0242ac110002",       "0100060242ac110002"},
	{"with spaces around and inside",    "mac48", " 0242 AC11 0002 ",   "0100060242ac110002"},
	{"an EUI-64",                        "eui64", "0011:2233:4455:6677","0200080011223344556677"},
	{"an IMEI",                          "imei",  "490154203237518",    "03000f343930313534323033323337353138"},
	{"an IMEI as printed on the label",  "imei",  "49-015420-323751-8", "03000f343930313534323033323337353138"},
	{"the shortest SoC id",              "soc_uid", "01020304",         "04000401020304"},
	{"the longest SoC id",               "soc_uid", SHA,                "040020" SHA},
	{"a secure element's serial",        "se_serial", "0123456789ab",   "0500060123456789ab"},
	{"an endorsement key",               "tpm_ek", SHA,                 "060020" SHA},
	{"an IDevID",                        "idevid", SHA,                 "070020" SHA},
};

static const struct reject {
	const char *why, *type, *value;
} REJECTS[] = {
	{"an unknown type",                  "serial", "0242ac110002"},
	{"a type in upper case",             "MAC48",  "0242ac110002"},
	{"an empty type",                    "",       "0242ac110002"},
	{"an empty value",                   "mac48",  ""},
	{"only separators",                  "mac48",  ":::---"},
	{"one octet too few",                "mac48",  "0242ac1100"},
	{"one octet too many",               "mac48",  "0242ac11000200"},
	{"half an octet",                    "mac48",  "0242ac1100020"},
	{"half an octet too few",            "mac48",  "0242ac11000"},
	{"a letter that is not hex",         "mac48",  "0242ac11000g"},
	{"a separator that is none",         "mac48",  "0242_ac11_0002"},
	{"a tab",                            "mac48",  "0242ac11\t0002"},
	{"a 0x prefix",                      "mac48",  "0x0242ac110002"},
	{"all zeros",                        "mac48",  "00:00:00:00:00:00"},
	{"the broadcast address",            "mac48",  "ff:ff:ff:ff:ff:ff"},
	{"all ones of 32 octets",            "tpm_ek", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"},
	{"an IMEI with a wrong check digit", "imei",   "490154203237519"},
	{"two digits of an IMEI swapped",    "imei",   "940154203237518"},
	{"an IMEI of zeros, though Luhn",    "imei",   "000000000000000"},
	{"an IMEI of 14 digits",             "imei",   "49015420323751"},
	{"an IMEISV of 16 digits",           "imei",   "4901542032375189"},
	{"hex in an IMEI",                   "imei",   "49015420323751a"},
	{"a SoC id of 3 octets",             "soc_uid", "010203"},
	{"a SoC id of 33 octets",            "soc_uid", SHA "01"},
	{"an endorsement key of 31 octets",  "tpm_ek", "112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"},
};
/* clang-format on */

static void
accepts(void **state)
{
	const struct accept *c = *state;
	struct error err = {0};
	struct hwid hwid;
	char hex[2 * HWID_MESSAGE_MAX + 1], want[2 * HWID_MESSAGE_MAX + 1];

	assert_true(hwid_parse(bytes_of_text(c->type), bytes_of_text(c->value), &hwid, &err));
	hex_encode(hex, bytes_of(hwid.message, hwid.len));
	snprintf(want, sizeof want, "%s%s", PREFIX, c->message);
	assert_string_equal(hex, want);
}

static void
rejects(void **state)
{
	const struct reject *c = *state;
	struct error err = {0};
	struct hwid hwid = {0};

	assert_false(hwid_parse(bytes_of_text(c->type), bytes_of_text(c->value), &hwid, &err));
	assert_int_equal(err.code, E_HARDWARE_ID_INVALID);
	assert_string_equal(err.pointer, "/hardware_ids");
	assert_int_equal(hwid.len, 0);
	if (strlen(c->value) >= 4)
		assert_null(strstr(err.detail, c->value));
}

static void
bounds_come_first(void **state)
{
	char value[HWID_TEXT_MAX + 2];
	struct error err = {0};
	struct hwid hwid;

	(void)state;
	memset(value, ':', sizeof value);
	memcpy(value, "0242ac110002", 12);
	assert_true(
	    hwid_parse(bytes_of_text("mac48"), bytes_of(value, HWID_TEXT_MAX), &hwid, &err));
	assert_false(
	    hwid_parse(bytes_of_text("mac48"), bytes_of(value, HWID_TEXT_MAX + 1), &hwid, &err));
	assert_int_equal(err.code, E_HARDWARE_ID_INVALID);
}

static void
a_nul_does_not_end_a_value(void **state)
{
	struct error err = {0};
	struct hwid hwid;

	(void)state;
	assert_false(
	    hwid_parse(bytes_of_text("mac48"), bytes_of("0242ac110002\0", 13), &hwid, &err));
	assert_false(err.code == E_NONE);
}

static void
types_keep_equal_values_apart(void **state)
{
	struct error err = {0};
	struct hwid soc, element;

	(void)state;
	assert_true(hwid_parse(bytes_of_text("soc_uid"), bytes_of_text("01020304"), &soc, &err));
	assert_true(
	    hwid_parse(bytes_of_text("se_serial"), bytes_of_text("01020304"), &element, &err));
	assert_memory_not_equal(soc.message, element.message, soc.len);
}

static void
clearing_wipes(void **state)
{
	static const struct hwid EMPTY;
	struct error err = {0};
	struct hwid hwid;

	(void)state;
	assert_true(hwid_parse(bytes_of_text("mac48"), bytes_of_text("0242ac110002"), &hwid, &err));
	hwid_clear(&hwid);
	assert_memory_equal(&hwid, &EMPTY, sizeof hwid);
}

int
main(void)
{
	static const struct CMUnitTest OTHERS[] = {
	    cmocka_unit_test(bounds_come_first),
	    cmocka_unit_test(a_nul_does_not_end_a_value),
	    cmocka_unit_test(types_keep_equal_values_apart),
	    cmocka_unit_test(clearing_wipes),
	};
	struct CMUnitTest tests[COUNT(ACCEPTS) + COUNT(REJECTS) + COUNT(OTHERS)];
	size_t count = 0;

	for (size_t i = 0; i < COUNT(ACCEPTS); i++)
		tests[count++] = (struct CMUnitTest){.name = ACCEPTS[i].why,
		    .test_func = accepts,
		    .initial_state = (void *)(uintptr_t)&ACCEPTS[i]};
	for (size_t i = 0; i < COUNT(REJECTS); i++)
		tests[count++] = (struct CMUnitTest){.name = REJECTS[i].why,
		    .test_func = rejects,
		    .initial_state = (void *)(uintptr_t)&REJECTS[i]};
	for (size_t i = 0; i < COUNT(OTHERS); i++)
		tests[count++] = OTHERS[i];
	return cmocka_run_group_tests_name("hwid", tests, NULL, NULL);
}
