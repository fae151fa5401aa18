#include "tests/bench/issuing.h"

#include <stdlib.h>

#include "base/mem.h"
#include "ca/csr.h"
#include "ca/issue.h"
#include "keeper/tag.h"
#include "tests/bench/report.h"
#include "tests/bench/requests.h"
#include "tests/support/cmocka_all.h"
#include "tests/unit/ca/authorities.h"

#define UUID "00000000-0000-4000-8000-000000000000"

struct issuing_authorities {
	struct authorities all;
	struct key *key;
};

void
issuing_init(struct issuing *issuing)
{
	*issuing = (struct issuing){.authorities = xcalloc(1, sizeof *issuing->authorities)};
	authorities_init(&issuing->authorities->all);
	issuing->authorities->key = authorities_key(&issuing->authorities->all, ISSUER_DEVICE_CA);
	csr_make(NULL, &issuing->csr);
}

void
issuing_clear(struct issuing *issuing)
{
	key_free(issuing->authorities->key);
	authorities_clear(&issuing->authorities->all);
	free(issuing->authorities);
	buf_clear_public(&issuing->csr);
}

void
issuing_issue(const struct issuing *issuing)
{
	DEFER(csr_free) struct csr *csr = NULL;
	DEFER(issued_clear) struct issued issued = {0};
	DEFER(buf_clear_public) struct buf certificate = {0};
	const struct rng rng = rng_system();
	uint8_t signature[KEY_SIGNATURE_MAX];
	size_t signature_len;
	struct error err = {0};

	must(csr_parse(buf_bytes(&issuing->csr), &csr, &err), &err);
	must(issue_prepare(
		 &(struct issue_request){
		     .profile = profile_find(PROFILE_DEVICE),
		     .issuer = issuers_active(issuing->authorities->all.issuers, ISSUER_DEVICE_CA),
		     .spki = csr_spki(csr),
		     .common_name = UUID,
		     .uuid = UUID,
		     .now_s = TEST_NOW_S,
		 },
		 &rng, &issued, &err),
	    &err);
	must(key_sign(issuing->authorities->key, buf_bytes(&issued.tbs), signature, &signature_len,
		 &err),
	    &err);
	issue_certificate(&issued, bytes_of(signature, signature_len), &certificate);
}

void
issuing_tag(size_t number)
{
	const uint8_t key[TAG_KEY_BYTES] = {7};
	uint8_t tag[TAG_BYTES];
	struct error err = {0};

	must(tag_compute(tag, key, bytes_of(&number, sizeof number), &err), &err);
}
