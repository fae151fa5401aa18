/* However a hardware id is spelled, it has one message; its own hex is a spelling of it. */
#include "base/text.h"
#include "provisioning/hwid.h"
#include "tests/fuzz/fuzz.h"

static const char *const TYPES[] = {
    "mac48", "eui64", "imei", "soc_uid", "se_serial", "tpm_ek", "idevid", "MAC48", ""};

#define HEAD_LEN 16 /* "MONIKER-HWID" 0x01 type(1) length(2) */

static void
spells_again(struct bytes type, const struct hwid *hwid)
{
	const struct bytes value = bytes_of(hwid->message + HEAD_LEN, hwid->len - HEAD_LEN);
	char text[HWID_TEXT_MAX + 1];
	struct error err = {0};
	struct hwid again;

	hex_encode(text, value);
	MUST(hwid_parse(type,
	    hwid->message[13] == HWID_IMEI ? value : bytes_of(text, 2 * value.len), &again, &err));
	MUST(bytes_equal(bytes_of(again.message, again.len), bytes_of(hwid->message, hwid->len)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes value = bytes_of(data, size);
	const uint8_t kind = fuzz_take(&value) % COUNT(TYPES);
	const struct bytes type = bytes_of_text(TYPES[kind]);
	struct hwid hwid;
	struct error err = {0};

	if (!fuzz_verdict(hwid_parse(type, value, &hwid, &err), &err)) {
		MUST(err.code == E_HARDWARE_ID_INVALID);
		MUST(strcmp(err.pointer, "/hardware_ids") == 0);
		return 0;
	}
	MUST(kind + 1 <= HWID_IDEVID && value.len <= HWID_TEXT_MAX);
	MUST(hwid.len > HEAD_LEN && hwid.len <= HWID_MESSAGE_MAX);
	MUST(memcmp(hwid.message, "MONIKER-HWID\x01", 13) == 0);
	MUST(hwid.message[13] == kind + 1 && hwid.message[14] == 0);
	MUST(hwid.message[15] == hwid.len - HEAD_LEN);
	spells_again(type, &hwid);
	return 0;
}
