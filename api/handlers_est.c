/* EST (RFC 7030): the enrollment and renewal of the API under /v1, in another dress. */
#include <stdio.h>
#include <string.h>

#include "api/credential.h"
#include "api/dispatch.h"
#include "api/est.h"
#include "api/handlers.h"
#include "api/http_metrics.h"
#include "api/tier.h"

#define CERTIFICATES "application/pkcs7-mime; smime-type=certs-only"
#define CACERTS_MAX_AGE_S 3600

/* LABEL, a batch's name; NULL: the path has none. */
static const char *
label_of(const struct http_request *request)
{
	return request->params[0][0] != '\0' ? request->params[0] : NULL;
}

static bool
put_text(const struct http_request *request, struct http_response *response, const char *type,
    struct bytes der)
{
	est_put_text(&response->body, der, est_wants_lines(request->user_agent));
	response->status = 200;
	response->content_type = type;
	/* Withdrawn by RFC 8951 section 3, and still looked for. */
	http_header(response, "Content-Transfer-Encoding", "base64");
	return true;
}

/* Of a problem's members, the pointer names one of a JSON body: there is none here. */
static bool
fail(struct error *err)
{
	err->pointer = NULL;
	return false;
}

/* ---- enrollment, renewal ---- */

static bool
put_certificate(const struct http_request *request, struct http_response *response,
    const struct enrolled *enrolled)
{
	DEFER(buf_clear_public) struct buf der = {0};
	const struct bytes certificate = buf_bytes(&enrolled->certificate);

	est_put_certificates(&der, &certificate, 1);
	return put_text(request, response, CERTIFICATES, buf_bytes(&der));
}

static bool
is_request(const struct http_request *request, struct error *err)
{
	return strcmp(request->content_type, "application/pkcs10") == 0 ||
	       error_set(err, E_BAD_TYPE, "send application/pkcs10");
}

/* Without label and token, a station may have but one batch open. `name` is storage for it. */
static bool
choose_batch(const struct app *app, const struct http_request *request,
    char name[static BATCH_NAME_MAX + 1], struct enroll_request *in, struct error *err)
{
	in->batch = label_of(request);
	if (in->batch != NULL || in->token != NULL || !credential_is_station(request->caller))
		return true;
	in->batch = name;
	return batch_get_only_open(
	    app->db, request->caller->person, clock_now_s(app->clock), name, err);
}

/* RFC 7030 section 4.2.3: what cannot be done yet is no failure, but on record as any refusal. No
 * words: Bouncy Castle fails at a body that it does not read. */
static bool
put_off(const struct app *app, const struct http_request *request, struct http_response *response,
    struct error *err)
{
	struct error *const errs[] = {err};

	dispatch_note_all(app, LEAF_ENROLL_REFUSED, ROLE_STATION, request, errs, COUNT(errs));
	response->status = 202;
	http_header(response, "Retry-After", "%d", err->retry_after_s);
	return true;
}

bool
post_est_enroll(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(est_credential_clear) struct est_credential credential = {0};
	DEFER(enrolled_clear) struct enrolled out = {0};
	struct enroll_request in = {.csr = est_skip_words(request->body),
	    .binding = &request->binding,
	    .shown = request->shown};
	char name[BATCH_NAME_MAX + 1];

	if (!is_request(request, err) ||
	    !est_credential_parse(request->authorization, &credential, err))
		return fail(err);
	in.token = credential.token;
	in.hardware_id_count = credential.hardware_id_count;
	memcpy(in.hardware_ids, credential.hardware_ids, sizeof in.hardware_ids);
	if (!choose_batch(app, request, name, &in, err) ||
	    !credential_take(app, request->caller, &in, err))
		return fail(err);
	if (!enroll(&app->enrollment, &in, &out, err))
		return err->code == E_BATCH_NOT_OPEN ? put_off(app, request, response, err)
						     : fail(err);
	metrics_add(app->metrics, HTTP_ENROLLMENTS, credential_result(&out), 1);
	return put_certificate(request, response, &out);
}

/* The label has to be a batch; which is no matter: a device stays in its own. */
static bool
label_is_known(const struct app *app, const struct http_request *request, struct batch_facts *out,
    struct error *err)
{
	const char *label = label_of(request);

	return label == NULL || batch_cache_get(app->enrollment.batches, label, 0, out, err);
}

bool
post_est_reenroll(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(enrolled_clear) struct enrolled out = {0};
	struct renew_request in = {.presented_spki_sha256 = request->caller->spki_sha256,
	    .presented = &request->caller->device,
	    .csr = est_skip_words(request->body),
	    .binding = &request->binding};
	struct batch_facts facts;

	memcpy(in.serial, request->caller->serial, SERIAL_BYTES);
	if (!is_request(request, err) || !tier_may_reenroll(request->caller, err) ||
	    !label_is_known(app, request, &facts, err) || !renew(&app->renewal, &in, &out, err))
		return fail(err);
	metrics_add(app->metrics, HTTP_RENEWALS, credential_result(&out), 1);
	return put_certificate(request, response, &out);
}

bool
post_est_serverkeygen(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	(void)app;
	(void)request;
	(void)response;
	return error_set(err, E_NOT_OFFERED, "a device's key is made in the device");
}

/* ---- for anybody ---- */

/*
 * What the certificates of a batch lead to, and the root of the service's own. A birth certificate
 * is of the Birth CA, which belongs into no backend's store: only who asks for such a batch gets
 * it. Nothing is enrolled under the Pseudonym CA here.
 */
struct told {
	enum issuer_kind kinds[3];
	size_t count;
};
static const struct told TOLD[] = {
    [BATCH_PSEUDONYMOUS] = {{ISSUER_DEVICE_CA, ISSUER_DEVICE_ROOT, ISSUER_OPERATIONS_ROOT}, 3},
    [BATCH_UNLINKABLE] = {{ISSUER_BIRTH_CA, ISSUER_OPERATIONS_ROOT}, 2},
};

static size_t
collect_authorities(
    const struct issuers *issuers, const struct told *told, struct bytes out[static ISSUERS_MAX])
{
	size_t count = 0;

	for (size_t kind = 0; kind < told->count; kind++)
		for (size_t i = 0; i < issuers_count(issuers); i++) {
			const struct issuer *issuer = issuers_at(issuers, i);

			if (issuer->kind == told->kinds[kind] &&
			    issuer_state(issuer) != ISSUER_RETIRED)
				out[count++] = buf_bytes(&issuer->der);
		}
	return count;
}

/* Put together for each request: to look whether a kept answer still holds would take as long. */
bool
get_est_cacerts(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(buf_clear_public) struct buf der = {0};
	struct bytes certificates[ISSUERS_MAX];
	struct batch_facts facts = {.mode = BATCH_PSEUDONYMOUS};

	if (!label_is_known(app, request, &facts, err))
		return fail(err);
	est_put_certificates(
	    &der, certificates, collect_authorities(app->issuers, &TOLD[facts.mode], certificates));
	http_header(response, "Cache-Control", "max-age=%d", CACERTS_MAX_AGE_S);
	return put_text(request, response, CERTIFICATES, buf_bytes(&der));
}

bool
get_est_csrattrs(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(buf_clear_public) struct buf der = {0};
	struct batch_facts facts = {.profile = PROFILE_DEVICE};
	const struct profile *profile;

	if (!label_is_known(app, request, &facts, err))
		return fail(err);
	profile = profile_find(facts.profile);
	if (profile == NULL)
		return error_set(err, E_PROFILE_DENIED, "the batch's profile is not offered here");
	est_put_csr_attributes(&der, profile);
	return put_text(request, response, "application/csrattrs", buf_bytes(&der));
}
