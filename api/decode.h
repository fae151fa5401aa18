/* decode: request bodies into the structs that operations take. Texts stay borrowed from the
 * document. */
#ifndef API_DECODE_H
#define API_DECODE_H

#include "audit/export_manifest.h"
#include "base/json_in.h"
#include "provisioning/batch.h"
#include "provisioning/disclosure_text.h"
#include "provisioning/enroll.h"
#include "provisioning/handover.h"
#include "provisioning/revoke.h"
#include "provisioning/token.h"

/* E_BAD_TYPE   the body is not application/json */
struct http_request;
MUST_CHECK bool decode_json(const struct http_request *request, json_t **out, struct error *err);

/* The parts of POST /v1/enrollments that the body gives. */
MUST_CHECK bool decode_enrollment(
    const json_t *body, struct enroll_request *out, struct error *err);
MUST_CHECK bool decode_revocation(
    const json_t *body, struct revoke_request *out, struct error *err);
MUST_CHECK bool decode_batch(
    const json_t *body, int64_t now_s, struct batch *out, struct error *err);
/* One of two words into a bool. */
MUST_CHECK bool decode_choice(const char *text, const char *pointer, const char *if_false,
    const char *if_true, bool *out, struct error *err);
/* Of POST /v1/audit/exports; *out_log NULL: it is not said. */
MUST_CHECK bool decode_export(
    const json_t *body, struct export_scope *out, const char **out_log, struct error *err);
/* [{type,value}, ...] at `pointer`. At most HWID_COUNT_MAX. */
MUST_CHECK bool decode_hardware_ids(const json_t *list, const char *pointer,
    struct enroll_hardware_id out[static HWID_COUNT_MAX], size_t *out_count, struct error *err);
/* Lower-case UUIDs, each once, at most DISCLOSURE_DEVICES_MAX; out: sorted. */
MUST_CHECK bool decode_pseudonyms(const json_t *list,
    uint8_t out[static DISCLOSURE_DEVICES_MAX][UUID_BYTES], size_t *out_count, struct error *err);
/* Of POST /v1/seats/shares. The shares' origins stay borrowed. */
struct shares_in {
	enum seat_role role;
	int seat;
	uint32_t number; /* of the set that they were sealed to */
	struct handover_share shares[HANDOVER_PAGE_MAX];
	size_t count;
};
MUST_CHECK bool decode_shares(const json_t *body, struct shares_in *out, struct error *err);
/* Hexadecimal points of 32 octets; whether they are any is looked at in the keeper. */
MUST_CHECK bool decode_points(const json_t *list, const char *pointer, uint8_t (*out)[TAG_BYTES],
    size_t max, size_t *out_count, struct error *err);

#endif
