#include "cmd/disclose_record.h"

#include <stdio.h>

#include "base/json_in.h"
#include "ca/certificate.h"
#include "keeper/key.h"

/* ---- it is the record of this pseudonym's enrollment ---- */

/* The name in a TBSCertificate: read as the certificate that it becomes with any signature. */
static bool
names_device(struct bytes tbs, const char *pseudonym, struct error *err)
{
	static const uint8_t nothing[8];
	DEFER(buf_clear_public) struct buf der = {0};
	struct certificate certificate;
	struct bytes name;

	certificate_assemble(tbs, bytes_of(nothing, sizeof nothing), &der);
	if (!certificate_parse(buf_bytes(&der), &certificate, err))
		return false;
	return (certificate_common_name(&certificate, &name) &&
		   bytes_equal(name, bytes_of_text(pseudonym))) ||
	       error_set(err, E_BAD_PROOF, "the record is of another device than %s", pseudonym);
}

bool
disclose_commits(const uint8_t wanted[static SHA256_BYTES], const json_t *object,
    const char *nonce_name, struct bytes body, struct error *err)
{
	uint8_t nonce[COMMITMENT_NONCE_BYTES], commitment[SHA256_BYTES];

	if (!disclose_nonce(object, nonce_name, nonce, err))
		return false;
	leaf_commit(commitment, nonce, body);
	return memcmp(commitment, wanted, sizeof commitment) == 0 ||
	       error_set(
		   err, E_BAD_PROOF, "the log did not commit to this record when it was made");
}

static bool
check_record(const struct disclose_open *with, const json_t *object, const char *pseudonym,
    struct buf *out_record, struct error *err)
{
	DEFER(tlog_proof_clear) struct tlog_proof proof = {0};
	DEFER(buf_clear_public) struct buf tbs = {0};
	struct leaf_view leaf;

	if (!disclose_octets(object, "record", out_record, err) ||
	    !disclose_octets(object, "tbs", &tbs, err) ||
	    !disclose_leaf(&with->logs, object, &proof, &leaf, err))
		return false;
	if ((leaf.event != LEAF_ENROLL_OK && leaf.event != LEAF_ENROLL_REPLACE) ||
	    !leaf.has_commitment || !leaf.has_second_commitment)
		return error_set(
		    err, E_BAD_PROOF, "the record's leaf is no enrollment with escrow");
	return disclose_commits(leaf.commitment, object, "tbs_nonce", buf_bytes(&tbs), err) &&
	       names_device(buf_bytes(&tbs), pseudonym, err) &&
	       disclose_commits(
		   leaf.second_commitment, object, "nonce", buf_bytes(out_record), err);
}

/* ---- and opens ---- */

bool
disclose_resealed(const json_t *object, const struct seat *seat, struct buf *out, struct error *err)
{
	const json_t *list = json_object_get(object, "shares");
	DEFER(buf_clear_public) struct buf key = {0};
	const char *found;

	base64_encode(&key, bytes_of(seat->public_key, SEAT_KEY_BYTES));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);

		found = json_string_value(json_object_get(item, "key"));
		if (found != NULL && strcmp(found, buf_text(&key)) == 0)
			return disclose_octets(item, "sealed", out, err);
	}
	return true;
}

/* Its own first: a seat that has changed hands keeps what was sealed to it before. */
bool
disclose_share(const struct escrow_view *view, const json_t *object, const struct seat_key *key,
    struct escrow_share *out, struct error *err)
{
	DEFER(buf_clear_public) struct buf resealed = {0};
	struct error own = {0};

	if (escrow_share_open(view, key, (struct bytes){0}, out, &own))
		return true;
	if (!disclose_resealed(object, &key->seat, &resealed, err))
		return false;
	if (resealed.len == 0) {
		*err = own;
		return false;
	}
	return escrow_share_open(view, key, buf_bytes(&resealed), out, err);
}

bool
disclose_unseal(const struct disclose_open *with, const json_t *object, struct bytes record,
    struct buf *out, struct error *err)
{
	struct escrow_share shares[DISCLOSE_SEATS_MAX] = {0};
	struct escrow_view view;
	bool good = escrow_parse(record, &view, err);

	for (size_t i = 0; good && i < with->seat_count; i++)
		good = disclose_share(&view, object, &with->seats[i], &shares[i], err);
	good = good && escrow_open(&view, shares, with->seat_count, out, err);
	for (size_t i = 0; i < COUNT(shares); i++)
		escrow_share_clear(&shares[i]);
	return good;
}

/* ---- what is told ---- */

/* As hwid.h spells them. */
static const char *const TYPES[] = {[HWID_MAC48] = "mac48",
    [HWID_EUI64] = "eui64",
    [HWID_IMEI] = "imei",
    [HWID_SOC_UID] = "soc_uid",
    [HWID_SE_SERIAL] = "se_serial",
    [HWID_TPM_EK] = "tpm_ek",
    [HWID_IDEVID] = "idevid"};
static const char *const FIELDS[ESCROW_FIELD_END] = {[ESCROW_MODEL] = "model",
    [ESCROW_LINE] = "line",
    [ESCROW_DAY] = "day",
    [ESCROW_CUSTOMER] = "customer",
    [ESCROW_STATION] = "station"};

static json_t *
shape_hardware(const struct escrow_value *value)
{
	char hex[2 * HWID_MESSAGE_MAX + 1];

	if (value->hardware_type < HWID_MAC48 || value->hardware_type > HWID_IDEVID ||
	    value->value.len > HWID_MESSAGE_MAX)
		return NULL;
	if (value->hardware_type == HWID_IMEI)
		return json_pack("{s:s, s:s%}", "type", TYPES[HWID_IMEI], "value",
		    (const char *)value->value.data, value->value.len);
	hex_encode(hex, value->value);
	return json_pack("{s:s, s:s}", "type", TYPES[value->hardware_type], "value", hex);
}

static bool
shape_identity(struct bytes plain, json_t *out, struct error *err)
{
	json_t *hardware = json_array();
	struct escrow_value value;

	(void)json_object_set_new(out, "hardware_ids", hardware);
	while (escrow_next(&plain, &value, err)) {
		if (value.field == ESCROW_HARDWARE_ID)
			(void)json_array_append_new(hardware, shape_hardware(&value));
		else
			(void)json_object_set_new(out, FIELDS[value.field],
			    json_stringn((const char *)value.value.data, value.value.len));
	}
	return err->code == E_NONE;
}

bool
disclose_record_open(const struct disclose_open *with, const json_t *record,
    const uint8_t pseudonym[static UUID_BYTES], json_t **out, struct error *err)
{
	DEFER(json_release) json_t *device = NULL;
	DEFER(buf_clear_public) struct buf sealed = {0};
	DEFER(buf_clear) struct buf plain = {0};
	const json_t *missing = json_object_get(record, "missing");
	char text[UUID_TEXT_LEN + 1];

	uuid_encode(text, pseudonym);
	device = json_pack("{s:s}", "pseudonym", text);
	if (json_is_string(missing)) {
		(void)json_object_set(device, "missing", json_object_get(record, "missing"));
		*out = TAKE(device);
		return true;
	}
	if (!check_record(with, record, text, &sealed, err) ||
	    !disclose_unseal(with, record, buf_bytes(&sealed), &plain, err) ||
	    !shape_identity(buf_bytes(&plain), device, err))
		return false;
	*out = TAKE(device);
	return true;
}
