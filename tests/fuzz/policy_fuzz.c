/* A policy that is read keeps its bounds; written down again it reads the same. */
#include "keeper/policy.h"
#include "tests/fuzz/fuzz.h"

static void
keeps_bounds(const struct policy *policy)
{
	MUST(policy->issuer_count <= POLICY_ISSUERS_MAX);
	for (size_t i = 0; i < policy->issuer_count; i++) {
		const struct policy_issuer *issuer = &policy->issuers[i];

		MUST(policy_find(policy, issuer->id) == issuer);
		MUST(issuer->events != 0 && issuer->key_types != 0 && issuer->ekus != 0);
		MUST((issuer->events & 1) == 0 && issuer->events >> LEAF_EVENT_COUNT == 0);
		MUST(issuer->shard_count >= 1 && issuer->shard_count <= 9999);
		MUST(issuer->validity_max_s > 0 && issuer->not_before_s < issuer->not_after_s);
		MUST(issuer->subject.len > 0 && issuer->key_identifier.len > 0);
		MUST(issuer->key_identifier.len <= 64 && issuer->crl_url_prefix.len <= 256);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	DEFER(policy_clear) struct policy policy = {0};
	DEFER(policy_clear) struct policy again = {0};
	DEFER(buf_clear_public) struct buf text = {0};
	DEFER(buf_clear_public) struct buf text_again = {0};
	struct error err = {0};

	if (!fuzz_verdict(policy_parse(bytes_of(data, size), &policy, &err), &err)) {
		MUST(err.code == E_CONFIG_INVALID && policy.issuer_count == 0);
		return 0;
	}
	keeps_bounds(&policy);
	MUST(policy_encode(&policy, &text, &err));
	MUST(policy_parse(buf_bytes(&text), &again, &err));
	MUST(policy_encode(&again, &text_again, &err));
	MUST(bytes_equal(buf_bytes(&text), buf_bytes(&text_again)));
	return 0;
}
