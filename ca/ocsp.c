#include "ca/ocsp.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "ca/ocsp_metrics.h"
#include "ca/ocsp_store.h"

struct ocsp {
	struct ocsp_options options;
	struct ocsp_signers *signers;
	struct ocsp_memory *memory;
	struct metrics *metrics;
};

/* One request, while it is answered. */
struct asked {
	struct ocsp *ocsp;
	struct ocsp_request request;
	int64_t now_s, as_of_s; /* of what is said */
	size_t slot;            /* of whom signs */
	const struct issuer *issuer;
	struct ocsp_single singles[OCSP_CERTIDS_MAX];
	/* Those that the database has to be asked for: */
	uint8_t serials[OCSP_CERTIDS_MAX][SERIAL_BYTES];
	size_t places[OCSP_CERTIDS_MAX];
	size_t unread;
	bool lasting; /* all certificates have their signature: what is said may be kept */
};

struct ocsp *
ocsp_new(const struct ocsp_options *options)
{
	struct ocsp *ocsp = xcalloc(1, sizeof *ocsp);

	ocsp->options = *options;
	ocsp->signers = ocsp_signers_new(&options->signers);
	ocsp->memory = ocsp_memory_new();
	ocsp->metrics = ocsp_metrics_new();
	return ocsp;
}

void
ocsp_free(struct ocsp *ocsp)
{
	if (ocsp == NULL)
		return;
	ocsp_signers_free(ocsp->signers);
	ocsp_memory_free(ocsp->memory);
	metrics_free(ocsp->metrics);
	free(ocsp);
}

void
ocsp_look(struct ocsp *ocsp)
{
	ocsp_signers_look(ocsp->signers);
}

void
ocsp_health(struct ocsp *ocsp, struct ocsp_signers_health *out)
{
	ocsp_signers_health(ocsp->signers, out);
}

struct metrics *
ocsp_metrics(struct ocsp *ocsp)
{
	metrics_set(ocsp->metrics, OCSP_ANSWERS, 0, (int64_t)ocsp_memory_answers(ocsp->memory));
	return ocsp->metrics;
}

void
ocsp_reply_clear(struct ocsp_reply *reply)
{
	buf_clear_public(&reply->der);
}

void
ocsp_refuse(struct ocsp *ocsp, enum ocsp_status status, struct ocsp_reply *out)
{
	buf_truncate(&out->der, 0);
	out->cacheable = false;
	ocsp_response_refuse(status, &out->der);
	ocsp_metrics_responded(ocsp->metrics, status);
}

/* ---- who signs ---- */

/*
 * The authority of the first identifier that is of one here. It answers for its own certificates
 * alone: a responder speaks for the one authority that certified it (RFC 6960 section 4.2.2.2).
 * Where none is of one here, somebody has to say that they are unknown.
 */
static enum ocsp_status
choose_signer(struct asked *asked)
{
	const struct ocsp_signers *signers = asked->ocsp->signers;
	bool silent = false;

	for (size_t i = 0; i < asked->request.count; i++) {
		asked->slot = ocsp_signers_find(signers, &asked->request.certids[i]);
		if (asked->slot == OCSP_SLOT_NONE)
			continue;
		if (ocsp_signers_answers(signers, asked->slot))
			return OCSP_SUCCESSFUL;
		silent = true;
	}
	if (silent) /* RFC 5019 section 2.2.3: of ours, and nobody can speak for it */
		return OCSP_UNAUTHORIZED;
	asked->slot = ocsp_signers_default(signers);
	return asked->slot != OCSP_SLOT_NONE ? OCSP_SUCCESSFUL : OCSP_UNAUTHORIZED;
}

/* ---- what is said ---- */

/* A serial number that the signer's authority may have given. */
static bool
may_be_issued(const struct asked *asked, const struct ocsp_certid *certid)
{
	uint16_t month;

	return certid->serial.len == SERIAL_BYTES && serial_month(certid->serial.data, &month) &&
	       ocsp_signers_find(asked->ocsp->signers, certid) == asked->slot;
}

static void
say(struct ocsp_single *single, const struct status_entry *entry)
{
	single->state = entry->state == CERTIFICATE_CLEAR ? OCSP_GOOD : OCSP_REVOKED;
	if (single->state == OCSP_GOOD)
		return;
	single->reason = entry->state == CERTIFICATE_HELD ? REASON_HOLD : entry->reason;
	single->revoked_at_s = entry->at_s;
}

/* Without the database: what was issued is remembered, and the index is of now. */
static bool
say_from_memory(
    struct asked *asked, const uint8_t *serial, bool late_too, struct ocsp_single *single)
{
	struct status_index_found found;
	struct ocsp_known known;

	if (!ocsp_memory_knows(asked->ocsp->memory, serial, &known) ||
	    known.not_after_s <= asked->now_s)
		return false;
	if (memcmp(known.issuer, asked->issuer->id, ISSUER_ID_BYTES) != 0) {
		single->state = OCSP_UNKNOWN;
		return true;
	}
	status_index_find(asked->ocsp->options.statuses, serial, known.issuer, &found);
	say(single, &found.entry);
	if (found.as_of_s < asked->as_of_s)
		asked->as_of_s = found.as_of_s;
	return late_too || found.age_ms <= STATUS_INDEX_LATE_MS;
}

/* Revoked here, and its record still to come: that is known without a database, and now. */
static bool
say_forced(struct asked *asked, const uint8_t *serial, struct ocsp_single *single)
{
	struct status_index_found found;

	status_index_find(asked->ocsp->options.statuses, serial, asked->issuer->id, &found);
	if (!found.forced)
		return false;
	say(single, &found.entry);
	asked->lasting = false;
	return true;
}

static void
say_all(struct asked *asked)
{
	asked->lasting = true;
	asked->as_of_s = asked->now_s;
	for (size_t i = 0; i < asked->request.count; i++) {
		const struct ocsp_certid *certid = &asked->request.certids[i];
		struct ocsp_single *single = &asked->singles[i];

		*single = (struct ocsp_single){.certid = certid->whole, .state = OCSP_UNKNOWN};
		if (!may_be_issued(asked, certid)) {
			asked->lasting = false;
		} else if (!say_forced(asked, certid->serial.data, single) &&
			   !say_from_memory(asked, certid->serial.data, false, single)) {
			memcpy(asked->serials[asked->unread], certid->serial.data, SERIAL_BYTES);
			asked->places[asked->unread++] = i;
		}
	}
}

static void
learn(struct asked *asked, const uint8_t *serial, const struct ocsp_row *row)
{
	struct ocsp_known known = {.not_after_s = row->not_after_s};

	memcpy(known.serial, serial, sizeof known.serial);
	memcpy(known.issuer, row->issuer, sizeof known.issuer);
	ocsp_memory_learn(asked->ocsp->memory, &known);
}

/* What memory could not say. */
static bool
say_from_database(struct asked *asked, struct error *err)
{
	struct ocsp_row rows[OCSP_CERTIDS_MAX];

	if (asked->unread == 0)
		return true;
	if (!ocsp_store_read(asked->ocsp->options.db,
		(const uint8_t(*)[SERIAL_BYTES])asked->serials, asked->unread, rows, err))
		return false;
	for (size_t i = 0; i < asked->unread; i++) {
		struct ocsp_single *single = &asked->singles[asked->places[i]];
		const bool ours = rows[i].issued &&
				  memcmp(rows[i].issuer, asked->issuer->id, ISSUER_ID_BYTES) == 0;

		single->state = ours ? rows[i].state : OCSP_UNKNOWN;
		single->reason = rows[i].reason;
		single->revoked_at_s = rows[i].revoked_at_s;
		if (ours && rows[i].has_signature)
			learn(asked, asked->serials[i], &rows[i]);
		else
			asked->lasting = false;
	}
	return true;
}

/* ---- the answer ---- */

static void
make_etag(struct bytes der, char out[static OCSP_ETAG_LEN + 1])
{
	uint8_t digest[SHA256_BYTES];

	sha256(der, digest);
	out[0] = '"';
	hex_encode(out + 1, bytes_of(digest, 16));
	memcpy(out + 33, "\"", 2);
}

static bool
sign(struct asked *asked, struct ocsp_signer *signer, struct ocsp_reply *out, struct error *err)
{
	const int64_t until_s = asked->now_s + OCSP_ANSWER_VALIDITY_S;
	const struct ocsp_answer answer = {.singles = asked->singles,
	    .count = asked->request.count,
	    .nonce = asked->request.nonce,
	    .produced_at_s = asked->now_s,
	    .this_update_s = asked->as_of_s,
	    .next_update_s = until_s < signer->not_after_s ? until_s : signer->not_after_s,
	    .key_hash = signer->key_hash,
	    .key = signer->key,
	    .certificate = buf_bytes(&signer->certificate)};

	if (!ocsp_response_build(&answer, &out->der, err))
		return false;
	out->times.produced_at_s = answer.produced_at_s;
	out->times.this_update_s = answer.this_update_s;
	out->times.next_update_s = answer.next_update_s;
	metrics_add(asked->ocsp->metrics, OCSP_SIGNATURES, 0, 1);
	return true;
}

/* One certificate, and no nonce: everybody who asks the same gets the same. */
static bool
is_plain(const struct asked *asked)
{
	return asked->request.count == 1 && asked->request.nonce.len == 0;
}

/*
 * An answer from before that says what is so now. A late index is good enough for that: such an
 * answer tells itself of when it is.
 */
static bool
recall(struct asked *asked, struct ocsp_reply *out, bool *out_fresh)
{
	const struct ocsp_certid *certid = &asked->request.certids[0];
	struct ocsp_single single = {.certid = certid->whole};

	if (!is_plain(asked) || !may_be_issued(asked, certid))
		return false;
	if (!say_from_memory(asked, certid->serial.data, true, &single) ||
	    !ocsp_memory_recall(asked->ocsp->memory, certid->serial.data, &single, asked->now_s,
		&out->der, &out->times, out_fresh))
		return false;
	asked->singles[0] = single;
	out->cacheable = true;
	return true;
}

static void
keep(struct asked *asked, struct ocsp_reply *out)
{
	if (!is_plain(asked))
		return;
	out->cacheable = asked->lasting;
	make_etag(buf_bytes(&out->der), out->times.etag);
	if (asked->lasting)
		ocsp_memory_keep(asked->ocsp->memory, asked->request.certids[0].serial.data,
		    &asked->singles[0], buf_bytes(&out->der), &out->times);
}

static enum ocsp_status
answer_anew(struct asked *asked, struct ocsp_reply *out)
{
	DEFER(ocsp_signer_release)
	struct ocsp_signer *signer =
	    ocsp_signers_borrow(asked->ocsp->signers, asked->slot, asked->now_s);
	struct error err = {0};

	if (signer == NULL)
		return OCSP_TRY_LATER;
	say_all(asked);
	if (say_from_database(asked, &err) && sign(asked, signer, out, &err)) {
		keep(asked, out);
		return OCSP_SUCCESSFUL;
	}
	log_error(LOG_LEVEL_WARNING, "ocsp.answer", NULL, &err);
	return error_info(err.code)->kind == ERROR_KIND_UNAVAILABLE ? OCSP_TRY_LATER
								    : OCSP_INTERNAL;
}

/* What is old but holds is better than none. */
static enum ocsp_status
answer(struct asked *asked, struct ocsp_reply *out)
{
	DEFER(ocsp_reply_clear) struct ocsp_reply kept = {0};
	bool fresh = false;
	const bool recalled = recall(asked, &kept, &fresh);
	enum ocsp_status status = recalled && fresh ? OCSP_TRY_LATER : answer_anew(asked, out);

	if (!recalled || status == OCSP_SUCCESSFUL)
		return status;
	*out = kept;
	kept = (struct ocsp_reply){0};
	metrics_add(asked->ocsp->metrics, OCSP_KEPT, 0, 1);
	return OCSP_SUCCESSFUL;
}

void
ocsp_answer(struct ocsp *ocsp, struct bytes request, struct ocsp_reply *out)
{
	struct asked asked;
	struct error err = {0};
	enum ocsp_status status = OCSP_MALFORMED;

	asked.ocsp = ocsp;
	asked.now_s = clock_now_s(ocsp->options.signers.clock);
	asked.as_of_s = asked.now_s;
	asked.unread = 0;
	if (ocsp_request_parse(request, &asked.request, &err))
		status = choose_signer(&asked);
	if (status == OCSP_SUCCESSFUL) {
		asked.issuer = ocsp_signers_issuer(ocsp->signers, asked.slot);
		status = answer(&asked, out);
	}
	if (status != OCSP_SUCCESSFUL) {
		ocsp_refuse(ocsp, status, out);
		return;
	}
	for (size_t i = 0; i < asked.request.count; i++)
		ocsp_metrics_said(ocsp->metrics, &asked.singles[i]);
	ocsp_metrics_responded(ocsp->metrics, OCSP_SUCCESSFUL);
}
