#include "ca/crl.h"

#include "ca/crl_der.h"
#include "keeper/key.h"

bool
crl_build_root(const struct tbs_issuer *root, const struct key *key, uint64_t number,
    int64_t this_update_s, int64_t next_update_s, struct buf *out_der, struct error *err)
{
	DEFER(buf_clear_public) struct buf extensions = {0};
	DEFER(buf_clear_public) struct buf list = {0};
	DEFER(buf_clear_public) struct buf tail = {0};
	const struct crl_terms terms = {
	    .issuer = *root,
	    .whole_scope = true,
	    .number = number,
	    .this_update_s = this_update_s,
	    .next_update_s = next_update_s,
	};
	uint8_t signature[KEY_SIGNATURE_MAX];
	size_t signature_len;

	crl_der_extensions(&terms, &extensions);
	crl_der_head(&terms, 0, extensions.len, &list);
	buf_append(&list, buf_bytes(&extensions));
	if (!key_sign(key, buf_bytes(&list), signature, &signature_len, err))
		return false;
	crl_der_tail(bytes_of(signature, signature_len), &tail);
	crl_der_outer(list.len + tail.len, out_der);
	buf_append(out_der, buf_bytes(&list));
	buf_append(out_der, buf_bytes(&tail));
	return true;
}
