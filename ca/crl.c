#include "ca/crl.h"

#include "ca/crl_build.h"
#include "ca/extension.h"
#include "ca/oid.h"
#include "keeper/key.h"

enum {
	HEAD_ROOM = 2048, /* octets kept free in front of the entries; longer names are refused */
	OUTER_ROOM = 16,  /* of them, for the outer SEQUENCE's tag and length */
	VERSION_2 = 1,
};

void
crl_build_clear(struct crl_build *build)
{
	buf_clear_public(&build->der);
}

/* revokedCertificates, RFC 5280 section 5.1.2.6; `unspecified` has no extension, section 5.3.1. */
static void
put_entry(struct der_writer *w, const struct crl_entry *entry)
{
	size_t mark = der_mark(w);
	uint8_t reason = (uint8_t)entry->reason;

	if (entry->reason != REASON_UNSPECIFIED) {
		der_put_element(w, DER_ENUMERATED, bytes_of(&reason, 1));
		extension_wrap(w, OID_REASON_CODE, false, mark);
		der_wrap(w, DER_SEQUENCE, mark);
	}
	der_put_time(w, entry->revoked_at_s);
	der_put_element(w, DER_INTEGER, bytes_of(entry->serial, SERIAL_BYTES));
	der_wrap(w, DER_SEQUENCE, mark);
}

static void
make_room(struct crl_build *build)
{
	if (build->der.len > 0)
		return;
	memset(buf_extend(&build->der, HEAD_ROOM), 0, HEAD_ROOM);
	build->entries_at = build->entries_end = HEAD_ROOM;
}

void
crl_build_add(struct crl_build *build, const struct crl_entry *entries, size_t count)
{
	enum { ENTRY_MAX = 64 }; /* octets */
	DEFER(der_writer_clear) struct der_writer w;

	make_room(build);
	der_writer_init(&w, count * ENTRY_MAX);
	for (size_t i = count; i-- > 0;)
		put_entry(&w, &entries[i]);
	buf_append(&build->der, der_written(&w));
	build->entries_end = build->der.len;
	build->entry_count += count;
}

/* Critical; its name is the one in the certificates' CDP (RFC 5280 section 6.3.3 (b)(2)(i)). */
static void
put_distribution_point(struct der_writer *w, const struct crl_terms *terms)
{
	size_t mark = der_mark(w);

	extension_put_crl_url(w, &terms->issuer, terms->shard);
	der_wrap(w, DER_CONTEXT_CONSTRUCTED(0), mark); /* fullName */
	der_wrap(w, DER_CONTEXT_CONSTRUCTED(0), mark); /* distributionPoint */
	der_wrap(w, DER_SEQUENCE, mark);
	extension_wrap(w, OID_ISSUING_DISTRIBUTION_POINT, true, mark);
}

static void
put_extensions(struct der_writer *w, const struct crl_terms *terms)
{
	size_t mark = der_mark(w), inner;

	if (!terms->whole_scope)
		put_distribution_point(w, terms);
	inner = der_mark(w);
	der_put_int(w, terms->number);
	extension_wrap(w, OID_CRL_NUMBER, false, inner);
	extension_put_authority_key(w, terms->issuer.key_identifier);
	der_wrap(w, DER_SEQUENCE, mark);
	der_wrap(w, DER_CONTEXT_CONSTRUCTED(0), mark);
}

/* DER lengths that count what is not in this writer, but stands behind it. */
static void
put_header(struct der_writer *w, int tag, size_t contents_len)
{
	uint8_t octets[2 + sizeof contents_len];
	size_t at = sizeof octets;
	size_t len = contents_len;

	if (contents_len < 0x80) {
		octets[--at] = (uint8_t)contents_len;
	} else {
		for (; len > 0; len >>= 8)
			octets[--at] = (uint8_t)(len & 0xff);
		octets[at - 1] = (uint8_t)(0x80 | (sizeof octets - at));
		at--;
	}
	octets[--at] = (uint8_t)tag;
	der_put(w, bytes_of(octets + at, sizeof octets - at));
}

static void
put_head(struct der_writer *w, const struct crl_terms *terms, const struct crl_build *build)
{
	size_t entries_len = build->entries_end - build->entries_at;

	if (entries_len > 0)
		put_header(w, DER_SEQUENCE, entries_len);
	der_put_time(w, terms->next_update_s);
	der_put_time(w, terms->this_update_s);
	der_put(w, terms->issuer.subject);
	der_put(w, ALGORITHM_ECDSA_SHA256);
	der_put_int(w, VERSION_2);
	put_header(w, DER_SEQUENCE, der_mark(w) + build->der.len - build->entries_at);
}

/* Puts what was written into the free room in front of `start`. */
static void
prepend(struct crl_build *build, struct bytes octets)
{
	build->start -= octets.len;
	memcpy(build->der.data + build->start, octets.data, octets.len);
}

bool
crl_build_close(struct crl_build *build, const struct crl_terms *terms, struct error *err)
{
	DEFER(der_writer_clear) struct der_writer extensions;
	DEFER(der_writer_clear) struct der_writer head;

	der_writer_init(&extensions, HEAD_ROOM);
	der_writer_init(&head, HEAD_ROOM);
	make_room(build);
	put_extensions(&extensions, terms);
	buf_append(&build->der, der_written(&extensions));
	put_head(&head, terms, build);
	if (der_written(&head).len > HEAD_ROOM - OUTER_ROOM)
		return error_set(err, E_INTERNAL, "the authority's name is too long");
	build->start = build->entries_at;
	prepend(build, der_written(&head));
	return true;
}

struct bytes
crl_build_head(const struct crl_build *build)
{
	return bytes_of(build->der.data + build->start, build->entries_at - build->start);
}

struct bytes
crl_build_entries(const struct crl_build *build)
{
	return bytes_of(
	    build->der.data + build->entries_at, build->entries_end - build->entries_at);
}

struct bytes
crl_build_extensions(const struct crl_build *build)
{
	return bytes_of(build->der.data + build->entries_end, build->der.len - build->entries_end);
}

size_t
crl_build_run(const struct crl_build *build, size_t from, size_t len_max)
{
	struct bytes entries = crl_build_entries(build);
	size_t end = from;

	while (end < entries.len) { /* entries of ours are shorter than 128 octets */
		size_t len = 2 + (size_t)entries.data[end + 1];

		if (end + len - from > len_max)
			break;
		end += len;
	}
	return end;
}

void
crl_build_finish(struct crl_build *build, struct bytes signature)
{
	DEFER(der_writer_clear) struct der_writer tail;
	DEFER(der_writer_clear) struct der_writer outer;

	der_writer_init(&tail, 2 * KEY_SIGNATURE_MAX);
	der_put_bits(&tail, signature);
	der_put(&tail, ALGORITHM_ECDSA_SHA256);
	buf_append(&build->der, der_written(&tail));
	der_writer_init(&outer, OUTER_ROOM);
	put_header(&outer, DER_SEQUENCE, build->der.len - build->start);
	prepend(build, der_written(&outer));
}

struct bytes
crl_build_der(const struct crl_build *build)
{
	return bytes_of(build->der.data + build->start, build->der.len - build->start);
}

/* Of the CRL's extensions, up to the number. */
static bool
read_number(struct der *extensions, uint64_t *out_number)
{
	while (extensions->ok && extensions->rest.len > 0) {
		struct der in = der_enter(extensions, DER_SEQUENCE);
		struct bytes oid = der_take(&in, DER_OID);
		struct der number;

		if (der_peek(&in) == DER_BOOLEAN)
			der_take_bool(&in);
		number = der_of(der_take(&in, DER_OCTET_STRING));
		if (!in.ok || !bytes_equal(oid, OID_CRL_NUMBER))
			continue;
		*out_number = (uint64_t)der_take_int(&number);
		return der_end(&number);
	}
	return false;
}

bool
crl_number_of(struct bytes der, uint64_t *out_number, struct error *err)
{
	struct der outer = der_of(der);
	struct der list = der_enter(&outer, DER_SEQUENCE);
	struct der tbs = der_enter(&list, DER_SEQUENCE);
	struct bytes skipped;
	struct der wrapper, extensions;

	while (tbs.ok && tbs.rest.len > 0 && der_peek(&tbs) != DER_CONTEXT_CONSTRUCTED(0))
		der_take_any(&tbs, NULL, &skipped);
	wrapper = der_enter(&tbs, DER_CONTEXT_CONSTRUCTED(0));
	extensions = der_enter(&wrapper, DER_SEQUENCE);
	if (!read_number(&extensions, out_number))
		return error_set(err, E_INTERNAL, "not a CRL with a number");
	return true;
}

bool
crl_build_root(const struct tbs_issuer *root, const struct key *key, uint64_t number,
    int64_t this_update_s, int64_t next_update_s, struct buf *out_der, struct error *err)
{
	DEFER(crl_build_clear) struct crl_build build = {0};
	const struct crl_terms terms = {
	    .issuer = *root,
	    .whole_scope = true,
	    .number = number,
	    .this_update_s = this_update_s,
	    .next_update_s = next_update_s,
	};
	uint8_t signature[KEY_SIGNATURE_MAX];
	size_t signature_len;

	if (!crl_build_close(&build, &terms, err) ||
	    !key_sign(key, crl_build_der(&build), signature, &signature_len, err))
		return false;
	crl_build_finish(&build, bytes_of(signature, signature_len));
	buf_append(out_der, crl_build_der(&build));
	return true;
}
