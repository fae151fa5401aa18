/* What stands in messages between service and keeper: entries, results, refusals. */
#include "keeper/check.h"
#include "keeper/wire.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/keeper/fixture.h"

/* A leaf that the keeper takes for a TBSCertificate says so by a hash that is only that one's. */
static void
commits(const struct wire_entry *entry)
{
	struct policy policy = {.issuer_count = 1};
	uint8_t commitment[SHA256_BYTES];
	struct leaf_view leaf;
	struct error err = {0}, why = {0};

	if (entry->tbs.len == 0 || !leaf_parse(entry->leaf, &leaf, &err))
		return;
	issuer_init(&policy.issuers[0]);
	leaf_commit(commitment, entry->nonce, entry->tbs);
	MUST(fuzz_verdict(
		 check_leaf(&policy.issuers[0], &leaf, entry->nonce, entry->tbs, &why), &why) ==
	     ((leaf.event == LEAF_ENROLL_OK || leaf.event == LEAF_RENEW_OK) &&
		 leaf.has_commitment && memcmp(leaf.commitment, commitment, SHA256_BYTES) == 0));
	policy_clear(&policy);
}

static void
entries(struct bytes in)
{
	struct reader reader = reader_of(in);
	struct wire_entry entry;

	while (reader.ok && reader.rest.len > 0) {
		DEFER(buf_clear_public) struct buf again = {0};
		const struct bytes before = reader.rest;

		wire_entry_take(&reader, &entry);
		if (!reader.ok)
			return;
		MUST(entry.leaf.len <= LEAF_MAX && entry.tbs.len <= CHECK_TBS_MAX);
		MUST((entry.nonce != NULL) == (entry.tbs.len > 0));
		MUST((entry.issuer != NULL) == (entry.tbs.len > 0));
		wire_entry_encode(&entry, &again);
		MUST(again.len == wire_entry_len(&entry));
		MUST(bytes_equal(buf_bytes(&again), bytes_of(before.data, again.len)));
		MUST(reader.rest.len == before.len - again.len);
		commits(&entry);
	}
}

static void
results(struct bytes in)
{
	struct reader reader = reader_of(in);
	struct wire_result result;

	while (reader.ok && reader.rest.len > 0) {
		DEFER(buf_clear_public) struct buf again = {0};
		const struct bytes before = reader.rest;

		wire_result_take(&reader, &result);
		if (!reader.ok)
			return;
		wire_result_encode((enum wire_result_kind)result.kind, result.octets, &again);
		MUST(bytes_equal(buf_bytes(&again), bytes_of(before.data, again.len)));
	}
}

static void
refusals(struct bytes in)
{
	DEFER(buf_clear_public) struct buf again = {0};
	struct error err = {0}, same = {0};

	MUST(!fuzz_verdict(wire_refusal_raise(in, &err), &err));
	MUST(err.code == E_KEEPER_REFUSED || err.code == E_TAG_INVALID || err.code == E_NOT_FOUND ||
	     err.code == E_KEEPER_UNAVAILABLE);
	wire_refusal_encode(&err, &again);
	MUST(!wire_refusal_raise(buf_bytes(&again), &same) && same.code == err.code);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	entries(bytes_of(data, size));
	results(bytes_of(data, size));
	refusals(bytes_of(data, size));
	return 0;
}
