#include "tests/bench/enrollment.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ca/csr.h"
#include "keeper/tag.h"
#include "provisioning/enroll_kind.h"
#include "tests/bench/report.h"

#define HANDLE "aaaaaaaaaaaaaaaa"

struct ledger_kind *
enrollment_kind_new(void)
{
	return enroll_kind_new();
}

void
enrollment_kind_free(struct ledger_kind *kind)
{
	enroll_kind_free(kind);
}

struct enrollment {
	struct enroll_proposal proposal;
};

/* A hardware id's tag, in this process. */
static void
make_tag(const struct rng *rng, struct decide_input *out)
{
	const uint8_t key[TAG_KEY_BYTES] = {7};
	uint8_t message[16];
	struct error err = {0};

	rng_fill(rng, message, sizeof message);
	must(tag_compute(out->tags[0].tag, key, bytes_of(message, sizeof message), &err), &err);
	out->tags[0].kid = 1;
	out->tag_count = 1;
}

static void
make_tbs(
    const struct enrollment_terms *terms, const struct csr *csr, struct enroll_proposal *proposal)
{
	char uuid[UUID_TEXT_LEN + 1];
	struct error err = {0};

	rng_fill(terms->rng, proposal->pseudonym, sizeof proposal->pseudonym);
	uuid_stamp(proposal->pseudonym);
	uuid_encode(uuid, proposal->pseudonym);
	must(issue_prepare(
		 &(struct issue_request){
		     .profile = profile_find(PROFILE_DEVICE),
		     .issuer = terms->issuer,
		     .spki = csr_spki(csr),
		     .common_name = uuid,
		     .uuid = uuid,
		     .now_s = terms->now_s,
		 },
		 terms->rng, &proposal->issued, &err),
	    &err);
}

struct enrollment *
enrollment_new(const struct enrollment_terms *terms, struct bytes csr_text)
{
	struct enrollment *enrollment = xcalloc(1, sizeof *enrollment);
	struct enroll_proposal *proposal = &enrollment->proposal;
	DEFER(csr_free) struct csr *csr = NULL;
	struct error err = {0};

	proposal->base.kind = terms->kind;
	proposal->station_handle = HANDLE;
	(void)snprintf(proposal->batch_handle, sizeof proposal->batch_handle, HANDLE);
	proposal->input.person = terms->person;
	proposal->input.batch = terms->batch;
	proposal->input.profile = PROFILE_DEVICE;
	must(csr_parse_text(csr_text, &csr, &err), &err);
	memcpy(proposal->input.spki_sha256, csr_spki_sha256(csr), SHA256_BYTES);
	make_tag(terms->rng, &proposal->input);
	make_tbs(terms, csr, proposal);
	return enrollment;
}

void
enrollment_free(struct enrollment *enrollment)
{
	if (enrollment == NULL)
		return;
	enroll_proposal_clear(&enrollment->proposal);
	free(enrollment);
}

struct proposal *
enrollment_proposal(struct enrollment *enrollment)
{
	return &enrollment->proposal.base;
}

struct bytes
enrollment_tbs(const struct enrollment *enrollment)
{
	const struct enroll_proposal *proposal = &enrollment->proposal;

	if (proposal->output.decision != DECIDE_ISSUE)
		die("in process: %s", proposal->base.err.detail);
	return proposal->records[0].tbs;
}

const struct record *
enrollment_finish(struct enrollment *enrollment, struct bytes signature)
{
	DEFER(buf_clear_public) struct buf certificate = {0};
	struct enroll_proposal *proposal = &enrollment->proposal;
	struct record *record = &proposal->records[0];

	memcpy(record->signature, signature.data, signature.len);
	record->signature_len = signature.len;
	issue_certificate(&proposal->issued, signature, &certificate);
	return record;
}
