#include "ca/roll.h"

#include "ca/authority.h"
#include "ca/ceremony.h"

void
roll_clear(struct roll *roll)
{
	buf_clear_public(&roll->tbs);
}

static int
count_kind(const struct issuers *issuers, enum issuer_kind kind)
{
	int count = 0;

	for (size_t i = 0; i < issuers_count(issuers); i++)
		count += issuers_at(issuers, i)->kind == kind;
	return count;
}

bool
roll_prepare(const struct issuers *issuers, enum issuer_kind kind, struct bytes spki,
    int shard_count, int64_t now_s, const struct rng *rng, struct roll *out, struct error *err)
{
	const struct issuer *root = issuers_active(issuers, authority_plan(kind)->parent);
	char common_name[AUTHORITY_NAME_ROOM];
	const struct authority_request request = {.kind = kind,
	    .parent = root->tbs,
	    .parent_not_after_s = root->certificate.not_after_s,
	    .spki = spki,
	    .common_name = common_name,
	    .now_s = now_s};
	DEFER(roll_clear) struct roll roll = {.kind = kind, .shard_count = shard_count};

	issuer_id_of_spki(spki, roll.issuer);
	memcpy(roll.parent, root->id, sizeof roll.parent);
	rng_fill(rng, roll.nonce, sizeof roll.nonce);
	if (!authority_name(
		AUTHORITY_ORGANIZATION, kind, count_kind(issuers, kind) + 1, common_name, err) ||
	    !authority_tbs(&request, rng, &roll.tbs, err))
		return false;
	*out = roll;
	roll.tbs = (struct buf){0};
	return true;
}

bool
roll_sign(
    const struct roll *roll, const struct keyring *roots, struct buf *out_der, struct error *err)
{
	DEFER(buf_clear_public) struct buf signature = {0};

	if (!ceremony_sign(roots, roll->parent, buf_bytes(&roll->tbs), &signature, err))
		return false;
	certificate_assemble(buf_bytes(&roll->tbs), buf_bytes(&signature), out_der);
	return true;
}
