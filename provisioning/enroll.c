#include "provisioning/enroll.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "base/work.h"
#include "ca/certificate_store.h"
#include "provisioning/enroll_prepare.h"
#include "provisioning/renew.h"

#define RECALL_WAIT_MS 5000
#define RECALL_POLL_MS 20

void
enrolled_clear(struct enrolled *enrolled)
{
	buf_clear_public(&enrolled->certificate);
	buf_clear_public(&enrolled->proof);
}

/* ---- encode ---- */

static bool
encode_issued(const struct enroll_proposal *proposal, struct enrolled *out, struct error *err)
{
	const struct issued *issued = &proposal->issued;
	const struct record *record = &proposal->records[0];

	if (record->signature_len == 0) {
		err->retry_after_s = 1;
		return error_set(err, E_KEEPER_UNAVAILABLE, "recorded, but not signed yet");
	}
	out->created = true;
	uuid_encode(out->pseudonym, proposal->pseudonym);
	memcpy(out->serial, issued->serial, SERIAL_BYTES);
	issue_certificate(
	    issued, bytes_of(record->signature, record->signature_len), &out->certificate);
	out->issuer = issued->issuer;
	out->not_before_s = issued->not_before_s;
	out->not_after_s = issued->not_after_s;
	out->renew_after_s = renew_after_s(issued->not_before_s, issued->not_after_s);
	return true;
}

static bool
encode_recorded(const struct enroll_service *service, const uint8_t issuer[static ISSUER_ID_BYTES],
    struct buf *der, struct enrolled *out, struct error *err)
{
	struct certificate certificate;
	struct bytes name;

	if (!certificate_parse(buf_bytes(der), &certificate, err))
		return false;
	out->issuer = issuers_find(service->issuers, issuer);
	if (out->issuer == NULL || !certificate_common_name(&certificate, &name) ||
	    name.len != UUID_TEXT_LEN || certificate.serial.len != SERIAL_BYTES)
		return error_set(err, E_INTERNAL, "the recorded certificate is no device's");

	out->created = false;
	memcpy(out->pseudonym, name.data, UUID_TEXT_LEN);
	out->pseudonym[UUID_TEXT_LEN] = '\0';
	memcpy(out->serial, certificate.serial.data, SERIAL_BYTES);
	out->not_before_s = certificate.not_before_s;
	out->not_after_s = certificate.not_after_s;
	out->renew_after_s = renew_after_s(out->not_before_s, out->not_after_s);
	out->certificate = *der;
	*der = (struct buf){0};
	return true;
}

static const struct timespec RECALL_PAUSE = {.tv_nsec = RECALL_POLL_MS * 1000000L};

/* Reads the certificate that a retry is about; its signature may still be on its way. */
static bool
recall(const struct enroll_service *service, const struct enroll_proposal *proposal,
    int64_t deadline_ms, struct enrolled *out, struct error *err)
{
	DEFER(buf_clear_public) struct buf der = {0};
	uint8_t issuer[ISSUER_ID_BYTES];

	for (;;) {
		if (!certificate_find_der(
			service->db, proposal->replayed_serial, &der, issuer, err))
			return false;
		if (der.len > 0)
			return encode_recorded(service, issuer, &der, out, err);
		if (clock_monotonic_ms() >= deadline_ms) {
			err->retry_after_s = 1;
			return error_set(err, E_KEEPER_UNAVAILABLE, "recorded, but not signed yet");
		}
		(void)nanosleep(&RECALL_PAUSE, NULL);
	}
}

static bool
encode(const struct enroll_service *service, const struct enroll_proposal *proposal,
    int64_t deadline_ms, struct enrolled *out, struct error *err)
{
	if (proposal->base.err.code != E_NONE) {
		*err = proposal->base.err;
		err->recorded = proposal->base.record_count > 0;
		return false;
	}
	if (proposal->output.decision == DECIDE_REPLAY)
		return recall(service, proposal, deadline_ms, out, err);
	return encode_issued(proposal, out, err);
}

/* ---- one, and many ---- */

/* What was replaced is revoked for whoever asks this service from now on. */
static void
sync_replaced(const struct enroll_service *service, struct proposal *const *proposals, size_t count)
{
	bool replaced = false;

	for (size_t i = 0; i < count; i++)
		replaced = replaced || proposals[i]->changes_status;
	if (replaced && service->statuses != NULL)
		(void)status_index_sync(service->statuses, STATUS_INDEX_SYNC_MS);
}

static bool
submit(const struct enroll_service *service, struct proposal *const *proposals, size_t count,
    struct error *err)
{
	if (!ledger_submit(service->ledger, proposals, count, err))
		return false;
	sync_replaced(service, proposals, count);
	return true;
}

bool
enroll(const struct enroll_service *service, const struct enroll_request *request,
    struct enrolled *out, struct error *err)
{
	DEFER(enroll_proposal_clear) struct enroll_proposal proposal = {0};
	struct proposal *const proposals[] = {&proposal.base};

	enroll_prepare(service, request, &proposal, err, 1);
	return err->code == E_NONE && submit(service, proposals, COUNT(proposals), err) &&
	       encode(service, &proposal, clock_monotonic_ms() + RECALL_WAIT_MS, out, err);
}

struct many {
	const struct enroll_service *service;
	const struct enroll_request *requests;
	struct enroll_proposal *proposals; /* [i] belongs to requests[i], outs[i] and errs[i] */
	size_t count;
	struct enrolled *outs;
	struct error *errs;
	int64_t deadline_ms; /* for all that wait for a signature */
};

static void
many_clear(struct many *many)
{
	for (size_t i = 0; i < many->count; i++)
		enroll_proposal_clear(&many->proposals[i]);
	free(many->proposals);
}
DEFER_DECLARE_CLEAR(struct many, many_clear)

static void
prepare_some(void *context, size_t i)
{
	const struct many *many = context;
	const size_t from = i * ENROLL_PREPARE_MAX;
	const size_t left = many->count - from;

	enroll_prepare(many->service, many->requests + from, many->proposals + from,
	    many->errs + from, left < ENROLL_PREPARE_MAX ? left : ENROLL_PREPARE_MAX);
}

static void
encode_item(void *context, size_t i)
{
	const struct many *many = context;

	if (many->errs[i].code == E_NONE && !encode(many->service, &many->proposals[i],
						many->deadline_ms, &many->outs[i], &many->errs[i]))
		assert(many->errs[i].code != E_NONE);
}

static bool
submit_prepared(const struct many *many, struct error *err)
{
	DEFER(mem_free)
	struct proposal **prepared = xcalloc(many->count, sizeof(struct proposal *));
	size_t count = 0;

	for (size_t i = 0; i < many->count; i++)
		if (many->errs[i].code == E_NONE)
			prepared[count++] = &many->proposals[i].base;
	return count == 0 || submit(many->service, prepared, count, err);
}

bool
enroll_many(const struct enroll_service *service, struct work_pool *pool,
    const struct enroll_request *requests, size_t count, struct enrolled *outs, struct error *errs,
    struct error *err)
{
	DEFER(many_clear)
	struct many many = {.service = service, .requests = requests, .outs = outs, .errs = errs};

	if (count > ENROLL_MANY_MAX)
		return error_set(err, E_TOO_LARGE, "more than %d enrollments", ENROLL_MANY_MAX);
	if (count == 0)
		return true;
	many.proposals = xcalloc(count, sizeof *many.proposals);
	many.count = count;

	work_pool_run(
	    pool, (count + ENROLL_PREPARE_MAX - 1) / ENROLL_PREPARE_MAX, prepare_some, &many);
	if (!submit_prepared(&many, err))
		return false;
	many.deadline_ms = clock_monotonic_ms() + RECALL_WAIT_MS;
	work_pool_run(pool, count, encode_item, &many);
	return true;
}
