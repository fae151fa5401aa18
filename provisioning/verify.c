#include "provisioning/verify.h"

#include "base/mem.h"
#include "provisioning/verify_store.h"

/* clang-format off */
static const char *const VERDICT_NAMES[] = {
	[VERDICT_GOOD]          = "good",
	[VERDICT_REVOKED]       = "revoked",
	[VERDICT_HELD]          = "held",
	[VERDICT_EXPIRED]       = "expired",
	[VERDICT_NOT_YET_VALID] = "not_yet_valid",
	[VERDICT_UNTRUSTED]     = "untrusted",
	[VERDICT_MALFORMED]     = "malformed",
	[VERDICT_UNKNOWN]       = "unknown",
};
/* clang-format on */

const char *
verdict_name(enum verdict verdict)
{
	return VERDICT_NAMES[verdict];
}

enum verdict
verify_judge(const struct certificate_status *status, int64_t not_before_s, int64_t not_after_s,
    int64_t now_s)
{
	enum device_state device;

	if (!status->known || !device_state_of(status->device_state, &device) ||
	    status->not_before_s != not_before_s || status->not_after_s != not_after_s)
		return VERDICT_UNKNOWN;
	if (status->revoked || device == DEVICE_REVOKED || device == DEVICE_REPLACED)
		return VERDICT_REVOKED;
	if (status->held || device == DEVICE_HELD)
		return VERDICT_HELD;
	if (now_s < not_before_s)
		return VERDICT_NOT_YET_VALID;
	return now_s > not_after_s ? VERDICT_EXPIRED : VERDICT_GOOD;
}

struct subject {    /* one certificate under verification */
	bool asked; /* signed by a Device CA and with a serial of ours: `place` is its query's */
	size_t place;
	int64_t not_before_s, not_after_s;
};

/* A chain file holds the certificate first: what follows its end is not looked at. */
static struct bytes
first_block(struct bytes text)
{
	static const char END[] = "-----END CERTIFICATE-----";
	const uint8_t *end = memmem(text.data, text.len, END, sizeof END - 1);

	return end == NULL ? text : bytes_of(text.data, (size_t)(end - text.data) + sizeof END - 1);
}

static bool
text_to_der(struct bytes text, struct buf *out)
{
	struct error ignored = {0};

	if (text.len == 0 || text.len > CERTIFICATE_TEXT_MAX)
		return false;
	if (text.data[0] == 'M') /* base64 of a SEQUENCE */
		return base64_decode(text, out);
	return pem_decode(first_block(text), "CERTIFICATE", out, &ignored);
}

/* Verdicts that need no database: malformed, untrusted, and unknown for a serial not ours. */
static void
examine(const struct issuers *issuers, struct bytes text, int64_t now_s, struct subject *out,
    struct verification *verification, uint8_t serial[static SERIAL_BYTES])
{
	DEFER(buf_clear_public) struct buf der = {0};
	struct error ignored = {0};
	struct certificate certificate;
	const struct issuer *issuer;
	uint16_t month;

	*out = (struct subject){0};
	*verification = (struct verification){
	    .verdict = VERDICT_MALFORMED,
	    .fresh_until_s = now_s,
	};
	if (!text_to_der(text, &der) || !certificate_parse(buf_bytes(&der), &certificate, &ignored))
		return;
	verification->verdict = VERDICT_UNTRUSTED;
	if (certificate.serial.len <= SERIAL_BYTES)
		hex_encode(verification->serial, certificate.serial);
	issuer = issuers_verify(issuers, &certificate);
	if (issuer == NULL || issuer->kind != ISSUER_DEVICE_CA)
		return;
	verification->verdict = VERDICT_UNKNOWN;
	if (certificate.serial.len != SERIAL_BYTES ||
	    !serial_month(certificate.serial.data, &month))
		return;
	memcpy(serial, certificate.serial.data, SERIAL_BYTES);
	out->asked = true;
	out->not_before_s = certificate.not_before_s;
	out->not_after_s = certificate.not_after_s;
}

static int64_t
fresh_until(int64_t not_after_s, int64_t now_s)
{
	int64_t until_s = now_s + VERIFY_FRESH_S;

	if (not_after_s > now_s && not_after_s < until_s)
		return not_after_s;
	return until_s;
}

static void
conclude(const struct certificate_status *status, const struct subject *subject, int64_t now_s,
    struct verification *out)
{
	out->verdict = verify_judge(status, subject->not_before_s, subject->not_after_s, now_s);
	if (out->verdict == VERDICT_UNKNOWN)
		return;
	memcpy(out->pseudonym, status->pseudonym, sizeof out->pseudonym);
	out->fresh_until_s = fresh_until(subject->not_after_s, now_s);
	if (out->verdict == VERDICT_REVOKED || out->verdict == VERDICT_HELD) {
		out->reason = status->reason;
		out->revoked_at_s = status->revoked_at_s;
	}
}

bool
verify_many(struct db *db, const struct issuers *issuers, const struct clock *clock,
    const struct bytes *texts, size_t count, struct verification *out, struct error *err)
{
	DEFER(mem_free) struct subject *subjects = xcalloc(count + 1, sizeof *subjects);
	DEFER(mem_free) uint8_t(*serials)[SERIAL_BYTES] = xcalloc(count + 1, sizeof *serials);
	DEFER(mem_free) struct certificate_status *statuses = xcalloc(count + 1, sizeof *statuses);
	int64_t now_s = clock_now_s(clock);
	size_t asked = 0;

	if (count > VERIFY_MANY_MAX)
		return error_set(err, E_TOO_LARGE, "more than %d certificates", VERIFY_MANY_MAX);
	for (size_t i = 0; i < count; i++) {
		examine(issuers, texts[i], now_s, &subjects[i], &out[i], serials[asked]);
		if (subjects[i].asked)
			subjects[i].place = asked++;
	}
	/* The cast adds const inside an array, which C17 does not do by itself. */
	if (asked > 0 && !certificate_statuses(
			     db, (const uint8_t(*)[SERIAL_BYTES])serials, asked, statuses, err))
		return false;
	for (size_t i = 0; i < count; i++)
		if (subjects[i].asked)
			conclude(&statuses[subjects[i].place], &subjects[i], now_s, &out[i]);
	return true;
}

static void
read_certificate(const struct rows *rows, size_t row, struct device_certificate *out)
{
	char state[10];

	memcpy(out->serial, rows_bytes(rows, row, 1).data, sizeof out->serial);
	rows_text(rows, row, 2, out->handle, sizeof out->handle);
	out->not_before_s = rows_int(rows, row, 3);
	out->not_after_s = rows_int(rows, row, 4);
	if (rows_null(rows, row, 5))
		return;
	rows_text(rows, row, 5, state, sizeof state);
	out->held = strcmp(state, "held") == 0;
	out->revoked = !out->held;
	out->reason = (enum reason)rows_int(rows, row, 6);
	out->revoked_at_s = rows_int(rows, row, 7);
}

bool
device_get(struct db *db, const char *pseudonym, struct device_view *out, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;
	struct device_view view = {0};
	uint8_t uuid[UUID_BYTES];
	char state[10];

	if (!uuid_decode(bytes_of_text(pseudonym), uuid))
		return error_set_field(err, E_BAD_SYNTAX, "/pseudonym", "not a lower-case UUID");
	if (!verify_read_device(db, uuid, VERIFY_DEVICE_CERTIFICATES_MAX, &rows, err))
		return false;
	if (rows_count(rows) == 0)
		return error_set(err, E_UNKNOWN_DEVICE, "no device has this pseudonym");
	rows_text(rows, 0, 0, state, sizeof state);
	if (!device_state_of(state, &view.state))
		return error_set(err, E_INTERNAL, "a device in a state of another version");
	uuid_encode(view.pseudonym, uuid);
	view.certificate_count = rows_count(rows);
	for (size_t i = 0; i < view.certificate_count; i++)
		read_certificate(rows, i, &view.certificates[i]);
	*out = view;
	return true;
}
