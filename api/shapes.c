#include "api/shapes.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define ENROLLED_ROOM 512                          /* octets, but for the certificates */
#define PEM_ROOM(der_len) ((der_len) / 2 * 3 + 96) /* octets, a little more than needed */

json_t *
shape_time(int64_t at_s)
{
	char text[TIME_TEXT_LEN + 1];

	if (at_s == 0)
		return json_null();
	time_encode(text, at_s);
	return json_string(text);
}

json_t *
shape_hex(const void *data, size_t len)
{
	DEFER(buf_clear_public) struct buf text = {0};

	hex_encode((char *)buf_extend(&text, 2 * len + 1), bytes_of(data, len));
	return json_string((const char *)text.data);
}

json_t *
shape_pem(struct bytes der)
{
	DEFER(buf_clear_public) struct buf pem = {0};

	pem_encode(&pem, "CERTIFICATE", der);
	return json_stringn((const char *)pem.data, pem.len);
}

/* Lines of text as a JSON string: only their ends need an escape. */
static void
put_lines(struct bytes rest, struct buf *out)
{
	const uint8_t *end;

	buf_append_text(out, "\"");
	while (rest.len > 0 && (end = memchr(rest.data, '\n', rest.len)) != NULL) {
		const size_t len = (size_t)(end - rest.data);

		buf_append(out, bytes_of(rest.data, len));
		buf_append_text(out, "\\n");
		rest = bytes_of(end + 1, rest.len - len - 1);
	}
	buf_append_text(out, "\"");
}

static void
put_pem(struct bytes der, struct buf *out)
{
	DEFER(buf_clear_public) struct buf pem = {0};

	buf_reserve(&pem, PEM_ROOM(der.len));
	pem_encode(&pem, "CERTIFICATE", der);
	put_lines(buf_bytes(&pem), out);
}

/* base64, names and numbers, in lines; a name may hold neither quote nor backslash. */
static void
put_proof(struct bytes text, struct buf *out)
{
	buf_append_text(out, ",\"proof\":");
	if (text.len > 0)
		put_lines(text, out);
	else
		buf_append_text(out, "null");
}

json_t *
shape_proof(struct bytes text)
{
	return text.len > 0 ? json_stringn((const char *)text.data, text.len) : json_null();
}

void
shape_enrolled(const struct enrolled *enrolled, struct buf *out)
{
	const struct bytes certificate = buf_bytes(&enrolled->certificate);
	const struct bytes chain = buf_bytes(&enrolled->issuer->der);
	char serial[2 * SERIAL_BYTES + 1], not_after[TIME_TEXT_LEN + 1];
	char renew_after[TIME_TEXT_LEN + 1];

	hex_encode(serial, bytes_of(enrolled->serial, SERIAL_BYTES));
	time_encode(not_after, enrolled->not_after_s);
	time_encode(renew_after, enrolled->renew_after_s);
	buf_reserve(
	    out, out->len + ENROLLED_ROOM + PEM_ROOM(certificate.len) + PEM_ROOM(chain.len));
	buf_append_format(out,
	    "{\"pseudonym\":\"%s\",\"serial\":\"%s\",\"certificate\":", enrolled->pseudonym,
	    serial);
	put_pem(certificate, out);
	buf_append_text(out, ",\"chain\":[");
	put_pem(chain, out);
	buf_append_format(
	    out, "],\"not_after\":\"%s\",\"renew_after\":\"%s\"", not_after, renew_after);
	if (enrolled->has_proof)
		put_proof(buf_bytes(&enrolled->proof), out);
	buf_append_text(out, "}");
}

/* ---- verdicts: a thousand in an answer, so without a document tree ---- */

static inline char *
put(char *at, const char *text)
{
	const size_t len = strlen(text); /* of a literal: known to the compiler */

	memcpy(at, text, len);
	return at + len;
}

/* `text` is ours, of characters that JSON takes as they are; "" is null. Returns the end. */
static inline char *
put_text(char *at, const char *name, const char *text)
{
	at = put(at, name);
	if (text[0] == '\0')
		return put(at, "null");
	*at++ = '"';
	at = put(at, text);
	*at++ = '"';
	return at;
}

static inline char *
put_time(char *at, const char *name, int64_t at_s, struct shape_time_memo *memo)
{
	if (at_s != 0 && memo->at_s != at_s) {
		time_encode(memo->text, at_s);
		memo->at_s = at_s;
	}
	return put_text(at, name, at_s == 0 ? "" : memo->text);
}

void
shape_verification(
    const struct verification *verification, struct shape_times *times, struct buf *out)
{
	const bool bad =
	    verification->verdict == VERDICT_REVOKED || verification->verdict == VERDICT_HELD;
	char text[SHAPE_VERIFICATION_MAX]; /* all of it is bounded: names, and texts of ours */
	char *at = text;

	at = put_text(at, "{\"verdict\":", verdict_name(verification->verdict));
	at = put_text(at, ",\"pseudonym\":", verification->pseudonym);
	at = put_text(at, ",\"serial\":", verification->serial);
	at = put_text(at, ",\"reason\":", bad ? reason_code(verification->reason) : "");
	at = put_time(at, ",\"revoked_at\":", verification->revoked_at_s, &times->revoked_at);
	at = put_time(at, ",\"as_of\":", verification->as_of_s, &times->as_of);
	at = put_time(at, ",\"fresh_until\":", verification->fresh_until_s, &times->fresh_until);
	*at++ = '}';
	buf_append(out, bytes_of(text, (size_t)(at - text)));
}

static json_t *
shape_device_certificate(const struct device_certificate *certificate)
{
	const bool bad = certificate->held || certificate->revoked;

	return json_pack("{s:o, s:s, s:o, s:o, s:s, s:o, s:o}", "serial",
	    shape_hex(certificate->serial, SERIAL_BYTES), "handle", certificate->handle,
	    "not_before", shape_time(certificate->not_before_s), "not_after",
	    shape_time(certificate->not_after_s), "status",
	    certificate->revoked ? "revoked"
	    : certificate->held  ? "held"
				 : "good",
	    "reason", bad ? json_string(reason_code(certificate->reason)) : json_null(),
	    "revoked_at", shape_time(certificate->revoked_at_s));
}

json_t *
shape_certificate(const struct certificate_view *view)
{
	json_t *object = shape_device_certificate(&view->certificate);

	(void)json_object_set_new(object, "pseudonym", json_string(view->pseudonym));
	return object;
}

json_t *
shape_device(const struct device_view *device)
{
	json_t *certificates = json_array();

	for (size_t i = 0; i < device->certificate_count; i++)
		(void)json_array_append_new(
		    certificates, shape_device_certificate(&device->certificates[i]));
	return json_pack("{s:s, s:s, s:o}", "pseudonym", device->pseudonym, "state",
	    device_state_name(device->state), "certificates", certificates);
}

json_t *
shape_revocation(const struct revoke_result *result)
{
	if (result->spooled) /* whose certificate it is will be known later */
		return json_pack("{s:s, s:s, s:I, s:[]}", "id", result->id, "status", "spooled",
		    "count", result->certificate_count, "sample");
	return json_pack("{s:s, s:s, s:I, s:[s], s:s, s:s, s:{s:I}}", "id", result->id, "status",
	    result->applied ? "applied" : "preview", "count", result->certificate_count, "sample",
	    result->pseudonym, "before", device_state_name(result->before), "after",
	    device_state_name(result->after), "crl", "entries", result->certificate_count);
}

json_t *
shape_revocation_record(const struct revoke_record *record)
{
	static const char *const STATES[] = {[REVOKE_APPLIED] = "applied",
	    [REVOKE_REFUSED] = "refused",
	    [REVOKE_SPOOLED] = "spooled"};

	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:o}", "id", record->id, "status",
	    STATES[record->outcome], "action", status_action_name(record->action), "reason",
	    reason_code(record->reason), "count", record->count, "at", shape_time(record->at_s));
}

json_t *
shape_batch(const struct batch *batch)
{
	json_t *stations = json_array();
	json_t *object;

	for (size_t i = 0; i < batch->station_count; i++)
		(void)json_array_append_new(stations, json_string(batch->station_names[i]));
	object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "id", batch->name,
	    "handle", batch->handle, "model", batch->model, "mode", batch_mode_name(batch->mode),
	    "profile", batch->profile, "quota", batch->quota, "issued", batch->issued, "refused",
	    batch->refused, "revoked", batch->revoked);
	(void)json_object_set_new(object, "opens_at", shape_time(batch->opens_at_s));
	(void)json_object_set_new(object, "closes_at", shape_time(batch->closes_at_s));
	(void)json_object_set_new(object, "closed_at", shape_time(batch->closed_at_s));
	(void)json_object_set_new(
	    object, "hardware_ids", json_string(batch_hardware_ids_name(batch)));
	(void)json_object_set_new(object, "manifest", json_boolean(batch->manifest));
	(void)json_object_set_new(
	    object, "replace", json_string(batch->replace_same_station ? "same_station" : "never"));
	(void)json_object_set_new(object, "stations", stations);
	(void)json_object_set_new(object, "escrow", json_boolean(batch->escrow));
	return object;
}

json_t *
shape_operator(const struct operator_person *person)
{
	json_t *roles = json_array();

	for (unsigned bit = 0; bit < ROLE_COUNT; bit++)
		if ((person->roles & 1U << bit) != 0)
			(void)json_array_append_new(
			    roles, json_string(operator_role_name(1U << bit)));
	return json_pack("{s:s, s:s, s:o, s:s, s:o}", "name", person->name, "handle",
	    person->handle, "roles", roles, "status",
	    !person->active   ? "removed"
	    : person->pending ? "pending"
			      : "signed",
	    "not_after", shape_time(person->not_after_s));
}

json_t *
shape_operator_renewal(const struct operator_renewal *renewal, const struct issuer *issuer)
{
	const bool is_signed = renewal->certificate.len > 0;
	json_t *chain = json_array();

	if (is_signed && issuer != NULL)
		(void)json_array_append_new(chain, shape_pem(buf_bytes(&issuer->der)));
	return json_pack("{s:o, s:s, s:o, s:o, s:o}", "serial",
	    shape_hex(renewal->serial, SERIAL_BYTES), "status", is_signed ? "signed" : "pending",
	    "not_after", shape_time(renewal->not_after_s), "certificate",
	    is_signed ? shape_pem(buf_bytes(&renewal->certificate)) : json_null(), "chain", chain);
}

static json_t *
shape_asked(const struct export_scope *scope)
{
	const json_int_t after = (json_int_t)scope->after, limit = (json_int_t)scope->limit;

	return json_pack("{s:o, s:o, s:o, s:o, s:s?, s:s?, s:s?}", "after",
	    after < 0 ? json_null() : json_integer(after), "limit",
	    limit < 0 ? json_null() : json_integer(limit), "from",
	    scope->from_s < 0 ? json_null() : shape_time(scope->from_s), "to",
	    scope->to_s < 0 ? json_null() : shape_time(scope->to_s), "ev",
	    scope->event[0] != '\0' ? scope->event : NULL, "rc",
	    scope->code[0] != '\0' ? scope->code : NULL, "act",
	    scope->actor[0] != '\0' ? scope->actor : NULL);
}

static json_t *
shape_seq(int64_t count, int64_t seq)
{
	return count == 0 ? json_null() : json_integer((json_int_t)seq);
}

/* Leaves that were looked at, of those that the log has; and what was taken of them. */
static json_t *
shape_export_progress(const struct export_job *job)
{
	const int64_t next = (int64_t)job->progress.next;
	const bool all = job->state == EXPORT_DONE || next > job->size;

	return json_pack("{s:I, s:I}", "looked_at", (json_int_t)(all ? job->size : next), "of",
	    (json_int_t)job->size);
}

json_t *
shape_export(const struct export_job *job)
{
	static const char *const STATES[] = {
	    [EXPORT_RUNNING] = "running", [EXPORT_DONE] = "done", [EXPORT_FAILED] = "failed"};
	const struct export_progress *progress = &job->progress;
	json_t *result = json_null();
	json_t *failure = json_null();

	if (job->state == EXPORT_DONE)
		result = json_pack("{s:I, s:o}", "size", (json_int_t)job->result.len, "sha256",
		    shape_hex(job->result.sha256, SHA256_BYTES));
	if (job->state == EXPORT_FAILED)
		failure = json_pack("{s:s, s:s}", "code", job->failure, "detail", job->detail);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:o, s:o, s:I, s:o, s:o, s:o, s:o, "
			 "s:o, s:o, s:o}",
	    "id", job->id, "state", STATES[job->state], "node", job->node, "requested_by",
	    job->actor, "origin", job->origin, "log_size", (json_int_t)job->size, "proves",
	    export_scope_is_complete(&job->scope) ? "complete" : "inclusion", "asked",
	    shape_asked(&job->scope), "progress", shape_export_progress(job), "leaves",
	    (json_int_t)progress->count, "first", shape_seq(progress->count, progress->first),
	    "last", shape_seq(progress->count, progress->last), "result", result, "failure",
	    failure, "created_at", shape_time(job->created_at_s), "finished_at",
	    shape_time(job->finished_at_s), "expires_at", shape_time(job->expires_at_s));
}

json_t *
shape_expiry(const struct expiry *expiry)
{
	return json_pack("{s:s, s:s*, s:o, s:I, s:s}", "what", expiry_name(expiry->what), "id",
	    expiry->id[0] != '\0' ? expiry->id : NULL, "not_after", shape_time(expiry->not_after_s),
	    "count", (json_int_t)expiry->due_count, "remedy", expiry_remedy(expiry->what));
}

json_t *
shape_list(json_t *items, json_t *next)
{
	return json_pack("{s:o, s:o}", "items", items, "next", next != NULL ? next : json_null());
}
