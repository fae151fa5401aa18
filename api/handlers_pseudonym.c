/* Pseudonyms of the unlinkable mode. */
#include "api/decode.h"
#include "api/handlers.h"
#include "api/shapes.h"
#include "api/tier.h"
#include "base/mem.h"

struct pseudonym_members {
	const char *csr, *epoch;
};
static const struct json_member PSEUDONYM[] = {
    {"csr", "/csr", JSON_MEMBER_TEXT, offsetof(struct pseudonym_members, csr), 0, true, 0,
	CSR_TEXT_MAX},
    {"epoch", "/epoch", JSON_MEMBER_TEXT, offsetof(struct pseudonym_members, epoch), 0, false, 1,
	16},
};

static bool
decode(const struct http_request *request, json_t **out_body, struct pseudonym_request *out,
    struct error *err)
{
	struct pseudonym_members members = {.epoch = "current"};

	if (!decode_json(request, out_body, err) ||
	    !json_read(*out_body, PSEUDONYM, COUNT(PSEUDONYM), &members, err) ||
	    !decode_choice(members.epoch, "/epoch", "current", "next", &out->next_epoch, err))
		return false;
	out->csr = bytes_of_text(members.csr);
	return true;
}

bool
post_pseudonym(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	const struct caller *caller = request->caller;
	DEFER(json_release) json_t *body = NULL;
	DEFER(enrolled_clear) struct enrolled out = {0};
	struct pseudonym_request in = {.serial = caller->serial,
	    .presented_spki_sha256 = caller->spki_sha256,
	    .birth = caller->tier == CALLER_TIER_BIRTH ? &caller->device : NULL,
	    .pseudonym = &caller->pseudonym};

	if (!tier_may_take_pseudonyms(caller, err) || !decode(request, &body, &in, err) ||
	    !pseudonym_issue(&app->pseudonyms, &in, &out, err))
		return false;
	shape_enrolled(&out, &response->body);
	return out.created ? http_created_json(response, NULL) : http_ok_json(response);
}
