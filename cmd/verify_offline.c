#include "cmd/verify_offline.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/text.h"
#include "ca/reason.h"
#include "verify/moniker_verify.h"

#define TRUST_FILE_MAX ((size_t)1 << 20)
#define AGE_MAX_S (INT64_C(10) * 365 * 86400)

DEFER_DECLARE(struct moniker_verifier, moniker_verifier_free)

static enum error_code
code_of(enum moniker_load loaded)
{
	switch (loaded) {
	case MONIKER_LOAD_UNREADABLE: return E_FILE_FAILED;
	case MONIKER_LOAD_UNTRUSTED:
	case MONIKER_LOAD_OLDER: return E_BAD_PROOF;
	case MONIKER_LOADED:
	case MONIKER_LOAD_MALFORMED: return E_BAD_SYNTAX;
	case MONIKER_LOAD_NO_MEMORY: break;
	}
	return E_INTERNAL;
}

static bool
open_verifier(
    const struct verify_offline *options, struct moniker_verifier **out, struct error *err)
{
	DEFER(moniker_verifier_free) struct moniker_verifier *verifier = NULL;
	DEFER(buf_clear_public) struct buf trust = {0};
	char why[MONIKER_WHY_MAX];
	enum moniker_load loaded;

	if (options->trust != NULL && !file_read(options->trust, TRUST_FILE_MAX, &trust, err))
		return false;
	verifier = moniker_verifier_new(options->trust == NULL ? NULL : trust.data, trust.len, why);
	if (verifier == NULL)
		return error_set(err, E_BAD_SYNTAX, "%s: %s", options->trust, why);
	loaded = moniker_verifier_load_file(verifier, options->bundle, 0, why);
	if (loaded != MONIKER_LOADED)
		return error_set(err, code_of(loaded), "%s: %s", options->bundle, why);
	*out = TAKE(verifier);
	return true;
}

static bool
read_policy(const struct verify_offline *options, struct moniker_policy *out, struct error *err)
{
	char *end = NULL;

	*out = (struct moniker_policy){
	    .on_stale = options->accept_stale ? MONIKER_STALE_MARK : MONIKER_STALE_REFUSE};
	if (options->max_age_s == NULL)
		return true;
	out->max_age_s = strtoll(options->max_age_s, &end, 10);
	if (*options->max_age_s < '0' || *options->max_age_s > '9' || *end != '\0' ||
	    out->max_age_s < 1 || out->max_age_s > AGE_MAX_S)
		return error_set(
		    err, E_BAD_SYNTAX, "--max-age is 1 to %lld seconds", (long long)AGE_MAX_S);
	return true;
}

/* ---- the answer, as the service gives it ---- */

static json_t *
text_or_null(const char *text)
{
	return text[0] == '\0' ? json_null() : json_string(text);
}

static json_t *
time_or_null(int64_t at_s)
{
	char text[TIME_TEXT_LEN + 1];

	if (at_s == 0)
		return json_null();
	time_encode(text, at_s);
	return json_string(text);
}

static json_t *
answer_of(const struct moniker_result *result)
{
	enum reason reason;
	const char *code =
	    reason_of(result->reason, &reason) ? reason_code(reason) : result->reason;

	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:s}", "verdict",
	    moniker_verdict_name(result->verdict), "pseudonym", text_or_null(result->pseudonym),
	    "serial", text_or_null(result->serial), "reason", text_or_null(code), "revoked_at",
	    time_or_null(result->since_s), "fresh_until", time_or_null(result->fresh_until_s),
	    "as_of", time_or_null(result->issued_s), "stale", result->stale, "explain",
	    result->explain);
}

bool
verify_offline(const struct verify_offline *options, json_t **out, struct error *err)
{
	DEFER(moniker_verifier_free) struct moniker_verifier *verifier = NULL;
	DEFER(buf_clear_public) struct buf certificate = {0};
	struct moniker_policy policy;
	struct moniker_result result;

	if (!read_policy(options, &policy, err) || !open_verifier(options, &verifier, err) ||
	    !file_read(options->certificate, MONIKER_CERTIFICATE_MAX, &certificate, err))
		return false;
	(void)moniker_verify(verifier, certificate.data, certificate.len, &policy, &result);
	*out = answer_of(&result);
	return true;
}
