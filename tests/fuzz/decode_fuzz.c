/* Bodies of the API: what a decoder gives is inside the bounds that the operations rely on. */
#include "api/decode.h"
#include "api/http.h"
#include "tests/fuzz/fuzz.h"

#define NOW_S INT64_C(1781524800)

static bool
fits(const char *text, size_t len_max)
{
	return text == NULL || (text[0] != '\0' && strlen(text) <= len_max);
}

static bool
enrollment(const json_t *body, struct error *err)
{
	struct enroll_request in = {0};

	if (!decode_enrollment(body, &in, err))
		return false;
	MUST(in.csr.len > 0 && in.csr.len <= CSR_TEXT_MAX);
	MUST(fits(in.batch, BATCH_NAME_MAX) && fits(in.token, TOKEN_TEXT_MAX));
	MUST(fits(in.profile, BATCH_PROFILE_MAX) && in.hardware_id_count <= HWID_COUNT_MAX);
	for (size_t i = 0; i < in.hardware_id_count; i++)
		MUST(in.hardware_ids[i].type.len > 0 && in.hardware_ids[i].value.len > 0 &&
		     in.hardware_ids[i].value.len <= HWID_TEXT_MAX);
	MUST(in.hardware_tags.count <= HWID_COUNT_MAX);
	MUST(in.station_person == 0 && in.station_handle == NULL); /* not the body's to say */
	return true;
}

static bool
revocation(const json_t *body, struct error *err)
{
	struct revoke_request in = {0};

	if (!decode_revocation(body, &in, err))
		return false;
	MUST(in.value != NULL && fits(in.value, 64) && in.select <= REVOKE_BY_HANDLE);
	MUST(in.officer_person == 0 && in.actor == NULL);
	return true;
}

static bool
batch(const json_t *body, struct error *err)
{
	struct batch in = {0};

	if (!decode_batch(body, NOW_S, &in, err))
		return false;
	MUST(in.name[0] != '\0' && in.quota >= 1 && in.station_count <= BATCH_STATIONS_MAX);
	MUST(in.closes_at_s == 0 || in.closes_at_s > in.opens_at_s);
	MUST((in.hours_from < 0) == (in.hours_until < 0) && in.hours_from < 1440);
	MUST(in.id == 0 && in.issued == 0 && in.created_at_s == 0);
	return true;
}

static bool export(const json_t *body, struct error *err)
{
	struct export_scope in = {0};
	const char *log = NULL;

	if (!decode_export(body, &in, &log, err))
		return false;
	MUST(log == NULL || fits(log, CHECKPOINT_ORIGIN_MAX));
	MUST(in.after >= -1 && in.limit != 0 && in.limit >= -1);
	return true;
}

static bool
shares(const json_t *body, struct error *err)
{
	static struct shares_in in; /* 14 KB of it */

	if (!decode_shares(body, &in, err))
		return false;
	MUST(in.role == SEAT_LEGAL || in.role == SEAT_OFFICER);
	MUST(in.seat >= 1 && in.seat <= SEAT_NUMBER_MAX && in.number >= 1);
	MUST(in.count >= 1 && in.count <= HANDOVER_PAGE_MAX);
	for (size_t i = 0; i < in.count; i++)
		MUST(in.shares[i].origin.len > 0 &&
		     in.shares[i].origin.len <= HANDOVER_ORIGIN_MAX && in.shares[i].seq >= 0);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool (*const DECODERS[])(const json_t *, struct error *) = {
	    enrollment, revocation, batch, export, shares};
	struct http_request request = {.content_type = "application/json"};
	DEFER(json_release) json_t *body = NULL;
	struct error err = {0};

	request.body = bytes_of(data, size);
	if (!fuzz_verdict(decode_json(&request, &body, &err), &err))
		return 0;
	for (size_t i = 0; i < COUNT(DECODERS); i++) {
		struct error why = {0};

		if (!fuzz_verdict(DECODERS[i](body, &why), &why))
			MUST(why.code == E_BAD_SYNTAX || why.code == E_INCOMPLETE);
	}
	return 0;
}
