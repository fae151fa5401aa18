#include "ca/issue.h"

void
issued_clear(struct issued *issued)
{
	buf_clear_public(&issued->tbs);
	memset(issued, 0, sizeof *issued);
}

/* Quantised, so that validity does not tell when in the day a machine was made. */
static bool
set_validity(const struct issue_request *request, struct issued *out, struct error *err)
{
	const struct certificate *issuer = &request->issuer->certificate;
	int64_t start_s = time_day_start(request->now_s);
	int64_t end_s = start_s + request->profile->validity_s;

	if (request->period != NULL) {
		start_s = request->period->not_before_s;
		end_s = request->period->not_after_s;
		if (start_s < issuer->not_before_s)
			start_s = issuer->not_before_s; /* the same for all of this issuer */
	}
	if (request->validity_s > 0) {
		start_s = request->now_s;
		if (start_s + request->validity_s < end_s)
			end_s = start_s + request->validity_s;
	}
	out->not_before_s = start_s;
	out->not_after_s = end_s < issuer->not_after_s ? end_s : issuer->not_after_s;
	if (start_s < issuer->not_before_s || out->not_after_s <= request->now_s)
		return error_set(err, E_INTERNAL, "the issuing authority is not valid now");
	return true;
}

static bool
build_tbs(const struct issue_request *request, struct issued *out, struct error *err)
{
	struct tbs_request tbs = {
	    .profile = request->profile,
	    .issuer = request->issuer->tbs,
	    .not_before_s = out->not_before_s,
	    .not_after_s = out->not_after_s,
	    .spki = request->spki,
	    .common_name = request->common_name,
	    .uuid = request->uuid,
	    .dns = request->dns,
	    .ip = request->ip,
	    .ip_count = request->ip_count,
	};

	memcpy(tbs.serial, out->serial, sizeof tbs.serial);
	return tbs_build(&tbs, &out->tbs, err);
}

bool
issue_prepare(const struct issue_request *request, const struct rng *rng, struct issued *out,
    struct error *err)
{
	struct issued issued = {.issuer = request->issuer};
	uint8_t handle[HANDLE_BYTES];

	if (!set_validity(request, &issued, err))
		return false;
	serial_make(issued.serial, time_month(issued.not_before_s), rng);
	if (request->period != NULL)
		serial_move(
		    issued.serial, request->period->shard, request->issuer->tbs.shard_count);
	rng_fill(rng, handle, sizeof handle);
	handle_encode(issued.handle, handle);
	rng_fill(rng, issued.nonce, sizeof issued.nonce);
	if (!build_tbs(request, &issued, err)) {
		issued_clear(&issued);
		return false;
	}
	leaf_commit(issued.commitment, issued.nonce, buf_bytes(&issued.tbs));
	sha256(request->spki, issued.spki_sha256);
	*out = issued;
	return true;
}

void
issue_fill_record(const struct issued *issued, struct record *record)
{
	record->tbs = buf_bytes(&issued->tbs);
	memcpy(record->nonce, issued->nonce, sizeof record->nonce);
	memcpy(record->issuer, issued->issuer->id, sizeof record->issuer);
	serial_ref(record->ref, issued->serial);
	record->leaf.has_commitment = true;
	memcpy(record->leaf.commitment, issued->commitment, sizeof record->leaf.commitment);
}

void
issue_certificate(const struct issued *issued, struct bytes signature, struct buf *out)
{
	certificate_assemble(buf_bytes(&issued->tbs), signature, out);
}
