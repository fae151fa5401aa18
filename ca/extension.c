#include "ca/extension.h"

#include <stdio.h>

#include "ca/oid.h"

void
extension_wrap(struct der_writer *w, struct bytes oid, bool critical, size_t mark)
{
	der_wrap(w, DER_OCTET_STRING, mark);
	if (critical)
		der_put_bool(w, true); /* DEFAULT FALSE is left out, X.690 section 11.5 */
	der_put_element(w, DER_OID, oid);
	der_wrap(w, DER_SEQUENCE, mark);
}

void
extension_put_authority_key(struct der_writer *w, struct bytes key_identifier)
{
	size_t mark = der_mark(w);

	der_put_element(w, DER_CONTEXT(0), key_identifier);
	der_wrap(w, DER_SEQUENCE, mark);
	extension_wrap(w, OID_AUTHORITY_KEY_IDENTIFIER, false, mark);
}

/* A URI under the issuer's own folder of CRLs. */
static void
put_url(struct der_writer *w, const struct tbs_issuer *issuer, int shard, const char *end)
{
	size_t mark = der_mark(w);
	char shard_text[12];

	(void)snprintf(shard_text, sizeof shard_text, "%04d", shard);
	der_put(w, bytes_of_text(end));
	der_put(w, bytes_of_text(shard_text));
	der_put(w, bytes_of_text("/"));
	der_put(w, bytes_of_text(issuer->id_text));
	der_put(w, bytes_of_text("/crl/"));
	der_put(w, bytes_of_text(issuer->http_url));
	der_wrap(w, DER_CONTEXT(6), mark);
}

void
extension_put_crl_url(struct der_writer *w, const struct tbs_issuer *issuer, int shard)
{
	put_url(w, issuer, shard, ".crl");
}

void
extension_put_delta_url(struct der_writer *w, const struct tbs_issuer *issuer, int shard)
{
	put_url(w, issuer, shard, "/delta.crl");
}
